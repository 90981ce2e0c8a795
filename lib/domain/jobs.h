#ifndef STW_DOMAIN_JOBS_H
#define STW_DOMAIN_JOBS_H

#include <stdbool.h>

#include "core/context.h"

/*
 * Work that goes on after the answer. A job is a row; whoever takes it holds it for the length of a lease and
 * does it step by step. Each step is one transaction that first makes sure the job is still ours (its fence
 * is the one we took it with) and locks it, and that ends by writing how far the job got: a worker that was
 * killed, or overtaken, has either done a step whole or not at all, and the next goes on right behind it.
 *
 * A step runs as the user who asked for the job, with the rights they have then.
 */
#define STW_JOB_LEASE    "30 seconds"
#define STW_JOB_ATTEMPTS 20 /* takings without a step done in between; then the job has failed */

struct stw_job_kind;

struct stw_job {
    const struct stw_job_kind *kind;
    char org_id[37];
    char id[37];
    char fence[24];
    char created_by[37];
    int attempts;
    struct stw_arena *arena; /* lives as long as the job is held */
    const char *progress;    /* JSON, as the last step left it; a step sets its own */
    void *memory; /* the kind's: what it need not read again; in `arena`, may be lost at any time */
};

struct stw_job_kind {
    const char *name;
    /* One step; may run twice. `ret_more` false: the job is done. Codes that may pass leave the job for
     * later, any other one fails it. */
    enum stw_code (*step)(struct stw_context *ctx, struct stw_job *job, bool *ret_more);
    /* The job has failed by `why`; in the transaction that says so. STW_UNAUTHENTICATED: who asked is no
     * longer active. */
    enum stw_code (*fail)(struct stw_context *ctx, const struct stw_job *job, enum stw_code why);
};

/* Puts a job into the queue, in the transaction of ctx, as ctx->actor, who must be a user. `input` is JSON.
 */
enum stw_code stw_job_add(struct stw_context *ctx, const char *kind, const char *id,
                          const char *input) STW_MUST_CHECK;
/* Takes a job that has not ended out of the queue; waits for a step that is running. In a transaction. */
enum stw_code stw_job_cancel(struct stw_context *ctx, const char *id) STW_MUST_CHECK;

/* The next due job of any organisation; `ret_taken` false: none. */
enum stw_code stw_job_take(struct stw_context *ctx, struct stw_job *ret_job, bool *ret_taken) STW_MUST_CHECK;
/* One step of a job that was taken, ended with it when it was the last. STW_CONFLICT: the job is no longer
 * ours. */
enum stw_code stw_job_step(struct stw_context *ctx, struct stw_job *job, bool *ret_more) STW_MUST_CHECK;
/* Whether what ended a step is a matter of time and not of the job. */
bool stw_job_may_pass(enum stw_code code);
/* Ends the job as failed. */
enum stw_code stw_job_fail(struct stw_context *ctx, struct stw_job *job, enum stw_code why) STW_MUST_CHECK;
/* Gives the job back, to be taken again after that many seconds. */
enum stw_code stw_job_release(struct stw_context *ctx, const struct stw_job *job, int seconds) STW_MUST_CHECK;

#endif
