#include "resource/external_id.h"

#include <string.h>

#include "resource/sql.h"

bool stw_external_source_valid(const char *source)
{
    size_t length = strlen(source);
    return length >= 1 && length <= 63 && source[0] != '-' && source[0] != '_' &&
           strspn(source, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

enum stw_code stw_external_id_find(struct stw_context *ctx, const struct stw_plan *plan, const char *source,
                                   const char *key, bool take, const char **ret_id)
{
    static const struct stw_stmt hold = {.name = "external_id_hold",
                                         .sql = "select pg_advisory_xact_lock(hashtextextended($1 || "
                                                "'/external/' || $2 || '/' || $3 || '/' || $4, 0))",
                                         .param_count = 4,
                                         .kind = STW_STMT_WRITE};
    static const struct stw_stmt find = {.name = "external_id_find",
                                         .sql = "select record_id from external_ids where org_id = $1::uuid "
                                                "and resource = $2 and source = $3 and key = $4",
                                         .param_count = 4,
                                         .kind = STW_STMT_READ};
    const char *const params[] = {ctx->org_id, plan->resource->path, source, key};
    struct stw_call calls[] = {{.stmt = &hold, .params = params}, {.stmt = &find, .params = params}};

    enum stw_code code = take ? stw_db_run_all(ctx, calls, 2) : stw_db_run_all(ctx, calls + 1, 1);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(calls[1].rows) == 0)
        return STW_NOT_FOUND;
    *ret_id = stw_rows_text(calls[1].rows, 0, 0);
    return STW_OK;
}

enum stw_code stw_external_ids_hold(struct stw_context *ctx, const struct stw_plan *plan, const char *source,
                                    const char *keys, struct stw_rows **ret_rows)
{
    static const struct stw_stmt hold = {
        .name = "external_ids_hold",
        .sql = "select count(pg_advisory_xact_lock(hashtextextended($1 || '/external/' || $2 || '/' || $3 || "
               "'/' || k.key, 0))) "
               "from (select distinct u.key from unnest($4::text[]) u (key) order by u.key) k",
        .param_count = 4,
        .kind = STW_STMT_WRITE};
    struct stw_sql sql;
    struct stw_stmt find;
    const char *const params[] = {ctx->org_id, plan->resource->path, source, keys};

    stw_sql_init(&sql, ctx);
    stw_sql_printf(&sql,
                   "select e.key, t.id, t.version from external_ids e join %s t on t.org_id = e.org_id and "
                   "t.id = e.record_id "
                   "where e.org_id = $1::uuid and e.resource = '%s' and e.source = ",
                   plan->resource->path, plan->resource->path);
    stw_sql_value(&sql, source, "text");
    stw_sql_add(&sql, " and e.key = any(");
    stw_sql_value(&sql, keys, "text[]");
    stw_sql_add(&sql, ") and t.deleted_at is null");
    find = stw_sql_finish(&sql, STW_STMT_READ, false);
    struct stw_call calls[] = {{.stmt = &hold, .params = params}, {.stmt = &find, .params = sql.parameters}};
    enum stw_code code = stw_db_run_all(ctx, calls, 2);
    if (code == STW_OK)
        *ret_rows = calls[1].rows;
    return code;
}
