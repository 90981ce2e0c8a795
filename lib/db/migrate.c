#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/internal.h"
#include "db/migrate.h"

#define REST_MS 300
#define TRIES   600 /* five minutes at most */

struct run {
    PGconn *pg;
    char *error;
    size_t error_size;
};

static void swallow(void *what, const PGresult *result)
{
    (void)what;
    (void)result;
}

static void explain(const struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void explain(const struct run *run, const char *format, ...)
{
    if (run->error_size == 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->error, run->error_size, format, arguments);
    va_end(arguments);
    size_t length = strlen(run->error);
    while (length > 0 && run->error[length - 1] == '\n')
        run->error[--length] = '\0';
}

static enum stw_code open_run(struct run *run, const char *url)
{
    const char *const words[] = {"client_encoding", "dbname", "fallback_application_name", NULL};
    const char *const values[] = {"UTF8", url, "steward-migrate", NULL};
    run->pg = PQconnectdbParams(words, values, 1);
    if (PQstatus(run->pg) == CONNECTION_OK) {
        PQsetNoticeReceiver(run->pg, swallow, NULL);
        return STW_OK;
    }
    explain(run, "%s", run->pg != NULL ? PQerrorMessage(run->pg) : "out of memory");
    return STW_UNAVAILABLE;
}

/* Takes `result`. */
static enum stw_code code_of(const struct run *run, const char *doing, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    enum stw_code code = STW_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        bool lost = PQstatus(run->pg) == CONNECTION_BAD;
        code = lost ? STW_UNAVAILABLE : stw_sqlstate_code(stw_sqlstate_of(result));
        explain(run, "%s: %s", doing,
                status == PGRES_FATAL_ERROR ? PQerrorMessage(run->pg) : "unexpected COPY");
    }
    PQclear(result);
    return code;
}

static enum stw_code execute(const struct run *run, const char *doing, const char *sql)
{
    return code_of(run, doing, PQexec(run->pg, sql));
}

static enum stw_code commit(const struct run *run, const char *doing)
{
    PGresult *result = PQexec(run->pg, "commit");
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    bool rolled_back = done && strcmp(PQcmdStatus(result), "COMMIT") != 0;
    enum stw_code code = code_of(run, doing, result);
    if (code == STW_UNAVAILABLE)
        return STW_OUTCOME_UNKNOWN;
    if (rolled_back) {
        explain(run, "%s: rolled back at commit", doing);
        return STW_INTERNAL;
    }
    return code;
}

/* Its workers are nobody's: what else they are is not told to the owner of a database. */
static bool autovacuum_works(const struct run *run)
{
    PGresult *result = PQexec(run->pg, "select exists (select from pg_stat_activity"
                                       " where datname = current_database() and usesysid is null)");
    bool works = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return works;
}

/* Whoever waits for a lock on a table holds up all who come after it, be it to read: so a migration asks
 * briefly, gives up what it has, and asks again. Only an autovacuum gives way to nobody but who waits for
 * longer than deadlock_timeout (1 s). */
static enum stw_code ask_briefly(const struct run *run, const char *doing, int tries)
{
    bool longer = tries % 10 == 1 && autovacuum_works(run);
    return execute(run, doing, longer ? "set lock_timeout = '1200ms'" : "set lock_timeout = '200ms'");
}

/* What somebody else's lock or a deadlock ended is worth another try. */
static bool again(const struct run *run, enum stw_code code, int *tries)
{
    if ((code != STW_OVERLOADED && code != STW_RETRY) || --*tries < 0)
        return false;
    PQclear(PQexec(run->pg, "rollback"));
    nanosleep(&(struct timespec){.tv_nsec = REST_MS * 1000000L}, NULL);
    return true;
}

/* The lock is the session's: it goes with the connection, also after kill -9. Asked for again and again: a
 * statement that waits for it would have a snapshot, and the run that has the lock waits for all older
 * snapshots while it creates an index concurrently. What a killed run was doing ends within a second. */
