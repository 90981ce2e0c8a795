#ifndef STW_RESOURCE_AGGREGATE_H
#define STW_RESOURCE_AGGREGATE_H

#include "db/db.h"
#include "resource/query.h"

/*
 * Groups of a collection: {"filter":…,"measures":[{"as":"won","op":"sum","field":"amount"}],"by":["team_id",
 * {"field":"closed_on","unit":"quarter"}]}. The same filter and the same access as a list. Money is grouped
 * by its currency too. Timestamps truncate in the organisation's zone; days do not shift. A field is a
 * dimension once: the groups' keys are named by fields.
 */
#define STW_MEASURES_MAX   10
#define STW_DIMENSIONS_MAX 2
#define STW_GROUPS_MAX     1000

/* X(identifier, word) */
#define STW_MEASURE_OPS(X)                                                                                   \
    X(STW_SUM, "sum")                                                                                        \
    X(STW_AVG, "avg")                                                                                        \
    X(STW_MIN, "min")                                                                                        \
    X(STW_MAX, "max")                                                                                        \
    X(STW_COUNT, "count")
enum stw_measure_op {
#define STW_MEASURE_ENUM(id, word) id,
    STW_MEASURE_OPS(STW_MEASURE_ENUM)
#undef STW_MEASURE_ENUM
        STW_MEASURE_OP_COUNT
};

struct stw_measure {
    const char *name; /* "as": a member of each group */
    enum stw_measure_op op;
    int field; /* -1: count of records */
};

struct stw_dimension {
    int field;
    const char *unit; /* day, week, month, quarter, year; NULL: the value itself */
};

struct stw_aggregate {
    const struct stw_plan *plan;
    struct stw_filter *filter;
    struct stw_measure measures[STW_MEASURES_MAX];
    int measure_count;
    struct stw_dimension by[STW_DIMENSIONS_MAX];
    int by_count;
    int currencies[STW_MEASURES_MAX]; /* money fields whose currency groups too */
    int currency_count;
};

/* STW_VALIDATION_FAILED with all violations. Fields that the actor may not see do not exist; masked ones
 * cannot be measured or grouped. */
enum stw_code stw_aggregate_read(struct stw_context *ctx, const struct stw_plan *plan, json_t *body,
                                 struct stw_aggregate *ret_aggregate) STW_MUST_CHECK;
/* Columns: dimensions, currencies, measures, count of records. More than STW_GROUPS_MAX groups:
 * STW_VALIDATION_FAILED with too_many at #/by. */
enum stw_code stw_aggregate_run(struct stw_context *ctx, const struct stw_aggregate *aggregate,
                                struct stw_rows **ret_rows) STW_MUST_CHECK;
/* The type that a measure's values are rendered as. */
enum stw_type stw_measure_type(const struct stw_plan *plan, const struct stw_measure *measure);

#endif
