#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "db/internal.h"

/* ---- tickets ---- */

#define SPARE_ROOM 8 /* steps: enough for one statement with everything around it */

static struct stw_ticket *ticket_new(struct stw_db *db, int room)
{
    struct stw_ticket *ticket = db->spares;
    if (room <= SPARE_ROOM && ticket != NULL) {
        db->spares = ticket->next;
        memset(ticket, 0, sizeof *ticket);
    } else {
        size_t steps = (size_t)(room < SPARE_ROOM ? SPARE_ROOM : room);
        ticket = stw_db_calloc(1, sizeof *ticket + steps * sizeof ticket->steps[0]);
    }
    ticket->room = room < SPARE_ROOM ? SPARE_ROOM : room;
    ticket->refs = 1;
    return ticket;
}

void stw_ticket_release(struct stw_db *db, struct stw_ticket *ticket)
{
    if (ticket == NULL || --ticket->refs > 0)
        return;
    for (int i = 0; i < ticket->count; i++)
        PQclear(ticket->steps[i].result);
    PQclear(ticket->error);
    stw_shared_release(ticket->shared);
    if (ticket->room != SPARE_ROOM) {
        free(ticket);
        return;
    }
    ticket->next = db->spares;
    db->spares = ticket;
}

void stw_tickets_free_spares(struct stw_db *db)
{
    while (db->spares != NULL) {
        struct stw_ticket *ticket = db->spares;
        db->spares = ticket->next;
        free(ticket);
    }
}

/* ---- sending ---- */

static struct stw_step *step_add(struct stw_conn *conn, struct stw_ticket *ticket, enum stw_step_kind kind)
{
    struct stw_step *step = &ticket->steps[ticket->count++];
    *step = (struct stw_step){.kind = kind, .epoch = conn->db->plan_epoch};
    return step;
}

