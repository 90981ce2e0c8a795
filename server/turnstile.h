#ifndef SRV_TURNSTILE_H
#define SRV_TURNSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/code.h"
#include "core/turns.h"
#include "server/timers.h"

struct srv_loop;

/*
 * How many requests of a loop are at work at once, and whose turn is next. Organisations take turns, so that
 * hundreds of requests of one do not stand in front of another's. Who takes long (he waits for a lock, or a
 * slow statement) gives up his place to others and goes on: what bounds such requests are the leases of
 * connections.
 */
struct srv_turnstile {
    int places, taken;
    struct srv_place *oldest, *newest; /* of those who have a place */
    struct stw_turns turns;
};

/* Of one request, on its coroutine's stack. */
struct srv_place {
    struct stw_turn turn; /* first, so that it is the place */
    struct srv_sleeper sleeper;
    struct srv_place *older, *newer;
    bool entered;
    int64_t since_us; /* when it took its place; 0: it has none, or gave it up */
};

void srv_turnstile_init(struct srv_turnstile *turnstile, int places);
/* Waits for a place; STW_OVERLOADED when none was free for three seconds. */
enum stw_code srv_turnstile_enter(struct srv_loop *loop, struct srv_place *place,
                                  const char *org) STW_MUST_CHECK;
void srv_turnstile_leave(struct srv_loop *loop, struct srv_place *place);
/* Lets others in for those who take long. Returns when it wants to be called next (monotonic), 0: no need. */
int64_t srv_turnstile_tick(struct srv_loop *loop, int64_t now_us);

#endif
