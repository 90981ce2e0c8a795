#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "server/guard.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/workers.h"

/* The real server in a child process, bytes over sockets. */

/* From 1.0 on libmicrohttpd refuses some of it before our guard sees it, with a page of its own. */
#define PARSER_IS_STRICT (MHD_VERSION >= 0x01000000)

struct child {
    pid_t pid;
    int port;
};

static struct child shared; /* of most tests */

/* ---- the server
 * -------------------------------------------------------------------------------------------------- */

static void nap(void *what)
{
    (void)what;
    usleep(20000);
}

static long number_in(const char *target)
{
    const char *equals = strchr(target, '=');

    return equals ? atol(equals + 1) : 0;
}

static void answer(struct srv_request *request, struct srv_reply *reply)
{
    reply->status = 200;
    if (!strcmp(request->path, "/sleep"))
        srv_loop_sleep(request->loop, number_in(request->target) * 1000);
    if (!strcmp(request->path, "/offload") && stw_offload_run(&request->ctx, nap, NULL))
        reply->status = 503;
    if (!strcmp(request->path, "/large")) {
        for (long i = number_in(request->target); i > 0; i--)
            stw_buf_add_text(&reply->body, "0123456789abcdef");
        return;
    }
    if (!strcmp(request->path, "/empty")) {
        reply->status = 204;
        return;
    }
    if (!strcmp(request->path, "/nothing")) {
        reply->status = 0;
        return;
    }
    stw_buf_printf(&reply->body, "<%s %s %zu %s %s %d>", srv_method_name(request->method), request->path,
                   request->body_length, request->ctx.request_id, request->client, request->query_count);
    if (request->body_length < 100)
        stw_buf_add(&reply->body, request->body, request->body_length);
}

static void tell_port(void *self, int port)
{
    if (write(*(int *)self, &port, sizeof(port)) != sizeof(port))
        abort();
}

static void serve(int pipe_end)
{
    struct srv_config config = {
        .database_url = "host=/nonexistent dbname=none",
        .listen = "127.0.0.1",
        .loops = 2,
        .database_connections = 24,
        .request_timeout_ms = 5000,
        .header_timeout_ms = 700,
        .body_timeout_ms = 900,
        .write_timeout_ms = 1200,
        .drain_timeout_ms = 6000,
        .max_connections = 1000,
        .max_requests = 100,
        .trusted_proxies = "127.0.0.1, 10.0.0.0/8",
        .log_level = "error",
    };
    struct srv_server server = {.config = &config, .handle = answer};
    int status;

    srv_log_level_set(SRV_LOG_ERROR);
    if (!freopen("/dev/null", "w", stdout))
        abort();
    server.workers = srv_workers_new(2, 100);
    status = srv_serve(&server, tell_port, &pipe_end);
    srv_workers_free(server.workers);
    exit(status);
}

static struct child start(void)
{
    struct child child;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (!child.pid) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &child.port, sizeof(child.port)), sizeof(child.port));
    close(ends[0]);
    return child;
}

static int stop(struct child child)
{
    int status = 0;

    kill(child.pid, SIGTERM);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    return status;
}

/* ---- the client
 * -------------------------------------------------------------------------------------------------- */

