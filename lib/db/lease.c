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

void stw_pool_pump(struct stw_pool *pool)
{
    while (pool->first != NULL) {
        struct stw_conn *conn = pick(pool);
        if (conn == NULL)
            return;
        struct stw_waiter *waiter = pool->first;
        pool->first = waiter->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        pool->waiting--;
        conn->users++;
        waiter->conn = conn;
        waiter->epoch = conn->epoch;
        stw_wake(pool->db, &waiter->sleeper);
    }
}

static void leave_queue(struct stw_pool *pool, const struct stw_waiter *waiter)
{
    for (struct stw_waiter **at = &pool->first; *at != NULL; at = &(*at)->next) {
        if (*at != waiter)
            continue;
        *at = waiter->next;
        if (waiter->next == NULL)
            pool->last = at;
        pool->waiting--;
        return;
    }
}

static bool wait_for_grant(struct stw_pool *pool, int64_t limit_us, struct stw_lease *ret_lease)
{
    struct stw_waiter waiter = {0};
    *pool->last = &waiter;
    pool->last = &waiter.next;
    pool->waiting++;
    stw_sleep(pool->db, &waiter.sleeper, limit_us);
    if (waiter.conn == NULL) {
        leave_queue(pool, &waiter);
        return false;
    }
    *ret_lease = (struct stw_lease){waiter.conn, waiter.epoch};
    return true;
}

bool stw_lease_is_alive(const struct stw_lease *lease)
{
    return lease->conn != NULL && lease->conn->epoch == lease->epoch && lease->conn->state == STW_CONN_UP;
}

enum stw_code stw_lease_get(struct stw_context *ctx, struct stw_pool *pool, struct stw_lease *ret_lease)
{
    struct stw_db *db = pool->db;
    int64_t limit_us = stw_clock_monotonic_us() + db->lease_wait_us;
    if (ctx->deadline_us != 0 && ctx->deadline_us < limit_us)
        limit_us = ctx->deadline_us;
    for (;;) {
        struct stw_lease lease;
        struct stw_conn *conn = pool->first == NULL ? pick(pool) : NULL;
        if (conn != NULL) {
            conn->users++;
            lease = (struct stw_lease){conn, conn->epoch};
        } else if (!wait_for_grant(pool, limit_us, &lease)) {
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
    if (conn->pool->kind != STW_POOL_LANES &&
        (conn->doomed || conn->first != NULL || PQtransactionStatus(conn->pg) != PQTRANS_IDLE))
        stw_conn_drop(conn);
    else
        stw_pool_pump(conn->pool);
}
