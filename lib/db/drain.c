/*
 * An abandoned segment of a leased connection. Its statement is cancelled, but a cancel request names a
 * backend, not a statement: it may arrive after the segment has ended and would then hit whoever is next. So
 * the connection is given back only when three things happened in this order: the segment's Sync came, the
 * cancel request has been delivered, and a round trip of its own ("rollback") has passed, during which the
 * signal has done its work.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "db/internal.h"

#define CANCELS_AT_ONCE 32

struct stw_cancel {
    PGcancel *request;
    atomic_int refs; /* connection and thread */
    atomic_bool sent;
};

static atomic_int cancels;

static void cancel_free(struct stw_cancel *cancel)
{
    PQfreeCancel(cancel->request);
    free(cancel);
}

static void cancel_release(struct stw_cancel *cancel)
{
    if (cancel != NULL && atomic_fetch_sub(&cancel->refs, 1) == 1)
        cancel_free(cancel);
}

static void *cancel_send(void *what)
{
    struct stw_cancel *cancel = what;
    char unused[256];
    /* When it fails the statement ends by its own timeout. */
    (void)PQcancel(cancel->request, unused, sizeof unused);
    atomic_store(&cancel->sent, true);
    cancel_release(cancel);
    atomic_fetch_sub(&cancels, 1);
    return NULL;
}

/* On a thread of its own, which nobody ever waits for: PQcancel blocks, and when the server has vanished it
 * does so for as long as TCP keeps hoping. False: too many are at it; the statement ends by its own timeout.
 */
static bool cancel_detach(struct stw_cancel *cancel)
{
    pthread_t thread;
    if (atomic_fetch_add(&cancels, 1) < CANCELS_AT_ONCE &&
        pthread_create(&thread, NULL, cancel_send, cancel) == 0) {
        pthread_detach(thread);
        return true;
    }
    atomic_fetch_sub(&cancels, 1);
    return false;
}

static void cancel_start(struct stw_conn *conn)
{
    PGcancel *request = PQgetCancel(conn->pg);
    if (request == NULL)
        return;
    struct stw_cancel *cancel = stw_db_calloc(1, sizeof *cancel);
    cancel->request = request;
    atomic_init(&cancel->refs, 2);
    atomic_init(&cancel->sent, false);
    if (cancel_detach(cancel))
        conn->cancel = cancel;
    else
        cancel_free(cancel);
}

bool stw_drain_waits_for_cancel(const struct stw_conn *conn)
{
    return conn->cancel != NULL && !atomic_load(&conn->cancel->sent);
}

void stw_drain_start(struct stw_conn *conn)
{
    if (conn->state != STW_CONN_UP)
        return;
    conn->draining = true;
    conn->barrier_sent = false;
    conn->org_known = false;
    conn->drain_us = stw_clock_monotonic_us() + STW_DRAIN_LIMIT_US;
    cancel_start(conn);
    stw_drain_step(conn);
}

void stw_drain_end(struct stw_conn *conn)
{
    cancel_release(conn->cancel);
    conn->cancel = NULL;
    conn->draining = false;
}

void stw_drain_step(struct stw_conn *conn)
{
    if (!conn->draining || conn->first != NULL || stw_drain_waits_for_cancel(conn))
        return;
    if (!conn->barrier_sent) {
        conn->barrier_sent = true;
        static const struct stw_segment barrier = {.before = {"rollback"}};
        /* On failure the connection has been dropped, which ends the draining as well. */
        stw_ticket_release(conn->db, stw_segment_send(conn, &barrier));
        return;
    }
    struct stw_lease lease = {conn, conn->epoch};
    stw_drain_end(conn);
    stw_lease_put(&lease);
}
