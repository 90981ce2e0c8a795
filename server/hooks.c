#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "server/loop_private.h"
#include "server/workers.h"

struct srv_watch {
    struct stw_conn *conn; /* NULL: not watched */
    unsigned events;
};

/* Offloaded work; on the stack of the coroutine that waits for it. */
struct srv_piece {
    struct srv_piece *next;
    struct srv_loop *loop;
    void (*work)(void *what);
    void *what;
    struct srv_sleeper sleeper;
    bool done; /* loop's thread only */
};

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "loop: %s: %s\n", why, strerror(errno));
    abort();
}

static void wait_for(void *self, struct stw_wait *wait)
{
    struct srv_sleeper sleeper = {0};

    wait->waiter = &sleeper;
    while (!wait->done && (!wait->deadline_us || stw_clock_monotonic_us() < wait->deadline_us))
        srv_loop_park(self, &sleeper, wait->deadline_us);
    wait->waiter = NULL;
}

static void wake_up(void *self, struct stw_wait *wait)
{
    if (wait->waiter)
        srv_loop_unpark(self, wait->waiter);
}

static struct srv_watch *watch_of(struct srv_loop *loop, int fd)
{
    if (fd >= loop->watch_count) {
        int count = fd * 2 + 64;
        struct srv_watch *watches = realloc(loop->watches, (size_t)count * sizeof(*watches));

        if (!watches)
            die("out of memory");
        memset(watches + loop->watch_count, 0, (size_t)(count - loop->watch_count) * sizeof(*watches));
        loop->watches = watches;
        loop->watch_count = count;
    }
    return &loop->watches[fd];
}

static void watch(void *self, struct stw_conn *conn, int fd, unsigned events)
{
    struct srv_loop *loop = self;
    struct srv_watch *watch = watch_of(loop, fd);
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (!events) {
        if (watch->conn)
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        *watch = (struct srv_watch){0};
        return;
    }
    if (watch->conn == conn && watch->events == events)
        return;
    /* A descriptor may have been closed and opened again under the same number without a word to us; the
     * kernel then knows better whether it is in the set. */
    if (!watch->conn || epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event)) {
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) &&
            (errno != EEXIST || epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event)))
            die("epoll_ctl");
    }
    *watch = (struct srv_watch){conn, events};
}

static void piece_work(void *what)
{
    struct srv_piece *piece = what;

    piece->work(piece->what);
}

/* On the worker's thread. The piece belongs to the loop again once it is in the list. */
static void piece_done(void *what)
{
    struct srv_piece *piece = what;
    struct srv_loop *loop = piece->loop;

    pthread_mutex_lock(&loop->posted_mutex);
    piece->next = loop->posted;
    loop->posted = piece;
    if (!piece->next)
        srv_loop_wake(loop);
    pthread_mutex_unlock(&loop->posted_mutex);
}

static enum stw_code offload(void *self, void (*work)(void *what), void *what)
{
    struct srv_loop *loop = self;
    struct srv_piece piece = {.loop = loop, .work = work, .what = what};
    enum stw_code code = srv_workers_submit(loop->shared->server->workers, piece_work, piece_done, &piece);

    if (code)
        return code;
    /* No deadline: the work uses memory of this coroutine until it is done. */
    while (!piece.done)
        srv_loop_park(loop, &piece.sleeper, 0);
    return STW_OK;
}

void srv_hooks_init(struct srv_loop *loop)
{
    pthread_mutex_init(&loop->posted_mutex, NULL);
    loop->hooks = (struct stw_db_hooks){.self = loop, .wait = wait_for, .wake = wake_up, .watch = watch};
    loop->offload = (struct stw_offload){.self = loop, .run = offload};
}

void srv_hooks_release(struct srv_loop *loop)
{
    free(loop->watches);
    pthread_mutex_destroy(&loop->posted_mutex);
}

void srv_hooks_ready(struct srv_loop *loop, int fd, unsigned events)
{
    if (fd < loop->watch_count && loop->watches[fd].conn)
        stw_db_ready(loop->watches[fd].conn, events);
}

void srv_hooks_collect(struct srv_loop *loop)
{
    struct srv_piece *piece;

    pthread_mutex_lock(&loop->posted_mutex);
    piece = loop->posted;
    loop->posted = NULL;
    pthread_mutex_unlock(&loop->posted_mutex);
    while (piece) {
        struct srv_piece *next = piece->next;

        piece->done = true;
        srv_loop_unpark(loop, &piece->sleeper);
        piece = next;
    }
}
