#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "db/internal.h"

void stw_conn_watch(struct stw_conn *conn, unsigned events)
{
    int fd = events != 0 ? PQsocket(conn->pg) : conn->fd;
    if (fd < 0 || (fd == conn->fd && events == conn->interest))
        return;
    conn->fd = events != 0 ? fd : -1;
    conn->interest = events;
    conn->db->hooks.watch(conn->db->hooks.self, conn, fd, events);
}

static void forget(struct stw_conn *conn)
{
    if (conn->fd >= 0)
        stw_conn_watch(conn, 0);
}

void stw_conn_close(struct stw_conn *conn)
{
    forget(conn);
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->state = STW_CONN_DOWN;
    conn->epoch++;
    stw_gate_leave(conn);
    conn->users = 0;
    conn->doomed = false;
    conn->batch_end = NULL;
    conn->org_known = false;
    conn->batches = 0;
    stw_drain_end(conn);
    stw_tickets_lose(conn);
    stw_prepared_clear(&conn->prepared);
}

void stw_conn_drop(struct stw_conn *conn)
{
    stw_conn_close(conn);
    conn->retry_us = stw_clock_monotonic_us() + conn->pause_us;
    if (stw_pool_is_replica(conn->pool) && !stw_pool_is_up(conn->pool))
        stw_pool_dismiss(conn->pool);
    conn->pause_us = conn->pause_us * 2 < STW_PAUSE_MOST_US ? conn->pause_us * 2 : STW_PAUSE_MOST_US;
}

/* Notices end here: libpq would print them. */
static void notice(void *what, const PGresult *result)
{
    struct stw_conn *conn = what;
    const char *sqlstate = stw_sqlstate_of(result);
    /* 01000 before the Sync: the commit stands here but was not replicated. */
    if (strcmp(sqlstate, "01000") == 0 && conn->first != NULL)
        conn->first->warned = true;
    /* The server says good-bye to an idle connection in this way. */
    if (stw_sqlstate_dooms(sqlstate))
        conn->doomed = true;
}

void stw_conn_open(struct stw_conn *conn, int64_t now_us)
{
    conn->state = STW_CONN_CONNECTING;
    conn->retry_us = now_us + STW_CONNECT_LIMIT_US;
    conn->pg = stw_connect_start(conn->pool);
    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD) {
        stw_conn_drop(conn);
        return;
    }
    PQsetNoticeReceiver(conn->pg, notice, conn);
    stw_conn_watch(conn, EPOLLOUT);
}

static void opened(struct stw_conn *conn)
{
    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1) {
        stw_conn_drop(conn);
        return;
    }
    conn->state = STW_CONN_UP;
    conn->pause_us = STW_PAUSE_FIRST_US;
    conn->doomed = false;
    conn->encrypted = PQsslInUse(conn->pg) != 0 || PQgssEncInUse(conn->pg) != 0;
    conn->db->reconnects += conn->was_up;
    conn->was_up = true;
    if (stw_pool_is_replica(conn->pool))
        conn->db->replica_up_us = stw_clock_monotonic_us();
    stw_conn_watch(conn, EPOLLIN);
    stw_pool_pump(conn->pool);
}

static void go_on_connecting(struct stw_conn *conn)
{
    /* PQconnectPoll takes it for granted that the socket is ready. */
    struct pollfd ready = {conn->fd, conn->interest & EPOLLOUT ? POLLOUT : POLLIN, 0};
    if (poll(&ready, 1, 0) <= 0)
        return;
    /* It may close the socket and open another under the same number, which would silently leave an epoll
     * set. */
    forget(conn);
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_READING:
        stw_conn_watch(conn, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        stw_conn_watch(conn, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        opened(conn);
        break;
    default:
        stw_conn_drop(conn);
        break;
    }
}

void stw_conn_flush(struct stw_conn *conn)
{
    int left = PQflush(conn->pg);
    if (left < 0)
        stw_conn_drop(conn);
    else
        stw_conn_watch(conn, left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void stw_db_ready(struct stw_conn *conn, unsigned events)
{
    if (conn->state == STW_CONN_CONNECTING) {
        go_on_connecting(conn);
        return;
    }
    if (conn->state != STW_CONN_UP)
        return;
    /* Reading first: libpq must empty its input before the server takes more. */
    if (events & ~(unsigned)EPOLLOUT)
        stw_segment_read(conn);
    if (conn->state == STW_CONN_UP && (conn->interest & EPOLLOUT))
        stw_conn_flush(conn);
}
