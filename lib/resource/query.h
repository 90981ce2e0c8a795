#ifndef STW_RESOURCE_QUERY_H
#define STW_RESOURCE_QUERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/context.h"
#include "resource/input.h"

struct stw_pair {
    const char *name;
    const char *value;
};

/* X(identifier, word in the query) */
#define STW_OPERATORS(X)                                                                                     \
    X(STW_EQ, "eq")                                                                                          \
    X(STW_NE, "ne")                                                                                          \
    X(STW_GT, "gt")                                                                                          \
    X(STW_GTE, "gte")                                                                                        \
    X(STW_LT, "lt")                                                                                          \
    X(STW_LTE, "lte")                                                                                        \
    X(STW_IN, "in")                                                                                          \
    X(STW_NIN, "nin")                                                                                        \
    X(STW_CONTAINS, "contains")                                                                              \
    X(STW_STARTS, "starts")                                                                                  \
    X(STW_IS_NULL, "null")                                                                                   \
    X(STW_ANY_OF, "any")                                                                                     \
    X(STW_ALL_OF, "all")                                                                                     \
    X(STW_NONE_OF, "none")
enum stw_operator {
#define STW_OPERATOR_ENUM(id, word) id,
    STW_OPERATORS(STW_OPERATOR_ENUM)
#undef STW_OPERATOR_ENUM
        STW_OPERATOR_COUNT
};
const char *stw_operator_word(enum stw_operator op);
/* Bits 1 << operator that a field of this type takes. `masked`: eq, in, null only. */
unsigned stw_operators_of(enum stw_type type, bool masked);

enum stw_node { STW_NODE_TEST, STW_NODE_AND, STW_NODE_OR, STW_NODE_NOT };

/* A filter tree. Terms carry typed values only; SQL is made of it by compose.c alone. */
struct stw_filter {
    enum stw_node node;
    struct stw_filter *children; /* AND, OR, NOT: linked by `next` */
    struct stw_filter *next;
    /* TEST */
    const struct stw_reference *hop; /* NULL, or the one hop into a related record */
    int field;                       /* plan index in the resource, or in the hop's target */
    enum stw_operator op;
    const char **values; /* canonical texts; IS_NULL: "true" or "false" */
    int value_count;
};

#define STW_SORT_MAX      3
#define STW_LIMIT_DEFAULT 50
#define STW_LIMIT_MAX     500
#define STW_FILTER_TERMS  100
#define STW_FILTER_DEPTH  5 /* and, or, not inside one another */
#define STW_IN_MAX        100
#define STW_EXPAND_MAX    5

struct stw_sort {
    int field;
    bool descending;
};

enum stw_count { STW_COUNT_OFF, STW_COUNT_EXACT, STW_COUNT_ESTIMATED };
enum stw_deleted { STW_DELETED_EXCLUDE, STW_DELETED_INCLUDE, STW_DELETED_ONLY };

/* A list request, read and checked. */
struct stw_query {
    const struct stw_plan *plan;
    struct stw_filter *filter;              /* NULL: all */
    const char *search;                     /* q without blanks around it, or NULL */
    struct stw_sort sort[STW_SORT_MAX + 1]; /* ends in id, always */
    int sort_count;
    bool default_order; /* no sort given: -id */
    int limit;
    uint64_t fields;                                    /* what is rendered; id always */
    const struct stw_reference *expand[STW_EXPAND_MAX]; /* of plan->references or plan->referrers (parts) */
    int expand_count;
    enum stw_count count;
    enum stw_deleted deleted;
    const char *after[STW_SORT_MAX + 1]; /* keyset position from the cursor, NULL entries are SQL NULL */
    bool has_after;
    unsigned char
        digest[16]; /* of filter, search, sort, deleted and organisation: what a cursor is bound to */
};

/* Reads the query of a list (or of one record: `single` allows only fields and expand). Unknown parameter:
 * STW_UNKNOWN_PARAMETER with the nearest name; anything else wrong: STW_INVALID_PARAMETER, all violations
 * collected; cursor: STW_INVALID_CURSOR or STW_CURSOR_MISMATCH. Fields hidden from the actor do not exist
 * here; masked ones take whole matches only. `parent` (may be NULL) is a test to AND in: the {id} of
 * /v1/accounts/{id}/contacts. */
enum stw_code stw_query_read(struct stw_context *ctx, const struct stw_plan *plan,
                             const struct stw_pair *pairs, int count, const struct stw_filter *parent,
                             bool single, struct stw_query *ret_query) STW_MUST_CHECK;
/* The body of POST /v1/{collection}/search:
 * {"filter":…,"sort":"-name","limit":…,"cursor":…,"q":…,"fields":…,"expand":…,"count":…}. A filter is
 * {"and":[…]}, {"or":[…]}, {"not":{…}} or {"field":{"op":value}} / {"field":value} (several members: AND). */
enum stw_code stw_query_read_json(struct stw_context *ctx, const struct stw_plan *plan, json_t *body,
                                  struct stw_query *ret_query) STW_MUST_CHECK;
/* A filter tree alone, for aggregate and whoever stores one. Violations at `pointer`. */
enum stw_code stw_filter_read_json(struct stw_context *ctx, const struct stw_plan *plan, json_t *json,
                                   const char *pointer, struct stw_filter **ret_filter) STW_MUST_CHECK;

/* The cursor after a row whose sort values are `values` (query->sort_count of them, NULL entries are null):
 * opaque, authenticated (keyed BLAKE2b with engine->cursor_key), bound to query->digest. */
char *stw_cursor_write(struct stw_context *ctx, const struct stw_query *query, const char *const *values);

#endif
