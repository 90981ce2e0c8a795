#include <stdio.h>
#include <string.h>

#include "db/internal.h"

static bool is(const char *sqlstate, const char *start)
{
    return strncmp(sqlstate, start, strlen(start)) == 0;
}

enum stw_code stw_sqlstate_code(const char *sqlstate)
{
    if (is(sqlstate, "23"))
        return STW_CONSTRAINT;
    if (is(sqlstate, "40001") || is(sqlstate, "40P01"))
        return STW_RETRY;
    if (is(sqlstate, "40003"))
        return STW_OUTCOME_UNKNOWN;
    if (is(sqlstate, "57014"))
        return STW_DEADLINE_EXCEEDED;
    /* lock_timeout: somebody holds what this request needs */
    if (is(sqlstate, "55P03"))
        return STW_OVERLOADED;
    if (stw_sqlstate_dooms(sqlstate) || is(sqlstate, "53") || is(sqlstate, "25P03"))
        return STW_UNAVAILABLE;
    return STW_INTERNAL;
}

bool stw_sqlstate_dooms(const char *sqlstate)
{
    return is(sqlstate, "08") || is(sqlstate, "57P0") || is(sqlstate, "25006");
}

const char *stw_sqlstate_of(const PGresult *error)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    return sqlstate != NULL ? sqlstate : "";
}

bool stw_sqlstate_is_fatal(const PGresult *error)
{
    const char *severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity == NULL || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

static const char *field_of(const PGresult *error, int field)
{
    const char *text = PQresultErrorField(error, field);
    return text != NULL ? text : "";
}

void stw_sqlstate_describe(struct stw_details *details, const PGresult *error, const char *statement)
{
    if (details == NULL)
        return;
    const char *sqlstate = stw_sqlstate_of(error);
    snprintf(details->sqlstate, sizeof details->sqlstate, "%s", sqlstate);
    snprintf(details->constraint, sizeof details->constraint, "%s", field_of(error, PG_DIAG_CONSTRAINT_NAME));
    const char *message = field_of(error, PG_DIAG_MESSAGE_PRIMARY);
    /* Messages of class 22 quote the value, which may be somebody's secret and ends in the log. */
    if (is(sqlstate, "22"))
        message = "a value was refused";
    else if (message[0] == '\0')
        message = PQresultErrorMessage(error);
    const char *column = field_of(error, PG_DIAG_COLUMN_NAME);
    snprintf(details->internal, sizeof details->internal, "%s %s%s%s%s%s", sqlstate, message,
             column[0] != '\0' ? ", column " : "", column, statement != NULL ? ", statement " : "",
             statement != NULL ? statement : "");
}

void stw_db_explain(struct stw_context *ctx, const char *text)
{
    if (ctx->details != NULL)
        snprintf(ctx->details->internal, sizeof ctx->details->internal, "%s", text);
}

void stw_db_unexplain(struct stw_context *ctx)
{
    if (ctx->details == NULL)
        return;
    ctx->details->sqlstate[0] = '\0';
    ctx->details->constraint[0] = '\0';
    ctx->details->internal[0] = '\0';
}
