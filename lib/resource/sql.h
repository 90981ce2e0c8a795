#ifndef STW_RESOURCE_SQL_H
#define STW_RESOURCE_SQL_H

#include "core/buf.h"
#include "core/context.h"
#include "db/db.h"
#include "resource/actor.h"

/*
 * A statement under construction: its text and its parameters. What a client said enters by stw_sql_value
 * only; the caller's own identity by stw_sql_slot, once each however often it is used.
 */
#define STW_SQL_PARAMETERS 400

enum stw_slot { STW_SLOT_ORG, STW_SLOT_ME, STW_SLOT_TEAM, STW_SLOT_TREE, STW_SLOT_SOURCE, STW_SLOT_COUNT };

struct stw_sql {
    struct stw_context *ctx;
    const struct stw_actor *actor;
    struct stw_buf text;
    const char *parameters[STW_SQL_PARAMETERS];
    int count;
    int slot[STW_SLOT_COUNT]; /* number of the parameter that carries it, 0: not used yet */
};

/* $1 is always the organisation. */
void stw_sql_init(struct stw_sql *sql, struct stw_context *ctx);
void stw_sql_add(struct stw_sql *sql, const char *text);
/* Knows %s, %d and %c, and nothing between the sign and the letter. */
void stw_sql_printf(struct stw_sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends "$n" for this value (NULL is SQL null) and returns n. `type` (may be NULL) appends "::type". */
int stw_sql_value(struct stw_sql *sql, const char *value, const char *type);
/* Appends "$n::type" for a part of the caller's identity. */
void stw_sql_slot(struct stw_sql *sql, enum stw_slot slot);
/* Takes off the text so far and gives it; its parameters stay. For what stands in a statement several times.
 */
const char *stw_sql_take(struct stw_sql *sql);
/* The finished statement; named by a digest of its text when `prepare`, so equal texts are prepared once a
 * connection. */
struct stw_stmt stw_sql_finish(struct stw_sql *sql, enum stw_stmt_kind kind, bool prepare);
/* The PostgreSQL type that a field's parameters are cast to. */
const char *stw_sql_type(enum stw_type type);

#endif
