#ifndef STW_RESOURCE_ACCESS_H
#define STW_RESOURCE_ACCESS_H

#include "resource/plan.h"
#include "resource/sql.h"

/*
 * The one place where "who may touch which rows" becomes SQL: every list, count, aggregate, expansion, hop,
 * read and write asks here.
 */

/* The actor's grant on the resource; never NULL for a plan of this engine. */
const struct stw_grant *stw_access_grant(const struct stw_context *ctx, const struct stw_plan *plan);
/* STW_FORBIDDEN with the rule "<path>.<verb>" when the actor has no scope for it at all. */
enum stw_code stw_access_demand(struct stw_context *ctx, const struct stw_plan *plan,
                                enum stw_verb verb) STW_MUST_CHECK;
/* Appends " and ..." for rows of `alias` that the actor reaches by `verb`; nothing when it reaches all. The
 * organisation is always named: "alias.org_id = $1" is this function's too, and comes first, without " and ".
 */
void stw_access_where(struct stw_sql *sql, const struct stw_engine *engine, const struct stw_plan *plan,
                      enum stw_verb verb, const char *alias);
/* Appends " and ..." for rows of `alias` within a scope; nothing for STW_ALL. */
void stw_access_scope(struct stw_sql *sql, const struct stw_plan *plan, enum stw_scope scope,
                      const char *alias);
/* Fields as the actor sees them: not hidden, not write-only. */
uint64_t stw_access_visible(const struct stw_context *ctx, const struct stw_plan *plan);
/* True when the predicate depends on values such that a generic plan would be wrong (team arrays). */
bool stw_access_varies(const struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb);

#endif
