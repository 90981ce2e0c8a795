/*
 * The server with named places at which it can be made to die, for ./dev faults: linked around functions that
 * lie where a request, a job or a commit passes from one layer to the next. So the libraries are those of the
 * real server, which has nothing of this.
 *
 * STEWARD_TEST_CRASH_POINT=commit.sent:7 kills the process, as kill -9 does, when it comes there for the
 * seventh time after SIGUSR1.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/internal.h"
#include "domain/jobs.h"
#include "resource/repeat.h"
#include "server/handle.h"

/* ld --wrap gives the names: PLACE(type, function, parameters) begins what stands around a function. */
#define PLACE(type, function, ...)                                                                           \
    type __real_##function(__VA_ARGS__);                                                                     \
    type __wrap_##function(__VA_ARGS__);                                                                     \
    type __wrap_##function(__VA_ARGS__)

#define WRITERS 256

static char point[64]; /* "": none */
static atomic_long left;
static volatile sig_atomic_t armed;

static void arm(int number)
{
    (void)number;
    armed = 1;
}

__attribute__((constructor)) static void prepare(void)
{
    const char *text = getenv("STEWARD_TEST_CRASH_POINT");
    const char *colon = text ? strchr(text, ':') : NULL;

    if (!colon)
        return;
    snprintf(point, sizeof point, "%.*s", (int)(colon - text), text);
    atomic_store(&left, atol(colon + 1));
    signal(SIGUSR1, arm);
}

static void reach(const char *name)
{
    if (!armed || strcmp(point, name) != 0 || atomic_fetch_sub(&left, 1) != 1)
        return;
    dprintf(STDERR_FILENO, "crash point %s\n", name);
    kill(getpid(), SIGKILL);
    pause();
}

/* ---- a commit: its Sync goes out, its Sync comes back ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const PGconn *writers[WRITERS]; /* connections with a commit on its way */

/* Puts `to` where `from` stands; false when that is nowhere. */
static bool exchange(const PGconn *from, const PGconn *to)
{
    int i = 0;

    pthread_mutex_lock(&mutex);
    while (i < WRITERS && writers[i] != from)
        i++;
    if (i < WRITERS)
        writers[i] = to;
    pthread_mutex_unlock(&mutex);
    return i < WRITERS;
}

PLACE(struct stw_ticket *, stw_segment_send, struct stw_conn *conn, const struct stw_segment *segment)
{
    struct stw_ticket *ticket;

    if (!segment->writes || !conn->pg)
        return __real_stw_segment_send(conn, segment);
    reach("commit.before");
    if (!exchange(conn->pg, conn->pg))
        exchange(NULL, conn->pg);
    ticket = __real_stw_segment_send(conn, segment);
    reach("commit.sent");
    return ticket;
}

PLACE(PGresult *, PQgetResult, PGconn *conn)
{
    PGresult *result = __real_PQgetResult(conn);

    if (result && PQresultStatus(result) == PGRES_PIPELINE_SYNC && exchange(conn, NULL))
        reach("commit.answered");
    return result;
}

/* ---- within a transaction ---- */

PLACE(enum stw_code, stw_tx_calls, struct stw_context *ctx, struct stw_call *calls, int count, bool keep)
{
    enum stw_code code = __real_stw_tx_calls(ctx, calls, count, keep);

    reach("transaction.statement");
    return code;
}

PLACE(enum stw_code, stw_repeat_find, struct stw_context *ctx, const struct stw_repeat *repeat,
      struct stw_answer *ret_answer, bool *ret_found)
{
    enum stw_code code = __real_stw_repeat_find(ctx, repeat, ret_answer, ret_found);

    reach("key.looked_up");
    return code;
}

PLACE(enum stw_code, stw_repeat_store, struct stw_context *ctx, const struct stw_repeat *repeat,
      const struct stw_answer *answer)
{
    reach("key.effect_made");
    return __real_stw_repeat_store(ctx, repeat, answer);
}

/* ---- a request, a job ---- */

PLACE(void, srv_handle, struct srv_request *request, struct srv_reply *reply)
{
    reach("request.complete");
    __real_srv_handle(request, reply);
    reach("request.handled");
}

PLACE(enum MHD_Result, MHD_queue_response, struct MHD_Connection *connection, unsigned int status,
      struct MHD_Response *response)
{
    enum MHD_Result result = __real_MHD_queue_response(connection, status, response);

    reach("answer.queued");
    return result;
}

PLACE(enum stw_code, stw_job_take, struct stw_context *ctx, struct stw_job *ret_job, bool *ret_taken)
{
    enum stw_code code = __real_stw_job_take(ctx, ret_job, ret_taken);

    if (code == STW_OK && *ret_taken)
        reach("job.taken");
    return code;
}

PLACE(enum stw_code, stw_job_step, struct stw_context *ctx, struct stw_job *job, bool *ret_more)
{
    enum stw_code code = __real_stw_job_step(ctx, job, ret_more);

    reach("job.stepped");
    return code;
}
