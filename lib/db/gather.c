#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/internal.h"

/*
 * Reads by key that differ in nothing but the key go out as one statement: PostgreSQL spends less than half
 * on a row of "key = any(…)" than on a statement of its own. They are gathered until their lane's Sync; each
 * caller's ticket then is a member of the carrier, the ticket that was sent.
 */

#define SQL_MAX     8192 /* of a gathered statement */
#define PARAMS_MAX  8
#define UUID_LENGTH 36

static bool is_uuid(const char *text)
{
    return text != NULL && strlen(text) == UUID_LENGTH &&
           strspn(text, "0123456789abcdefABCDEF-") == UUID_LENGTH;
}

bool stw_gather_can(const struct stw_segment *segment)
{
    const struct stw_call *call = &segment->calls[0];
    const struct stw_stmt *stmt = call->stmt;
    return segment->count == 1 && stmt->key != 0 && stmt->name != NULL && stmt->param_count <= PARAMS_MAX &&
           !segment->unnamed && is_uuid(call->params[stmt->param_count - 1]);
}

void stw_gather_add(struct stw_conn *conn, struct stw_ticket *ticket, const struct stw_segment *segment)
{
    ticket->asked = segment->calls;
    ticket->org = segment->org;
    memcpy(ticket->key, segment->calls->params[segment->calls->stmt->param_count - 1], sizeof ticket->key);
    ticket->refs = 2;
    ticket->next = NULL;
    *conn->gathered_last = ticket;
    conn->gathered_last = &ticket->next;
}

static struct stw_ticket *take_first(struct stw_conn *conn)
{
    struct stw_ticket *ticket = conn->gathered;
    conn->gathered = ticket->next;
    if (conn->gathered == NULL)
        conn->gathered_last = &conn->gathered;
    ticket->next = NULL;
    return ticket;
}

