#ifndef STW_TESTS_DB_FIXTURE_H
#define STW_TESTS_DB_FIXTURE_H

/* A context with a db over the blocking driver, and a small coroutine driver to have many callers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/clock.h"
#include "db/db.h"
#include "pg.h"

#define ORG_A "0190a000-0000-7000-8000-00000000000a"
#define ORG_B "0190a000-0000-7000-8000-00000000000b"

struct request {
    struct stw_context ctx;
    struct stw_details details;
};

static inline void request_open(struct request *request, struct stw_db *db)
{
    memset(request, 0, sizeof *request);
    request->ctx.arena = stw_arena_new(64 << 20);
    request->ctx.db = db;
    request->ctx.details = &request->details;
    stw_details_init(&request->details, request->ctx.arena);
    strcpy(request->ctx.org_id, ORG_A);
}

static inline void request_close(struct request *request)
{
    stw_arena_free(request->ctx.arena);
}

static inline struct stw_db_options options_of(int lanes, int quick, int slow,
                                               const struct stw_db_hooks *hooks)
{
    return (struct stw_db_options){.url = pg_url(),
                                   .application_name = "unit",
                                   .lanes = lanes,
                                   .quick = quick,
                                   .slow = slow,
                                   .lease_wait_us = 500000,
                                   .statement_timeout_us = 10000000,
                                   .hooks = hooks};
}

/* One caller over the blocking driver. */
static inline struct stw_db *caller_open(struct request *request)
{
    struct stw_db_options options = options_of(1, 2, 1, NULL);
    struct stw_db *db = stw_db_new(&options);
    request_open(request, db);
    return db;
}

static inline void caller_close(struct request *request)
{
    struct stw_db *db = request->ctx.db;
    request_close(request);
    stw_db_free(db);
}

/* ---- many callers at once ---- */

#define CALLERS_MAX 256

struct caller {
    ucontext_t place;
    void *stack;
    void (*body)(struct stw_context *ctx, int number);
    int number;
    bool runnable, ended;
    struct stw_wait *sleeping;
    struct request request;
};

static struct {
    struct stw_db *db;
    struct stw_db_hooks hooks;
    struct caller callers[CALLERS_MAX];
    int count;
    struct caller *current;
    ucontext_t loop;
    struct pollfd polls[64];
    struct stw_conn *conns[64];
} theatre;

static inline void theatre_wait(void *self, struct stw_wait *wait)
{
    (void)self;
    struct caller *caller = theatre.current;
    wait->waiter = caller;
    caller->sleeping = wait;
    swapcontext(&caller->place, &theatre.loop);
    caller->sleeping = NULL;
}

static inline void theatre_wake(void *self, struct stw_wait *wait)
{
    (void)self;
    ((struct caller *)wait->waiter)->runnable = true;
}

static inline void theatre_watch(void *self, struct stw_conn *conn, int fd, unsigned events)
{
    (void)self;
    int free_slot = -1;
    for (int i = 0; i < 64; i++) {
        if (theatre.conns[i] == conn && theatre.polls[i].fd == fd) {
            free_slot = i;
            break;
        }
        if (theatre.conns[i] == NULL && free_slot < 0)
            free_slot = i;
    }
    theatre.conns[free_slot] = events != 0 ? conn : NULL;
    theatre.polls[free_slot] =
        (struct pollfd){events != 0 ? fd : -1,
                        (short)((events & EPOLLIN ? POLLIN : 0) | (events & EPOLLOUT ? POLLOUT : 0)), 0};
}

static inline void theatre_open(struct stw_db_options options)
{
    memset(&theatre, 0, sizeof theatre);
    for (int i = 0; i < 64; i++)
        theatre.polls[i].fd = -1;
    theatre.hooks = (struct stw_db_hooks){NULL, theatre_wait, theatre_wake, theatre_watch};
    options.hooks = &theatre.hooks;
    theatre.db = stw_db_new(&options);
}

static inline void caller_main(void)
{
    struct caller *caller = theatre.current;
    caller->body(&caller->request.ctx, caller->number);
    caller->ended = true;
    setcontext(&theatre.loop);
}

static inline struct caller *theatre_add(void (*body)(struct stw_context *ctx, int number), int number)
{
    struct caller *caller = &theatre.callers[theatre.count++];
    *caller = (struct caller){.body = body, .number = number, .runnable = true};
    request_open(&caller->request, theatre.db);
    getcontext(&caller->place);
    caller->stack = malloc(256 * 1024);
    caller->place.uc_stack.ss_sp = caller->stack;
    caller->place.uc_stack.ss_size = 256 * 1024;
    makecontext(&caller->place, caller_main, 0);
    return caller;
}

static inline bool theatre_turn(void)
{
    bool left = false;
    int64_t now = stw_clock_monotonic_us();
    for (int i = 0; i < theatre.count; i++) {
        struct caller *caller = &theatre.callers[i];
        if (caller->sleeping != NULL && caller->sleeping->deadline_us != 0 &&
            caller->sleeping->deadline_us <= now)
            caller->runnable = true;
        if (!caller->ended && caller->runnable) {
            caller->runnable = false;
            theatre.current = caller;
            swapcontext(&theatre.loop, &caller->place);
        }
        left |= !caller->ended;
    }
    stw_db_tick(theatre.db, now);
    if (poll(theatre.polls, 64, 2) > 0)
        for (int i = 0; i < 64; i++)
            if (theatre.polls[i].revents != 0 && theatre.conns[i] != NULL)
                stw_db_ready(theatre.conns[i], (unsigned)theatre.polls[i].revents);
    return left;
}

static inline void theatre_settle(int milliseconds)
{
    int64_t until = stw_clock_monotonic_us() + milliseconds * 1000;
    while (stw_clock_monotonic_us() < until)
        theatre_turn();
}

static inline bool theatre_all_up(void)
{
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    return stats.connections_up == stats.connections_max;
}

/* Until every connection is up, so that a test may count on all of them. */
static inline void theatre_ready(void)
{
    for (int i = 0; i < 5000 && !theatre_all_up(); i++)
        theatre_turn();
    assert_true(theatre_all_up());
}

static inline void theatre_clear(void)
{
    for (int i = 0; i < theatre.count; i++) {
        request_close(&theatre.callers[i].request);
        free(theatre.callers[i].stack);
    }
    theatre.count = 0;
}

static inline void theatre_play(void)
{
    while (theatre_turn())
        ;
}

static inline void theatre_close(void)
{
    theatre_clear();
    stw_db_free(theatre.db);
}

#endif
