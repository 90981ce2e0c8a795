#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "db/internal.h"
#include "db/replica.h"

#define ROLLBACK_LIMIT_US 1000000 /* nobody waits longer for the end of what failed */

struct stw_tx {
    struct stw_db *db;
    struct stw_lease lease;
    bool begun;   /* BEGIN was sent */
    bool org_set; /* `org` is what the connection has set */
    char org[37];
    int depth;            /* open savepoints */
    struct stw_call last; /* goes out with COMMIT; stmt NULL: none */
    enum stw_code failed; /* the first failure since the last savepoint: nothing more can run */
};

static void end(struct stw_tx *tx)
{
    stw_lease_put(&tx->lease);
    tx->lease.conn = NULL;
}

/* A request that goes away within its transaction: nobody can wait here. */
static void abandon(void *what)
{
    struct stw_tx *tx = what;
    if (tx->lease.conn != NULL && stw_lease_is_alive(&tx->lease))
        stw_conn_drop(tx->lease.conn);
}

enum stw_code stw_tx_begin(struct stw_context *ctx)
{
    if (ctx->tx != NULL) {
        stw_db_explain(ctx, "a transaction within a transaction must be stw_tx_run");
        return STW_INTERNAL;
    }
    struct stw_lease lease;
    enum stw_code code = stw_lease_get(ctx, &ctx->db->pools[STW_POOL_QUICK], STW_USE_FREE, &lease);
    if (code != STW_OK)
        return code;
    struct stw_tx *tx = STW_NEW(ctx->arena, struct stw_tx);
    tx->db = ctx->db;
    tx->lease = lease;
    stw_arena_defer(ctx->arena, abandon, tx);
    ctx->tx = tx;
    if (ctx->trail != NULL)
        ctx->trail->may_lag = false;
    return STW_OK;
}

/* A lease that died before BEGIN was sent can be had anew. */
static enum stw_code revive(struct stw_context *ctx, struct stw_tx *tx)
{
    return tx->begun || stw_lease_is_alive(&tx->lease)
               ? STW_OK
               : stw_lease_get(ctx, &tx->db->pools[STW_POOL_QUICK], STW_USE_FREE, &tx->lease);
}

static bool is_open(const struct stw_tx *tx)
{
    return !stw_lease_is_alive(&tx->lease) || PQtransactionStatus(tx->lease.conn->pg) == PQTRANS_INTRANS;
}

/* Runs one segment inside the transaction; any failure is remembered. */
static enum stw_code run_inside(struct stw_context *ctx, struct stw_segment *segment, int64_t limit_us,
                                struct stw_ticket **ret_ticket)
{
    struct stw_tx *tx = ctx->tx;
    struct stw_ticket *ticket = NULL;
    enum stw_code code = revive(ctx, tx);
    enum stw_flow flow =
        code != STW_OK ? STW_FLOW_UNSENT : stw_segment_run(tx->db, &tx->lease, segment, limit_us, &ticket);
    switch (flow) {
    case STW_FLOW_UNSENT:
        if (code == STW_OK) {
            stw_db_explain(ctx, "connection lost in a transaction");
            code = STW_UNAVAILABLE;
        }
        break;
    case STW_FLOW_LATE:
        stw_db_explain(ctx, "deadline passed in the database");
        code = STW_DEADLINE_EXCEEDED;
        break;
    case STW_FLOW_LOST:
        if (ticket->error != NULL)
            stw_sqlstate_describe(ctx->details, ticket->error, NULL);
        else
            stw_db_explain(ctx, "connection lost in a transaction");
        code = STW_UNAVAILABLE;
        break;
    case STW_FLOW_DONE:
        code = stw_ticket_code(ctx, ticket, segment->calls, segment->count);
        /* The transaction is gone, but its body can run again with statements prepared anew. */
        if (ticket->stale)
            code = STW_RETRY;
        if (code == STW_OK && !segment->writes && !is_open(tx)) {
            stw_db_explain(ctx, "a statement ended the transaction");
            code = STW_INTERNAL;
        }
        break;
    }
    /* Late: the connection drains by itself and is not ours any more. */
    if (flow == STW_FLOW_LATE)
        tx->lease.conn = NULL;
    /* COMMIT may have been done. */
    if (segment->writes && (flow == STW_FLOW_LATE || flow == STW_FLOW_LOST))
        code = STW_OUTCOME_UNKNOWN;
    tx->begun = true;
    if (code != STW_OK && tx->failed == STW_OK)
        tx->failed = code;
    if (code == STW_OK && ret_ticket != NULL)
        *ret_ticket = ticket;
    else
        stw_ticket_release(tx->db, ticket);
    return code;
}

