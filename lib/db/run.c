#include <stddef.h>
#include <string.h>

#include "core/clock.h"
#include "db/internal.h"
#include "db/replica.h"

static const struct stw_stmt where_stmt = {
    .name = "stw_where", .sql = "select pg_current_wal_insert_lsn()", .kind = STW_STMT_READ};

/* Behind the Sync of what commits, so that whatever becomes of it the commit stands as it stands. */
static struct stw_ticket *ask_where(struct stw_conn *conn)
{
    static const struct stw_call call = {.stmt = &where_stmt};
    static const struct stw_segment segment = {.calls = &call, .count = 1};
    return stw_segment_send(conn, &segment);
}

static uint64_t read_where(const struct stw_ticket *ticket)
{
    const struct stw_step *step = ticket->count > 0 ? &ticket->steps[ticket->count - 1] : NULL;
    uint64_t position = 0;
    if (step == NULL || !ticket->synced || step->result == NULL || PQntuples(step->result) != 1 ||
        !stw_position_parse(PQgetvalue(step->result, 0, 0), &position))
        return 0;
    return position;
}

enum stw_flow stw_segment_run(struct stw_db *db, const struct stw_lease *lease,
                              const struct stw_segment *segment, int64_t limit_us,
                              struct stw_ticket **ret_ticket)
{
    if (!stw_lease_is_alive(lease))
        return STW_FLOW_UNSENT;
    struct stw_ticket *ticket = stw_segment_send(lease->conn, segment);
    if (ticket == NULL)
        return STW_FLOW_UNSENT;
    struct stw_ticket *where = segment->asks ? ask_where(lease->conn) : NULL;
    if (!stw_sleep(db, &ticket->sleeper, limit_us)) {
        stw_ticket_release(db, where);
        ticket->asked = NULL;
        stw_ticket_release(db, ticket);
        if (stw_lease_is_alive(lease) && lease->conn->pool->kind != STW_POOL_LANES)
            stw_drain_start(lease->conn);
        return STW_FLOW_LATE;
    }
    if (where != NULL && stw_sleep(db, &where->sleeper, limit_us))
        ticket->position = read_where(where);
    stw_ticket_release(db, where);
    *ret_ticket = ticket;
    return ticket->synced ? STW_FLOW_DONE : STW_FLOW_LOST;
}

/* Which call the error belongs to, for the log. */
static const char *name_at(const struct stw_ticket *ticket, const struct stw_call *calls, int count)
{
    int call = -1;
    for (int i = 0; i <= ticket->at && i < ticket->count; i++)
        call += ticket->steps[i].kind == STW_STEP_CALL ||
                (ticket->steps[i].kind == STW_STEP_PREPARE && i == ticket->at);
    return call >= 0 && call < count ? calls[call].stmt->name : NULL;
}

enum stw_code stw_ticket_code(struct stw_context *ctx, const struct stw_ticket *ticket,
                              const struct stw_call *calls, int count)
{
    if (ticket->error == NULL)
        return STW_OK;
    stw_sqlstate_describe(ctx->details, ticket->error, name_at(ticket, calls, count));
    return stw_sqlstate_code(stw_sqlstate_of(ticket->error));
}

void stw_ticket_rows(struct stw_context *ctx, struct stw_ticket *ticket, struct stw_call *calls, bool keep)
{
    if (keep && ticket->shared != NULL) {
        calls[0].rows = stw_rows_share(ctx->arena, ticket->shared, ticket->row);
        ticket->shared = NULL;
    }
    for (int i = 0, call = 0; keep && i < ticket->count; i++) {
        struct stw_step *step = &ticket->steps[i];
        if (step->kind != STW_STEP_CALL)
            continue;
        calls[call++].rows = stw_rows_new(ctx->arena, step->result);
        step->result = NULL;
    }
}

struct traits {
    bool points, writes, slow;
};

static struct traits traits_of(const struct stw_call *calls, int count)
{
    struct traits traits = {.points = true, .slow = calls[0].stmt->kind == STW_STMT_SLOW};
    for (int i = 0; i < count; i++) {
        traits.points &= calls[i].stmt->kind == STW_STMT_POINT;
        traits.writes |= calls[i].stmt->kind == STW_STMT_WRITE;
    }
    return traits;
}

static struct stw_pool *pool_for(struct stw_db *db, struct traits traits, bool alone)
{
    struct stw_pool *lanes = &db->pools[STW_POOL_LANES];
    if (traits.points && !alone && stw_pool_is_up(lanes))
        return lanes;
    if (traits.slow && db->pools[STW_POOL_SLOW].count > 0)
        return &db->pools[STW_POOL_SLOW];
    return &db->pools[STW_POOL_QUICK];
}

static enum stw_use use_of(const struct stw_pool *pool, struct traits traits)
{
    return pool->kind == STW_POOL_QUICK && !traits.writes && !traits.slow ? STW_USE_GATED : STW_USE_FREE;
}

/* What may be tried once more, and how. */
struct attempts {
    bool alone;   /* not on a lane again */
    bool unnamed; /* prepared statements were stale */
    bool apart;   /* a neighbour on the lane erred: without neighbours then */
    int unsent, undone;
};

