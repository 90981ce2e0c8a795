#include "domain/tree.h"

#include "resource/plan.h"

enum stw_code stw_tree_check(struct stw_context *ctx, const struct stw_write *write, int parent_field)
{
    const char *parent = stw_write_text(write, parent_field);
    const char *table = write->plan->resource->path;
    const char *field = write->plan->fields[parent_field].name;
    struct stw_rows *rows;

    /* nothing is below a record that does not exist yet */
    if (write->verb == STW_CREATE || !parent || !stw_write_gives(write, parent_field))
        return STW_OK;
    struct stw_stmt lock = {.sql = "select pg_advisory_xact_lock(hashtextextended($1 || '/tree/' || $2, 0))",
                            .param_count = 2,
                            .kind = STW_STMT_WRITE};
    struct stw_stmt walk = {
        .sql = stw_arena_printf(
            ctx->arena,
            "with recursive up as (select id, %s as above from %s where org_id = $1::uuid and id = $2::uuid "
            "union select p.id, p.%s from up join %s p on p.org_id = $1::uuid and p.id = up.above) "
            "select 1 from up where id = $3::uuid",
            field, table, field, table),
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const char *const lock_params[] = {ctx->org_id, table};
    const char *const walk_params[] = {ctx->org_id, parent, write->id};
    struct stw_call calls[] = {{.stmt = &lock, .params = lock_params},
                               {.stmt = &walk, .params = walk_params}};

    enum stw_code code = stw_db_run_all(ctx, calls, 2);
    if (code != STW_OK)
        return code;
    rows = calls[1].rows;
    if (stw_rows_count(rows) == 0)
        return STW_OK;
    stw_details_field(ctx->details, field, STW_CYCLE, NULL);
    return STW_VALIDATION_FAILED;
}