static struct stw_segment segment_of(const struct stw_context *ctx, const struct stw_call *calls, int count)
{
    const struct stw_tx *tx = ctx->tx;
    struct stw_segment segment = {.calls = calls, .count = count};
    if (!tx->begun)
        segment.before[0] = "begin";
    if (!tx->org_set || strcmp(tx->org, ctx->org_id) != 0)
        segment.org = ctx->org_id;
    return segment;
}

/* What was to be the last is not: it still comes before what follows. */
static enum stw_code run_last(struct stw_context *ctx)
{
    struct stw_call last = ctx->tx->last;
    if (last.stmt == NULL)
        return STW_OK;
    ctx->tx->last.stmt = NULL;
    return stw_tx_calls(ctx, &last, 1, false);
}

enum stw_code stw_tx_calls(struct stw_context *ctx, struct stw_call *calls, int count, bool keep)
{
    struct stw_tx *tx = ctx->tx;
    if (tx->failed != STW_OK || run_last(ctx) != STW_OK)
        return tx->failed;
    struct stw_segment segment = segment_of(ctx, calls, count);
    struct stw_ticket *ticket = NULL;
    enum stw_code code = run_inside(ctx, &segment, ctx->deadline_us, &ticket);
    if (code != STW_OK)
        return code;
    tx->org_set = true;
    memcpy(tx->org, ctx->org_id, sizeof tx->org);
    stw_ticket_rows(ctx, ticket, calls, keep);
    stw_ticket_release(tx->db, ticket);
    return STW_OK;
}

enum stw_code stw_tx_last(struct stw_context *ctx, const struct stw_stmt *stmt, const char *const *params)
{
    struct stw_tx *tx = ctx->tx;
    if (tx == NULL || tx->depth > 0)
        return stw_db_run(ctx, stmt, params, NULL);
    if (tx->failed != STW_OK || run_last(ctx) != STW_OK)
        return tx->failed;
    const char **kept = STW_NEW_N(ctx->arena, const char *, (size_t)stmt->param_count);
    for (int i = 0; i < stmt->param_count; i++)
        kept[i] = params[i];
    tx->last = (struct stw_call){.stmt = stmt, .params = kept};
    return STW_OK;
}

static enum stw_code check_commit(struct stw_context *ctx, struct stw_ticket *ticket)
{
    /* COMMIT of an aborted transaction is no error, only its tag says ROLLBACK. */
    PGresult *answer = ticket->steps[ticket->count - 1].result;
    if (answer == NULL || strcmp(PQcmdStatus(answer), "COMMIT") != 0) {
        stw_db_explain(ctx, "COMMIT of an aborted transaction");
        return STW_INTERNAL;
    }
    if (ticket->warned) {
        stw_db_explain(ctx, "warning 01000 at commit");
        return STW_OUTCOME_UNKNOWN;
    }
    return STW_OK;
}

enum stw_code stw_tx_commit(struct stw_context *ctx)
{
    struct stw_tx *tx = ctx->tx;
    if (tx == NULL) {
        stw_db_explain(ctx, "no transaction to commit");
        return STW_INTERNAL;
    }
    enum stw_code code = tx->failed;
    if (code == STW_OK && ctx->deadline_us != 0 && stw_clock_monotonic_us() >= ctx->deadline_us)
        code = STW_DEADLINE_EXCEEDED;
    bool has_last = tx->last.stmt != NULL;
    if (code != STW_OK || !(tx->begun || has_last)) {
        stw_tx_rollback(ctx);
        return code;
    }
    struct stw_segment segment = {0};
    if (has_last)
        segment = segment_of(ctx, &tx->last, 1);
    segment.after = "commit";
    segment.writes = true;
    segment.asks = ctx->trail != NULL;
    struct stw_ticket *ticket = NULL;
    code = run_inside(ctx, &segment, ctx->deadline_us, &ticket);
    if (code == STW_OK) {
        code = check_commit(ctx, ticket);
        stw_trail_note(ctx, code, ticket->position);
        stw_ticket_release(tx->db, ticket);
    } else {
        stw_trail_note(ctx, code, 0);
    }
    if (has_last && code != STW_OK && code != STW_OUTCOME_UNKNOWN) {
        stw_tx_rollback(ctx); /* the last failed, so COMMIT was skipped */
        return code;
    }
    ctx->tx = NULL;
    end(tx);
    return code;
}

