#include <stddef.h>

#include "core/clock.h"
#include "db/internal.h"

bool stw_pool_is_up(const struct stw_pool *pool)
{
    for (int i = 0; i < pool->count; i++)
        if (pool->conns[i].state == STW_CONN_UP)
            return true;
    return false;
}

/* The least busy; the first of equals, so that a quiet server keeps few backends warm. */
static struct stw_conn *pick(const struct stw_pool *pool)
{
    struct stw_conn *best = NULL;
    for (int i = 0; i < pool->count; i++) {
        struct stw_conn *conn = &pool->conns[i];
        if (conn->state == STW_CONN_UP && !conn->doomed && conn->users < pool->depth &&
            (best == NULL || conn->users < best->users))
            best = conn;
    }
    return best;
}

static void grant(struct stw_conn *conn, enum stw_use use)
{
    conn->users++;
    if (use == STW_USE_GATED && conn->pool->gate > 0) {
        conn->pool->gated++;
        conn->gated_us = stw_clock_monotonic_us();
    }
}

void stw_gate_leave(struct stw_conn *conn)
{
    if (conn->gated_us == 0)
        return;
    conn->gated_us = 0;
    conn->pool->gated--;
}

static bool is_open(const struct stw_pool *pool, enum stw_use use)
{
    return use == STW_USE_FREE || pool->gate == 0 || pool->gated < pool->gate;
}

/* Reads first: the gate leaves connections to the others, who would not leave any to them. */
void stw_pool_pump(struct stw_pool *pool)
{
    for (int use = STW_USE_COUNT - 1; use >= 0; use--)
        while (pool->queues[use].waiting > 0 && is_open(pool, (enum stw_use)use)) {
            struct stw_conn *conn = pick(pool);
            if (conn == NULL)
                return;
            struct stw_waiter *waiter = (struct stw_waiter *)stw_turns_take(&pool->queues[use]);
            grant(conn, (enum stw_use)use);
            waiter->conn = conn;
            waiter->epoch = conn->epoch;
            stw_wake(pool->db, &waiter->sleeper);
        }
}

void stw_pool_dismiss(struct stw_pool *pool)
{
    for (int use = 0; use < STW_USE_COUNT; use++)
        while (pool->queues[use].waiting > 0) {
            struct stw_waiter *waiter = (struct stw_waiter *)stw_turns_take(&pool->queues[use]);
            stw_wake(pool->db, &waiter->sleeper);
        }
}

static bool wait_for_grant(struct stw_context *ctx, struct stw_pool *pool, enum stw_use use, int64_t limit_us,
                           struct stw_lease *ret_lease)
{
    struct stw_waiter waiter = {0};
    stw_turns_add(&pool->queues[use], &waiter.turn, ctx->org_id);
    stw_sleep(pool->db, &waiter.sleeper, limit_us);
    if (waiter.conn == NULL) {
        stw_turns_leave(&pool->queues[use], &waiter.turn);
        return false;
    }
    *ret_lease = (struct stw_lease){waiter.conn, waiter.epoch};
    return true;
}

bool stw_lease_is_alive(const struct stw_lease *lease)
{
    return lease->conn != NULL && lease->conn->epoch == lease->epoch && lease->conn->state == STW_CONN_UP;
}

enum stw_code stw_lease_get(struct stw_context *ctx, struct stw_pool *pool, enum stw_use use,
                            struct stw_lease *ret_lease)
{
    struct stw_db *db = pool->db;
    int64_t limit_us = stw_clock_monotonic_us() + db->lease_wait_us;
    if (ctx->deadline_us != 0 && ctx->deadline_us < limit_us)
        limit_us = ctx->deadline_us;
    for (;;) {
        struct stw_lease lease;
        /* The primary is worth waiting for; instead of the standby there is the primary. */
        if (stw_pool_is_replica(pool) && !stw_pool_is_up(pool)) {
            stw_db_explain(ctx, "no connection to the standby");
            return STW_UNAVAILABLE;
        }
        struct stw_conn *conn = pool->queues[use].waiting == 0 && is_open(pool, use) ? pick(pool) : NULL;
        if (conn != NULL) {
            grant(conn, use);
            lease = (struct stw_lease){conn, conn->epoch};
        } else if (!wait_for_grant(ctx, pool, use, limit_us, &lease)) {
            if (stw_pool_is_replica(pool) && !stw_pool_is_up(pool))
                continue;
            db->lease_timeouts++;
            bool up = stw_pool_is_up(pool);
            stw_db_explain(ctx, up ? "no lease in time" : "no connection to the database");
            return up ? STW_OVERLOADED : STW_UNAVAILABLE;
        }
        /* It may have died while idle without anybody looking; a write must not learn that by being in doubt.
         */
        if (pool->kind != STW_POOL_LANES && stw_lease_is_alive(&lease))
            stw_segment_read(lease.conn);
        if (stw_lease_is_alive(&lease)) {
            *ret_lease = lease;
            return STW_OK;
        }
    }
}

void stw_lease_put(const struct stw_lease *lease)
{
    struct stw_conn *conn = lease->conn;
    if (!stw_lease_is_alive(lease))
        return;
    conn->users--;
    stw_gate_leave(conn);
    if (conn->pool->kind != STW_POOL_LANES &&
        (conn->doomed || conn->first != NULL || PQtransactionStatus(conn->pg) != PQTRANS_IDLE))
        stw_conn_drop(conn);
    else
        stw_pool_pump(conn->pool);
}
