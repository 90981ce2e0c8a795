#ifndef SRV_LOOP_PRIVATE_H
#define SRV_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "db/db.h"
#include "server/coro.h"
#include "server/http.h"
#include "server/loop.h"
#include "server/proxy.h"
#include "server/timers.h"
#include "server/turnstile.h"

/* For the files that make up the loop: loop.c, hooks.c, turnstile.c, http.c, serve.c. */

/* What the loops of one srv_serve share. */
struct srv_shared {
    struct srv_server *server;
    struct srv_proxies *proxies;
    int loop_count;
    atomic_int in_flight;       /* handlers running; admission */
    atomic_size_t upload_bytes; /* bodies being received */
    atomic_bool leaving;        /* not ready any more, and each connection ends with its next answer */
    atomic_bool stopping;       /* besides, no new connections */
};

struct srv_piece;

struct srv_loop {
    struct srv_shared *shared;
    int index;
    int epoll_fd;
    int wake_fd;
    int listen_fd;        /* -1 once closed */
    bool listener_is_own; /* not inherited: nobody else accepts from it */
    struct srv_http *http;
    bool resumed; /* a connection was resumed in this turn */
    struct stw_db *db;
    struct stw_db_hooks hooks;
    struct srv_token_cache *tokens;
    struct srv_coro_pool *coros;
    int running; /* handlers of this loop */
    struct srv_turnstile turnstile;
    struct srv_timers timers;
    struct srv_sleeper *runnable; /* a queue */
    struct srv_sleeper **runnable_end;
    struct stw_offload offload;
    struct srv_watch *watches; /* by descriptor */
    int watch_count;
    pthread_mutex_t posted_mutex;
    struct srv_piece *posted; /* finished offloaded work */
    pthread_t thread;
    bool clean; /* every request that came whole was answered in time */
};

/* Takes `listen_fd` over. NULL with a message on stderr. */
struct srv_loop *srv_loop_new(struct srv_shared *shared, int index, int listen_fd, bool listener_is_own);
void srv_loop_free(struct srv_loop *loop);
/* Runs until shared->stopping is seen and all is drained. */
void *srv_loop_run(void *self);
/* From any thread. */
void srv_loop_wake(struct srv_loop *loop);

/* Sleeps until unparked or until `due_us` (0: no deadline). */
void srv_loop_park(struct srv_loop *loop, struct srv_sleeper *sleeper, int64_t due_us);
void srv_loop_unpark(struct srv_loop *loop, struct srv_sleeper *sleeper);

/* hooks.c: lib/db's hooks and the offload of a loop. */
void srv_hooks_init(struct srv_loop *loop);
void srv_hooks_release(struct srv_loop *loop);
/* A descriptor of the loop's epoll set that is not its own became ready. */
void srv_hooks_ready(struct srv_loop *loop, int fd, unsigned events);
/* Wakes the coroutines whose offloaded work is done. */
void srv_hooks_collect(struct srv_loop *loop);

#endif
