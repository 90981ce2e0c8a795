#ifndef STW_RESOURCE_RESOURCE_H
#define STW_RESOURCE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/context.h"
#include "resource/role.h"

/*
 * A resource is a const table: its routes, validation, SQL, filters, access, contract and tests come from it. Fields of
 * all zero are optional, writable, clearable text of at most 200 characters. Column name = JSON name; money has a second
 * column <name>_currency. Every table also has org_id and the system columns that the engine keeps by itself:
 * id, version, created_at, updated_at, deleted_at.
 */

enum stw_type {
    STW_TYPE_TEXT,      /* min..max characters (default 1..200; min -1: may be blank), one line */
    STW_TYPE_NOTE,      /* the same with line breaks, default max 10000 */
    STW_TYPE_NAME,      /* the same as text, sorted by the name collation */
    STW_TYPE_BOOL,
    STW_TYPE_INT,       /* min..max; both 0: the whole range of int4; only min above 0: no max. So decimals and money */
    STW_TYPE_DECIMAL,   /* a string; numeric(19,4) */
    STW_TYPE_PERCENT,   /* a string; numeric(7,4), 0..100 */
    STW_TYPE_MONEY,     /* {"amount":"1.50","currency":"CNY"} */
    STW_TYPE_DATE,
    STW_TYPE_TIMESTAMP,
    STW_TYPE_ENUM,      /* one of words */
    STW_TYPE_EMAIL,
    STW_TYPE_PHONE,
    STW_TYPE_URL,
    STW_TYPE_COUNTRY,
    STW_TYPE_CURRENCY,
    STW_TYPE_LANGUAGE,
    STW_TYPE_REF,       /* the id of a record of `refers` */
    STW_TYPE_TEXTS,     /* an array of short texts, at most max (default 20) of 1..100 characters; text[] */
    STW_TYPE_OBJECT,    /* a JSON object of the resource's own shape, checked by its hook; jsonb */
    STW_TYPE_ID,        /* the record's own id; only the engine's system field */
    STW_TYPE_COUNT
};

enum stw_field_flags {
    STW_MANDATORY = 1 << 0,   /* must be given on create and cannot be null */
    STW_NOT_NULL = 1 << 1,    /* may be left out (then `initial`), cannot be null */
    STW_SERVER_KEPT = 1 << 2, /* read-only for clients */
    STW_CREATE_ONLY = 1 << 3, /* cannot change afterwards: immutable */
    STW_WRITE_ONLY = 1 << 4,  /* has no column: a hook takes it; never rendered, never in events */
    STW_FILTER = 1 << 5,
    STW_SORT = 1 << 6,
    STW_SEARCH = 1 << 7,      /* part of q */
    STW_PERSONAL = 1 << 8,    /* masked for roles that see the resource masked */
    STW_PART_OF = 1 << 9,     /* REF: deleted and restored with it, access is that of the parent */
    STW_OWNER = 1 << 10,      /* REF users: whose record it is */
    STW_TEAM = 1 << 11,       /* REF teams: the team it belongs to; follows the owner unless given */
    STW_DERIVED = 1 << 12,    /* kept by other writes: changes neither version nor feed */
    STW_SOURCE = 1 << 14,     /* the intake it came from: set to an integration key's source, never by the key itself */
    STW_ITSELF = 1 << 13,     /* with OWNER or TEAM on the system field id: users own themselves */
};

struct stw_field {
    const char *name;
    enum stw_type type;
    int min, max;
    const char *const *words; /* ENUM: NULL-terminated */
    const char *refers;       /* REF: path of the resource */
    unsigned flags;
    const char *initial;      /* value on create when left out, as text; NULL: null */
    const char *doc;
};

enum stw_verb { STW_READ, STW_CREATE, STW_UPDATE, STW_DELETE, STW_ASSIGN, STW_VERB_COUNT };
const char *stw_verb_name(enum stw_verb verb);

/* How far a verb reaches, by the record's owner and team columns. */
enum stw_scope {
    STW_NONE,   /* refused with 403 */
    STW_OWN,    /* the caller owns it */
    STW_IN_TEAM,/* its team is the caller's */
    STW_TREE,   /* its team is the caller's or below */
    STW_ALL,
    STW_SCOPE_COUNT
};
const char *stw_scope_name(enum stw_scope scope);

/* The default of one role; roles stored in the database may override each scope and field. */
struct stw_access {
    enum stw_scope scope[STW_VERB_COUNT];
    bool masked; /* personal fields are shown as 138****1234 */
};

#define STW_MAY_READ(s)  {.scope = {[STW_READ] = (s)}}
#define STW_MAY_WRITE(s) {.scope = {[STW_READ] = (s), [STW_CREATE] = (s), [STW_UPDATE] = (s), [STW_DELETE] = (s)}}
#define STW_MAY_ASSIGN(s)                                                                                      \
    {.scope = {[STW_READ] = (s), [STW_CREATE] = (s), [STW_UPDATE] = (s), [STW_DELETE] = (s), [STW_ASSIGN] = (s)}}

/* What a violated database constraint means to a client. */
struct stw_constraint {
    const char *name;
    const char *field;  /* NULL: no field */
    enum stw_code code; /* STW_DUPLICATE, STW_UNKNOWN_REFERENCE, STW_CYCLE, ... */
};

/* A record as texts by field index (plan order); NULL is null. Money: see stw_record_currency. */
struct stw_record;
struct stw_write;

/*
 * Hooks. They run inside the write's transaction, may run twice, must not touch network or commit.
 * check_write: may refuse (add to ctx->details, return a code) or normalise write->values; sees old and new.
 * after_write: other rows only. check_delete: may refuse.
 * They are woken when one of the fields of `wakes` (NULL-terminated names) is in the input; `wakes` NULL: by each write.
 */
struct stw_hooks {
    const char *const *wakes;
    bool needs_old;
    enum stw_code (*check_write)(struct stw_context *ctx, struct stw_write *write);
    enum stw_code (*after_write)(struct stw_context *ctx, const struct stw_write *write);
    enum stw_code (*check_delete)(struct stw_context *ctx, const struct stw_record *old);
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
    unsigned self;              /* STW_OWNER and/or STW_TEAM: the record's id takes that part (users, teams) */
    bool needs_precondition;    /* If-Match required on PATCH and DELETE */
    const char *doc;
};

/* An action: POST {collection}/{id}/{suffix} or POST {collection}/{suffix}. */
struct stw_action;

#endif
