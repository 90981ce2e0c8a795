#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "core/clock.h"
#include "server/http_private.h"
#include "server/intake.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/problem.h"

void srv_answer_problem(struct srv_exchange *exchange, enum stw_code code)
{
    /* A head that never became complete has not been looked at. */
    if (!exchange->request.ctx.request_id)
        srv_intake_id(&exchange->request);
    srv_reply_reset(&exchange->reply);
    srv_problem_write(&exchange->request, code, &exchange->reply);
    exchange->reply.code = code;
}

void srv_answer_complete(struct srv_exchange *exchange)
{
    const struct srv_loop *loop = exchange->connection->http->loop;
    const struct srv_server *server = loop->shared->server;
    struct srv_request *request = &exchange->request;
    struct srv_reply *reply = &exchange->reply;
    int64_t duration;

    if (reply->body.failed || reply->status < 200 || reply->status > 599) {
        snprintf(request->details.internal, sizeof(request->details.internal), "reply with status %d%s",
                 reply->status, reply->body.failed ? " and a body beyond its cap" : "");
        srv_answer_problem(exchange, STW_INTERNAL);
    }
    duration = stw_clock_monotonic_us() - request->started_us;
    srv_log_request(request, reply, reply->code, duration);
    if (server->metrics)
        srv_metrics_request(server->metrics, loop->index, request->route, reply->status, duration,
                            reply->body.length);
    exchange->stage = SRV_STAGE_REPLY;
}

/* Calls emit for each header that Steward sets. */
static void each_header(struct srv_exchange *exchange,
                        void (*emit)(void *self, const char *name, const char *value), void *self)
{
    const struct srv_reply *reply = &exchange->reply;
    bool caching = false;
    bool typed = false;

    for (int i = 0; i < reply->header_count; i++) {
        caching = caching || !strcasecmp(reply->headers[i].name, "cache-control");
        typed = typed || !strcasecmp(reply->headers[i].name, "content-type");
        emit(self, reply->headers[i].name, reply->headers[i].value);
    }
    if (!typed && reply->content_type && reply->status != 204 && reply->status != 304)
        emit(self, "Content-Type", reply->content_type);
    if (!caching)
        emit(self, "Cache-Control", "no-store");
    emit(self, "X-Content-Type-Options", "nosniff");
    if (exchange->request.ctx.request_id)
        emit(self, "X-Request-Id", exchange->request.ctx.request_id);
    if (exchange->close)
        emit(self, "Connection", "close");
}

static void emit_raw(void *self, const char *name, const char *value)
{
    struct stw_buf *head = self;

    stw_buf_add_text(head, name);
    stw_buf_add_text(head, ": ");
    stw_buf_add_text(head, value);
    stw_buf_add_text(head, "\r\n");
}

/* Past libmicrohttpd, as the last thing that is said on the connection. */
static void send_raw(struct srv_exchange *exchange)
{
    struct srv_connection *connection = exchange->connection;
    struct srv_reply *reply = &exchange->reply;
    time_t now = time(NULL);
    struct tm calendar;
    struct stw_buf text;
    char date[64];

    exchange->close = true;
    gmtime_r(&now, &calendar);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &calendar);
    stw_buf_init(&text, exchange->arena, 2048 + reply->body.length, 65536 + reply->body.length);
    stw_buf_printf(&text, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
                   MHD_get_reason_phrase_for((unsigned)reply->status), date);
    if (reply->status != 204 && reply->status != 304)
        stw_buf_printf(&text, "Content-Length: %zu\r\n", reply->body.length);
    each_header(exchange, emit_raw, &text);
    stw_buf_add_text(&text, "\r\n");
    if (exchange->request.method != SRV_HEAD)
        stw_buf_add(&text, reply->body.data, reply->body.length);
    srv_log_flush();
    /* One send into a socket buffer that holds no reply of ours: what does not fit, nobody was reading. */
    if (!text.failed)
        (void)!send(connection->fd, text.data, text.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(connection->fd, SHUT_WR);
    exchange->stage = SRV_STAGE_REFUSED;
    srv_connection_phase(connection, SRV_PHASE_LINGER);
}

void srv_answer_raw(struct srv_exchange *exchange, enum stw_code code)
{
    exchange->close = true;
    srv_answer_problem(exchange, code);
    srv_answer_complete(exchange);
    send_raw(exchange);
}

/* A response under construction. */
struct making {
    struct MHD_Response *response;
    bool failed;
};

static void emit_queued(void *self, const char *name, const char *value)
{
    struct making *making = self;

    if (MHD_add_response_header(making->response, name, value) != MHD_YES)
        making->failed = true;
}

enum MHD_Result srv_answer_queue(struct srv_exchange *exchange)
{
    struct srv_connection *connection = exchange->connection;
    struct srv_reply *reply = &exchange->reply;
    struct making making = {0};
    enum MHD_Result result = MHD_NO;

    /* The bytes stay in the arena, which lives until the request is completed. */
    making.response =
        MHD_create_response_from_buffer(reply->body.length, reply->body.data, MHD_RESPMEM_PERSISTENT);
    if (atomic_load_explicit(&connection->http->loop->shared->leaving, memory_order_relaxed))
        exchange->close = true;
    if (making.response) {
        each_header(exchange, emit_queued, &making);
        srv_log_flush();
        if (!making.failed)
            result = MHD_queue_response(connection->mhd, (unsigned)reply->status, making.response);
        MHD_destroy_response(making.response);
    }
    /* What was done shall be told, also when libmicrohttpd has no memory for it; it closes then. */
    if (result != MHD_YES)
        send_raw(exchange);
    else
        srv_connection_phase(connection, SRV_PHASE_WRITE);
    return result;
}
