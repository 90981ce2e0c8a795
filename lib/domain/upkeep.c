#include "domain/upkeep.h"

enum stw_code stw_upkeep_auth_changes(struct stw_context *ctx, const char *since, struct stw_rows **ret_rows)
{
    static const struct stw_stmt stmt = {
        .name = "auth_changes",
        .sql = "select c.org_id, c.next from app.auth_changes_since("
               "coalesce($1::xid8, pg_snapshot_xmin(pg_current_snapshot()))) c",
        .param_count = 1,
        .kind = STW_STMT_READ,
    };
    const char *const params[] = {since};
    return stw_db_run(ctx, &stmt, params, ret_rows);
}

enum stw_code stw_upkeep_forget(struct stw_context *ctx)
{
    static const struct stw_stmt stmt = {
        .name = "upkeep_forget",
        .sql = "select app.auth_changes_forget(), app.import_chunks_forget(), app.sign_in_attempts_forget()",
        .kind = STW_STMT_WRITE};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

enum stw_code stw_upkeep_forget_answers(struct stw_context *ctx)
{
    static const struct stw_stmt stmt = {.name = "upkeep_forget_answers",
                                         .sql = "select app.idempotency_keys_forget()",
                                         .kind = STW_STMT_WRITE};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

enum stw_code stw_upkeep_extend(struct stw_context *ctx)
{
    static const struct stw_stmt stmt = {
        .name = "events_extend", .sql = "select app.events_extend(3)", .kind = STW_STMT_WRITE};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

enum stw_code stw_upkeep_ping(struct stw_context *ctx)
{
    static const struct stw_stmt stmt = {.name = "ping", .sql = "select 1", .kind = STW_STMT_POINT};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}
