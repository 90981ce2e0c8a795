#include "core/clock.h"
#include "db/internal.h"
#include "db/replica.h"

bool stw_replica_allowed(const struct stw_context *ctx)
{
    const struct stw_db *db = ctx->db;
    return db->replica != NULL && ctx->trail->may_lag && stw_pool_is_up(&db->pools[STW_POOL_REPLICA]) &&
           stw_replica_serves(db->replica, ctx->trail->seen, db->replica_up_us);
}

static struct stw_pool *pool_for(struct stw_db *db, bool slow)
{
    struct stw_pool *pool = &db->pools[STW_POOL_REPLICA_SLOW];
    return slow && stw_pool_is_up(pool) ? pool : &db->pools[STW_POOL_REPLICA];
}

/* What ends there by the standby's fault may yet succeed on the primary: it goes away, its recovery needs
 * what the statement looks at (40001, 40P01) or has locked it (55P03). */
static bool is_its_own(enum stw_code code)
{
    return code == STW_UNAVAILABLE || code == STW_RETRY || code == STW_OVERLOADED;
}

enum answer { FINAL, STALE, PRIMARY };

static enum answer run_once(struct stw_context *ctx, const struct stw_lease *lease,
                            const struct stw_segment *segment, struct stw_call *calls, bool keep,
                            enum stw_code *ret_code)
{
    struct stw_db *db = ctx->db;
    struct stw_ticket *ticket = NULL;
    enum stw_flow flow = stw_segment_run(db, lease, segment, ctx->deadline_us, &ticket);
    enum answer answer = PRIMARY;
    if (flow == STW_FLOW_LATE) {
        stw_db_explain(ctx, "deadline passed in the database");
        *ret_code = STW_DEADLINE_EXCEEDED;
        return FINAL;
    }
    if (flow == STW_FLOW_DONE) {
        stw_lease_put(lease);
        *ret_code = stw_ticket_code(ctx, ticket, calls, segment->count);
        if (*ret_code == STW_OK)
            stw_ticket_rows(ctx, ticket, calls, keep);
        if (ticket->stale)
            answer = STALE;
        else if (!is_its_own(*ret_code))
            answer = FINAL;
    }
    stw_ticket_release(db, ticket);
    return answer;
}

bool stw_replica_run(struct stw_context *ctx, struct stw_call *calls, int count, bool slow, bool keep,
                     enum stw_code *ret_code)
{
    struct stw_db *db = ctx->db;
    struct stw_segment segment = {.outside_tx = true, .org = ctx->org_id, .calls = calls, .count = count};
    enum answer answer = STALE;
    for (int again = 0; again < 2 && answer == STALE; again++) {
        struct stw_lease lease;
        answer = PRIMARY;
        segment.unnamed = again > 0;
        if (stw_lease_get(ctx, pool_for(db, slow), slow ? STW_USE_FREE : STW_USE_GATED, &lease) == STW_OK)
            answer = run_once(ctx, &lease, &segment, calls, keep, ret_code);
    }
    if (answer == FINAL) {
        db->replica_reads++;
        return true;
    }
    db->replica_fallbacks++;
    stw_db_unexplain(ctx);
    return false;
}
