#include "domain/attempts.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/db.h"

enum stw_code stw_attempts_count(struct stw_context *ctx, const char *names, int change, int *ret_failed)
{
    static const struct stw_stmt stmt = {.name = "sign_in_attempt",
                                         .sql = "select app.sign_in_attempt($1::text[], $2::integer)",
                                         .param_count = 2,
                                         .kind = STW_STMT_WRITE};
    char text[12];
    const char *const params[] = {names, text};
    struct stw_rows *rows;

    snprintf(text, sizeof text, "%d", change);
    enum stw_code code = stw_db_run(ctx, &stmt, params, &rows);
    if (code == STW_OK)
        *ret_failed = (int)stw_rows_number(rows, 0, 0);
    return code;
}
