#include "server/http.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "server/http_private.h"
#include "server/intake.h"

#define ARENA_CAP ((size_t)64 << 20)
/* What bodies on their way in may hold in the whole process. */
#define UPLOAD_MAX        ((size_t)256 << 20)
#define CONNECTION_MEMORY ((size_t)16 * 1024)

static struct stw_arena *arena_take(struct srv_http *http)
{
    return http->arena_count ? http->arenas[--http->arena_count] : stw_arena_new(ARENA_CAP);
}

static void arena_give(struct srv_http *http, struct stw_arena *arena)
{
    if (http->arena_count == SRV_ARENAS_KEPT) {
        stw_arena_free(arena);
        return;
    }
    stw_arena_clear(arena);
    http->arenas[http->arena_count++] = arena;
}

/* The request line was read: the only moment at which the target stands there as sent. */
static void *target_seen(void *self, const char *uri, struct MHD_Connection *mhd)
{
    struct srv_http *http = self;
    struct srv_connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct stw_arena *arena = arena_take(http);
    struct srv_exchange *exchange = STW_NEW(arena, struct srv_exchange);
    char *question;

    exchange->connection = connection;
    exchange->arena = arena;
    exchange->raw_target = uri;
    exchange->target_length = strlen(uri);
    exchange->target = stw_arena_strndup(arena, uri, exchange->target_length);
    exchange->request.ctx.arena = arena;
    exchange->request.loop = http->loop;
    stw_details_init(&exchange->request.details, arena);
    exchange->request.ctx.details = &exchange->request.details;
    exchange->request.started_us = stw_clock_monotonic_us();
    exchange->request.target = exchange->target;
    exchange->request.path = "";
    exchange->request.body = "";
    exchange->request.client = connection->peer;
    exchange->request.memo = &connection->memo;
    srv_reply_init(&exchange->reply, arena);
    connection->exchange = exchange;
    srv_connection_phase(connection, SRV_PHASE_HEADER);
    /* The query is ours to decode; cut it off in libmicrohttpd's buffer (which is not const), or it would
     * spend the connection's memory on a record for each parameter. */
    question = strchr((char *)(uintptr_t)uri, '?');
    if (question)
        question[1] = '\0';
    return exchange;
}

/* Paths and queries are decoded by segment and by word, after they were split. */
static size_t keep_escapes(void *self, struct MHD_Connection *mhd, char *text)
{
    (void)self;
    (void)mhd;
    return strlen(text);
}

struct collector {
    struct srv_field fields[SRV_FIELDS_MAX];
    int count;
    uintptr_t at; /* where the last field ended */
    bool has_gaps;
};

/* libmicrohttpd 0.9 ends names, values and the target at a NUL byte, loses folded lines, takes bare line
 * feeds and runs of spaces. Its strings still lie where they arrived: each must follow the one before at
 * exactly `gap` bytes. */
static void follow(struct collector *collector, size_t gap, const char *start, const char *end)
{
    if ((uintptr_t)start - collector->at != gap)
        collector->has_gaps = true;
    collector->at = (uintptr_t)end;
}

static enum MHD_Result take_field(void *self, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                  const char *value, size_t value_length)
{
    struct collector *collector = self;

    (void)kind;
    if (!value)
        value = "";
    if (collector->count < SRV_FIELDS_MAX)
        collector->fields[collector->count] = (struct srv_field){name, name_length, value, value_length};
    collector->count++;
    follow(collector, strlen("\r\n"), name, value + value_length);
    return MHD_YES;
}

static enum stw_code read_head(struct srv_exchange *exchange, const char *method, const char *version)
{
    struct srv_connection *connection = exchange->connection;
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct collector collector = {.at = (uintptr_t)method};
    struct srv_head head = {
        .method = method,
        .target = exchange->target,
        .target_length = exchange->target_length,
        .version = version,
        .size = size ? size->header_size : 0,
    };

    follow(&collector, 0, method, method + strlen(method));
    follow(&collector, 1, exchange->raw_target, exchange->raw_target + exchange->target_length);
    follow(&collector, 1, version, version + strlen(version));
    MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, take_field, &collector);
    follow(&collector, strlen("\r\n\r\n"), method + head.size, method + head.size);
    head.fields = collector.fields;
    head.field_count = collector.count;
    head.has_gaps = MHD_VERSION < 0x01000000 && collector.has_gaps;
    srv_intake_head(&exchange->request, &head, connection->http->loop->shared->proxies, connection->peer);
    head.body_max = srv_stream_max(exchange);
    exchange->streams = head.body_max > 0;
    return srv_guard_check(&head, &exchange->framing);
}