static enum stw_code lock(const struct run *run)
{
    const char *doing = "waiting for another run";
    enum stw_code code = execute(run, doing,
                                 "set statement_timeout = 0; set lock_timeout = 0;"
                                 "set client_connection_check_interval = '1s'");
    for (bool locked = false; code == STW_OK && !locked;) {
        PGresult *result = PQexec(run->pg, "select pg_try_advisory_lock(83732397182770)");
        locked = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
        code = code_of(run, doing, result);
        if (code == STW_OK && !locked)
            nanosleep(&(struct timespec){.tv_nsec = 100 * 1000000L}, NULL);
    }
    return code;
}

static enum stw_code prepare(const struct run *run)
{
    enum stw_code code = lock(run);
    if (code != STW_OK)
        return code;
    int tries = TRIES;
    do {
        code = execute(run, "preparing", "begin");
        if (code == STW_OK)
            code = ask_briefly(run, "preparing", tries);
        if (code == STW_OK)
            code = execute(run, "preparing",
                           "create schema if not exists steward;"
                           "create schema if not exists app;"
                           "create table if not exists steward.schema_migrations ("
                           "  version integer primary key,"
                           "  name text not null,"
                           "  sha256 text not null,"
                           "  applied_at timestamptz not null default now());"
                           "create or replace view app.schema_version as"
                           "  select max(version) as version from steward.schema_migrations");
    } while (again(run, code, &tries));
    return code != STW_OK ? code : commit(run, "preparing");
}

