#ifndef SRV_JOB_RUNNER_H
#define SRV_JOB_RUNNER_H

struct stw_engine;
struct stw_replica;

/* One thread that takes jobs (domain/jobs.h) and does them step by step, over a connection of its own. A job
 * whose worker died is taken when its lease has run out; one that this process has in hand when it stops is
 * given back behind its last step. */
struct srv_job_runner;

/* NULL when it cannot be started. The engine must outlive it, and so must `replica`, which may be NULL. */
struct srv_job_runner *srv_job_runner_start(const char *database_url, const struct stw_engine *engine,
                                            struct stw_replica *replica);
/* Waits for the step that is running; NULL is allowed. */
void srv_job_runner_stop(struct srv_job_runner *runner);

#endif
