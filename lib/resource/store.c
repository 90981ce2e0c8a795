#include "resource/store.h"

#include <stdlib.h>
#include <string.h>

#include "resource/access.h"
#include "resource/compose.h"
#include "resource/engine.h"

#define PARTS_EACH 100 /* parts shown with one record by expand; the rest is a list of its own */

const char *stw_record_text(const struct stw_record *record, int field)
{
    return stw_rows_text(record->rows, record->row, record->plan->first_column[field]);
}

enum stw_code stw_store_get(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                            enum stw_deleted deleted, struct stw_record *ret_record)
{
    struct stw_sql sql;
    struct stw_rows *rows;
    enum stw_code code = stw_access_demand(ctx, plan, STW_READ);
    if (code != STW_OK)
        return code;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_get(&sql, plan, STW_READ, id, deleted);
    code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0)
        return STW_NOT_FOUND;
    *ret_record = (struct stw_record){.plan = plan, .rows = rows, .row = 0};
    return STW_OK;
}

/* The planner's row estimate in EXPLAIN's JSON: the first "Plan Rows" is the top node's. */
static int64_t read_estimate(const char *json)
{
    static const char member[] = "\"Plan Rows\":";
    const char *at = json ? strstr(json, member) : NULL;
    return at ? strtoll(at + sizeof member - 1, NULL, 10) : 0;
}

/* "{id,id}" of the column's values on this page, without nulls. */
static char *key_array(struct stw_context *ctx, const struct stw_page *page, int column)
{
    struct stw_buf keys;
    stw_buf_init(&keys, ctx->arena, 2048, (size_t)64 * 1024);
    stw_buf_add_char(&keys, '{');
    for (int row = 0; row < page->count; row++) {
        const char *id = stw_rows_text(page->rows, row, column);
        if (!id)
            continue;
        if (keys.length > 1)
            stw_buf_add_char(&keys, ',');
        stw_buf_add_text(&keys, id);
    }
    stw_buf_add_char(&keys, '}');
    return keys.data;
}

enum stw_code stw_store_expand(struct stw_context *ctx, const struct stw_query *query, struct stw_page *page)
{
    struct stw_sql sql[STW_EXPAND_MAX];
    struct stw_stmt stmt[STW_EXPAND_MAX];
    struct stw_call calls[STW_EXPAND_MAX];

    for (int i = 0; i < query->expand_count; i++) {
        struct stw_related *related = &page->related[i];
        related->reference = query->expand[i];
        related->part = query->expand[i]->from != query->plan->index;
        related->plan = &ctx->engine->plans[related->part ? query->expand[i]->from : query->expand[i]->to];
        int key = related->part ? STW_PLAN_ID : query->expand[i]->field;
        stw_sql_init(&sql[i], ctx);
        stmt[i] = stw_compose_related(&sql[i], query->expand[i], related->part,
                                      key_array(ctx, page, query->plan->first_column[key]), PARTS_EACH);
        calls[i] = (struct stw_call){.stmt = &stmt[i], .params = sql[i].parameters};
    }
    page->related_count = query->expand_count;
    if (query->expand_count == 0)
        return STW_OK;
    enum stw_code code = stw_db_run_all(ctx, calls, query->expand_count);
    for (int i = 0; code == STW_OK && i < query->expand_count; i++)
        page->related[i].rows = calls[i].rows;
    return code;
}

enum stw_code stw_store_list(struct stw_context *ctx, const struct stw_query *query,
                             struct stw_page *ret_page)
{
    struct stw_sql sql, count_sql;
    struct stw_stmt stmt, count_stmt;
    struct stw_call calls[2];
    struct stw_page page = {.total = -1};
    enum stw_code code = stw_access_demand(ctx, query->plan, STW_READ);
    if (code != STW_OK)
        return code;

    stw_sql_init(&sql, ctx);
    stmt = stw_compose_list(&sql, query);
    calls[0] = (struct stw_call){.stmt = &stmt, .params = sql.parameters};
    if (query->count != STW_COUNT_OFF) {
        stw_sql_init(&count_sql, ctx);
        count_stmt = stw_compose_count(&count_sql, query);
        calls[1] = (struct stw_call){.stmt = &count_stmt, .params = count_sql.parameters};
    }
    code = stw_db_run_all(ctx, calls, query->count == STW_COUNT_OFF ? 1 : 2);
    if (code != STW_OK)
        return code;
    int found = stw_rows_count(calls[0].rows);
    page.rows = calls[0].rows;
    page.more = found > query->limit;
    page.count = page.more ? query->limit : found;
    if (query->count == STW_COUNT_EXACT)
        page.total = stw_rows_number(calls[1].rows, 0, 0);
    else if (query->count == STW_COUNT_ESTIMATED)
        page.total = read_estimate(stw_rows_text(calls[1].rows, 0, 0));
    code = stw_store_expand(ctx, query, &page);
    if (code == STW_OK)
        *ret_page = page;
    return code;
}

enum stw_code stw_store_history(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                                const char *before, int limit, struct stw_rows **ret_rows)
{
    struct stw_record record;
    struct stw_sql sql;
    bool sees_deleted = stw_access_grant(ctx, plan)->scope[STW_DELETE] != STW_NONE;
    enum stw_code code =
        stw_store_get(ctx, plan, id, sees_deleted ? STW_DELETED_INCLUDE : STW_DELETED_EXCLUDE, &record);
    if (code != STW_OK)
        return code;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_history(&sql, plan, id, before, limit);
    return stw_db_run(ctx, &stmt, sql.parameters, ret_rows);
}
