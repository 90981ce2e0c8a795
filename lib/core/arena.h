#ifndef STW_CORE_ARENA_H
#define STW_CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "core/code.h"

/*
 * A capped arena owns everything a request makes. Memory is never freed singly; stw_arena_clear runs the
 * deferred clean-ups in reverse order and recycles the blocks. Allocation never returns NULL: running over
 * the cap or out of memory stops the process (abort, one line on stderr), so caps on input must make it
 * impossible for a client to get there. Memory behind the used part is poisoned under AddressSanitizer. Not
 * thread safe.
 */
struct stw_arena;

/* `cap` is the most bytes that may be handed out between two clears, each allocation rounded up to 16, e.g.
 * 64 MiB for a request. Small allocations waste less than a quarter of their blocks on top of it. */
struct stw_arena *stw_arena_new(size_t cap);
/* Clears, then gives everything back; NULL is allowed. */
void stw_arena_free(struct stw_arena *arena);
/* Runs clean-ups, keeps the first block for the next user. A clean-up may still allocate and defer. */
void stw_arena_clear(struct stw_arena *arena);
/* Bytes handed out since the last clear, rounded as for the cap. */
size_t stw_arena_used(const struct stw_arena *arena);

/* Aligned for any type. Zero bytes is allowed. */
void *stw_arena_alloc(struct stw_arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed array; an overflowing product aborts. */
void *stw_arena_zalloc(struct stw_arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
/* Grows in place when `old` is the newest allocation and its block has room, else copies; never shrinks.
 * `old` may be NULL. */
void *stw_arena_grow(struct stw_arena *arena, void *old, size_t old_size, size_t new_size);
char *stw_arena_strndup(struct stw_arena *arena, const char *text, size_t length);
char *stw_arena_strdup(struct stw_arena *arena, const char *text);
char *stw_arena_printf(struct stw_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `run(what)` is called at clear, newest first. */
void stw_arena_defer(struct stw_arena *arena, void (*run)(void *what), void *what);

#define STW_NEW(arena, type)          ((type *)stw_arena_zalloc((arena), 1, sizeof(type)))
#define STW_NEW_N(arena, type, count) ((type *)stw_arena_zalloc((arena), (count), sizeof(type)))

#endif
