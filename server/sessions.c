#include "server/sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "db/db.h"
#include "domain/upkeep.h"
#include "server/log.h"

#define SECOND_US INT64_C(1000000)
#define POLL_US   (SECOND_US / 4)
#define FRESH_US  SECOND_US
#define LIMIT_US                                                                                             \
    (SECOND_US / 2) /* of one statement, so that a slow one leaves time for another within the second */
#define FORGET_US  (600 * SECOND_US)
#define EXTEND_US  (86400 * SECOND_US)
#define ANSWERS_US SECOND_US
#define REPEAT_US  (60 * SECOND_US) /* after a failure of the above */
#define MISSING_US                                                                                           \
    (1800 * SECOND_US) /* rows of the last hour are kept: after half of it nothing is certain */
#define SLOTS 4096     /* a power of two */

struct srv_sessions {
    _Atomic uint64_t slots[SLOTS];
    _Atomic uint64_t all;    /* part of every stamp */
    _Atomic int64_t read_us; /* monotonic: when the last read that succeeded began; 0: none yet */
    struct stw_db *db;
    struct stw_arena *arena;
    char since[24];                           /* xid8: changes of earlier transactions have been seen */
    int64_t forget_us, extend_us, answers_us; /* when they are due */
    bool trouble;                             /* has been logged */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

static unsigned slot_of(const char *org_id)
{
    uint32_t hash = 2166136261U;

    for (; *org_id; org_id++)
        hash = (hash ^ (unsigned char)*org_id) * 16777619U;
    return (hash ^ hash >> 16) & (SLOTS - 1);
}

bool srv_sessions_fresh(const struct srv_sessions *sessions)
{
    int64_t read_us = sessions ? atomic_load_explicit(&sessions->read_us, memory_order_acquire) : 0;

    return read_us != 0 && stw_clock_monotonic_us() - read_us <= FRESH_US;
}

uint64_t srv_sessions_stamp(const struct srv_sessions *sessions, const char *org_id)
{
    if (!sessions)
        return 0;
    /* Both only grow, so the sum differs as soon as one of them does. */
    return atomic_load_explicit(&sessions->slots[slot_of(org_id)], memory_order_acquire) +
           atomic_load_explicit(&sessions->all, memory_order_acquire);
}

void srv_sessions_changed(struct srv_sessions *sessions, const char *org_id)
{
    if (sessions)
        atomic_fetch_add_explicit(&sessions->slots[slot_of(org_id)], 1, memory_order_release);
}

void srv_sessions_all_changed(struct srv_sessions *sessions)
{
    atomic_fetch_add_explicit(&sessions->all, 1, memory_order_release);
}

static void begin_context(struct srv_sessions *sessions, struct stw_context *ctx, struct stw_details *details)
{
    stw_arena_clear(sessions->arena);
    stw_details_init(details, sessions->arena);
    *ctx = (struct stw_context){
        .arena = sessions->arena,
        .db = sessions->db,
        .details = details,
        .now_us = stw_clock_wall_us(),
        .deadline_us = stw_clock_monotonic_us() + LIMIT_US,
    };
}

/* Logged once per trouble, not four times a second. */
static void note(struct srv_sessions *sessions, enum stw_code code, const struct stw_details *details)
{
    if (code != STW_OK && !sessions->trouble)
        srv_log(SRV_LOG_WARNING, "sessions",
                "session changes cannot be read, cached tokens are not trusted: %s %s", stw_code_name(code),
                details->internal);
    else if (code == STW_OK && sessions->trouble)
        srv_log(SRV_LOG_INFO, "sessions", "session changes are read again");
    sessions->trouble = code != STW_OK;
}

static void apply(struct srv_sessions *sessions, const struct stw_rows *rows)
{
    const char *next = NULL;

    for (int i = 0; i < stw_rows_count(rows); i++) {
        const char *org_id = stw_rows_text(rows, i, 0);

        if (org_id)
            srv_sessions_changed(sessions, org_id);
        else
            next = stw_rows_text(rows, i, 1);
    }
    if (!next)
        return;
    /* Transaction numbers went back: another database (restored, failed over) speaks, and what it changed
     * before now was not asked for. */
    if (sessions->since[0] && strtoull(next, NULL, 10) < strtoull(sessions->since, NULL, 10))
        srv_sessions_all_changed(sessions);
    snprintf(sessions->since, sizeof(sessions->since), "%s", next);
}

static void poll_changes(struct srv_sessions *sessions)
{
    int64_t begun_us = stw_clock_monotonic_us();
    int64_t last_us = atomic_load_explicit(&sessions->read_us, memory_order_relaxed);
    struct stw_context ctx;
    struct stw_details details;
    struct stw_rows *rows;
    enum stw_code code;

    begin_context(sessions, &ctx, &details);
    code = stw_upkeep_auth_changes(&ctx, sessions->since[0] ? sessions->since : NULL, &rows);
    note(sessions, code, &details);
    if (code != STW_OK)
        return;
    if (last_us && begun_us - last_us > MISSING_US)
        srv_sessions_all_changed(sessions);
    apply(sessions, rows);
    /* After the stamps, so that whoever sees it fresh sees them too. */
    atomic_store_explicit(&sessions->read_us, begun_us, memory_order_release);
}

static void run_due(struct srv_sessions *sessions, enum stw_code (*work)(struct stw_context *ctx),
                    int64_t pause_us, int64_t *due_us)
{
    struct stw_context ctx;
    struct stw_details details;
    enum stw_code code;

    if (stw_clock_monotonic_us() < *due_us)
        return;
    begin_context(sessions, &ctx, &details);
    code = work(&ctx);
    if (code != STW_OK)
        srv_log(SRV_LOG_WARNING, "sessions", "upkeep failed: %s %s", stw_code_name(code), details.internal);
    *due_us = stw_clock_monotonic_us() + (code == STW_OK ? pause_us : REPEAT_US);
}

/* False when it is time to stop. */
static bool pause_thread(struct srv_sessions *sessions)
{
    struct timespec until;
    int64_t due_us = stw_clock_monotonic_us() + POLL_US;
    bool goes_on;

    until.tv_sec = due_us / SECOND_US;
    until.tv_nsec = due_us % SECOND_US * 1000;
    pthread_mutex_lock(&sessions->mutex);
    while (!sessions->stopping && pthread_cond_timedwait(&sessions->wake, &sessions->mutex, &until) == 0)
        ;
    goes_on = !sessions->stopping;
    pthread_mutex_unlock(&sessions->mutex);
    return goes_on;
}

static void *run_thread(void *argument)
{
    struct srv_sessions *sessions = argument;

    do {
        poll_changes(sessions);
        if (srv_sessions_fresh(sessions)) {
            run_due(sessions, stw_upkeep_extend, EXTEND_US, &sessions->extend_us);
            run_due(sessions, stw_upkeep_forget, FORGET_US, &sessions->forget_us);
            run_due(sessions, stw_upkeep_forget_answers, ANSWERS_US, &sessions->answers_us);
        }
    } while (pause_thread(sessions));
    return NULL;
}

struct srv_sessions *srv_sessions_start(const char *database_url)
{
    struct srv_sessions *sessions = calloc(1, sizeof(*sessions));
    struct stw_db_options options = {
        .url = database_url,
        .application_name = "steward-sessions",
        .quick = 1,
        .lease_wait_us = LIMIT_US,
        .statement_timeout_us = LIMIT_US,
    };
    pthread_condattr_t monotonic;

    if (!sessions)
        return NULL;
    pthread_mutex_init(&sessions->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sessions->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sessions->arena = stw_arena_new((size_t)64 << 20);
    sessions->db = stw_db_new(&options);
    if (pthread_create(&sessions->thread, NULL, run_thread, sessions) == 0)
        return sessions;
    stw_db_free(sessions->db);
    stw_arena_free(sessions->arena);
    free(sessions);
    return NULL;
}

void srv_sessions_stop(struct srv_sessions *sessions)
{
    if (!sessions)
        return;
    pthread_mutex_lock(&sessions->mutex);
    sessions->stopping = true;
    pthread_cond_signal(&sessions->wake);
    pthread_mutex_unlock(&sessions->mutex);
    pthread_join(sessions->thread, NULL);
    stw_arena_clear(sessions->arena);
    stw_db_free(sessions->db);
    stw_arena_free(sessions->arena);
    pthread_cond_destroy(&sessions->wake);
    pthread_mutex_destroy(&sessions->mutex);
    free(sessions);
}