static int dial(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static bool put(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

#define ROOM ((size_t)1 << 16)

/* Everything until the end of the stream; -1 in *ret_error when it did not end well. */
static char *rest(int fd, int *ret_error)
{
    char *text = calloc(1, ROOM);
    size_t length = 0;
    ssize_t got;

    while ((got = recv(fd, text + length, ROOM - 1 - length, 0)) > 0)
        length += (size_t)got;
    *ret_error = got < 0 ? errno : 0;
    close(fd);
    return text;
}

static char *talk_bytes(const char *bytes, size_t length)
{
    int fd = dial(shared.port);
    int error;
    char *text;

    assert_true(fd >= 0);
    put(fd, bytes, length);
    text = rest(fd, &error);
    if (error)
        fail_msg("%.60s...: %s", bytes, strerror(error));
    return text;
}

static char *talk(const char *bytes)
{
    return talk_bytes(bytes, strlen(bytes));
}

static int times(const char *text, const char *word)
{
    int count = 0;

    while ((text = strstr(text, word))) {
        count++;
        text += strlen(word);
    }
    return count;
}

static void expect_text(char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strstr(text, *words))
            fail_msg("no \"%s\" in: %s", *words, text);
    free(text);
}

#define EXPECT(text, ...) expect_text((text), (const char *const[]){__VA_ARGS__, NULL})

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Problem of that status and code, then the end of the connection. */
static void refused(char *text, const char *status, const char *code)
{
    char quoted[80];

    snprintf(quoted, sizeof(quoted), "\"code\":\"%s\"", code);
    assert_int_equal(times(text, "HTTP/1.1"), 1);
    EXPECT(text, status, quoted, "application/problem+json", "Connection: close", "X-Request-Id: ");
}

/* ---- tests
 * ------------------------------------------------------------------------------------------------------- */

static void replies_carry_the_common_headers(void **state)
{
    (void)state;
    EXPECT(talk("GET /a?b=c&d HTTP/1.1\r\nHost: x\r\nX-Request-Id: my.id-1\r\nConnection: close\r\n\r\n"),
           "HTTP/1.1 200", "Content-Type: application/json", "X-Request-Id: my.id-1",
           "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "<GET /a 0 my.id-1 127.0.0.1 2>");
    EXPECT(talk("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 204");
    EXPECT(talk("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 500",
           "\"code\":\"internal\"");
    EXPECT(talk("GET http://x/abs?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "<GET /abs 0",
           " 1>");
    EXPECT(talk("GET /%00%2F HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "<GET /%00%2F 0");
    EXPECT(talk("GET /?a=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400",
           "malformed_request");
    EXPECT(talk("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8, 10.1.1.1\r\nConnection: "
                "close\r\n\r\n"),
           " 8.8.8.8 ");
}

static void keep_alive_and_pipelining(void **state)
{
    char *text = talk(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        "GET /sleep?ms=30 HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    (void)state;
    assert_int_equal(times(text, "HTTP/1.1 200"), 5);
    EXPECT(text, "<GET /1 ", "<POST /2 5 ", ">hello", "<GET /sleep ", "<POST /3 5 ", ">abcde", "<GET /4 ");
}

static void head_has_no_body(void **state)
{
    char *text = talk("HEAD /h HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\nConnection: close\r\n\r\n");

    (void)state;
    assert_non_null(strstr(text, "Content-Length: 25\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    free(text);
}

static void smuggling_is_refused(void **state)
{
    static const char *const bad[] = {
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "X: a\r\n b\r\nContent-Length: 5\r\n",
        "Host: y\r\nContent-Length: 5\r\n",
        "Expect: tea\r\nContent-Length: 5\r\n",
    };
    static const char *const codings[] = {"gzip", "chunked, gzip", "xchunked", "identity", "chunked;x"};
    char bytes[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text;

        snprintf(bytes, sizeof(bytes),
                 "POST /s HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
                 bad[i]);
        text = talk(bytes);
        if (times(text, "HTTP/1.1") != 1 || !strstr(text, "HTTP/1.1 400"))
            fail_msg("%s: %s", bad[i], text);
        assert_null(strstr(text, "evil"));
        free(text);
    }
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        snprintf(bytes, sizeof(bytes),
                 "POST /s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n", codings[i]);
        if (PARSER_IS_STRICT)
            EXPECT(talk(bytes), " 400 ");
        else
            refused(talk(bytes), "HTTP/1.1 501", "not_implemented");
    }
    EXPECT(talk("POST /s HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), " 400 ");
    EXPECT(talk("GET /s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"), " 400 ");
    EXPECT(talk("BREW /s HTTP/1.1\r\nHost: x\r\n\r\n"), " 501 ");
    EXPECT(talk("GET /s HTTP/1.1\r\n\r\n"), " 400 ");
}

static void hidden_bytes_are_refused(void **state)
{
    static const char in_target[] = "GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char in_value[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\nY: c\r\n\r\n";
    static const char in_last[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";

    (void)state;
    if (PARSER_IS_STRICT) {
        /* It closes the connection without a word. */
        free(talk_bytes(in_target, sizeof(in_target) - 1));
    } else {
        refused(talk_bytes(in_target, sizeof(in_target) - 1), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET /a HTTP/1.1\nHost: x\n\n"), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400", "malformed_request");
    }
    EXPECT(talk_bytes(in_value, sizeof(in_value) - 1), " 400 ");
    EXPECT(talk_bytes(in_last, sizeof(in_last) - 1), " 400 ");
}

/* A request whose target, field or body has a run of 'a'. */
static char *long_request(const char *format, size_t run)
{
    char *filler = malloc(run + 1);
    char *bytes = malloc(run + 1024);

    memset(filler, 'a', run);
    filler[run] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(bytes, run + 1024, format, filler);
#pragma GCC diagnostic pop
    free(filler);
    return bytes;
}

static char *talk_long(const char *format, size_t run)
{
    char *bytes = long_request(format, run);
    char *text = talk(bytes);

    free(bytes);
    return text;
}

static void sizes_are_limited(void **state)
{
    static const char target[] = "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static const char field[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: %s\r\n\r\n";
    size_t head = SRV_HEAD_MAX - (sizeof(field) - 3);
    char many[4096] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

    (void)state;
    EXPECT(talk_long(target, SRV_TARGET_MAX - 1), "HTTP/1.1 200");
    refused(talk_long(target, SRV_TARGET_MAX), "HTTP/1.1 414", "uri_too_long");
    EXPECT(talk_long(field, head), "HTTP/1.1 200");
    refused(talk_long(field, head + 1), "HTTP/1.1 431", "headers_too_large");
    for (int i = 2; i < SRV_FIELDS_MAX; i++)
        strcat(many, "X: y\r\n");
    strcat(many, "\r\n");
    EXPECT(talk(many), "HTTP/1.1 200");
    strcpy(many + strlen(many) - 2, "X: y\r\n\r\n");
    refused(talk(many), "HTTP/1.1 431", "headers_too_large");
}

static void bodies_are_limited(void **state)
{
    static const char sized[] =
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n%s";
    static const char over[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n%s";
    static const char chunk[] = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n100000\r\n%s\r\n0\r\n\r\n";
    static const char chunk_over[] =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n%s\r\n0\r\n\r\n";

    (void)state;
    EXPECT(talk_long(sized, SRV_BODY_MAX), "HTTP/1.1 200", " 1048576 ");
    refused(talk_long(over, SRV_BODY_MAX + 1), "HTTP/1.1 413", "body_too_large");
    EXPECT(talk_long(chunk, SRV_BODY_MAX), "HTTP/1.1 200", " 1048576 ");
    refused(talk_long(chunk_over, SRV_BODY_MAX + 1), "HTTP/1.1 413", "body_too_large");
    /* Who asks first is told without sending anything. */
    refused(talk("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
            "HTTP/1.1 413", "body_too_large");
}

static void a_client_that_asks_first_is_told_to_go_on(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                               "2\r\nConnection: close\r\n\r\n";
    int fd = dial(shared.port);
    char first[128] = "";
    int error;

    (void)state;
    assert_true(put(fd, head, sizeof(head) - 1));
    assert_true(recv(fd, first, sizeof(first) - 1, 0) > 0);
    assert_string_equal(first, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(put(fd, "ab", 2));
    EXPECT(rest(fd, &error), "HTTP/1.1 200", ">ab");
    assert_int_equal(error, 0);
}

/* Sends `bytes` and waits for the end; returns what came and how long it took. */
static char *slow(const char *bytes, int64_t *ret_ms)
{
    int64_t start_ms = now_ms();
    char *text = talk(bytes);

    *ret_ms = now_ms() - start_ms;
    return text;
}

static void slow_senders_are_closed(void **state)
{
    int64_t took;
    char *text = slow("", &took);

    (void)state;
    assert_string_equal(text, "");
    assert_in_range(took, 600, 3000);
    free(text);
    free(slow("GET /half", &took));
    assert_in_range(took, 600, 3000);
    refused(slow("GET /h HTTP/1.1\r\nHost: x\r\nX-Ha", &took), "HTTP/1.1 408", "request_timeout");
    assert_in_range(took, 600, 3000);
    refused(slow("POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", &took), "HTTP/1.1 408",
            "request_timeout");
    assert_in_range(took, 800, 3500);
}

/* A byte now and then keeps libmicrohttpd's own timeout content, not ours. */
static void dripping_does_not_help(void **state)
{
    int fd = dial(shared.port);
    int64_t start_ms = now_ms();
    struct pollfd end = {.fd = fd, .events = POLLIN};

    (void)state;
    assert_true(put(fd, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n", 31));
    usleep(300000);
    assert_true(recv(fd, (char[4096]){0}, 4096, 0) > 0);
    while (now_ms() - start_ms < 6000) {
        if (!put(fd, "G", 1))
            break;
        if (poll(&end, 1, 100) == 1)
            break;
    }
    assert_in_range(now_ms() - start_ms, 500, 4000);
    close(fd);
}

static void slow_readers_are_closed(void **state)
{
    int fd = dial(shared.port);
    int64_t start_ms = now_ms();
    struct pollfd end = {.fd = fd, .events = POLLHUP};
    static const char bytes[] = "GET /large?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    assert_true(put(fd, bytes, sizeof(bytes) - 1));
    assert_int_equal(poll(&end, 1, 5000), 1);
    assert_in_range(now_ms() - start_ms, 1000, 4000);
    close(fd);
}

static void a_client_may_leave_while_its_handler_runs(void **state)
{
    static const char bytes[] = "GET /sleep?ms=150 HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct linger now = {.l_onoff = i % 2, .l_linger = 0};
        int fd = dial(shared.port);

        assert_true(put(fd, bytes, sizeof(bytes) - 1));
        usleep(5000);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
    }
    usleep(300000);
    EXPECT(talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200");
}

static void *one_client(void *failures)
{
    static const char bytes[] = "GET /sleep?ms=5 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char last[] = "GET /offload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fd = dial(shared.port);
    int error;
    char *text;

    for (int i = 0; i < 20; i++)
        put(fd, bytes, sizeof(bytes) - 1);
    put(fd, last, sizeof(last) - 1);
    text = rest(fd, &error);
    if (error || times(text, "HTTP/1.1 200") != 21)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    free(text);
    return NULL;
}

static void sixty_four_at_once(void **state)
{
    pthread_t threads[64];
    int failures = 0;

    (void)state;
    for (int i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_client, &failures), 0);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
}

static void too_many_requests_are_turned_away(void **state)
{
    static const char bytes[] = "GET /sleep?ms=1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fds[110];
    int served = 0;
    int error;

    (void)state;
    for (int i = 0; i < 110; i++) {
        fds[i] = dial(shared.port);
        assert_true(put(fds[i], bytes, sizeof(bytes) - 1));
    }
    usleep(300000);
    EXPECT(talk("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200");
    EXPECT(talk("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 503", "overloaded",
           "Retry-After: 1");
    for (int i = 0; i < 110; i++) {
        char *text = rest(fds[i], &error);

        served += times(text, "HTTP/1.1 200");
        free(text);
    }
    assert_int_equal(served, 100);
}

static void a_stop_loses_nothing(void **state)
{
    static const char slow_one[] = "GET /sleep?ms=700 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char quick[] = "GET /q HTTP/1.1\r\nHost: x\r\n\r\n";
    struct child child = start();
    int busy = dial(child.port);
    int kept = dial(child.port);
    int fresh = dial(child.port);
    int status;
    int error;
    char first[4096];

    (void)state;
    assert_true(put(busy, slow_one, sizeof(slow_one) - 1));
    assert_true(put(kept, quick, sizeof(quick) - 1));
    assert_true(recv(kept, first, sizeof(first), 0) > 0);
    kill(child.pid, SIGTERM);
    usleep(100000);
    /* Accepted before, asking now. */
    assert_true(put(kept, quick, sizeof(quick) - 1));
    assert_true(put(fresh, quick, sizeof(quick) - 1));
    EXPECT(rest(kept, &error), "HTTP/1.1 200", "Connection: close");
    assert_int_equal(error, 0);
    EXPECT(rest(fresh, &error), "HTTP/1.1 200", "Connection: close");
    assert_int_equal(error, 0);
    EXPECT(rest(busy, &error), "HTTP/1.1 200", "Connection: close", "<GET /sleep");
    assert_int_equal(error, 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct hammer {
    int port;
    int bad;
    int good;
};

/* New connections, one request each, until the door is shut; every one that was opened must be answered. */
static void *hammer(void *argument)
{
    static const char bytes[] = "GET /sleep?ms=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct hammer *hammer = argument;

    for (;;) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)hammer->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int error;
        char *text;

        if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
            close(fd);
            return NULL;
        }
        put(fd, bytes, sizeof(bytes) - 1);
        text = rest(fd, &error);
        if (error || times(text, "HTTP/1.1 200") != 1)
            hammer->bad++;
        else
            hammer->good++;
        free(text);
    }
}

static void a_stop_under_load_resets_no_one(void **state)
{
    enum { CLIENTS = 16 };
    pthread_t threads[CLIENTS];
    struct hammer hammers[CLIENTS];
    struct child child = start();
    int good = 0;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        hammers[i] = (struct hammer){.port = child.port};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    usleep(200000);
    assert_int_equal(stop(child), 0);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(hammers[i].bad, 0);
        good += hammers[i].good;
    }
    assert_true(good > CLIENTS);
}

static int start_shared(void **state)
{
    (void)state;
    shared = start();
    return 0;
}

static int stop_shared(void **state)
{
    (void)state;
    return stop(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_carry_the_common_headers),
        cmocka_unit_test(keep_alive_and_pipelining),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(smuggling_is_refused),
        cmocka_unit_test(hidden_bytes_are_refused),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(bodies_are_limited),
        cmocka_unit_test(a_client_that_asks_first_is_told_to_go_on),
        cmocka_unit_test(slow_senders_are_closed),
        cmocka_unit_test(dripping_does_not_help),
        cmocka_unit_test(slow_readers_are_closed),
        cmocka_unit_test(a_client_may_leave_while_its_handler_runs),
        cmocka_unit_test(sixty_four_at_once),
        cmocka_unit_test(too_many_requests_are_turned_away),
        cmocka_unit_test(a_stop_loses_nothing),
        cmocka_unit_test(a_stop_under_load_resets_no_one),
    };

    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
