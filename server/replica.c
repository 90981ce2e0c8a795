#include "server/replica.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "db/db.h"
#include "domain/startup.h"
#include "resource/actor.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/metrics_process.h"
#include "server/router.h"

#define SECOND_US INT64_C(1000000)
#define LOOK_US   (SECOND_US / 20)
#define LIMIT_US  (SECOND_US / 2) /* of one question, so that a silent primary does not hide the standby */
#define HEADER    "Steward-Position"
#define WORDS_MAX 1024 /* of a trouble */

struct srv_replica {
    struct stw_replica *known;
    struct stw_db *primary, *standby;
    struct stw_arena *arena;
    bool proven;          /* its role can read no table */
    char said[WORDS_MAX]; /* the trouble that was logged; empty: there is none */
    int64_t said_us;      /* when */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

struct stw_replica *srv_replica_known(struct srv_replica *replica)
{
    return replica ? replica->known : NULL;
}

/* ---- the thread ---- */

struct question {
    struct stw_context ctx;
    struct stw_details details;
};

static void begin(const struct srv_replica *replica, struct stw_db *db, struct question *question)
{
    stw_details_init(&question->details, replica->arena);
    question->ctx = (struct stw_context){
        .arena = replica->arena,
        .db = db,
        .details = &question->details,
        .now_us = stw_clock_wall_us(),
    };
}

static bool prove(struct srv_replica *replica, char *error, size_t size)
{
    struct question standby;

    begin(replica, replica->standby, &standby);
    replica->proven = stw_startup_check_role(&standby.ctx, error, size) == STW_OK;
    return replica->proven;
}

static bool look(struct srv_replica *replica, char *error, size_t size)
{
    struct question primary;
    struct question standby;
    enum stw_code code;

    begin(replica, replica->primary, &primary);
    begin(replica, replica->standby, &standby);
    code = stw_replica_look(replica->known, &primary.ctx, &standby.ctx);
    if (code != STW_OK)
        snprintf(error, size, "%s %s%s", stw_code_name(code), primary.details.internal,
                 standby.details.internal);
    return code == STW_OK;
}

/* Logged when it begins and when it becomes another, not twenty times a second. */
static void note_trouble(struct srv_replica *replica, const char *error)
{
    int64_t now_us = stw_clock_monotonic_us();

    if (replica->said[0] && (strcmp(error, replica->said) == 0 || now_us < replica->said_us + SECOND_US))
        return;
    srv_log(SRV_LOG_WARNING, "replica", "the read replica is not used: %s", error);
    snprintf(replica->said, sizeof(replica->said), "%s", error);
    replica->said_us = now_us;
}

static void note(struct srv_replica *replica, bool good, const char *error)
{
    if (!good) {
        note_trouble(replica, error);
        return;
    }
    if (replica->said[0])
        srv_log(SRV_LOG_INFO, "replica", "the read replica answers again");
    replica->said[0] = '\0';
}

/* False when it is time to stop. */
static bool pause_thread(struct srv_replica *replica)
{
    struct timespec until;
    int64_t due_us = stw_clock_monotonic_us() + LOOK_US;
    bool goes_on;

    until.tv_sec = due_us / SECOND_US;
    until.tv_nsec = due_us % SECOND_US * 1000;
    pthread_mutex_lock(&replica->mutex);
    while (!replica->stopping && pthread_cond_timedwait(&replica->wake, &replica->mutex, &until) == 0)
        ;
    goes_on = !replica->stopping;
    pthread_mutex_unlock(&replica->mutex);
    return goes_on;
}

static void *run_thread(void *argument)
{
    struct srv_replica *replica = argument;

    do {
        char error[WORDS_MAX] = "";
        bool good;

        stw_arena_clear(replica->arena);
        good =
            (replica->proven || prove(replica, error, sizeof(error))) && look(replica, error, sizeof(error));
        note(replica, good, error);
    } while (pause_thread(replica));
    return NULL;
}

static struct stw_db *open_db(const char *url)
{
    struct stw_db_options options = {
        .url = url,
        .application_name = "steward-replica",
        .quick = 1,
        .lease_wait_us = LIMIT_US,
        .statement_timeout_us = LIMIT_US,
    };

    return stw_db_new(&options);
}

static void destroy(struct srv_replica *replica)
{
    stw_arena_clear(replica->arena);
    stw_db_free(replica->primary);
    stw_db_free(replica->standby);
    stw_arena_free(replica->arena);
    stw_replica_free(replica->known);
    pthread_cond_destroy(&replica->wake);
    pthread_mutex_destroy(&replica->mutex);
    free(replica);
}

struct srv_replica *srv_replica_start(const struct srv_config *config)
{
    struct srv_replica *replica = calloc(1, sizeof(*replica));
    pthread_condattr_t monotonic;

    if (!replica)
        return NULL;
    pthread_mutex_init(&replica->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&replica->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    replica->known = stw_replica_new((int64_t)config->database_read_lag_ms * 1000);
    replica->arena = stw_arena_new((size_t)1 << 20);
    replica->primary = open_db(config->database_url);
    replica->standby = open_db(config->database_read_url);
    if (pthread_create(&replica->thread, NULL, run_thread, replica) == 0)
        return replica;
    destroy(replica);
    return NULL;
}

void srv_replica_stop(struct srv_replica *replica)
{
    if (!replica)
        return;
    pthread_mutex_lock(&replica->mutex);
    replica->stopping = true;
    pthread_cond_signal(&replica->wake);
    pthread_mutex_unlock(&replica->mutex);
    pthread_join(replica->thread, NULL);
    destroy(replica);
}

/* ---- requests ---- */

enum stw_code srv_replica_open(struct srv_request *request)
{
    struct stw_replica *known = srv_replica_known(srv_loop_server(request->loop)->replica);
    const char *header = srv_request_header(request, HEADER);
    struct stw_trail *trail = &request->trail;
    uint64_t given = 0;

    if (header && !stw_position_parse(header, &given)) {
        stw_details_add(request->ctx.details, STW_AT_HEADER, HEADER, STW_INVALID_FORMAT, NULL, NULL);
        return STW_INVALID_PARAMETER;
    }
    if (!known)
        return STW_OK;
    trail->may_lag = request->route->flags & SRV_ROUTE_MAY_LAG;
    trail->seen = stw_replica_seen(known, request->ctx.actor->id);
    if (given > trail->seen)
        trail->seen = given;
    request->ctx.trail = trail;
    return STW_OK;
}

void srv_replica_close(struct srv_request *request, struct srv_reply *reply)
{
    const struct stw_trail *trail = request->ctx.trail;
    char text[STW_POSITION_TEXT];

    if (!trail || (!trail->wrote && !trail->in_doubt))
        return;
    stw_replica_keep(srv_replica_known(srv_loop_server(request->loop)->replica), request->ctx.actor->id,
                     trail);
    if (!trail->wrote)
        return;
    stw_position_write(trail->wrote, text);
    srv_reply_header(reply, HEADER, text);
}

void srv_replica_metrics(const struct srv_replica *replica, struct stw_buf *out)
{
    int64_t lag_us = replica ? stw_replica_lag_us(replica->known) : -1;

    if (lag_us < 0)
        return;
    srv_metrics_family(out, "steward_db_replica_lag_seconds", "gauge",
                       "Age of the state that the read replica is known to hold.");
    stw_buf_printf(out, "steward_db_replica_lag_seconds %" PRId64 ".%06" PRId64 "\n", lag_us / SECOND_US,
                   lag_us % SECOND_US);
}
