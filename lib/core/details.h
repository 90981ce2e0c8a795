#ifndef STW_CORE_DETAILS_H
#define STW_CORE_DETAILS_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/code.h"

/*
 * What a failed call knows beyond its code. Written by whoever detects, read by server/problem.c alone (and
 * `sqlstate`/`constraint` by lib/resource, which translates them to fields); never steers control flow.
 */
#define STW_VIOLATIONS_MAX 16

enum stw_where { STW_AT_POINTER, STW_AT_PARAMETER, STW_AT_HEADER };

struct stw_violation {
    enum stw_where where;
    const char *path; /* "#/amount/currency", "limit", "If-Match" */
    enum stw_code code;
    const char *argument;       /* the bound, the nearest name, the operator; may be NULL */
    const char *const *allowed; /* NULL-terminated words where they are few; may be NULL */
};

struct stw_details {
    struct stw_arena *arena;
    struct stw_violation violations[STW_VIOLATIONS_MAX];
    int violation_count;
    int violations_dropped;  /* found beyond the sixteenth */
    const char *rule;        /* name of the rule that said no, e.g. "accounts.delete"; may be NULL */
    const char *conflict_id; /* record that stands in the way; may be NULL */
    int retry_after_seconds; /* 0: none */
    const char *allow;       /* methods of the path, for 405 */
    char sqlstate[6];
    char constraint[64];
    char internal[256]; /* for the log, never in an answer */
};

void stw_details_init(struct stw_details *details, struct stw_arena *arena);
/* `path` and `argument` are copied; `allowed` must live as long as the arena. */
void stw_details_add(struct stw_details *details, enum stw_where where, const char *path, enum stw_code code,
                     const char *argument, const char *const *allowed);
/* Adds at the JSON pointer "#/<field>". `field` is put there verbatim and may be a path, "amount/currency".
 */
void stw_details_field(struct stw_details *details, const char *field, enum stw_code code,
                       const char *argument);
void stw_details_parameter(struct stw_details *details, const char *name, enum stw_code code,
                           const char *argument);

#endif