static bool is_same(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool asks_alike(const struct stw_ticket *one, const struct stw_ticket *other)
{
    const struct stw_stmt *stmt = one->asked->stmt;
    const struct stw_stmt *others = other->asked->stmt;
    if (stmt->param_count != others->param_count || !is_same(one->org, other->org) ||
        !is_same(stmt->name, others->name) || !is_same(stmt->sql, others->sql))
        return false;
    for (int i = 0; i + 1 < stmt->param_count; i++)
        if (!is_same(one->asked->params[i], other->asked->params[i]))
            return false;
    return true;
}

/* Moves all that ask like `first` from the gathered to its members. Those whose caller has left are let go.
 */
static int take_alike(struct stw_conn *conn, struct stw_ticket *first)
{
    struct stw_ticket **last = &first->next;
    int count = 1;
    for (struct stw_ticket **at = &conn->gathered; *at != NULL;) {
        struct stw_ticket *ticket = *at;
        if (ticket->asked != NULL && (count == STW_LANE_DEPTH || !asks_alike(first, ticket))) {
            at = &ticket->next;
            continue;
        }
        *at = ticket->next;
        ticket->next = NULL;
        if (ticket->asked == NULL) {
            conn->users--;
            stw_ticket_release(conn->db, ticket);
            continue;
        }
        *last = ticket;
        last = &ticket->next;
        count++;
    }
    conn->gathered_last = &conn->gathered;
    while (*conn->gathered_last != NULL)
        conn->gathered_last = &(*conn->gathered_last)->next;
    return count;
}

/* "… = $2::uuid …" as "… = any($2::uuid[]) …". */
static bool write_sql(const struct stw_stmt *stmt, char sql[SQL_MAX])
{
    const char *rest = stmt->sql + stmt->key + 1;
    rest += strspn(rest, "0123456789") + sizeof "::uuid" - 1;
    int length =
        snprintf(sql, SQL_MAX, "%.*sany($%d::uuid[])%s", (int)stmt->key, stmt->sql, stmt->param_count, rest);
    return length > 0 && length < SQL_MAX;
}

static void write_keys(const struct stw_ticket *members, char *keys)
{
    char *at = keys;
    for (; members != NULL; members = members->next) {
        *at = at == keys ? '{' : ',';
        memcpy(at + 1, members->key, UUID_LENGTH);
        at += 1 + UUID_LENGTH;
    }
    memcpy(at, "}", 2);
}

static struct stw_ticket *send_together(struct stw_conn *conn, struct stw_ticket *members)
{
    const struct stw_stmt *stmt = members->asked->stmt;
    char sql[SQL_MAX], name[STW_PREPARED_NAME], keys[STW_LANE_DEPTH * (1 + UUID_LENGTH) + 2];
    const char *params[PARAMS_MAX];
    if (!write_sql(stmt, sql))
        return NULL;
    snprintf(name, sizeof name, "%s_any", stmt->name);
    memcpy(params, members->asked->params, (size_t)stmt->param_count * sizeof params[0]);
    write_keys(members, keys);
    params[stmt->param_count - 1] = keys;
    struct stw_stmt many = {
        .name = name, .sql = sql, .param_count = stmt->param_count, .kind = STW_STMT_POINT};
    struct stw_call call = {.stmt = &many, .params = params};
    const struct stw_segment segment = {.org = members->org, .calls = &call, .count = 1};
    struct stw_ticket *carrier = stw_segment_put(conn, &segment, NULL);
    if (carrier != NULL)
        carrier->refs = 1; /* nobody but the connection waits for it */
    return carrier;
}

/* What cannot be sent is lost with its connection: its callers ask again elsewhere. */
static void lose(struct stw_conn *conn, struct stw_ticket *members)
{
    while (members != NULL) {
        struct stw_ticket *ticket = members;
        members = ticket->next;
        ticket->next = NULL;
        ticket->asked = NULL;
        ticket->lost = true;
        stw_ticket_finish(conn, ticket);
    }
}

void stw_gather_lose(struct stw_conn *conn)
{
    struct stw_ticket *members = conn->gathered;
    conn->gathered = NULL;
    conn->gathered_last = &conn->gathered;
    lose(conn, members);
}

static void send_group(struct stw_conn *conn, struct stw_ticket *first, int count)
{
    if (count > 1) {
        struct stw_ticket *carrier = send_together(conn, first);
        if (carrier == NULL) {
            lose(conn, first);
            return;
        }
        carrier->members = first;
        for (; first != NULL; first = first->next)
            first->asked = NULL;
        return;
    }
    const struct stw_segment segment = {.org = first->org, .calls = first->asked, .count = 1};
    first->asked = NULL;
    if (stw_segment_put(conn, &segment, first) == NULL)
        lose(conn, first);
}

void stw_gather_send(struct stw_conn *conn)
{
    while (conn->gathered != NULL) {
        struct stw_ticket *first = take_first(conn);
        if (first->asked == NULL) {
            conn->users--;
            stw_ticket_release(conn->db, first);
            continue;
        }
        send_group(conn, first, take_alike(conn, first));
    }
}

/* The row of the result whose first column is the key; -1: none. */
static int row_of(const PGresult *result, const char *key)
{
    int row = PQntuples(result) - 1;
    while (row >= 0 && strcasecmp(PQgetvalue(result, row, 0), key) != 0)
        row--;
    return row;
}

static struct stw_shared *share(struct stw_ticket *carrier)
{
    struct stw_step *call = &carrier->steps[carrier->count - 1];
    if (carrier->lost || carrier->skipped || carrier->error != NULL || call->result == NULL)
        return NULL;
    struct stw_shared *shared = stw_db_calloc(1, sizeof *shared);
    *shared = (struct stw_shared){.result = call->result, .refs = 1};
    call->result = NULL;
    return shared;
}

int stw_gather_deal(struct stw_conn *conn, struct stw_ticket *carrier)
{
    struct stw_shared *shared = share(carrier);
    int count = 0;
    for (struct stw_ticket *ticket; (ticket = carrier->members) != NULL; count++) {
        carrier->members = ticket->next;
        ticket->next = NULL;
        ticket->synced = carrier->synced;
        ticket->lost = carrier->lost;
        ticket->skipped = shared == NULL;
        if (shared != NULL) {
            shared->refs++;
            ticket->shared = shared;
            ticket->row = row_of(shared->result, ticket->key);
        }
        stw_ticket_finish(conn, ticket);
    }
    stw_shared_release(shared);
    return count;
}

void stw_shared_release(struct stw_shared *shared)
{
    if (shared == NULL || --shared->refs > 0)
        return;
    PQclear(shared->result);
    free(shared);
}