static bool send_text(struct stw_conn *conn, struct stw_ticket *ticket, const char *sql,
                      enum stw_step_kind kind)
{
    if (sql == NULL)
        return true;
    step_add(conn, ticket, kind);
    return PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_stmt(struct stw_conn *conn, struct stw_ticket *ticket, const struct stw_stmt *stmt,
                      const char *const *params, enum stw_step_kind kind, bool unnamed)
{
    struct stw_prepared *entry =
        unnamed ? NULL : stw_prepared_get(&conn->prepared, stmt, conn->db->plan_epoch);
    char name[STW_PREPARED_NAME];
    if (entry != NULL)
        stw_prepared_server_name(entry, name);
    if (entry != NULL && entry->state == STW_UNPREPARED) {
        step_add(conn, ticket, STW_STEP_PREPARE)->prepared = entry;
        entry->state = STW_PREPARE_SENT;
        if (PQsendPrepare(conn->pg, name, stmt->sql, 0, NULL) != 1)
            return false;
    } else if (entry != NULL && entry->state == STW_PREPARE_SENT &&
               (ticket->count == 0 || ticket->steps[ticket->count - 1].prepared != entry)) {
        /* Another segment's Parse is on its way and might fail; this one must not hang on it. */
        entry = NULL;
    }
    step_add(conn, ticket, kind)->prepared = entry;
    if (entry != NULL)
        return PQsendQueryPrepared(conn->pg, name, stmt->param_count, params, NULL, NULL, stmt->binary) == 1;
    return PQsendQueryParams(conn->pg, stmt->sql, stmt->param_count, NULL, params, NULL, NULL,
                             stmt->binary) == 1;
}

#define SET_ORG(local) "select set_config('steward.org', $1, " local ")"
#define PLAN_ONCE                                                                                            \
    ", set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
#define IN_ORDER ", set_config('enable_sort', 'off', true)"

/* What sets the organisation, and what the planner may weigh. What is planned once never reads a whole table:
 * it may have been planned while that was empty. A lane's connection plans everything like that by itself. */
static const struct stw_stmt batch_org = {.name = "stw_org_batch", .sql = SET_ORG("true"), .param_count = 1};
static const struct stw_stmt session_org = {.name = "stw_org", .sql = SET_ORG("false"), .param_count = 1};
static const struct stw_stmt once_org = {
    .name = "stw_org_once", .sql = SET_ORG("true") PLAN_ONCE, .param_count = 1};
static const struct stw_stmt in_order_org = {
    .name = "stw_org_in_order", .sql = SET_ORG("true") PLAN_ONCE IN_ORDER, .param_count = 1};

static const struct stw_stmt *org_setter(const struct stw_conn *conn, const struct stw_segment *segment)
{
    bool writes = segment->count > 0 && segment->calls[0].stmt->kind == STW_STMT_WRITE;

    if (conn->pool->kind == STW_POOL_LANES)
        return &batch_org;
    if (!segment->outside_tx || writes)
        return &once_org;
    if (segment->count != 1 || segment->calls[0].stmt->planning == STW_PLAN_WITH_VALUES)
        return &session_org;
    return segment->calls[0].stmt->planning == STW_PLAN_ONCE ? &once_org : &in_order_org;
}

/* A single read sets it for the session, a lane for its batch: who comes next finds it as he would set it. In
 * transactions and for writes it is set until their end, whatever the session has. */
static bool org_stands(struct stw_conn *conn, const struct stw_stmt *setter, const char *org)
{
    if (setter != &batch_org && setter != &session_org)
        return false;
    if (conn->org_known && strcmp(conn->org, org) == 0)
        return true;
    conn->org_known = true;
    snprintf(conn->org, sizeof conn->org, "%s", org);
    return false;
}

static bool send_org(struct stw_conn *conn, struct stw_ticket *ticket, const struct stw_segment *segment)
{
    if (segment->org == NULL)
        return true;
    const struct stw_stmt *setter = org_setter(conn, segment);
    return org_stands(conn, setter, segment->org) ||
           send_stmt(conn, ticket, setter, &segment->org, STW_STEP_ORG, false);
}

static bool send_steps(struct stw_conn *conn, struct stw_ticket *ticket, const struct stw_segment *segment)
{
    for (int i = 0; i < 2; i++)
        if (!send_text(conn, ticket, segment->before[i], STW_STEP_COMMAND))
            return false;
    if (!send_org(conn, ticket, segment))
        return false;
    for (int i = 0; i < segment->count; i++)
        if (!send_stmt(conn, ticket, segment->calls[i].stmt, segment->calls[i].params, STW_STEP_CALL,
                       segment->unnamed))
            return false;
    return send_text(conn, ticket, segment->after, STW_STEP_AFTER);
}

/* Sends as well, so from here on the server may have it. */
static void send_sync(struct stw_conn *conn, struct stw_ticket *end)
{
    end->ends_batch = true;
    conn->batches++;
    conn->batch_end = NULL;
    if (conn->pool->kind == STW_POOL_LANES)
        conn->org_known = false;
    if (PQpipelineSync(conn->pg) != 1)
        stw_conn_drop(conn);
    else
        stw_conn_flush(conn);
}

void stw_lane_sync(struct stw_conn *conn)
{
    if (conn->batches >= STW_LANE_BATCHES)
        return;
    stw_gather_send(conn);
    if (conn->batch_end != NULL)
        send_sync(conn, conn->batch_end);
}

static void append(struct stw_conn *conn, struct stw_ticket *ticket)
{
    if (conn->first == NULL) {
        conn->moved_us = stw_clock_monotonic_us();
        conn->reading = ticket;
    }
    ticket->refs = 2;
    *conn->last = ticket;
    conn->last = &ticket->next;
}

struct stw_ticket *stw_segment_put(struct stw_conn *conn, const struct stw_segment *segment,
                                   struct stw_ticket *ticket)
{
    struct stw_ticket *mine = ticket != NULL ? ticket : ticket_new(conn->db, 5 + 2 * segment->count);
    if (!send_steps(conn, mine, segment)) {
        /* Without its Sync the server commits nothing of it. */
        if (ticket == NULL)
            stw_ticket_release(conn->db, mine);
        stw_conn_drop(conn);
        return NULL;
    }
    append(conn, mine);
    if (conn->pool->kind == STW_POOL_LANES)
        conn->batch_end = mine;
    return mine;
}

struct stw_ticket *stw_segment_send(struct stw_conn *conn, const struct stw_segment *segment)
{
    bool shares = conn->pool->kind == STW_POOL_LANES && !segment->apart;
    if (!shares && conn->state == STW_CONN_UP && conn->batch_end != NULL)
        send_sync(conn, conn->batch_end);
    if (conn->state != STW_CONN_UP)
        return NULL;
    conn->db->statements += (uint64_t)segment->count;
    if (shares && stw_gather_can(segment)) {
        struct stw_ticket *ticket = ticket_new(conn->db, SPARE_ROOM);
        stw_gather_add(conn, ticket, segment);
        return ticket;
    }
    struct stw_ticket *ticket = stw_segment_put(conn, segment, NULL);
    if (ticket != NULL && !shares)
        send_sync(conn, ticket);
    return ticket;
}

/* ---- receiving ---- */

static struct stw_ticket *pop(struct stw_conn *conn)
{
    struct stw_ticket *ticket = conn->first;
    conn->first = conn->reading = ticket->next;
    if (conn->first == NULL)
        conn->last = &conn->first;
    ticket->next = NULL;
    for (int i = 0; i < ticket->count; i++) {
        struct stw_step *step = &ticket->steps[i];
        /* Its Parse failed or was skipped. */
        if (step->kind == STW_STEP_PREPARE && step->prepared->state == STW_PREPARE_SENT)
            step->prepared->state = STW_UNPREPARED;
    }
    return ticket;
}

void stw_ticket_finish(struct stw_conn *conn, struct stw_ticket *ticket)
{
    stw_wake(conn->db, &ticket->sleeper);
    stw_ticket_release(conn->db, ticket);
}

void stw_tickets_lose(struct stw_conn *conn)
{
    while (conn->first != NULL) {
        struct stw_ticket *ticket = pop(conn);
        ticket->lost = true;
        if (ticket->members != NULL)
            stw_gather_deal(conn, ticket);
        stw_ticket_finish(conn, ticket);
    }
    stw_gather_lose(conn);
}

/* "cached plan must not change result type", or somebody discarded our statements: nothing was done. */
static bool is_stale(const struct stw_step *step, const PGresult *error)
{
    if (step->prepared == NULL || step->kind == STW_STEP_PREPARE)
        return false;
    const char *sqlstate = stw_sqlstate_of(error);
    const char *where = PQresultErrorField(error, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(sqlstate, "26000") == 0 ||
           (strcmp(sqlstate, "0A000") == 0 && where != NULL && strcmp(where, "RevalidateCachedQuery") == 0);
}

/* False when the error is the end of the connection. */
static bool take_error(struct stw_conn *conn, struct stw_ticket *ticket, PGresult *error)
{
    bool fatal = stw_sqlstate_is_fatal(error);
    if (stw_sqlstate_dooms(stw_sqlstate_of(error)))
        conn->doomed = true;
    conn->org_known = false;
    const struct stw_step *step = ticket->at < ticket->count ? &ticket->steps[ticket->at] : NULL;
    if (!fatal && step != NULL && is_stale(step, error)) {
        ticket->stale = true;
        if (step->epoch == conn->db->plan_epoch)
            conn->db->plan_epoch++;
    }
    if (ticket->error == NULL)
        ticket->error = error;
    else
        PQclear(error);
    return !fatal;
}

static void take_answer(struct stw_ticket *ticket, PGresult *result)
{
    struct stw_step *step = ticket->at < ticket->count ? &ticket->steps[ticket->at] : NULL;
    if (step != NULL && step->kind == STW_STEP_PREPARE)
        step->prepared->state = STW_PREPARED;
    if (step != NULL && (step->kind == STW_STEP_CALL || step->kind == STW_STEP_AFTER) && step->result == NULL)
        step->result = result;
    else
        PQclear(result);
}

/* The ticket that the next result is for. A batch's results follow each other without a word between tickets.
 */
static struct stw_ticket *reading(struct stw_conn *conn)
{
    struct stw_ticket *ticket = conn->reading;
    while (ticket->at == ticket->count && !ticket->ends_batch && ticket->next != NULL)
        ticket = ticket->next;
    conn->reading = ticket;
    return ticket;
}

/* A Sync came: all that it ended is done. */
static void take_sync(struct stw_conn *conn)
{
    bool last;
    conn->batches--;
    conn->moved_us = stw_clock_monotonic_us();
    do {
        struct stw_ticket *ticket = pop(conn);
        last = ticket->ends_batch;
        ticket->synced = true;
        /* On a lane the segment is the user; elsewhere the lease goes on. */
        if (conn->pool->kind == STW_POOL_LANES)
            conn->users -= ticket->members != NULL ? stw_gather_deal(conn, ticket) : 1;
        stw_ticket_finish(conn, ticket);
    } while (!last);
}

/* False when the connection cannot be used any more. */
static bool take(struct stw_conn *conn, PGresult *result)
{
    struct stw_ticket *ticket = reading(conn);
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        take_sync(conn);
        return true;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        take_answer(ticket, result);
        break;
    case PGRES_FATAL_ERROR:
        if (!take_error(conn, ticket, result))
            return false;
        break;
    case PGRES_PIPELINE_ABORTED:
        PQclear(result);
        ticket->skipped = ticket->error == NULL;
        break;
    default: /* COPY: nothing that a pipeline can go on with */
        PQclear(result);
        return false;
    }
    if (ticket->at < ticket->count)
        ticket->steps[ticket->at].answered = true;
    return true;
}

/* Behind the last segment of an open batch nothing comes before its Sync is sent. */
static bool expects_more(struct stw_conn *conn)
{
    if (conn->first == NULL)
        return false;
    const struct stw_ticket *ticket = reading(conn);
    return ticket->at < ticket->count || ticket->ends_batch;
}

/* Without memory for the answer to a Sync libpq drops that answer and goes on waiting for it: only its
 * message tells. What the server itself had no memory for has come as an error. */
static bool is_deaf(const struct stw_conn *conn)
{
    return conn->first != NULL && conn->reading->error == NULL &&
           strstr(PQerrorMessage(conn->pg), "out of memory") != NULL;
}

void stw_segment_read(struct stw_conn *conn)
{
    bool alive = PQconsumeInput(conn->pg) == 1;
    /* Also without a ticket: it lets libpq see what an idle connection was told. */
    bool busy = PQisBusy(conn->pg) != 0;
    int nothing = 0;
    while (expects_more(conn) && !busy) {
        PGresult *result = PQgetResult(conn->pg);
        if (result != NULL) {
            nothing = 0;
            if (!take(conn, result)) {
                alive = false;
                break;
            }
        } else {
            /* One NULL ends each statement's results; a second in a row means that no more will come. */
            struct stw_ticket *ticket = conn->reading;
            if (ticket->at < ticket->count && ticket->steps[ticket->at].answered)
                ticket->at++;
            if (++nothing > 1) {
                alive = false;
                break;
            }
        }
        busy = PQisBusy(conn->pg) != 0;
    }
    if (busy && is_deaf(conn))
        alive = false;
    bool lane = conn->pool->kind == STW_POOL_LANES;
    if (!alive || (conn->doomed && (lane || conn->first == NULL)))
        stw_conn_drop(conn);
    else if (conn->draining)
        stw_drain_step(conn);
    else if (lane)
        stw_pool_pump(conn->pool);
}
