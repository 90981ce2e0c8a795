#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "db/internal.h"

bool stw_sleep(struct stw_db *db, struct stw_sleeper *sleeper, int64_t deadline_us)
{
    if (sleeper->wait.done)
        return true;
    sleeper->wait.deadline_us = deadline_us;
    sleeper->asleep = true;
    db->hooks.wait(db->hooks.self, &sleeper->wait);
    sleeper->asleep = false;
    return sleeper->wait.done;
}

void stw_wake(struct stw_db *db, struct stw_sleeper *sleeper)
{
    if (sleeper->wait.done)
        return;
    sleeper->wait.done = true;
    if (sleeper->asleep)
        db->hooks.wake(db->hooks.self, &sleeper->wait);
}

/* ---- the blocking driver: command line, jobs, unit tests ---- */

static int timeout_of(int64_t now, int64_t first, int64_t second)
{
    int64_t until = first == 0 || (second != 0 && second < first) ? second : first;
    if (until == 0)
        return -1;
    if (until <= now)
        return 0;
    int64_t milliseconds = (until - now + 999) / 1000;
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

static void poll_once(struct stw_db *db, const struct stw_wait *wait)
{
    int64_t now = stw_clock_monotonic_us();
    int64_t next = stw_db_tick(db, now);
    /* The tick reads what TLS kept: that may have been the answer, and then nothing else is on its way. */
    if (wait->done)
        return;
    for (int i = 0; i < db->conn_count; i++) {
        const struct stw_conn *conn = &db->conns[i];
        db->polls[i].fd = conn->fd;
        db->polls[i].events =
            (short)((conn->interest & EPOLLIN ? POLLIN : 0) | (conn->interest & EPOLLOUT ? POLLOUT : 0));
        db->polls[i].revents = 0;
    }
    if (poll(db->polls, (nfds_t)db->conn_count, timeout_of(now, wait->deadline_us, next)) <= 0)
        return;
    for (int i = 0; i < db->conn_count; i++) {
        short seen = db->polls[i].revents;
        /* A connection that was reopened meanwhile is another one. */
        if (seen == 0 || db->polls[i].fd != db->conns[i].fd)
            continue;
        stw_db_ready(&db->conns[i], (seen & POLLIN ? EPOLLIN : 0u) | (seen & POLLOUT ? EPOLLOUT : 0u) |
                                        (seen & (POLLERR | POLLNVAL) ? EPOLLERR : 0u) |
                                        (seen & POLLHUP ? EPOLLHUP : 0u));
    }
}

static void block_until(void *self, struct stw_wait *wait)
{
    struct stw_db *db = self;
    while (!wait->done && (wait->deadline_us == 0 || stw_clock_monotonic_us() < wait->deadline_us))
        poll_once(db, wait);
}

static void wake_nobody(void *self, struct stw_wait *wait)
{
    (void)self;
    (void)wait;
}

static void watch_nothing(void *self, struct stw_conn *conn, int fd, unsigned events)
{
    (void)self;
    (void)conn;
    (void)fd;
    (void)events;
}

void stw_wait_install_blocking(struct stw_db *db)
{
    db->hooks = (struct stw_db_hooks){
        .self = db,
        .wait = block_until,
        .wake = wake_nobody,
        .watch = watch_nothing,
    };
    db->polls = stw_db_calloc((size_t)db->conn_count, sizeof *db->polls);
}
