#ifndef SRV_TIMERS_H
#define SRV_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct srv_coro;

/* A coroutine that sleeps, on its own stack: in the heap of timers when it has a deadline, in the queue of
 * runnable ones once it was woken. */
struct srv_sleeper {
    struct srv_coro *coro;
    struct srv_sleeper *next; /* in the queue */
    int64_t due_us;           /* monotonic; 0: none */
    size_t slot;              /* place in the heap + 1; 0: not in it */
    int queued;
};

/* A min-heap of sleepers by due_us. */
struct srv_timers {
    struct srv_sleeper **heap;
    size_t count;
    size_t room;
};

void srv_timers_release(struct srv_timers *timers);
void srv_timers_add(struct srv_timers *timers, struct srv_sleeper *sleeper);
/* Does nothing when it is not in the heap. */
void srv_timers_remove(struct srv_timers *timers, struct srv_sleeper *sleeper);
/* The earliest, or NULL. */
struct srv_sleeper *srv_timers_first(const struct srv_timers *timers);

#endif
