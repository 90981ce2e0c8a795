#include <string.h>

#include "server/http_private.h"
#include "server/router.h"

uint64_t srv_stream_max(struct srv_exchange *exchange)
{
    const struct srv_server *server = exchange->connection->http->loop->shared->server;
    struct srv_request *request = &exchange->request;

    if (request->method != SRV_PUT || !server->take || !server->router ||
        srv_router_find(server->router, request) != STW_OK || !(request->route->flags & SRV_ROUTE_STREAM))
        return 0;
    return (uint64_t)server->config->import_max_bytes;
}

/* The coroutine of one piece. */
static void take(void *argument)
{
    struct srv_exchange *exchange = argument;
    struct srv_connection *connection = exchange->connection;
    struct srv_loop *loop = connection->http->loop;
    struct srv_shared *shared = loop->shared;
    enum stw_code code = shared->server->take(&exchange->request, exchange->body.data, exchange->body.length);

    atomic_fetch_sub_explicit(&shared->upload_bytes, exchange->uploaded, memory_order_relaxed);
    exchange->uploaded = 0;
    exchange->body.length = 0;
    exchange->taking = false;
    loop->running--;
    if (code != STW_OK)
        srv_answer_raw(exchange, code);
    else
        srv_connection_phase(connection,
                             SRV_PHASE_BODY); /* each piece has the time that other bodies have in all */
    if (exchange->suspended) {
        exchange->suspended = false;
        MHD_resume_connection(connection->mhd);
        loop->resumed = true;
    }
}

static void start(struct srv_exchange *exchange)
{
    struct srv_connection *connection = exchange->connection;
    struct srv_loop *loop = connection->http->loop;

    srv_exchange_prepare(exchange);
    srv_connection_phase(connection, SRV_PHASE_RUN);
    exchange->taking = true;
    loop->running++;
    if (!srv_coro_start(loop->coros, take, exchange)) {
        loop->running--;
        exchange->taking = false;
        exchange->request.details.retry_after_seconds = 1;
        srv_answer_raw(exchange, STW_OVERLOADED);
        return;
    }
    if (!exchange->taking)
        return;
    exchange->suspended = true;
    MHD_suspend_connection(connection->mhd);
}

void srv_stream_add(struct srv_exchange *exchange, const char *bytes, size_t length)
{
    uint64_t most = (uint64_t)exchange->connection->http->loop->shared->server->config->import_max_bytes;
    bool first = exchange->streamed == 0;

    exchange->streamed += length;
    stw_buf_add(&exchange->body, bytes, length);
    if (exchange->streamed > most || exchange->body.failed) {
        srv_answer_raw(exchange, STW_BODY_TOO_LARGE);
        return;
    }
    /* with the first bytes at once: who may not send shall not send all of it */
    if (first || exchange->body.length >= SRV_STREAM_PIECE)
        start(exchange);
}