/* Ends with a code, or says by true that the segment is to be sent again. */
static bool again_after(struct stw_context *ctx, enum stw_flow flow, struct traits traits, bool on_lane,
                        const struct stw_ticket *ticket, struct attempts *attempts, enum stw_code *code)
{
    switch (flow) {
    case STW_FLOW_UNSENT:
        stw_db_explain(ctx, "connection lost before sending");
        *code = STW_UNAVAILABLE;
        return ++attempts->unsent < 3;
    case STW_FLOW_LATE:
        stw_db_explain(ctx, "deadline passed in the database");
        *code = traits.writes ? STW_OUTCOME_UNKNOWN : STW_DEADLINE_EXCEEDED;
        return false;
    case STW_FLOW_LOST:
        if (ticket->error != NULL)
            stw_sqlstate_describe(ctx->details, ticket->error, NULL);
        else
            stw_db_explain(ctx, "connection lost");
        *code = traits.writes ? STW_OUTCOME_UNKNOWN : STW_UNAVAILABLE;
        if (traits.writes || traits.slow || attempts->alone)
            return false;
        attempts->alone = true;
        return true;
    default:
        break;
    }
    if (ticket->skipped) {
        attempts->apart = true;
        return true;
    }
    if (ticket->stale && !attempts->unnamed) {
        attempts->unnamed = true;
        return true;
    }
    /* 250 ms are the lane's rule, not the request's: it may wait its turn alone. */
    if (on_lane && !attempts->alone && (*code == STW_DEADLINE_EXCEEDED || *code == STW_OVERLOADED)) {
        attempts->alone = true;
        return true;
    }
    /* Nothing of it was done: a deadlock or a serialization failure took it back. */
    if (*code == STW_RETRY && attempts->undone++ < STW_REPEATS)
        return true;
    if (*code == STW_RETRY)
        *code = STW_OVERLOADED;
    return false;
}

static bool is_late(const struct stw_context *ctx)
{
    return ctx->deadline_us != 0 && stw_clock_monotonic_us() >= ctx->deadline_us;
}

void stw_trail_note(struct stw_context *ctx, enum stw_code code, uint64_t position)
{
    struct stw_trail *trail = ctx->trail;
    if (trail == NULL)
        return;
    if (code == STW_OUTCOME_UNKNOWN || (code == STW_OK && position == 0))
        trail->in_doubt = true;
    else if (code == STW_OK && position > trail->wrote)
        trail->wrote = position;
}

static enum stw_code run_primary(struct stw_context *ctx, struct traits traits, struct stw_call *calls,
                                 int count, bool keep)
{
    struct stw_db *db = ctx->db;
    struct stw_segment segment = {.outside_tx = true,
                                  .org = ctx->org_id,
                                  .calls = calls,
                                  .count = count,
                                  .writes = traits.writes,
                                  .asks = traits.writes && ctx->trail != NULL};
    struct attempts attempts = {0};
    for (;;) {
        struct stw_lease lease;
        struct stw_pool *pool = pool_for(db, traits, attempts.alone);
        enum stw_code code = stw_lease_get(ctx, pool, use_of(pool, traits), &lease);
        if (code != STW_OK)
            return code;
        if (is_late(ctx)) {
            stw_lease_put(&lease);
            return STW_DEADLINE_EXCEEDED;
        }
        bool on_lane = pool->kind == STW_POOL_LANES;
        struct stw_ticket *ticket = NULL;
        segment.unnamed = attempts.unnamed;
        segment.apart = attempts.apart;
        enum stw_flow flow = stw_segment_run(db, &lease, &segment, ctx->deadline_us, &ticket);
        if (flow == STW_FLOW_DONE) {
            if (!on_lane)
                stw_lease_put(&lease);
            code = ticket->skipped ? STW_RETRY : stw_ticket_code(ctx, ticket, calls, count);
            if (code == STW_OK && traits.writes && ticket->warned) {
                stw_db_explain(ctx, "warning 01000 at commit");
                code = STW_OUTCOME_UNKNOWN;
            }
            if (code == STW_OK)
                stw_ticket_rows(ctx, ticket, calls, keep);
        }
        bool again = (flow != STW_FLOW_DONE || code != STW_OK) &&
                     again_after(ctx, flow, traits, on_lane, ticket, &attempts, &code);
        if (traits.writes && !again)
            stw_trail_note(ctx, code, ticket != NULL ? ticket->position : 0);
        stw_ticket_release(db, ticket);
        if (!again)
            return code;
        stw_db_unexplain(ctx);
    }
}

static enum stw_code run_outside(struct stw_context *ctx, struct stw_call *calls, int count, bool keep)
{
    struct traits traits = traits_of(calls, count);
    if (!traits.points && ctx->trail != NULL) {
        enum stw_code code;
        if (!traits.writes && stw_replica_allowed(ctx) &&
            stw_replica_run(ctx, calls, count, traits.slow, keep, &code))
            return code;
        /* Having seen the present, a request does not go back to the past. */
        ctx->trail->may_lag = false;
    }
    return run_primary(ctx, traits, calls, count, keep);
}

static enum stw_code run(struct stw_context *ctx, struct stw_call *calls, int count, bool keep)
{
    if (is_late(ctx)) {
        stw_db_explain(ctx, "deadline passed before the database was asked");
        return STW_DEADLINE_EXCEEDED;
    }
    return ctx->tx != NULL ? stw_tx_calls(ctx, calls, count, keep) : run_outside(ctx, calls, count, keep);
}

enum stw_code stw_db_run(struct stw_context *ctx, const struct stw_stmt *stmt, const char *const *params,
                         struct stw_rows **ret_rows)
{
    struct stw_call call = {.stmt = stmt, .params = params};
    enum stw_code code = run(ctx, &call, 1, ret_rows != NULL);
    if (code == STW_OK && ret_rows != NULL)
        *ret_rows = call.rows;
    return code;
}

enum stw_code stw_db_run_all(struct stw_context *ctx, struct stw_call *calls, int count)
{
    return count > 0 ? run(ctx, calls, count, true) : STW_OK;
}
