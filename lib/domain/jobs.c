#include "domain/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "db/db.h"
#include "domain/actor_load.h"
#include "domain/import_run.h"

static const struct stw_job_kind *const kinds[] = {&stw_import_job};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

enum stw_code stw_job_add(struct stw_context *ctx, const char *kind, const char *id, const char *input)
{
    static const struct stw_stmt stmt = {.name = "job_add",
                                         .sql = "insert into jobs (org_id, id, kind, input, created_by) "
                                                "values ($1::uuid, $2::uuid, $3, $4::jsonb, $5::uuid)",
                                         .param_count = 5,
                                         .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, id, kind, input, ctx->actor->id};

    return stw_db_run(ctx, &stmt, params, NULL);
}

enum stw_code stw_job_cancel(struct stw_context *ctx, const char *id)
{
    static const struct stw_stmt stmt = {
        .name = "job_cancel",
        .sql = "update jobs set state = 'cancelled', lease_until = null, finished_at = now(), updated_at = "
               "now() "
               "where org_id = $1::uuid and id = $2::uuid and state in ('queued', 'running')",
        .param_count = 2,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, id};

    return stw_db_run(ctx, &stmt, params, NULL);
}

static const struct stw_job_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    }
    return NULL;
}

enum stw_code stw_job_take(struct stw_context *ctx, struct stw_job *ret_job, bool *ret_taken)
{
    static const struct stw_stmt stmt = {
        .name = "job_take",
        .sql = "select t.org_id, t.id, t.kind, t.fence, t.created_by, t.attempts "
               "from app.job_take($1::text[], $2::interval) t",
        .param_count = 2,
        .kind = STW_STMT_WRITE};
    struct stw_buf names;
    struct stw_rows *rows;

    /* a process does what it knows: another one may be newer */
    stw_buf_init(&names, ctx->arena, 64, 4096);
    for (size_t i = 0; i < KIND_COUNT; i++)
        stw_buf_printf(&names, "%c%s", i ? ',' : '{', kinds[i]->name);
    stw_buf_add_char(&names, '}');
    const char *const params[] = {names.data, STW_JOB_LEASE};
    enum stw_code code = stw_db_run(ctx, &stmt, params, &rows);
    if (code != STW_OK)
        return code;
    *ret_taken = stw_rows_count(rows) == 1;
    if (!*ret_taken)
        return STW_OK;
    *ret_job = (struct stw_job){.kind = kind_named(stw_rows_value(rows, 0, 2)),
                                .attempts = (int)stw_rows_number(rows, 0, 5)};
    snprintf(ret_job->org_id, sizeof ret_job->org_id, "%s", stw_rows_text(rows, 0, 0));
    snprintf(ret_job->id, sizeof ret_job->id, "%s", stw_rows_text(rows, 0, 1));
    snprintf(ret_job->fence, sizeof ret_job->fence, "%s", stw_rows_text(rows, 0, 3));
    snprintf(ret_job->created_by, sizeof ret_job->created_by, "%s", stw_rows_text(rows, 0, 4));
    return STW_OK;
}

/* Locks the job until the transaction ends: nobody can take it over in the middle of a step, however long
 * that takes. Should this process freeze there, the database ends its session, and with it the lock. */
static enum stw_code hold(struct stw_context *ctx, struct stw_job *job)
{
    static const struct stw_stmt stmt = {
        .name = "job_hold",
        .sql = "select progress, set_config('idle_in_transaction_session_timeout', '20s', true) from jobs "
               "where org_id = $1::uuid and id = $2::uuid and fence = $3::bigint "
               "and state = 'running' for no key update",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {job->org_id, job->id, job->fence};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, &stmt, params, &rows);

    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0)
        return STW_CONFLICT;
    job->progress = stw_rows_text(rows, 0, 0);
    return STW_OK;
}

