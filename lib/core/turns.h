#ifndef STW_CORE_TURNS_H
#define STW_CORE_TURNS_H

#include <stdint.h>

/*
 * A queue in which organisations take turns, so that the many requests of one do not stand in front of
 * another's. Each is in one of a few lots by its id; those of one lot are served in order of arrival.
 * Intrusive: who waits has a struct stw_turn, and keeps it in place until it was taken or has left.
 */
#define STW_LOTS 64

struct stw_turn {
    struct stw_turn *next;
    unsigned lot;
};

struct stw_turns {
    struct stw_turn *first[STW_LOTS], **last[STW_LOTS];
    uint64_t filled; /* bit n: lot n has somebody */
    unsigned served; /* the lot that was served last */
    int waiting;
};

void stw_turns_init(struct stw_turns *turns);
void stw_turns_add(struct stw_turns *turns, struct stw_turn *turn, const char *org);
/* NULL when nobody waits. */
struct stw_turn *stw_turns_take(struct stw_turns *turns);
/* Nothing when it does not wait. */
void stw_turns_leave(struct stw_turns *turns, const struct stw_turn *turn);

#endif
