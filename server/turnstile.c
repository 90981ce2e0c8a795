#include "server/turnstile.h"

#include <stddef.h>

#include "core/clock.h"
#include "server/loop_private.h"

#define WAIT_US ((int64_t)3000000)
#define LONG_US ((int64_t)50000)

void srv_turnstile_init(struct srv_turnstile *turnstile, int places)
{
    *turnstile = (struct srv_turnstile){.places = places};
    stw_turns_init(&turnstile->turns);
}

static void take(struct srv_turnstile *turnstile, struct srv_place *place, int64_t now_us)
{
    place->entered = true;
    place->since_us = now_us;
    place->newer = NULL;
    place->older = turnstile->newest;
    if (turnstile->newest != NULL)
        turnstile->newest->newer = place;
    else
        turnstile->oldest = place;
    turnstile->newest = place;
    turnstile->taken++;
}

static void give_up(struct srv_turnstile *turnstile, struct srv_place *place)
{
    if (place->since_us == 0)
        return;
    place->since_us = 0;
    *(place->older != NULL ? &place->older->newer : &turnstile->oldest) = place->newer;
    *(place->newer != NULL ? &place->newer->older : &turnstile->newest) = place->older;
    turnstile->taken--;
}

static void let_in(struct srv_loop *loop, int64_t now_us)
{
    struct srv_turnstile *turnstile = &loop->turnstile;
    while (turnstile->turns.waiting > 0 && turnstile->taken < turnstile->places) {
        struct srv_place *place = (struct srv_place *)stw_turns_take(&turnstile->turns);
        take(turnstile, place, now_us);
        srv_loop_unpark(loop, &place->sleeper);
    }
}

enum stw_code srv_turnstile_enter(struct srv_loop *loop, struct srv_place *place, const char *org)
{
    struct srv_turnstile *turnstile = &loop->turnstile;
    int64_t now_us = stw_clock_monotonic_us();

    *place = (struct srv_place){0};
    if (turnstile->turns.waiting == 0 && turnstile->taken < turnstile->places) {
        take(turnstile, place, now_us);
        return STW_OK;
    }
    stw_turns_add(&turnstile->turns, &place->turn, org);
    srv_loop_park(loop, &place->sleeper, now_us + WAIT_US);
    if (place->entered)
        return STW_OK;
    stw_turns_leave(&turnstile->turns, &place->turn);
    return STW_OVERLOADED;
}

void srv_turnstile_leave(struct srv_loop *loop, struct srv_place *place)
{
    give_up(&loop->turnstile, place);
    if (loop->turnstile.turns.waiting > 0)
        let_in(loop, stw_clock_monotonic_us());
}

int64_t srv_turnstile_tick(struct srv_loop *loop, int64_t now_us)
{
    struct srv_turnstile *turnstile = &loop->turnstile;

    if (turnstile->turns.waiting == 0)
        return 0;
    while (turnstile->oldest != NULL && turnstile->oldest->since_us + LONG_US <= now_us)
        give_up(turnstile, turnstile->oldest);
    let_in(loop, now_us);
    return turnstile->turns.waiting > 0 && turnstile->oldest != NULL ? turnstile->oldest->since_us + LONG_US
                                                                     : 0;
}
