#ifndef STW_CORE_CONTEXT_H
#define STW_CORE_CONTEXT_H

#include <stdint.h>

#include "core/arena.h"
#include "core/code.h"
#include "core/details.h"

struct stw_db;      /* lib/db: this thread's connections */
struct stw_tx;      /* lib/db: the transaction this request holds, if any */
struct stw_trail;   /* lib/db: what a standby must know before it may be asked */
struct stw_actor;   /* lib/resource: who asks */
struct stw_engine;  /* lib/resource: registry and plans */
struct stw_offload; /* how to run blocking work elsewhere and wait for it */

/* Everything a domain call may use, and nothing global. Always the first parameter. Lives for one request. */
struct stw_context {
    struct stw_arena *arena;
    struct stw_db *db;
    struct stw_tx *tx;             /* owned by lib/db; NULL outside a transaction */
    struct stw_trail *trail;       /* NULL: all goes to the primary, and nobody asks where a commit stands */
    char org_id[37];               /* organisation all statements run in; "" before sign-in */
    const struct stw_actor *actor; /* NULL before sign-in */
    const struct stw_engine *engine;
    const struct stw_offload *offload; /* NULL: run inline */
    struct stw_details *details;
    int64_t now_us;      /* this request's clock: microseconds since 1970, UTC */
    int64_t deadline_us; /* on the monotonic clock; 0: none */
    const char *request_id;
};

/* Burns CPU or blocks (Argon2, DNS, files, cancel): runs `work(what)` on the bounded thread set and waits.
 * Returns STW_OVERLOADED without running it when the set's queue is full. With ctx->offload NULL it runs
 * inline. */
struct stw_offload {
    void *self;
    enum stw_code (*run)(void *self, void (*work)(void *what), void *what);
};
enum stw_code stw_offload_run(struct stw_context *ctx, void (*work)(void *what), void *what) STW_MUST_CHECK;

#endif
