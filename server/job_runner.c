#include "server/job_runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "db/db.h"
#include "db/replica.h"
#include "domain/jobs.h"
#include "server/log.h"

#define SECOND_US    INT64_C(1000000)
#define POLL_US      (SECOND_US / 2)
#define STEP_US      (25 * SECOND_US) /* shorter than a lease */
#define STATEMENT_US (10 * SECOND_US)
#define PAUSE_MOST   30 /* seconds until a job that could not go on is tried again */
#define ARENA_CAP    ((size_t)256 << 20)

struct srv_job_runner {
    const struct stw_engine *engine;
    struct stw_replica *replica; /* NULL: there is none */
    struct stw_db *db;
    struct stw_arena *arena;     /* of one step */
    struct stw_arena *job_arena; /* of one job */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    bool trouble; /* has been logged */
};

static void begin_context(struct srv_job_runner *runner, struct stw_context *ctx, struct stw_details *details)
{
    stw_arena_clear(runner->arena);
    stw_details_init(details, runner->arena);
    *ctx = (struct stw_context){
        .arena = runner->arena,
        .db = runner->db,
        .engine = runner->engine,
        .details = details,
        .now_us = stw_clock_wall_us(),
        .deadline_us = stw_clock_monotonic_us() + STEP_US,
    };
}

static bool is_stopping(struct srv_job_runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool stopping = runner->stopping;
    pthread_mutex_unlock(&runner->mutex);
    return stopping;
}

static void release(struct srv_job_runner *runner, const struct stw_job *job, int seconds)
{
    struct stw_context ctx;
    struct stw_details details;

    begin_context(runner, &ctx, &details);
    /* should that fail, the lease runs out by itself */
    if (stw_job_release(&ctx, job, seconds) != STW_OK)
        srv_log(SRV_LOG_WARNING, "jobs", "job %s cannot be given back: %s", job->id, details.internal);
}

static void fail(struct srv_job_runner *runner, struct stw_job *job, enum stw_code why)
{
    struct stw_context ctx;
    struct stw_details details;

    begin_context(runner, &ctx, &details);
    if (stw_job_fail(&ctx, job, why) != STW_OK)
        srv_log(SRV_LOG_WARNING, "jobs", "job %s cannot be ended: %s", job->id, details.internal);
}

/* A step came to nothing. */
static void give_up(struct srv_job_runner *runner, struct stw_job *job, enum stw_code code,
                    const struct stw_details *details)
{
    if (code == STW_CONFLICT) {
        srv_log(SRV_LOG_INFO, "jobs", "job %s was cancelled or taken over", job->id);
    } else if (stw_job_may_pass(code)) {
        srv_log(SRV_LOG_WARNING, "jobs", "job %s waits: %s %s", job->id, stw_code_name(code),
                details->internal);
        release(runner, job, job->attempts < PAUSE_MOST ? job->attempts : PAUSE_MOST);
    } else {
        srv_log(SRV_LOG_WARNING, "jobs", "job %s failed: %s %s", job->id, stw_code_name(code),
                details->internal);
        fail(runner, job, code);
    }
}

static void run_job(struct srv_job_runner *runner, struct stw_job *job)
{
    struct stw_context ctx;
    struct stw_details details;
    bool more = true;

    stw_arena_clear(runner->job_arena);
    job->arena = runner->job_arena;
    if (job->attempts > STW_JOB_ATTEMPTS) {
        fail(runner, job, STW_INTERNAL);
        return;
    }
    while (more) {
        if (is_stopping(runner)) {
            release(runner, job, 0);
            return;
        }
        begin_context(runner, &ctx, &details);
        struct stw_trail trail = {0};
        ctx.trail = runner->replica ? &trail : NULL;
        enum stw_code code = stw_job_step(&ctx, job, &more);
        /* Who asked for the job looks at what it did as at writes of their own. */
        if (runner->replica)
            stw_replica_keep(runner->replica, job->created_by, &trail);
        if (code != STW_OK) {
            give_up(runner, job, code, &details);
            return;
        }
    }
    srv_log(SRV_LOG_INFO, "jobs", "job %s (%s) is done", job->id, job->kind->name);
}

/* Takes and does the next job; false when none is due. */
static bool run_next(struct srv_job_runner *runner)
{
    struct stw_context ctx;
    struct stw_details details;
    struct stw_job job;
    bool taken = false;

    begin_context(runner, &ctx, &details);
    enum stw_code code = stw_job_take(&ctx, &job, &taken);
    /* once per trouble, not twice a second */
    if (code != STW_OK && !runner->trouble)
        srv_log(SRV_LOG_WARNING, "jobs", "no job can be taken: %s %s", stw_code_name(code), details.internal);
    runner->trouble = code != STW_OK;
    if (code != STW_OK || !taken)
        return false;
    run_job(runner, &job);
    return true;
}

/* False when it is time to stop. */
static bool pause_thread(struct srv_job_runner *runner)
{
    struct timespec until;
    int64_t due_us = stw_clock_monotonic_us() + POLL_US;

    until.tv_sec = due_us / SECOND_US;
    until.tv_nsec = due_us % SECOND_US * 1000;
    pthread_mutex_lock(&runner->mutex);
    while (!runner->stopping && pthread_cond_timedwait(&runner->wake, &runner->mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&runner->mutex);
    return !is_stopping(runner);
}

static void *run_thread(void *argument)
{
    struct srv_job_runner *runner = argument;

    do {
        while (!is_stopping(runner) && run_next(runner))
            ;
    } while (pause_thread(runner));
    return NULL;
}

static void destroy(struct srv_job_runner *runner)
{
    stw_arena_clear(runner->arena);
    stw_db_free(runner->db);
    stw_arena_free(runner->arena);
    stw_arena_free(runner->job_arena);
    pthread_cond_destroy(&runner->wake);
    pthread_mutex_destroy(&runner->mutex);
    free(runner);
}

struct srv_job_runner *srv_job_runner_start(const char *database_url, const struct stw_engine *engine,
                                            struct stw_replica *replica)
{
    struct srv_job_runner *runner = calloc(1, sizeof(*runner));
    struct stw_db_options options = {
        .url = database_url,
        .application_name = "steward-jobs",
        .quick = 1,
        .lease_wait_us = 5 * SECOND_US,
        .statement_timeout_us = STATEMENT_US,
    };
    pthread_condattr_t monotonic;

    if (!runner)
        return NULL;
    runner->engine = engine;
    runner->replica = replica;
    pthread_mutex_init(&runner->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&runner->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    runner->arena = stw_arena_new(ARENA_CAP);
    runner->job_arena = stw_arena_new(ARENA_CAP);
    runner->db = stw_db_new(&options);
    if (pthread_create(&runner->thread, NULL, run_thread, runner) == 0)
        return runner;
    destroy(runner);
    return NULL;
}

void srv_job_runner_stop(struct srv_job_runner *runner)
{
    if (!runner)
        return;
    pthread_mutex_lock(&runner->mutex);
    runner->stopping = true;
    pthread_cond_signal(&runner->wake);
    pthread_mutex_unlock(&runner->mutex);
    pthread_join(runner->thread, NULL);
    destroy(runner);
}
