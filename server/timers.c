#include "server/timers.h"

#include <stdio.h>
#include <stdlib.h>

void srv_timers_release(struct srv_timers *timers)
{
    free(timers->heap);
    *timers = (struct srv_timers){0};
}

static void put(struct srv_timers *timers, size_t at, struct srv_sleeper *sleeper)
{
    timers->heap[at] = sleeper;
    sleeper->slot = at + 1;
}

static void sift_up(struct srv_timers *timers, size_t at, struct srv_sleeper *sleeper)
{
    while (at > 0 && timers->heap[(at - 1) / 2]->due_us > sleeper->due_us) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, sleeper);
}

static void sift_down(struct srv_timers *timers, size_t at, struct srv_sleeper *sleeper)
{
    for (;;) {
        size_t child = at * 2 + 1;

        if (child + 1 < timers->count && timers->heap[child + 1]->due_us < timers->heap[child]->due_us)
            child++;
        if (child >= timers->count || timers->heap[child]->due_us >= sleeper->due_us)
            break;
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, sleeper);
}

void srv_timers_add(struct srv_timers *timers, struct srv_sleeper *sleeper)
{
    if (timers->count == timers->room) {
        size_t room = timers->room ? timers->room * 2 : 64;
        struct srv_sleeper **heap = realloc(timers->heap, room * sizeof(struct srv_sleeper *));

        if (!heap) {
            fprintf(stderr, "timers: out of memory\n");
            abort();
        }
        timers->heap = heap;
        timers->room = room;
    }
    timers->count++;
    sift_up(timers, timers->count - 1, sleeper);
}

void srv_timers_remove(struct srv_timers *timers, struct srv_sleeper *sleeper)
{
    size_t at = sleeper->slot - 1;
    struct srv_sleeper *last;

    if (!sleeper->slot)
        return;
    sleeper->slot = 0;
    last = timers->heap[--timers->count];
    if (last == sleeper)
        return;
    if (at > 0 && timers->heap[(at - 1) / 2]->due_us > last->due_us)
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

struct srv_sleeper *srv_timers_first(const struct srv_timers *timers)
{
    return timers->count ? timers->heap[0] : NULL;
}
