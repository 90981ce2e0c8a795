#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "server/http_private.h"

#define IDLE_US ((int64_t)75000000)
/* How long a draining loop waits for a request that may be on its way. */
#define DRAIN_IDLE_US  ((int64_t)500000)
#define DRAIN_FIRST_US ((int64_t)1000000)
#define DRAIN_QUIET_MS 450 /* as the kernel counts, which is not exact */
#define DRAIN_GONE_MS  100

static void peer_text(struct MHD_Connection *mhd, char text[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    snprintf(text, INET6_ADDRSTRLEN, "unknown");
    if (!info || !info->client_addr)
        return;
    if (info->client_addr->sa_family == AF_INET) {
        memcpy(&v4, info->client_addr, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN);
    } else if (info->client_addr->sa_family == AF_INET6) {
        memcpy(&v6, info->client_addr, sizeof(v6));
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
            inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN);
    }
}

static int64_t allowance(const struct srv_connection *connection)
{
    const struct srv_config *config = connection->http->loop->shared->server->config;

    switch (connection->phase) {
    case SRV_PHASE_FIRST:
    case SRV_PHASE_HEADER:
    case SRV_PHASE_IDLE: /* looked at again, see expire_idle */
        return (int64_t)config->header_timeout_ms * 1000;
    case SRV_PHASE_BODY:
        return (int64_t)config->body_timeout_ms * 1000;
    case SRV_PHASE_WRITE:
        return (int64_t)config->write_timeout_ms * 1000;
    case SRV_PHASE_LINGER:
        return SRV_LINGER_US;
    case SRV_PHASE_RUN:
        break;
    }
    return 0;
}

void srv_connection_phase(struct srv_connection *connection, enum srv_phase phase)
{
    int64_t allowed;

    connection->phase = phase;
    connection->since_us = stw_clock_monotonic_us();
    allowed = allowance(connection);
    connection->deadline_us = allowed ? connection->since_us + allowed : 0;
}

static void started(struct srv_http *http, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct srv_connection *connection = calloc(1, sizeof(*connection));

    if (!connection || !info) {
        fprintf(stderr, "http: out of memory\n");
        abort();
    }
    connection->http = http;
    connection->mhd = mhd;
    connection->fd = info->connect_fd;
    peer_text(mhd, connection->peer);
    connection->next = http->connections;
    if (connection->next)
        connection->next->previous = connection;
    http->connections = connection;
    http->open++;
    srv_connection_phase(connection, SRV_PHASE_FIRST);
    *context = connection;
}

static void closed(struct srv_http *http, struct srv_connection *connection)
{
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        http->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    http->open--;
    if (!connection->cut)
        srv_linger(http, connection->fd);
    srv_token_memo_clear(&connection->memo);
    free(connection);
}

void srv_connection_notify(void *http, struct MHD_Connection *mhd, void **context,
                           enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        started(http, mhd, context);
    } else if (*context) {
        closed(http, *context);
        *context = NULL;
    }
}

/* libmicrohttpd sees the end of input and closes by itself. */
static void hang_up(struct srv_connection *connection)
{
    connection->cut = true;
    shutdown(connection->fd, SHUT_RDWR);
    /* Should that take time, try again then. */
    connection->deadline_us = stw_clock_monotonic_us() + SRV_LINGER_US;
}

/* The kernel would keep what a slow reader left for minutes; a reset frees it. */
static void reset(struct srv_connection *connection)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    hang_up(connection);
}

static bool tcp_state(const struct srv_connection *connection, struct tcp_info *ret_info)
{
    socklen_t length = sizeof(*ret_info);

    memset(ret_info, 0, sizeof(*ret_info));
    return !getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, ret_info, &length);
}

/* Whether the client has said its last word. libmicrohttpd never notices an end that came together with the
 * request. */
static bool at_end(const struct srv_connection *connection)
{
    char byte;

    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A kept-alive connection may be silent for long, but who drips the next request line in is a slow sender.
 * The parser says nothing before the line is complete, the kernel knows when bytes last came. */
static void expire_idle(struct srv_connection *connection, int64_t now_us)
{
    int64_t idle = now_us - connection->since_us;
    struct tcp_info info;

    if (idle >= IDLE_US || at_end(connection) ||
        (tcp_state(connection, &info) && (int64_t)info.tcpi_last_data_recv * 1000 + 200000 < idle)) {
        hang_up(connection);
        return;
    }
    connection->deadline_us = now_us + allowance(connection);
    if (connection->deadline_us > connection->since_us + IDLE_US)
        connection->deadline_us = connection->since_us + IDLE_US;
}

static void expire(struct srv_connection *connection, int64_t now_us)
{
    switch (connection->phase) {
    case SRV_PHASE_HEADER:
    case SRV_PHASE_BODY:
        srv_answer_raw(connection->exchange, STW_REQUEST_TIMEOUT);
        break;
    case SRV_PHASE_WRITE:
        reset(connection);
        break;
    case SRV_PHASE_IDLE:
        expire_idle(connection, now_us);
        break;
    case SRV_PHASE_FIRST:
    case SRV_PHASE_LINGER:
        hang_up(connection);
        break;
    case SRV_PHASE_RUN:
        break;
    }
}

/* True when a draining loop need not wait for this connection. */
static bool is_idle(const struct srv_connection *connection, int64_t now_us, int64_t drain_since_us)
{
    struct tcp_info info;

    /* A request line that is arriving, read or not, is waited for. */
    if (connection->phase == SRV_PHASE_IDLE)
        return now_us - drain_since_us >= DRAIN_IDLE_US && now_us - connection->since_us >= DRAIN_IDLE_US &&
               tcp_state(connection, &info) && info.tcpi_last_data_recv >= DRAIN_QUIET_MS;
    if (connection->phase == SRV_PHASE_FIRST && now_us - connection->since_us >= DRAIN_FIRST_US &&
        tcp_state(connection, &info) && !info.tcpi_bytes_received)
        return true;
    /* What was begun and whose sender is gone will never be whole. */
    if (connection->phase <= SRV_PHASE_BODY)
        return at_end(connection) && tcp_state(connection, &info) &&
               info.tcpi_last_data_recv >= DRAIN_GONE_MS;
    return false;
}

void srv_http_sweep(struct srv_http *http, int64_t now_us, int64_t drain_since_us)
{
    srv_linger_sweep(http, now_us);
    for (struct srv_connection *connection = http->connections; connection; connection = connection->next) {
        if (connection->deadline_us && now_us >= connection->deadline_us)
            expire(connection, now_us);
        else if (drain_since_us && is_idle(connection, now_us, drain_since_us))
            hang_up(connection);
    }
}

void srv_http_give_up(struct srv_http *http)
{
    for (struct srv_connection *connection = http->connections; connection; connection = connection->next)
        if (connection->phase == SRV_PHASE_HEADER || connection->phase == SRV_PHASE_BODY)
            srv_answer_raw(connection->exchange, STW_UNAVAILABLE);
}

int srv_http_open(const struct srv_http *http)
{
    return http->open + http->lingering_count;
}
