#ifndef SRV_CORO_H
#define SRV_CORO_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Coroutines of one thread. Stacks are mmapped with a guard page below (64 KB, 256 KB under sanitizers) and
 * pooled. Switches are announced to ASan, TSan and valgrind.
 */
struct srv_coro;
struct srv_coro_pool;

struct srv_coro_pool *srv_coro_pool_new(size_t keep); /* `keep`: idle stacks kept */
void srv_coro_pool_free(struct srv_coro_pool *pool);  /* none may be running */

/* Runs run(argument) on its own stack until it yields or returns. False when no stack can be had. */
bool srv_coro_start(struct srv_coro_pool *pool, void (*run)(void *argument), void *argument);
/* Continues one that yielded; must be called from outside any coroutine. A finished one goes back to its
 * pool. */
void srv_coro_resume(struct srv_coro *coro);
/* Back to whoever started or resumed the running coroutine. */
void srv_coro_yield(void);
/* The running one, or NULL outside. */
struct srv_coro *srv_coro_current(void);

#endif