void stw_tx_rollback(struct stw_context *ctx)
{
    struct stw_tx *tx = ctx->tx;
    if (tx == NULL)
        return;
    ctx->tx = NULL;
    if (!tx->begun || !stw_lease_is_alive(&tx->lease)) {
        end(tx);
        return;
    }
    struct stw_segment segment = {.before = {"rollback"}};
    struct stw_ticket *ticket = NULL;
    int64_t limit_us = stw_clock_monotonic_us() + ROLLBACK_LIMIT_US;
    if (ctx->deadline_us != 0 && ctx->deadline_us < limit_us)
        limit_us = ctx->deadline_us;
    enum stw_flow flow = stw_segment_run(tx->db, &tx->lease, &segment, limit_us, &ticket);
    stw_ticket_release(tx->db, ticket);
    if (flow == STW_FLOW_LATE)
        tx->lease.conn = NULL;
    else
        end(tx);
}

/* ---- stw_tx_run ---- */

static enum stw_code savepoint(struct stw_context *ctx, const char *first, const char *second)
{
    struct stw_segment segment = {.before = {first, second}};
    return run_inside(ctx, &segment, ctx->deadline_us, NULL);
}

static enum stw_code run_nested(struct stw_context *ctx,
                                enum stw_code (*body)(struct stw_context *ctx, void *argument),
                                void *argument, bool dry_run)
{
    struct stw_tx *tx = ctx->tx;
    if (tx->failed != STW_OK || run_last(ctx) != STW_OK)
        return tx->failed;
    char set[32], back[48], release[40];
    tx->depth++;
    snprintf(set, sizeof set, "savepoint s%d", tx->depth);
    snprintf(back, sizeof back, "rollback to savepoint s%d", tx->depth);
    snprintf(release, sizeof release, "release savepoint s%d", tx->depth);
    enum stw_code code = tx->begun ? savepoint(ctx, set, NULL) : savepoint(ctx, "begin", set);
    if (code == STW_OK) {
        code = body(ctx, argument);
        if (code == STW_OK)
            code = tx->failed;
        if (code == STW_OK && !dry_run) {
            code = savepoint(ctx, release, NULL);
        } else if (stw_lease_is_alive(&tx->lease)) {
            tx->failed = STW_OK;
            tx->org_set = false;
            enum stw_code undone = savepoint(ctx, back, release);
            if (code == STW_OK)
                code = undone;
        }
    }
    tx->depth--;
    return code;
}

enum stw_code stw_tx_run(struct stw_context *ctx,
                         enum stw_code (*body)(struct stw_context *ctx, void *argument), void *argument,
                         bool dry_run)
{
    if (ctx->tx != NULL)
        return run_nested(ctx, body, argument, dry_run);
    struct stw_details before;
    if (ctx->details != NULL)
        before = *ctx->details;
    for (int again = 0;; again++) {
        enum stw_code code = stw_tx_begin(ctx);
        if (code != STW_OK)
            return code;
        code = body(ctx, argument);
        if (ctx->tx == NULL) {
            stw_db_explain(ctx, "a body ended its transaction");
            return STW_INTERNAL;
        }
        /* What the database said first counts, whatever the body made of it. */
        enum stw_code failed = ctx->tx->failed;
        if (failed == STW_RETRY || (code == STW_OK && failed != STW_OK))
            code = failed;
        if (code == STW_OK && !dry_run)
            code = stw_tx_commit(ctx);
        else
            stw_tx_rollback(ctx);
        if (code != STW_RETRY)
            return code;
        if (again == STW_REPEATS)
            return STW_OVERLOADED;
        if (ctx->details != NULL)
            *ctx->details = before;
    }
}
