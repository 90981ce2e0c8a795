#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "db/internal.h"
#include "db/replica.h"

void *stw_db_calloc(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL) {
        fputs("db: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static char *copy_of(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(stw_db_calloc(size, 1), text, size);
}

static int at_least(int least, int count)
{
    return count > least ? count : least;
}

static void count_connections(struct stw_db *db, const struct stw_db_options *options, int *ret_counts)
{
    ret_counts[STW_POOL_LANES] = at_least(0, options->lanes);
    ret_counts[STW_POOL_QUICK] = at_least(1, options->quick);
    ret_counts[STW_POOL_SLOW] = at_least(0, options->slow);
    ret_counts[STW_POOL_REPLICA] = db->replica != NULL ? at_least(1, options->replica_quick) : 0;
    ret_counts[STW_POOL_REPLICA_SLOW] = db->replica != NULL ? at_least(0, options->replica_slow) : 0;
    for (int kind = 0; kind < STW_POOL_COUNT; kind++)
        db->conn_count += ret_counts[kind];
}

struct stw_db *stw_db_new(const struct stw_db_options *options)
{
    struct stw_db *db = stw_db_calloc(1, sizeof *db);
    db->url = copy_of(options->url);
    db->read_url = copy_of(options->read_url);
    db->replica = options->read_url != NULL ? options->replica : NULL;
    db->application_name = copy_of(options->application_name != NULL ? options->application_name : "steward");
    db->lease_wait_us = options->lease_wait_us;
    db->statement_timeout_us = options->statement_timeout_us;
    int counts[STW_POOL_COUNT];
    count_connections(db, options, counts);
    db->conns = stw_db_calloc((size_t)db->conn_count, sizeof *db->conns);
    if (options->hooks != NULL)
        db->hooks = *options->hooks;
    else
        stw_wait_install_blocking(db);
    int64_t now_us = stw_clock_monotonic_us();
    struct stw_conn *conn = db->conns;
    for (int kind = 0; kind < STW_POOL_COUNT; kind++) {
        struct stw_pool *pool = &db->pools[kind];
        *pool = (struct stw_pool){
            .db = db, .kind = (enum stw_pool_kind)kind, .conns = conn, .count = counts[kind]};
        pool->url = stw_pool_is_replica(pool) ? db->read_url : db->url;
        pool->depth = kind == STW_POOL_LANES ? STW_LANE_DEPTH : 1;
        if (kind == STW_POOL_QUICK || kind == STW_POOL_REPLICA)
            pool->gate = at_least(0, options->reads);
        for (int use = 0; use < STW_USE_COUNT; use++)
            stw_turns_init(&pool->queues[use]);
        for (int i = 0; i < pool->count; i++, conn++) {
            *conn = (struct stw_conn){.db = db, .pool = pool, .fd = -1, .pause_us = STW_PAUSE_FIRST_US};
            conn->last = &conn->first;
            conn->gathered_last = &conn->gathered;
            stw_conn_open(conn, now_us);
        }
    }
    return db;
}

void stw_db_free(struct stw_db *db)
{
    if (db == NULL)
        return;
    for (int i = 0; i < db->conn_count; i++)
        stw_conn_close(&db->conns[i]);
    stw_tickets_free_spares(db);
    free(db->conns);
    free(db->polls);
    free(db->url);
    free(db->read_url);
    free(db->application_name);
    free(db);
}

/* Looks after a connection that drains; says when it wants the next look, 0: never. */
static int64_t tick_draining(struct stw_conn *conn, int64_t now_us)
{
    if (now_us >= conn->drain_us)
        stw_conn_drop(conn);
    else
        stw_drain_step(conn);
    if (conn->state != STW_CONN_UP)
        return conn->retry_us;
    if (!conn->draining)
        return 0;
    /* The helper thread cannot tell us that the cancel request is out. */
    return stw_drain_waits_for_cancel(conn) ? now_us + STW_CANCEL_LOOK_US : conn->drain_us;
}

static int64_t tick_one(struct stw_conn *conn, int64_t now_us)
{
    if (conn->state == STW_CONN_DOWN && now_us >= conn->retry_us)
        stw_conn_open(conn, now_us);
    else if (conn->state == STW_CONN_CONNECTING && now_us >= conn->retry_us)
        stw_conn_drop(conn);
    if (conn->state != STW_CONN_UP)
        return conn->retry_us;
    if (conn->encrypted && conn->first != NULL)
        stw_segment_read(conn);
    if (conn->draining)
        return tick_draining(conn, now_us);
    stw_lane_sync(conn);
    if (conn->gated_us != 0 && now_us >= conn->gated_us + STW_GATE_LIMIT_US) {
        stw_gate_leave(conn);
        stw_pool_pump(conn->pool);
    }
    if (conn->first == NULL)
        return conn->state == STW_CONN_UP ? 0 : conn->retry_us;
    if (conn->pool->kind == STW_POOL_LANES && now_us >= conn->moved_us + STW_LANE_STALL_US) {
        stw_conn_drop(conn);
        return conn->retry_us;
    }
    if (stw_pool_is_replica(conn->pool) && !stw_replica_is_heard(conn->db->replica, now_us)) {
        stw_conn_drop(conn);
        return conn->retry_us;
    }
    if (conn->encrypted)
        return now_us + STW_ENCRYPTED_LOOK_US;
    if (conn->gated_us != 0)
        return conn->gated_us + STW_GATE_LIMIT_US;
    if (stw_pool_is_replica(conn->pool))
        return now_us + STW_REPLICA_LOOK_US;
    return conn->pool->kind == STW_POOL_LANES ? conn->moved_us + STW_LANE_STALL_US : 0;
}

int64_t stw_db_tick(struct stw_db *db, int64_t now_us)
{
    int64_t next = 0;
    for (int i = 0; i < db->conn_count; i++) {
        int64_t one = tick_one(&db->conns[i], now_us);
        if (one != 0 && (next == 0 || one < next))
            next = one;
    }
    return next;
}

bool stw_db_is_ready(const struct stw_db *db)
{
    for (int kind = 0; kind < STW_POOL_REPLICA; kind++)
        if (db->pools[kind].count > 0 && !stw_pool_is_up(&db->pools[kind]))
            return false;
    return true;
}

void stw_db_stats_read(const struct stw_db *db, struct stw_db_stats *ret_stats)
{
    struct stw_db_stats stats = {.connections_max = db->conn_count,
                                 .statements = db->statements,
                                 .reconnects = db->reconnects,
                                 .lease_timeouts = db->lease_timeouts,
                                 .replica_reads = db->replica_reads,
                                 .replica_fallbacks = db->replica_fallbacks};
    for (int i = 0; i < db->conn_count; i++) {
        const struct stw_conn *conn = &db->conns[i];
        stats.connections_up += conn->state == STW_CONN_UP;
        if (conn->pool->kind == STW_POOL_LANES)
            stats.lane_in_flight += conn->users;
        else
            stats.leases_held += conn->users;
    }
    for (int kind = 0; kind < STW_POOL_COUNT; kind++)
        for (int use = 0; use < STW_USE_COUNT; use++)
            stats.leases_waiting += db->pools[kind].queues[use].waiting;
    *ret_stats = stats;
}
