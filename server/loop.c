#include "server/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/loop_private.h"
#include "server/metrics.h"
#include "server/replica.h"

#define CORO_STACKS_KEPT 256
#define SWEEP_US         ((int64_t)250000)
#define DRAIN_SWEEP_US   ((int64_t)20000)
/* After new connections are turned away, those whose handshake was under way still arrive. */
#define HANDSHAKE_US  ((int64_t)150000)
#define LEASE_WAIT_US ((int64_t)3000000)
#define READS_AT_ONCE 4 /* lists that one loop keeps the database at work with; a loop is a core */
#define EVENTS        64
#define FUTILE_TURNS  32 /* then the loop looks once a millisecond, or when something happens */
#define PLACES        32 /* requests of one loop at work at once: what fills a lane */

struct stw_db *srv_loop_db(struct srv_loop *loop)
{
    return loop->db;
}

struct srv_token_cache *srv_loop_tokens(struct srv_loop *loop)
{
    return loop->tokens;
}

const struct srv_server *srv_loop_server(const struct srv_loop *loop)
{
    return loop->shared->server;
}

bool srv_loop_leaving(const struct srv_loop *loop)
{
    return atomic_load_explicit(&loop->shared->leaving, memory_order_relaxed);
}

void srv_loop_wake(struct srv_loop *loop)
{
    uint64_t one = 1;

    /* A full counter means that a wake-up is due anyway. */
    (void)!write(loop->wake_fd, &one, sizeof(one));
}

void srv_loop_park(struct srv_loop *loop, struct srv_sleeper *sleeper, int64_t due_us)
{
    sleeper->coro = srv_coro_current();
    if (!sleeper->coro) {
        fprintf(stderr, "loop: a wait outside a coroutine\n");
        abort();
    }
    sleeper->due_us = due_us;
    if (due_us)
        srv_timers_add(&loop->timers, sleeper);
    srv_coro_yield();
}

void srv_loop_unpark(struct srv_loop *loop, struct srv_sleeper *sleeper)
{
    if (sleeper->queued || !sleeper->coro)
        return;
    srv_timers_remove(&loop->timers, sleeper);
    sleeper->queued = 1;
    sleeper->next = NULL;
    *loop->runnable_end = sleeper;
    loop->runnable_end = &sleeper->next;
}

void srv_loop_sleep(struct srv_loop *loop, int64_t microseconds)
{
    struct srv_sleeper sleeper = {0};

    srv_loop_park(loop, &sleeper, stw_clock_monotonic_us() + (microseconds > 0 ? microseconds : 0));
}

/* Runs those that are runnable now; what they wake has its turn next. */
static void run_queue(struct srv_loop *loop)
{
    struct srv_sleeper *sleeper = loop->runnable;

    loop->runnable = NULL;
    loop->runnable_end = &loop->runnable;
    while (sleeper) {
        struct srv_sleeper *next = sleeper->next;
        struct srv_coro *coro = sleeper->coro;

        /* The sleeper lies on the coroutine's stack: done with it before that runs. */
        sleeper->queued = 0;
        sleeper->coro = NULL;
        srv_coro_resume(coro);
        sleeper = next;
    }
}

static void expire_timers(struct srv_loop *loop, int64_t now_us)
{
    struct srv_sleeper *first;

    while ((first = srv_timers_first(&loop->timers)) && first->due_us <= now_us)
        srv_loop_unpark(loop, first);
}

