#ifndef STW_RESOURCE_FIELD_H
#define STW_RESOURCE_FIELD_H

/* One line of a descriptor, of an action's input or of its output. */

enum stw_type {
    STW_TYPE_TEXT, /* min..max characters (default 1..200; min -1: may be blank), one line */
    STW_TYPE_NOTE, /* the same with line breaks, default max 10000 */
    STW_TYPE_NAME, /* the same as text, sorted by the name collation */
    STW_TYPE_BOOL,
    STW_TYPE_INT,     /* min..max; both 0: the whole range of int4; only min above 0: no max. So decimals and
                         money */
    STW_TYPE_DECIMAL, /* a string; numeric(19,4) */
    STW_TYPE_PERCENT, /* a string; numeric(7,4), 0..100 */
    STW_TYPE_MONEY,   /* {"amount":"1.50","currency":"CNY"} */
    STW_TYPE_DATE,
    STW_TYPE_TIMESTAMP,
    STW_TYPE_ENUM, /* one of words */
    STW_TYPE_EMAIL,
    STW_TYPE_PHONE,
    STW_TYPE_URL,
    STW_TYPE_COUNTRY,
    STW_TYPE_CURRENCY,
    STW_TYPE_LANGUAGE,
    STW_TYPE_REF,    /* the id of a record of `refers` */
    STW_TYPE_TEXTS,  /* an array of short texts, at most max (default 20) of 1..100 characters; text[] */
    STW_TYPE_OBJECT, /* a JSON object of the resource's own shape, checked by its hook; jsonb; patches merge
                      */
    STW_TYPE_KEYS, /* an object of source words and the keys they know the record by; jsonb; patches merge */
    STW_TYPE_ID,   /* the record's own id; only the engine's system field */
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
    STW_SEARCH = 1 << 7,   /* part of q */
    STW_PERSONAL = 1 << 8, /* masked for roles that see the resource masked */
    STW_PART_OF = 1 << 9,  /* REF: deleted and restored with it, access is that of the parent */
    STW_OWNER = 1 << 10,   /* REF users: whose record it is */
    STW_TEAM = 1 << 11,    /* REF teams: the team it belongs to; follows the owner unless given */
    STW_DERIVED = 1 << 12, /* kept by other writes: changes neither version nor feed */
    STW_SOURCE =
        1 << 14, /* the intake it came from: set to an integration key's source, never by the key itself */
    STW_SEEN_WITH =
        1 << 15,          /* REF: whoever owns the referred record, or leads its team, reads this one too */
    STW_ITSELF = 1 << 13, /* with OWNER or TEAM on the system field id: users own themselves */
};

struct stw_field {
    const char *name;
    enum stw_type type;
    int min, max;
    const char *const *words; /* ENUM: NULL-terminated */
    const char *refers;       /* REF: path of the resource */
    unsigned flags;
    const char *initial; /* value on create when left out, as text; NULL: null; of a timestamp "now": when it
                            is made */
    const char *doc;
};

/* The line of a resource whose records other systems know by keys of their own: unique by source among live
 * records, and PUT …/by-external-id/{source}/{key}. Its table needs steward.track_external_ids. */
#define STW_EXTERNAL_IDS                                                                                     \
    {                                                                                                        \
        .name = "external_ids", .type = STW_TYPE_KEYS, .flags = STW_NOT_NULL, .initial = "{}",               \
        .doc = "Keys by which other systems know it: {\"erp\":\"C-1001\"}; null takes one away."             \
    }

#endif
