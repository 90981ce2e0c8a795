#ifndef STW_RESOURCE_RESOURCE_H
#define STW_RESOURCE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/context.h"
#include "resource/field.h"
#include "resource/role.h"

/*
 * A resource is a const table: its routes, validation, SQL, filters, access, contract and tests come from it.
 * Fields of all zero are optional, writable, clearable text of at most 200 characters. Column name = JSON
 * name; money has a second column <name>_currency. Every table also has org_id and the system columns that
 * the engine keeps by itself: id, version, created_at, updated_at, deleted_at.
 */

enum stw_verb { STW_READ, STW_CREATE, STW_UPDATE, STW_DELETE, STW_ASSIGN, STW_VERB_COUNT };
const char *stw_verb_name(enum stw_verb verb);

/* How far a verb reaches, by the record's owner and team columns. */
enum stw_scope {
    STW_NONE,    /* refused with 403 */
    STW_OWN,     /* the caller owns it */
    STW_IN_TEAM, /* its team is the caller's */
    STW_TREE,    /* its team is the caller's or below */
    STW_ALL,
    STW_SCOPE_COUNT
};
const char *stw_scope_name(enum stw_scope scope);

/* The default of one role; roles stored in the database may override each scope and field. */
struct stw_access {
    enum stw_scope scope[STW_VERB_COUNT];
    bool masked; /* personal fields are shown as 138****1234 */
};

#define STW_MAY_READ(s)                                                                                      \
    {                                                                                                        \
        .scope = { [STW_READ] = (s) }                                                                        \
    }
#define STW_MAY_WRITE(s)                                                                                     \
    {                                                                                                        \
        .scope = { [STW_READ] = (s), [STW_CREATE] = (s), [STW_UPDATE] = (s), [STW_DELETE] = (s) }            \
    }
#define STW_MAY_ASSIGN(s)                                                                                    \
    {                                                                                                        \
        .scope = {                                                                                           \
            [STW_READ] = (s),                                                                                \
            [STW_CREATE] = (s),                                                                              \
            [STW_UPDATE] = (s),                                                                              \
            [STW_DELETE] = (s),                                                                              \
            [STW_ASSIGN] = (s)                                                                               \
        }                                                                                                    \
    }

/* What a violated database constraint means to a client. */
struct stw_constraint {
    const char *name;
    const char *field;  /* NULL: no field */
    enum stw_code code; /* STW_DUPLICATE, STW_UNKNOWN_REFERENCE, STW_CYCLE, ... */
};

/* A record as texts by field index (plan order); NULL is null. */
struct stw_record;
struct stw_write;

/*
 * Hooks. They run inside the write's transaction, may run twice, must not touch network or commit.
 * check_write: may refuse (add to ctx->details, return a code) or normalise write->values; sees old and new.
 * after_write: other rows only. check_delete: may refuse. after_delete: other rows only; the record was
 * deleted or restored, as its deleted_at tells, but not as a part that went or came back with its parent. The
 * first two are woken when one of the fields of `wakes` (NULL-terminated names) is in the input; `wakes`
 * NULL: by each write.
 */
struct stw_hooks {
    const char *const *wakes;
    bool needs_old;
    enum stw_code (*check_write)(struct stw_context *ctx, struct stw_write *write);
    enum stw_code (*after_write)(struct stw_context *ctx, const struct stw_write *write);
    enum stw_code (*check_delete)(struct stw_context *ctx, const struct stw_record *old);
    enum stw_code (*after_delete)(struct stw_context *ctx, const struct stw_record *record);
};

enum stw_operation {
    STW_CAN_LIST = 1 << 0,
    STW_CAN_GET = 1 << 1,
    STW_CAN_CREATE = 1 << 2,
    STW_CAN_UPDATE = 1 << 3,
    STW_CAN_DELETE = 1 << 4, /* and restore */
    STW_CAN_ALL = 31,
};

struct stw_resource {
    const char *path;     /* "accounts": also the table's name */
    const char *singular; /* "account" */
    unsigned operations;
    const struct stw_field *fields;
    int field_count;
    struct stw_access access[STW_ROLE_COUNT]; /* unused when a field is PART_OF */
    const struct stw_constraint *constraints; /* ends with an empty name */
    struct stw_hooks hooks;
    unsigned self;           /* STW_OWNER and/or STW_TEAM: the record's id takes that part (users, teams) */
    bool needs_precondition; /* If-Match required on PATCH and DELETE */
    const char *doc;
};

#endif
