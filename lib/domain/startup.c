#include "domain/startup.h"

#include <stdio.h>

#include "db/db.h"

/* Privileges are looked at although the schema is closed too: one grant must not be enough to open the first
 * wall. */
static const struct stw_stmt role_stmt = {
    .sql = "select current_user, "
           "(select r.rolsuper or r.rolbypassrls from pg_roles r where r.rolname = current_user), "
           "(select min(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
           "where n.nspname = 'steward' and c.relkind in ('r', 'p', 'v', 'm', 'f') "
           "and (pg_has_role(c.relowner, 'usage') "
           "or has_table_privilege(c.oid, 'select, insert, update, delete, truncate, references, trigger') "
           "or has_any_column_privilege(c.oid, 'select, insert, update, references')))",
    .kind = STW_STMT_READ,
};

static const struct stw_stmt let_serve_stmt = {
    .sql = "alter role steward_app login",
    .kind = STW_STMT_WRITE,
};

enum stw_code stw_startup_check_role(struct stw_context *ctx, char *ret_error, size_t error_size)
{
    struct stw_rows *rows;
    const char *role;
    const char *table;
    enum stw_code code = stw_db_run(ctx, &role_stmt, NULL, &rows);

    if (code != STW_OK) {
        snprintf(ret_error, error_size, "the database could not be asked: %s", ctx->details->internal);
        return code;
    }
    role = stw_rows_value(rows, 0, 0);
    table = stw_rows_text(rows, 0, 2);
    if (*stw_rows_value(rows, 0, 1) == 't') {
        snprintf(ret_error, error_size, "role %s is a superuser: organizations would not be kept apart",
                 role);
        return STW_FORBIDDEN;
    }
    if (table) {
        snprintf(ret_error, error_size,
                 "role %s has a right on table steward.%s: organizations would not be kept apart", role,
                 table);
        return STW_FORBIDDEN;
    }
    return STW_OK;
}

enum stw_code stw_startup_let_serve(struct stw_context *ctx)
{
    return stw_db_run(ctx, &let_serve_stmt, NULL, NULL);
}
