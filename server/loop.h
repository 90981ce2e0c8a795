#ifndef SRV_LOOP_H
#define SRV_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"
#include "server/request.h"

struct stw_engine;
struct srv_router;
struct srv_token_cache;
struct srv_keys;
struct srv_contract;

/* What all loops share; read-only after start except the atomics inside and the keys. */
struct srv_server {
    const struct srv_config *config;
    const struct srv_router *router;
    const struct stw_engine *engine;
    const struct srv_keys *_Atomic keys; /* look once, and stay with what was found */
    const struct srv_contract *contract;
    struct srv_workers *workers;
    struct srv_metrics *metrics;
    struct srv_sessions *sessions;
    struct srv_replica *replica; /* NULL: there is none */
    struct srv_job_runner *jobs;
    /* Make and free the token cache of one loop; both NULL: none. */
    struct srv_token_cache *(*tokens_new)(void);
    void (*tokens_free)(struct srv_token_cache *tokens);
    /* Takes a piece of a body that is streamed, in a coroutine too; may be NULL. The answer, unless STW_OK.
     */
    enum stw_code (*take)(struct srv_request *request, const char *bytes, size_t length);
    /* Runs inside a coroutine for each complete request; fills the reply, always. */
    void (*handle)(struct srv_request *request, struct srv_reply *reply);
    /* SIGHUP: reads anew what can change while it serves. NULL: that signal is left alone. */
    void (*reload)(struct srv_server *server);
};

/* One per core: a thread with an MHD daemon polled through its epoll descriptor, database connections,
 * coroutines, token cache and arenas of its own. Nothing in it is touched by another thread but the wake-up
 * descriptor. */
struct srv_loop;

/* Serves until SIGTERM or SIGINT; SIGHUP: see reload. Then each answer ends its connection; for drain_delay
 * nothing else changes, but that /readyz says so (another signal ends the delay). Then drains: stops
 * accepting once the queue is empty, answers what is in flight, within drain_timeout. Prints "listening on
 * http://ADDRESS:PORT" to stdout when ready. Inherits sockets by LISTEN_FDS. Returns the exit status.
 * `on_ready` (may be NULL) is called once with the port. */
int srv_serve(struct srv_server *server, void (*on_ready)(void *self, int port), void *self);

struct stw_db *srv_loop_db(struct srv_loop *loop);
struct srv_token_cache *srv_loop_tokens(struct srv_loop *loop);
const struct srv_server *srv_loop_server(const struct srv_loop *loop);
/* SIGTERM came: nothing should be sent here any more. */
bool srv_loop_leaving(const struct srv_loop *loop);
/* Puts the running coroutine to sleep for that long. */
void srv_loop_sleep(struct srv_loop *loop, int64_t microseconds);

#endif
