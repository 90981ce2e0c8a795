#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

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

/* Of the servers started from now on. */
static struct {
    int header_ms, body_ms, write_ms, drain_ms;
} limits = {.header_ms = 700, .body_ms = 900, .write_ms = 1200, .drain_ms = 6000};

/* ---- the server ---- */

static inline void nap(void *what)
{
    (void)what;
    usleep(20000);
}

static inline long number_in(const char *target)
{
    const char *equals = strchr(target, '=');

    return equals ? atol(equals + 1) : 0;
}

static inline void answer(struct srv_request *request, struct srv_reply *reply)
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

static inline void tell_port(void *self, int port)
{
    if (write(*(int *)self, &port, sizeof(port)) != sizeof(port))
        abort();
}

static inline void serve(int pipe_end)
{
    struct srv_config config = {
        .database_url = "host=/nonexistent dbname=none",
        .listen = "127.0.0.1",
        .loops = 2,
        .database_connections = 24,
        .request_timeout_ms = 5000,
        .header_timeout_ms = limits.header_ms,
        .body_timeout_ms = limits.body_ms,
        .write_timeout_ms = limits.write_ms,
        .drain_timeout_ms = limits.drain_ms,
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
    if (status)
        _exit(status); /* requests that were left still use what else would be freed */
    srv_workers_free(server.workers);
    exit(status);
}

static inline struct child start(void)
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

static inline int stop(struct child child)
{
    int status = 0;

    kill(child.pid, SIGTERM);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    return status;
}

/* ---- the client ---- */

static inline int dial(int port)
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

static inline bool put(int fd, const char *bytes, size_t length)
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
static inline char *rest(int fd, int *ret_error)
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

static inline char *talk_bytes(const char *bytes, size_t length)
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

static inline char *talk(const char *bytes)
{
    return talk_bytes(bytes, strlen(bytes));
}

static inline int times(const char *text, const char *word)
{
    int count = 0;

    while ((text = strstr(text, word))) {
        count++;
        text += strlen(word);
    }
    return count;
}

static inline void expect_text(char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strstr(text, *words))
            fail_msg("no \"%s\" in: %s", *words, text);
    free(text);
}

#define EXPECT(text, ...) expect_text((text), (const char *const[]){__VA_ARGS__, NULL})

static inline int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Problem of that status and code, then the end of the connection. */
static inline void refused(char *text, const char *status, const char *code)
{
    char quoted[80];

    snprintf(quoted, sizeof(quoted), "\"code\":\"%s\"", code);
    assert_int_equal(times(text, "HTTP/1.1"), 1);
    EXPECT(text, status, quoted, "application/problem+json", "Connection: close", "X-Request-Id: ");
}

static inline int start_shared(void **state)
{
    (void)state;
    shared = start();
    return 0;
}

static inline int stop_shared(void **state)
{
    (void)state;
    return stop(shared);
}

#endif
