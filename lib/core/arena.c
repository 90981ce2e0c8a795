#include "core/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#ifndef __clang__
/* gcc takes the poisoning of fresh memory for a read of it. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define POISON(start, size)   __asan_poison_memory_region((start), (size))
#define UNPOISON(start, size) __asan_unpoison_memory_region((start), (size))
/* A gap that stays poisoned, so that running over the end of one allocation never lands in the next. */
#define GAP ((size_t)16)
#else
#define POISON(start, size)   ((void)(start), (void)(size))
#define UNPOISON(start, size) ((void)(start), (void)(size))
#define GAP                   ((size_t)0)
#endif

#define ALIGNMENT   ((size_t)16)
#define FIRST_BLOCK ((size_t)16 * 1024)
#define LARGEST     ((size_t)1024 * 1024) /* ordinary blocks double up to this size */

struct block {
    struct block *next;
    size_t size; /* of `bytes` */
    size_t used;
    _Alignas(16) char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*run)(void *what);
    void *what;
};

struct stw_arena {
    size_t cap;
    size_t used;
    struct block *first;        /* kept across clears */
    struct block *more;         /* all others, freed at clear */
    struct block *current;      /* where small allocations go */
    struct block *newest_block; /* where the newest allocation lies */
    char *newest;
    struct deferred *deferred;
};

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "arena: %s\n", why);
    abort();
}

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);

    if (!block)
        die("out of memory");
    block->next = NULL;
    block->size = size;
    block->used = 0;
    POISON(block->bytes, size);
    return block;
}

static void block_free(struct block *block)
{
    UNPOISON(block->bytes, block->size);
    free(block);
}

struct stw_arena *stw_arena_new(size_t cap)
{
    struct stw_arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        die("out of memory");
    /* Sizes below half of the address space can be rounded up and added without overflow. */
    arena->cap = cap < SIZE_MAX / 4 ? cap : SIZE_MAX / 4;
    arena->first = block_new(FIRST_BLOCK);
    arena->current = arena->first;
    return arena;
}

void stw_arena_clear(struct stw_arena *arena)
{
    /* A clean-up may allocate and defer again: that runs too, and the memory it sees is still whole. */
    while (arena->deferred) {
        struct deferred *top = arena->deferred;

        arena->deferred = top->next;
        top->run(top->what);
    }
    while (arena->more) {
        struct block *block = arena->more;

        arena->more = block->next;
        block_free(block);
    }
    arena->first->used = 0;
    POISON(arena->first->bytes, arena->first->size);
    arena->current = arena->first;
    arena->newest_block = NULL;
    arena->newest = NULL;
    arena->used = 0;
}

void stw_arena_free(struct stw_arena *arena)
{
    if (!arena)
        return;
    stw_arena_clear(arena);
    block_free(arena->first);
    free(arena);
}

size_t stw_arena_used(const struct stw_arena *arena)
{
    return arena->used;
}

/* What an allocation costs against the cap. Zero bytes take a place too, so that every pointer is its own. */
static size_t footprint(const struct stw_arena *arena, size_t size)
{
    if (size > arena->cap)
        die("cap exceeded");
    if (size == 0)
        size = 1;
    return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void charge(struct stw_arena *arena, size_t bytes)
{
    if (arena->used > arena->cap || bytes > arena->cap - arena->used)
        die("cap exceeded");
    arena->used += bytes;
}

/* A block with `need` bytes free. What would waste much of a block gets one of its own and leaves `current`
 * alone. */
static struct block *block_for(struct stw_arena *arena, size_t need)
{
    struct block *block = arena->current;
    size_t size = block->size < LARGEST ? block->size * 2 : LARGEST;

    if (need <= block->size - block->used)
        return block;
    if (need > size / 4) {
        block = block_new(need);
    } else {
        block = block_new(size);
        arena->current = block;
    }
    block->next = arena->more;
    arena->more = block;
    return block;
}

void *stw_arena_alloc(struct stw_arena *arena, size_t size)
{
    size_t bytes = footprint(arena, size);
    struct block *block;
    char *place;

    charge(arena, bytes);
    block = block_for(arena, bytes + GAP);
    place = block->bytes + block->used;
    block->used += bytes + GAP;
    arena->newest_block = block;
    arena->newest = place;
    UNPOISON(place, size);
    return place;
}

void *stw_arena_zalloc(struct stw_arena *arena, size_t count, size_t size)
{
    size_t total;
    void *place;

    if (__builtin_mul_overflow(count, size, &total))
        die("size overflow");
    place = stw_arena_alloc(arena, total);
    memset(place, 0, total);
    return place;
}

void *stw_arena_grow(struct stw_arena *arena, void *old, size_t old_size, size_t new_size)
{
    struct block *block = arena->newest_block;
    void *place;

    if (old && new_size <= old_size)
        return old;
    if (old && old == arena->newest) {
        size_t start = (size_t)(arena->newest - block->bytes);
        size_t held = block->used - GAP - start;
        size_t bytes = footprint(arena, new_size);

        if (bytes + GAP <= block->size - start) {
            charge(arena, bytes > held ? bytes - held : 0);
            block->used = start + (bytes > held ? bytes : held) + GAP;
            UNPOISON(arena->newest, new_size);
            return old;
        }
    }
    place = stw_arena_alloc(arena, new_size);
    if (old && old_size)
        memcpy(place, old, old_size);
    return place;
}

char *stw_arena_strndup(struct stw_arena *arena, const char *text, size_t length)
{
    char *copy;

    if (length == SIZE_MAX)
        die("size overflow");
    copy = stw_arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *stw_arena_strdup(struct stw_arena *arena, const char *text)
{
    return stw_arena_strndup(arena, text, strlen(text));
}

char *stw_arena_printf(struct stw_arena *arena, const char *format, ...)
{
    char small[256];
    va_list arguments;
    va_list again;
    char *text;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(small, sizeof(small), format, arguments);
    va_end(arguments);
    if (length < 0)
        die("bad format");
    text = stw_arena_alloc(arena, (size_t)length + 1);
    if ((size_t)length < sizeof(small))
        memcpy(text, small, (size_t)length + 1);
    else
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void stw_arena_defer(struct stw_arena *arena, void (*run)(void *what), void *what)
{
    struct deferred *top = stw_arena_alloc(arena, sizeof(*top));

    top->next = arena->deferred;
    top->run = run;
    top->what = what;
    arena->deferred = top;
}
