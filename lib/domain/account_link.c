#include "domain/account_link.h"

#include <string.h>

#include "resource/access.h"
#include "resource/engine.h"

/* The account of the record that `field` refers to; `ret_reached`: the caller may read that record, and it
 * lives. */
static enum stw_code find_account(struct stw_context *ctx, const struct stw_write *write, int field,
                                  const char **ret_account, bool *ret_reached)
{
    const struct stw_plan *target = stw_engine_find(ctx->engine, write->plan->fields[field].refers);
    struct stw_rows *rows;
    struct stw_sql sql;

    stw_sql_init(&sql, ctx);
    stw_sql_add(&sql, "select t.account_id, t.deleted_at is null and (");
    stw_access_where(&sql, target, STW_READ, "t");
    stw_sql_printf(&sql, ") from %s t where t.org_id = $1::uuid and t.id = ", target->resource->path);
    stw_sql_value(&sql, stw_write_text(write, field), "uuid");
    struct stw_stmt stmt = stw_sql_finish(&sql, STW_STMT_READ, true);
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return code;
    bool found = stw_rows_count(rows) == 1;
    const char *reached = found ? stw_rows_text(rows, 0, 1) : NULL;
    *ret_account = found ? stw_rows_text(rows, 0, 0) : NULL;
    *ret_reached = reached && reached[0] == 't';
    return STW_OK;
}

static enum stw_code refuse(struct stw_context *ctx, const struct stw_write *write, int field,
                            enum stw_code violation)
{
    stw_details_field(ctx->details, write->plan->fields[field].name, violation, NULL);
    return STW_VALIDATION_FAILED;
}

enum stw_code stw_account_link_check(struct stw_context *ctx, struct stw_write *write,
                                     const struct stw_account_link *link)
{
    const int named[] = {link->contact, link->opportunity};
    bool gives_account = stw_write_gives(write, link->account);
    bool cleared = write->verb == STW_UPDATE && gives_account && !stw_write_text(write, link->account);

    if (!gives_account && !stw_write_gives(write, link->contact) &&
        !stw_write_gives(write, link->opportunity))
        return STW_OK;
    for (int i = 0; i < 2; i++) {
        bool given = stw_write_gives(write, named[i]);
        const char *account = stw_write_text(write, link->account);
        const char *its_account;
        bool reached;

        if (!stw_write_text(write, named[i]))
            continue;
        enum stw_code code = find_account(ctx, write, named[i], &its_account, &reached);
        if (code != STW_OK)
            return code;
        /* what the caller may not refer to, the statement refuses by itself, and nothing is told about it
         * here */
        if (!its_account || (given && !reached))
            continue;
        if (cleared)
            return refuse(ctx, write, link->account, STW_REQUIRED);
        if (!account)
            stw_write_set(write, link->account, its_account);
        else if (strcmp(account, its_account) != 0)
            return refuse(ctx, write, given ? named[i] : link->account, STW_NOT_ALLOWED);
    }
    return STW_OK;
}
