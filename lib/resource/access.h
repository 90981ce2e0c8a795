#ifndef STW_RESOURCE_ACCESS_H
#define STW_RESOURCE_ACCESS_H

#include "resource/plan.h"
#include "resource/sql.h"

/*
 * The one place where "who may touch which rows" becomes SQL: every list, count, aggregate, expansion, hop,
 * read and write asks here.
 */

/* One way to reach rows, with an index of its own. */
enum stw_arm_kind {
    STW_ARM_SAME,   /* the row's column is the caller's value */
    STW_ARM_AMONG,  /* it is one of the caller's array */
    STW_ARM_THROUGH /* it is the id of a record that the caller reaches */
};

struct stw_arm {
    enum stw_arm_kind kind;
    const char *column;
    enum stw_slot slot;             /* SAME, AMONG */
    const struct stw_plan *through; /* THROUGH, */
    enum stw_verb verb;             /* by this verb */
};

/* The actor reaches a row when one of the arms does. */
#define STW_ARMS_MAX 3
struct stw_reach {
    bool all;                          /* every row of the organisation; no arms */
    bool whole;                        /* stw_access_walks */
    const char *source_column;         /* NULL, or: besides, the row must bear the caller's source */
    int count;                         /* neither all nor an arm: none */
    struct stw_arm arms[STW_ARMS_MAX]; /* THROUGH comes last */
};

struct stw_reach stw_access_reach(const struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb);
/* A list as one ordered walk for each way in: how many walks that takes. An AMONG arm takes one for each
 * member of its array, or with too many of them one for all (`whole` is set). 0: stw_access_where is as good.
 */
int stw_access_walks(const struct stw_sql *sql, struct stw_reach *reach);
/* True when stw_access_where has an OR that no index serves. */
bool stw_access_is_split(const struct stw_sql *sql, const struct stw_reach *reach);
/* The arm that goes through others, or NULL. */
const struct stw_arm *stw_access_through(const struct stw_reach *reach);
/* True when the caller does not reach these others by owning alone, and nothing but an index is read for it.
 */
bool stw_access_may_be_many(const struct stw_sql *sql, const struct stw_arm *through);
/* The arm of a walk, which runs from 0. */
const struct stw_arm *stw_access_arm(const struct stw_sql *sql, const struct stw_reach *reach, int walk);
/* The condition of one walk, in stw_access_where's place. No row is in two walks. THROUGH others the row's
 * column is compared with k.id, and stw_access_keys makes the keys. */
void stw_access_walk(struct stw_sql *sql, const struct stw_reach *reach, int walk, const char *alias);
/* "select … union …": the ids that k stands for; where not `once`, some of them twice and sooner. */
void stw_access_keys(struct stw_sql *sql, const struct stw_arm *arm, bool once);
/* The condition for rows of which the organisation is known, in which all keys are made at once and not each
 * row's looked up. */
void stw_access_among(struct stw_sql *sql, const struct stw_reach *reach, const char *alias);

/* The actor's grant on the resource; never NULL for a plan of this engine. */
const struct stw_grant *stw_access_grant(const struct stw_context *ctx, const struct stw_plan *plan);
/* STW_FORBIDDEN with the rule "<path>.<verb>" when the actor has no scope for it at all. */
enum stw_code stw_access_demand(struct stw_context *ctx, const struct stw_plan *plan,
                                enum stw_verb verb) STW_MUST_CHECK;
/* Appends " and ..." for rows of `alias` that the actor reaches by `verb`; nothing when it reaches all. The
 * organisation is always named: "alias.org_id = $1" is this function's too, and comes first, without " and ".
 */
void stw_access_where(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb,
                      const char *alias);
/* Appends " and ..." for rows of `alias` within a scope; nothing for STW_ALL. */
void stw_access_scope(struct stw_sql *sql, const struct stw_plan *plan, enum stw_scope scope,
                      const char *alias);
/* Fields as the actor sees them: not hidden, not write-only. */
uint64_t stw_access_visible(const struct stw_context *ctx, const struct stw_plan *plan);

#endif