/* One value of one row; STW_NOT_FOUND when there is no row. */
static enum stw_code one_row(const struct run *run, const char *sql, const char *version, const char *bytes,
                             size_t length, PGresult **ret_result)
{
    const char *const values[] = {version, bytes};
    const int lengths[] = {0, (int)length};
    const int formats[] = {0, 1};
    const Oid types[] = {23, 17}; /* integer, bytea */
    PGresult *result = PQexecParams(run->pg, sql, bytes != NULL ? 2 : 1, types, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return code_of(run, "reading what was applied", result);
    if (PQntuples(result) == 0) {
        PQclear(result);
        return STW_NOT_FOUND;
    }
    *ret_result = result;
    return STW_OK;
}

static enum stw_code check_none_beyond(const struct run *run, const struct stw_migration *list, int count)
{
    char last[16];
    snprintf(last, sizeof last, "%d", count > 0 ? list[count - 1].version : 0);
    PGresult *result = NULL;
    enum stw_code code = one_row(run,
                                 "select version, name from steward.schema_migrations where version > $1"
                                 " order by version desc limit 1",
                                 last, NULL, 0, &result);
    if (code == STW_NOT_FOUND)
        return STW_OK;
    if (code != STW_OK)
        return code;
    explain(run, "the database is newer than this program: it has %s, the program ends with %s",
            PQgetvalue(result, 0, 1), last);
    PQclear(result);
    return STW_CONFLICT;
}

/* STW_NOT_FOUND: not applied yet. */
static enum stw_code check_applied(const struct run *run, const struct stw_migration *one,
                                   const char *version)
{
    PGresult *result = NULL;
    enum stw_code code = one_row(run,
                                 "select sha256 = encode(sha256($2), 'hex') from steward.schema_migrations"
                                 " where version = $1",
                                 version, one->sql, one->length, &result);
    if (code != STW_OK)
        return code;
    bool same = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    if (same)
        return STW_OK;
    explain(run, "%s was changed after it had been applied", one->name);
    return STW_CONFLICT;
}

static enum stw_code record(const struct run *run, const struct stw_migration *one, const char *version)
{
    const char *const values[] = {version, one->sql, one->name};
    const int lengths[] = {0, (int)one->length, 0};
    const int formats[] = {0, 1, 0};
    const Oid types[] = {23, 17, 25}; /* integer, bytea, text */
    return code_of(run, one->name,
                   PQexecParams(run->pg,
                                "insert into steward.schema_migrations (version, name, sha256)"
                                " values ($1, $3, encode(sha256($2), 'hex'))",
                                3, types, values, lengths, formats, 0));
}

static enum stw_code apply_in_transaction(const struct run *run, const struct stw_migration *one,
                                          const char *text)
{
    enum stw_code code;
    int tries = TRIES;
    do {
        code = execute(run, one->name, "begin; set local search_path = steward, public");
        if (code == STW_OK)
            code = ask_briefly(run, one->name, tries);
        if (code == STW_OK)
            code = execute(run, one->name, text);
    } while (again(run, code, &tries));
    if (code == STW_OK && PQtransactionStatus(run->pg) != PQTRANS_INTRANS) {
        explain(run, "%s ends its transaction itself", one->name);
        code = STW_INTERNAL;
    }
    return code;
}

/* What lets others read and write while it waits: it may wait for as long as their transactions take. */
static bool holds_nobody_up(const char *statement)
{
    return strstr(statement, " concurrently ") != NULL || strstr(statement, "analyze ") != NULL;
}

/* Several statements in one go would be a transaction again. */
static enum stw_code apply_apart(const struct run *run, const struct stw_migration *one, char *text)
{
    enum stw_code code = execute(run, one->name, "set search_path = steward, public");
    while (text && code == STW_OK) {
        char *end = strstr(text, "\n\n");
        if (end)
            *end = '\0';
        int tries = TRIES;
        do {
            code = holds_nobody_up(text) ? execute(run, one->name, "set lock_timeout = 0")
                                         : ask_briefly(run, one->name, tries);
            if (code == STW_OK)
                code = execute(run, one->name, text);
        } while (again(run, code, &tries));
        text = end ? end + 2 : NULL;
    }
    return code == STW_OK ? execute(run, one->name, "reset search_path; begin") : code;
}

static enum stw_code apply(const struct run *run, const struct stw_migration *one, const char *version)
{
    char *text = stw_db_calloc(one->length + 1, 1);
    memcpy(text, one->sql, one->length);
    bool apart = strncmp(text, STW_MIGRATE_APART, strlen(STW_MIGRATE_APART)) == 0;
    enum stw_code code = apart ? apply_apart(run, one, text) : apply_in_transaction(run, one, text);
    free(text);
    if (code == STW_OK)
        code = record(run, one, version);
    return code != STW_OK ? code : commit(run, one->name);
}

static enum stw_code check_list(const struct run *run, const struct stw_migration *list, int count)
{
    for (int i = 0; i < count; i++) {
        if (list[i].version == i + 1 && memchr(list[i].sql, '\0', list[i].length) == NULL)
            continue;
        explain(run, "%s is out of order or not a text", list[i].name);
        return STW_INTERNAL;
    }
    return STW_OK;
}

enum stw_code stw_migrate(const char *url, const struct stw_migration *list, int count,
                          void (*on_applied)(void *self, const struct stw_migration *one), void *self,
                          char *ret_error, size_t error_size)
{
    struct run run = {.error = ret_error, .error_size = error_size};
    enum stw_code code = check_list(&run, list, count);
    if (code != STW_OK)
        return code;
    code = open_run(&run, url);
    if (code == STW_OK)
        code = prepare(&run);
    if (code == STW_OK)
        code = check_none_beyond(&run, list, count);
    for (int i = 0; i < count && code == STW_OK; i++) {
        char version[16];
        snprintf(version, sizeof version, "%d", list[i].version);
        code = check_applied(&run, &list[i], version);
        if (code != STW_NOT_FOUND)
            continue;
        code = apply(&run, &list[i], version);
        if (code == STW_OK && on_applied != NULL)
            on_applied(self, &list[i]);
    }
    PQfinish(run.pg);
    return code;
}

enum stw_code stw_migrate_version(const char *url, int *ret_version, char *ret_error, size_t error_size)
{
    struct run run = {.error = ret_error, .error_size = error_size};
    enum stw_code code = open_run(&run, url);
    if (code == STW_OK) {
        PGresult *result = PQexec(run.pg, "select coalesce(version, 0) from app.schema_version");
        const char *sqlstate = stw_sqlstate_of(result);
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
            *ret_version = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
            PQclear(result);
        } else if (strcmp(sqlstate, "42P01") == 0 || strcmp(sqlstate, "3F000") == 0) {
            *ret_version = 0; /* never migrated */
            PQclear(result);
        } else {
            code = code_of(&run, "reading the version", result);
        }
    }
    PQfinish(run.pg);
    return code;
}