/* The heartbeat rides in the step's own transaction: the lease grows by what was really done. */
static enum stw_code store(struct stw_context *ctx, const struct stw_job *job, bool more)
{
    static const struct stw_stmt stmt = {
        .name = "job_store",
        .sql = "update jobs set progress = $4::jsonb, attempts = 0, updated_at = clock_timestamp(), "
               "state = case when $5::boolean then 'running' else 'done' end, "
               "lease_until = case when $5::boolean then clock_timestamp() + $6::interval end, "
               "finished_at = case when not $5::boolean then clock_timestamp() end "
               "where org_id = $1::uuid and id = $2::uuid and fence = $3::bigint",
        .param_count = 6,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {job->org_id,  job->id, job->fence, job->progress, more ? "true" : "false",
                                  STW_JOB_LEASE};

    return stw_db_run(ctx, &stmt, params, NULL);
}

struct step {
    struct stw_job *job;
    bool more;
};

static enum stw_code run_step(struct stw_context *ctx, void *argument)
{
    struct step *step = argument;
    struct stw_job *job = step->job;
    enum stw_code code = hold(ctx, job);

    if (code != STW_OK)
        return code;
    code = stw_actor_load_user(ctx, job->org_id, job->created_by, ctx->arena, &ctx->actor);
    if (code != STW_OK)
        return code == STW_NOT_FOUND ? STW_UNAUTHENTICATED : code;
    code = job->kind->step(ctx, job, &step->more);
    return code == STW_OK ? store(ctx, job, step->more) : code;
}

enum stw_code stw_job_step(struct stw_context *ctx, struct stw_job *job, bool *ret_more)
{
    struct step step = {.job = job};

    snprintf(ctx->org_id, sizeof ctx->org_id, "%s", job->org_id);
    enum stw_code code = stw_tx_run(ctx, run_step, &step, false);
    if (code == STW_OK)
        *ret_more = step.more;
    return code;
}

bool stw_job_may_pass(enum stw_code code)
{
    return code == STW_RETRY || code == STW_OVERLOADED || code == STW_UNAVAILABLE ||
           code == STW_DEADLINE_EXCEEDED || code == STW_OUTCOME_UNKNOWN;
}

struct failure {
    struct stw_job *job;
    enum stw_code why;
};

static enum stw_code run_failure(struct stw_context *ctx, void *argument)
{
    static const struct stw_stmt stmt = {
        .name = "job_fail",
        .sql = "update jobs set state = 'failed', lease_until = null, result = jsonb_build_object('code', "
               "$4::text), "
               "updated_at = clock_timestamp(), finished_at = clock_timestamp() "
               "where org_id = $1::uuid and id = $2::uuid and fence = $3::bigint",
        .param_count = 4,
        .kind = STW_STMT_WRITE};
    const struct failure *failure = argument;
    struct stw_job *job = failure->job;
    const char *const params[] = {job->org_id, job->id, job->fence, stw_code_name(failure->why)};
    enum stw_code code = hold(ctx, job);

    if (code == STW_OK)
        code = stw_db_run(ctx, &stmt, params, NULL);
    return code == STW_OK ? job->kind->fail(ctx, job, failure->why) : code;
}

enum stw_code stw_job_fail(struct stw_context *ctx, struct stw_job *job, enum stw_code why)
{
    struct failure failure = {job, why};

    snprintf(ctx->org_id, sizeof ctx->org_id, "%s", job->org_id);
    return stw_tx_run(ctx, run_failure, &failure, false);
}

enum stw_code stw_job_release(struct stw_context *ctx, const struct stw_job *job, int seconds)
{
    static const struct stw_stmt stmt = {
        .name = "job_release",
        .sql = "update jobs set state = 'queued', lease_until = null, updated_at = clock_timestamp(), "
               "run_after = clock_timestamp() + make_interval(secs => $4::integer) "
               "where org_id = $1::uuid and id = $2::uuid and fence = $3::bigint and state = 'running'",
        .param_count = 4,
        .kind = STW_STMT_WRITE};
    char text[12];

    snprintf(text, sizeof text, "%d", seconds);
    snprintf(ctx->org_id, sizeof ctx->org_id, "%s", job->org_id);
    const char *const params[] = {job->org_id, job->id, job->fence, text};
    return stw_db_run(ctx, &stmt, params, NULL);
}