static bool add_fd(struct srv_loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return fd >= 0 && !epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* This loop's part of the process's budget of connections. */
static struct stw_db *open_db(struct srv_loop *loop)
{
    const struct srv_server *server = loop->shared->server;
    const struct srv_config *config = server->config;
    int part = config->database_connections / loop->shared->loop_count;
    struct stw_db_options options = {
        .url = config->database_url,
        .application_name = "steward",
        .lanes = part >= 5   ? 2
                 : part >= 3 ? 1
                             : 0,
        .slow = part >= 4 ? 1 : 0,
        .reads = READS_AT_ONCE,
        .read_url = server->replica ? config->database_read_url : NULL,
        .replica = srv_replica_known(server->replica),
        .lease_wait_us = LEASE_WAIT_US,
        .statement_timeout_us = (int64_t)config->request_timeout_ms * 1000,
        .hooks = &loop->hooks,
    };

    options.quick = part - options.lanes - options.slow;
    if (options.quick < 1)
        options.quick = 1;
    /* As on the primary, but nothing writes there. */
    options.replica_quick = options.quick < READS_AT_ONCE + 2 ? options.quick : READS_AT_ONCE + 2;
    options.replica_slow = options.slow;
    return stw_db_new(&options);
}

struct srv_loop *srv_loop_new(struct srv_shared *shared, int index, int listen_fd, bool listener_is_own)
{
    struct srv_loop *loop = calloc(1, sizeof(*loop));
    const struct srv_server *server = shared->server;

    if (!loop)
        return NULL;
    loop->shared = shared;
    loop->index = index;
    loop->listen_fd = listen_fd;
    loop->listener_is_own = listener_is_own;
    loop->runnable_end = &loop->runnable;
    loop->clean = true;
    srv_hooks_init(loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    srv_turnstile_init(&loop->turnstile, PLACES);
    loop->coros = srv_coro_pool_new(CORO_STACKS_KEPT);
    if (loop->epoll_fd < 0 || !loop->coros || !add_fd(loop, loop->wake_fd)) {
        fprintf(stderr, "loop: %s\n", strerror(errno));
        srv_loop_free(loop);
        return NULL;
    }
    if (server->tokens_new)
        loop->tokens = server->tokens_new();
    if (server->config->database_url)
        loop->db = open_db(loop);
    loop->http = srv_http_new(loop, listen_fd);
    if (!loop->http || !add_fd(loop, srv_http_fd(loop->http)) ||
        (server->config->database_url && !loop->db)) {
        srv_loop_free(loop);
        return NULL;
    }
    return loop;
}

void srv_loop_free(struct srv_loop *loop)
{
    if (!loop)
        return;
    srv_http_free(loop->http);
    if (loop->db)
        stw_db_free(loop->db);
    if (loop->tokens)
        loop->shared->server->tokens_free(loop->tokens);
    srv_coro_pool_free(loop->coros);
    srv_timers_release(&loop->timers);
    srv_hooks_release(loop);
    if (loop->listen_fd >= 0)
        close(loop->listen_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop);
}

/* What one run of the thread knows. */
struct run {
    int64_t next_sweep_us;
    int64_t next_tick_us, next_turnstile_us; /* 0: no need */
    int64_t drain_since_us;
    bool http_pending;
    int futile; /* turns in a row in which libmicrohttpd had work to do and nothing came of it */
};

static int timeout_ms(const struct srv_loop *loop, const struct run *run)
{
    const struct srv_sleeper *first = srv_timers_first(&loop->timers);
    int64_t until = run->next_sweep_us;
    int64_t now;

    if (loop->runnable)
        return 0;
    if (run->http_pending)
        return run->futile > FUTILE_TURNS;
    if (first && first->due_us < until)
        until = first->due_us;
    if (run->next_tick_us && run->next_tick_us < until)
        until = run->next_tick_us;
    if (run->next_turnstile_us && run->next_turnstile_us < until)
        until = run->next_turnstile_us;
    now = stw_clock_monotonic_us();
    return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

static void dispatch_events(struct srv_loop *loop, struct run *run, const struct epoll_event *events,
                            int count)
{
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;

        if (fd == loop->wake_fd) {
            uint64_t counter;

            (void)!read(fd, &counter, sizeof(counter));
            srv_hooks_collect(loop);
        } else if (fd == srv_http_fd(loop->http)) {
            run->http_pending = true;
        } else {
            srv_hooks_ready(loop, fd, events[i].events);
        }
    }
}

static void report(struct srv_loop *loop)
{
    const struct srv_server *server = loop->shared->server;
    struct stw_db_stats stats;

    if (!server->metrics)
        return;
    srv_metrics_connections(server->metrics, loop->index, srv_http_open(loop->http));
    if (loop->db) {
        stw_db_stats_read(loop->db, &stats);
        srv_metrics_db(server->metrics, loop->index, &stats);
    }
}

static void close_listener(struct srv_loop *loop)
{
    srv_http_quiesce(loop->http);
    close(loop->listen_fd);
    loop->listen_fd = -1;
}

/* An inherited socket keeps its queue for the successor. One of our own must be accepted empty first: closing
 * it resets what is still queued. */
static void drain_listener(struct srv_loop *loop, const struct run *run, int64_t now_us)
{
    struct pollfd queue = {.fd = loop->listen_fd, .events = POLLIN};

    if (loop->listen_fd < 0)
        return;
    if (!loop->listener_is_own ||
        (now_us - run->drain_since_us >= HANDSHAKE_US && !(poll(&queue, 1, 0) == 1 && queue.revents)))
        close_listener(loop);
}

/* False when the loop is done. */
static bool sweep(struct srv_loop *loop, struct run *run, int64_t now_us)
{
    const struct srv_shared *shared = loop->shared;

    if (!run->drain_since_us && atomic_load(&shared->stopping)) {
        run->drain_since_us = now_us;
        if (loop->listener_is_own)
            srv_listen_refuse(loop->listen_fd);
    }
    run->next_sweep_us = now_us + (run->drain_since_us ? DRAIN_SWEEP_US : SWEEP_US);
    srv_http_sweep(loop->http, now_us, run->drain_since_us);
    report(loop);
    if (!run->drain_since_us)
        return true;
    drain_listener(loop, run, now_us);
    if (loop->listen_fd < 0 && !srv_http_open(loop->http) && !loop->running)
        return false;
    if (now_us - run->drain_since_us < (int64_t)shared->server->config->drain_timeout_ms * 1000)
        return true;
    /* Whoever does not read his answer, or did not send all of his request, was owed no more. */
    srv_http_give_up(loop->http);
    loop->clean = !loop->running;
    return false;
}

/* A connection whose buffer is full of a chunk's line that does not end is work for libmicrohttpd 0.9 at
 * every turn, until its deadline. */
static void run_http(struct srv_loop *loop, struct run *run, bool quiet)
{
    unsigned calls = srv_http_calls(loop->http);

    quiet = quiet && !loop->resumed;
    loop->resumed = false;
    srv_http_run(loop->http);
    run->http_pending = srv_http_pending(loop->http);
    if (!quiet || !run->http_pending || srv_http_calls(loop->http) != calls)
        run->futile = 0;
    else if (run->futile <= FUTILE_TURNS)
        run->futile++;
}

/* One turn: what the database brought, then the coroutines it woke, then libmicrohttpd once for all they
 * resumed. */
static bool turn(struct srv_loop *loop, struct run *run)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS, timeout_ms(loop, run));
    int64_t now_us = stw_clock_monotonic_us();

    if (count < 0 && errno != EINTR) {
        fprintf(stderr, "loop: epoll_wait: %s\n", strerror(errno));
        abort();
    }
    dispatch_events(loop, run, events, count);
    expire_timers(loop, now_us);
    run_queue(loop);
    if (run->http_pending || loop->resumed)
        run_http(loop, run, count == 0);
    run->next_turnstile_us = srv_turnstile_tick(loop, now_us);
    if (loop->db)
        run->next_tick_us = stw_db_tick(loop->db, now_us);
    /* Stopping is asked for by a wake-up. */
    if (now_us >= run->next_sweep_us || (!run->drain_since_us && atomic_load(&loop->shared->stopping)))
        return sweep(loop, run, now_us);
    return true;
}

void *srv_loop_run(void *self)
{
    struct srv_loop *loop = self;
    struct run run = {.http_pending = true};

    srv_log_gather();
    do
        srv_log_flush();
    while (turn(loop, &run));
    srv_log_flush();
    return NULL;
}