/* Whether the parser will read a body behind this head, by the look of it: for a refused head one cannot be
 * sure. */
static bool may_have_body(const struct srv_exchange *exchange)
{
    return srv_request_header(&exchange->request, "content-length") ||
           srv_request_header(&exchange->request, "transfer-encoding");
}

static enum MHD_Result begin(struct srv_exchange *exchange, const char *method, const char *version)
{
    enum stw_code code = read_head(exchange, method, version);
    struct srv_framing *framing = &exchange->framing;
    size_t first = framing->chunked ? 4096 : (size_t)framing->content_length + 1;

    if (code && may_have_body(exchange) && !framing->expects_continue) {
        srv_answer_raw(exchange, code);
        return MHD_YES;
    }
    if (code) {
        exchange->close = true;
        srv_answer_problem(exchange, code);
        srv_answer_complete(exchange);
        return srv_answer_queue(exchange);
    }
    exchange->stage = SRV_STAGE_BODY;
    if (framing->chunked || framing->content_length) {
        const struct srv_request *request = &exchange->request;

        if (exchange->streams)
            stw_buf_init(&exchange->body, exchange->arena, SRV_STREAM_PIECE,
                         SRV_STREAM_PIECE + CONNECTION_MEMORY);
        else
            stw_buf_init(&exchange->body, exchange->arena, first,
                         (size_t)srv_guard_body_max(request->path, strlen(request->path)));
        srv_connection_phase(exchange->connection, SRV_PHASE_BODY);
    }
    return MHD_YES;
}

static void take_body(struct srv_exchange *exchange, const char *bytes, size_t length)
{
    struct srv_shared *shared = exchange->connection->http->loop->shared;

    exchange->uploaded += length;
    if (atomic_fetch_add_explicit(&shared->upload_bytes, length, memory_order_relaxed) + length >
        UPLOAD_MAX) {
        exchange->request.details.retry_after_seconds = 1;
        srv_answer_raw(exchange, STW_OVERLOADED);
        return;
    }
    if (exchange->streams) {
        srv_stream_add(exchange, bytes, length);
        return;
    }
    stw_buf_add(&exchange->body, bytes, length);
    if (exchange->body.failed)
        srv_answer_raw(exchange, STW_BODY_TOO_LARGE);
}

/* Over the limit nothing may be started, but who watches the process must still get an answer. */
static bool admit(struct srv_exchange *exchange)
{
    struct srv_shared *shared = exchange->connection->http->loop->shared;
    const char *path = exchange->request.path;

    if (!strcmp(path, "/livez") || !strcmp(path, "/readyz") || !strcmp(path, "/metrics"))
        return true;
    exchange->counted = true;
    if (atomic_fetch_add_explicit(&shared->in_flight, 1, memory_order_relaxed) <
        shared->server->config->max_requests)
        return true;
    atomic_fetch_sub_explicit(&shared->in_flight, 1, memory_order_relaxed);
    exchange->counted = false;
    return false;
}

/* The coroutine. */
static void run(void *argument)
{
    struct srv_exchange *exchange = argument;
    struct srv_connection *connection = exchange->connection;
    struct srv_loop *loop = connection->http->loop;

    loop->shared->server->handle(&exchange->request, &exchange->reply);
    srv_answer_complete(exchange);
    loop->running--;
    if (exchange->counted)
        atomic_fetch_sub_explicit(&loop->shared->in_flight, 1, memory_order_relaxed);
    if (exchange->suspended) {
        MHD_resume_connection(connection->mhd);
        loop->resumed = true;
    }
}

void srv_exchange_prepare(struct srv_exchange *exchange)
{
    struct srv_loop *loop = exchange->connection->http->loop;
    struct srv_request *request = &exchange->request;
    const struct srv_server *server = loop->shared->server;

    request->started_us = stw_clock_monotonic_us();
    request->ctx.now_us = stw_clock_wall_us();
    request->ctx.db = loop->db;
    request->ctx.engine = server->engine;
    request->ctx.offload = server->workers ? &loop->offload : NULL;
    request->ctx.deadline_us = request->started_us + (int64_t)server->config->request_timeout_ms * 1000;
    request->body = exchange->body.length ? exchange->body.data : "";
    request->body_length = exchange->body.length;
}

/* The request is complete. */
static enum MHD_Result dispatch(struct srv_exchange *exchange)
{
    struct srv_connection *connection = exchange->connection;
    struct srv_loop *loop = connection->http->loop;
    enum stw_code code;

