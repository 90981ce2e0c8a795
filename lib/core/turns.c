#include "core/turns.h"

#include <stddef.h>

void stw_turns_init(struct stw_turns *turns)
{
    *turns = (struct stw_turns){0};
    for (unsigned lot = 0; lot < STW_LOTS; lot++)
        turns->last[lot] = &turns->first[lot];
}

static unsigned lot_of(const char *org)
{
    unsigned hash = 2166136261u;
    for (; *org != '\0'; org++)
        hash = (hash ^ (unsigned char)*org) * 16777619u;
    return (hash ^ hash >> 16) % STW_LOTS;
}

void stw_turns_add(struct stw_turns *turns, struct stw_turn *turn, const char *org)
{
    unsigned lot = turn->lot = lot_of(org);
    turn->next = NULL;
    *turns->last[lot] = turn;
    turns->last[lot] = &turn->next;
    turns->filled |= UINT64_C(1) << lot;
    turns->waiting++;
}

/* `at` points to `turn` in its lot. */
static void remove_at(struct stw_turns *turns, struct stw_turn **at, const struct stw_turn *turn)
{
    *at = turn->next;
    if (turn->next == NULL)
        turns->last[turn->lot] = at;
    if (turns->first[turn->lot] == NULL)
        turns->filled &= ~(UINT64_C(1) << turn->lot);
    turns->waiting--;
}

struct stw_turn *stw_turns_take(struct stw_turns *turns)
{
    if (turns->filled == 0)
        return NULL;
    unsigned next = (turns->served + 1) % STW_LOTS;
    uint64_t behind = turns->filled >> next;
    turns->served =
        behind != 0 ? next + (unsigned)__builtin_ctzll(behind) : (unsigned)__builtin_ctzll(turns->filled);
    struct stw_turn *turn = turns->first[turns->served];
    remove_at(turns, &turns->first[turns->served], turn);
    return turn;
}

void stw_turns_leave(struct stw_turns *turns, const struct stw_turn *turn)
{
    for (struct stw_turn **at = &turns->first[turn->lot]; *at != NULL; at = &(*at)->next)
        if (*at == turn) {
            remove_at(turns, at, turn);
            return;
        }
}
