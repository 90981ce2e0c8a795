#include "resource/aggregate.h"

#include "resource/access.h"
#include "resource/compose.h"

enum stw_type stw_measure_type(const struct stw_plan *plan, const struct stw_measure *measure)
{
    if (measure->op == STW_COUNT)
        return STW_TYPE_INT;
    enum stw_type type = plan->fields[measure->field].type;
    /* the mean of whole numbers is none */
    return type == STW_TYPE_INT && measure->op == STW_AVG ? STW_TYPE_DECIMAL : type;
}

static void add_dimension(struct stw_sql *sql, const struct stw_aggregate *aggregate,
                          const struct stw_dimension *by)
{
    const struct stw_field *field = &aggregate->plan->fields[by->field];

    if (!by->unit) {
        stw_sql_printf(sql, "t.%s", field->name);
        return;
    }
    stw_sql_printf(sql, "date_trunc('%s', t.%s", by->unit, field->name);
    if (field->type == STW_TYPE_TIMESTAMP) {
        stw_sql_add(sql, " at time zone ");
        stw_sql_value(sql, sql->actor->zone, "text");
        stw_sql_add(sql, ")::date");
    } else {
        stw_sql_add(sql, "::timestamp)::date");
    }
}

static void add_measure(struct stw_sql *sql, const struct stw_aggregate *aggregate,
                        const struct stw_measure *measure)
{
    static const char *const functions[STW_MEASURE_OP_COUNT] = {
        [STW_SUM] = "sum", [STW_AVG] = "avg", [STW_MIN] = "min", [STW_MAX] = "max", [STW_COUNT] = "count"};

    if (measure->field < 0) {
        stw_sql_add(sql, ", count(*)");
        return;
    }
    const char *name = aggregate->plan->fields[measure->field].name;
    /* a mean has no end of digits: amounts have four */
    if (measure->op == STW_AVG)
        stw_sql_printf(sql, ", round(avg(t.%s), 4)", name);
    else
        stw_sql_printf(sql, ", %s(t.%s)", functions[measure->op], name);
}

static struct stw_stmt compose(struct stw_sql *sql, const struct stw_aggregate *aggregate)
{
    const struct stw_plan *plan = aggregate->plan;
    struct stw_query query = {.plan = plan, .filter = aggregate->filter};
    int keys = 0;

    stw_sql_add(sql, "select ");
    for (int i = 0; i < aggregate->by_count; i++) {
        stw_sql_add(sql, keys++ ? ", " : "");
        add_dimension(sql, aggregate, &aggregate->by[i]);
    }
    for (int i = 0; i < aggregate->currency_count; i++)
        stw_sql_printf(sql, "%st.%s_currency", keys++ ? ", " : "",
                       plan->fields[aggregate->currencies[i]].name);
    if (keys == 0)
        stw_sql_add(sql, "null");
    for (int i = 0; i < aggregate->measure_count; i++)
        add_measure(sql, aggregate, &aggregate->measures[i]);
    stw_sql_printf(sql, ", count(*) from %s t where ", plan->resource->path);
    stw_compose_where(sql, &query);
    for (int i = 0; i < keys; i++)
        stw_sql_printf(sql, "%s%d", i ? ", " : " group by ", i + 1);
    for (int i = 0; i < keys; i++)
        stw_sql_printf(sql, "%s%d", i ? ", " : " order by ", i + 1);
    stw_sql_printf(sql, " limit %d", STW_GROUPS_MAX + 1);
    return stw_sql_finish(sql, STW_STMT_SLOW, false);
}

enum stw_code stw_aggregate_run(struct stw_context *ctx, const struct stw_aggregate *aggregate,
                                struct stw_rows **ret_rows)
{
    struct stw_sql sql;
    struct stw_rows *rows;
    enum stw_code code = stw_access_demand(ctx, aggregate->plan, STW_READ);
    if (code != STW_OK)
        return code;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = compose(&sql, aggregate);
    code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) > STW_GROUPS_MAX) {
        stw_details_field(ctx->details, "by", STW_TOO_MANY,
                          stw_arena_printf(ctx->arena, "%d", STW_GROUPS_MAX));
        return STW_VALIDATION_FAILED;
    }
    *ret_rows = rows;
    return STW_OK;
}