    /* The clock of the request starts here, however long its body took. */
    exchange->request.started_us = stw_clock_monotonic_us();
    exchange->request.ctx.now_us = stw_clock_wall_us();
    exchange->stage = SRV_STAGE_RUN;
    srv_connection_phase(connection, SRV_PHASE_RUN);
    code = srv_intake_query(&exchange->request);
    if (!code && !admit(exchange))
        code = STW_OVERLOADED;
    if (!code) {
        srv_exchange_prepare(exchange);
        loop->running++;
        if (!srv_coro_start(loop->coros, run, exchange)) {
            loop->running--;
            if (exchange->counted)
                atomic_fetch_sub_explicit(&loop->shared->in_flight, 1, memory_order_relaxed);
            code = STW_OVERLOADED;
        }
    }
    if (code) {
        if (code == STW_OVERLOADED)
            exchange->request.details.retry_after_seconds = 1;
        srv_answer_problem(exchange, code);
        srv_answer_complete(exchange);
    }
    /* A request that never waited is answered without the detour over suspend and resume. */
    if (exchange->stage == SRV_STAGE_REPLY)
        return srv_answer_queue(exchange);
    exchange->suspended = true;
    MHD_suspend_connection(connection->mhd);
    return MHD_YES;
}

static enum MHD_Result handle(void *self, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **context)
{
    struct srv_exchange *exchange = *context;
    struct srv_http *http = self;

    (void)mhd;
    (void)url;
    http->calls++;
    switch (exchange->stage) {
    case SRV_STAGE_HEAD:
        return begin(exchange, method, version);
    case SRV_STAGE_BODY:
        /* libmicrohttpd goes on through the chunks that it has read, suspended or not; what is left stays
         * there. */
        if (exchange->taking)
            return MHD_YES;
        if (!*upload_size)
            return dispatch(exchange);
        take_body(exchange, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    case SRV_STAGE_REPLY:
        *upload_size = 0;
        return srv_answer_queue(exchange);
    case SRV_STAGE_REFUSED:
        if (!*upload_size)
            return MHD_NO;
        *upload_size = 0;
        return MHD_YES;
    case SRV_STAGE_RUN:
        break;
    }
    return MHD_YES;
}

/* Called once per request line seen, also when the client is gone; never while suspended. */
static void completed(void *self, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode why)
{
    struct srv_http *http = self;
    struct srv_exchange *exchange = *context;

    (void)mhd;
    (void)why;
    if (!exchange)
        return;
    if (exchange->stage == SRV_STAGE_RUN) {
        fprintf(stderr, "http: a request ended under its handler\n");
        abort();
    }
    *context = NULL;
    if (exchange->uploaded)
        atomic_fetch_sub_explicit(&http->loop->shared->upload_bytes, exchange->uploaded,
                                  memory_order_relaxed);
    exchange->connection->exchange = NULL;
    srv_connection_phase(exchange->connection, SRV_PHASE_IDLE);
    arena_give(http, exchange->arena);
}

static struct MHD_Daemon *start_daemon(struct srv_http *http, int listen_fd)
{
    const struct srv_config *config = http->loop->shared->server->config;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, config->max_connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)target_seen, http},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, http},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)srv_connection_notify, http},
#if MHD_VERSION >= 0x01000000
        {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL},
#endif
        {MHD_OPTION_END, 0, NULL},
    };

    /* Not strict on 0.9.75: it would only add an HTML answer or a silent close to what the guard refuses
     * better. */
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, handle,
                            http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

struct srv_http *srv_http_new(struct srv_loop *loop, int listen_fd)
{
    struct srv_http *http = calloc(1, sizeof(*http));
    const union MHD_DaemonInfo *info;

    if (!http)
        return NULL;
    http->loop = loop;
    http->daemon = start_daemon(http, listen_fd);
    info = http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        fprintf(stderr, "http: libmicrohttpd does not start\n");
        srv_http_free(http);
        return NULL;
    }
    http->epoll_fd = info->epoll_fd;
    return http;
}

void srv_http_free(struct srv_http *http)
{
    if (!http)
        return;
    if (http->daemon) {
        MHD_quiesce_daemon(http->daemon);
        MHD_stop_daemon(http->daemon);
    }
    srv_linger_sweep(http, INT64_MAX);
    while (http->arena_count)
        stw_arena_free(http->arenas[--http->arena_count]);
    free(http);
}

int srv_http_fd(const struct srv_http *http)
{
    return http->epoll_fd;
}

void srv_http_run(struct srv_http *http)
{
    MHD_run(http->daemon);
}

bool srv_http_pending(struct srv_http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout;

    return MHD_get_timeout(http->daemon, &timeout) == MHD_YES && timeout == 0;
}

unsigned srv_http_calls(const struct srv_http *http)
{
    return http->calls;
}

void srv_http_quiesce(struct srv_http *http)
{
    MHD_quiesce_daemon(http->daemon);
}
