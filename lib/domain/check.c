#include "domain/check.h"

#include <stdlib.h>

#include "db/db.h"
#include "resource/engine.h"

struct check {
    struct stw_context *ctx;
    void (*tell)(void *self, const char *invariant, const char *where, int64_t count);
    void *self;
};

/* One count; `sql` must yield one row of one number. */
static enum stw_code count(const struct check *check, const char *invariant, const char *where,
                           const char *sql)
{
    /* It may read whole tables: not a statement for the short patience of others. */
    struct stw_stmt stmt = {.sql = sql, .kind = STW_STMT_SLOW};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(check->ctx, &stmt, NULL, &rows);

    if (code == STW_OK)
        check->tell(check->self, invariant, where, stw_rows_number(rows, 0, 0));
    return code;
}

static enum stw_code check_walls(const struct check *check)
{
    enum stw_code code = count(
        check, "tables without a view of their organization", "",
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'steward' and c.relkind in ('r', 'p') and not c.relispartition "
        /* asked for by number of organizations alone, behind a function */
        "and c.relname <> 'auth_changes' "
        "and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id') "
        "and not exists (select 1 from pg_views v where v.schemaname = 'app' and v.viewname = c.relname "
        "and v.definition like '%steward.org%')");

    if (code != STW_OK)
        return code;
    return count(check, "tables that steward_app has a right on", "",
                 "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                 "where n.nspname = 'steward' and c.relkind in ('r', 'p', 'v', 'm', 'f') "
                 "and (has_table_privilege('steward_app', c.oid, "
                 "'select, insert, update, delete, truncate, references, trigger') "
                 "or has_any_column_privilege('steward_app', c.oid, 'select, insert, update, references'))");
}

/* A part goes with its parent: none may be left behind alive. */
static enum stw_code check_parts(const struct check *check, const struct stw_plan *plan)
{
    const struct stw_field *field;

    if (plan->parent_field < 0)
        return STW_OK;
    field = &plan->fields[plan->parent_field];
    return count(check, "live parts of a deleted record", plan->resource->path,
                 stw_arena_printf(check->ctx->arena,
                                  "select count(*) from steward.%s t join steward.%s p "
                                  "on p.org_id = t.org_id and p.id = t.%s "
                                  "where t.deleted_at is null and p.deleted_at is not null",
                                  plan->resource->path, field->refers, field->name));
}

/* Every write leaves its event: the newest event of a record bears the record's version. */
static enum stw_code check_events(const struct check *check, const struct stw_plan *plan)
{
    const char *path = plan->resource->path;

    return count(
        check, "records whose version has no event", path,
        stw_arena_printf(check->ctx->arena,
                         "select count(*) from steward.%s t left join ("
                         "select e.org_id, e.record_id, max(e.version) as version from steward.events e "
                         "where e.resource = '%s' group by e.org_id, e.record_id) e "
                         "on e.org_id = t.org_id and e.record_id = t.id "
                         "where e.version is distinct from t.version",
                         path, path));
}

enum stw_code stw_check_run(struct stw_context *ctx,
                            void (*tell)(void *self, const char *invariant, const char *where, int64_t count),
                            void *self)
{
    const struct check check = {ctx, tell, self};
    enum stw_code code = check_walls(&check);

    for (int i = 0; i < ctx->engine->count && code == STW_OK; i++)
        code = check_parts(&check, &ctx->engine->plans[i]);
    for (int i = 0; i < ctx->engine->count && code == STW_OK; i++)
        code = check_events(&check, &ctx->engine->plans[i]);
    return code;
}
