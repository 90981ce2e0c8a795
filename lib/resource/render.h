#ifndef STW_RESOURCE_RENDER_H
#define STW_RESOURCE_RENDER_H

#include "core/buf.h"
#include "db/db.h"
#include "resource/actor.h"
#include "resource/plan.h"

/* Rows to JSON, straight into the reply: no tree in between. */

/* `{` and the members of a record: those of `fields` in plan order, masked as the grant says. Whoever calls
 * it may append more members, and closes. */
void stw_render_open(struct stw_buf *out, const struct stw_plan *plan, const struct stw_grant *grant,
                     uint64_t fields, const struct stw_rows *rows, int row);
/* One value from its PostgreSQL text (NULL is null); an array also from its JSON text, which a history has.
 * `currency` for money; NULL: its amount alone. */
void stw_render_value(struct stw_buf *out, enum stw_type type, const char *text, size_t length,
                      const char *currency);
/* "+8613812345678" -> "+86138****5678", "anna@example.com" -> "a****@example.com", other text: first
 * character kept. */
void stw_render_masked(struct stw_buf *out, enum stw_type type, const char *text, size_t length);

#endif
