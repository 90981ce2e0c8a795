#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define CAP ((size_t)8 * 1024 * 1024)

static int open_arena(void **state)
{
    *state = stw_arena_new(CAP);
    return 0;
}

static int close_arena(void **state)
{
    stw_arena_free(*state);
    return 0;
}

/* Runs `what` in a child: it must abort after one line on stderr that holds `message`. */
static void assert_aborts(void (*what)(struct stw_arena *arena), size_t cap, const char *message)
{
    char line[256] = "";
    size_t length = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        what(stw_arena_new(cap));
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(line) - 1 && (got = read(ends[0], line + length, sizeof(line) - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(line, message));
    assert_int_equal(line[length - 1], '\n');
}

static void allocations_are_aligned_and_apart(void **state)
{
    unsigned char *places[200];

    for (size_t i = 0; i < 200; i++) {
        places[i] = stw_arena_alloc(*state, i);
        assert_non_null(places[i]);
        assert_int_equal((uintptr_t)places[i] % 16, 0);
        memset(places[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(places[i], places[j]);
            assert_int_equal(places[i][j], i);
        }
    }
}

static void large_allocations_are_whole(void **state)
{
    char *small = stw_arena_strdup(*state, "small");
    char *large = stw_arena_alloc(*state, 3 * 1024 * 1024);
    char *after = stw_arena_strdup(*state, "after");

    memset(large, 'L', 3 * 1024 * 1024);
    assert_string_equal(small, "small");
    assert_string_equal(after, "after");
    assert_int_equal(stw_arena_used(*state), 3 * 1024 * 1024 + 2 * 16);
}

static void zalloc_zeroes_recycled_memory(void **state)
{
    const size_t sizes[] = {64, 20000};

    for (size_t i = 0; i < 2; i++) {
        unsigned char *dirty = stw_arena_alloc(*state, sizes[i]);
        unsigned char *clean;

        memset(dirty, 0xff, sizes[i]);
        stw_arena_clear(*state);
        clean = stw_arena_zalloc(*state, sizes[i] / 4, 4);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(clean[j], 0);
    }
    assert_non_null(stw_arena_zalloc(*state, 0, 8));
    assert_non_null(stw_arena_zalloc(*state, 8, 0));
}

static void grow_stays_when_newest(void **state)
{
    char *text = stw_arena_alloc(*state, 10);
    char *grown;
    size_t used;

    strcpy(text, "123456789");
    grown = stw_arena_grow(*state, text, 10, 1000);
    assert_ptr_equal(grown, text);
    assert_string_equal(grown, "123456789");
    memset(grown, 'x', 1000);
    assert_int_equal(stw_arena_used(*state), 1008);
    /* What follows must not lie inside. */
    assert_true((char *)stw_arena_alloc(*state, 1) >= grown + 1000);

    used = stw_arena_used(*state);
    assert_ptr_equal(stw_arena_grow(*state, grown, 1000, 500), grown);
    assert_int_equal(stw_arena_used(*state), used);
}

static void grow_copies_when_not_newest_or_no_room(void **state)
{
    char *first = stw_arena_strdup(*state, "first");
    char *second = stw_arena_strdup(*state, "second");
    char *moved = stw_arena_grow(*state, first, 6, 600);

    assert_ptr_not_equal(moved, first);
    assert_string_equal(moved, "first");
    assert_string_equal(first, "first");
    assert_string_equal(second, "second");
    moved = stw_arena_grow(*state, moved, 600, 100000);
    assert_string_equal(moved, "first");
    memset(moved, 'x', 100000);
    assert_string_equal(second, "second");
    assert_non_null(stw_arena_grow(*state, NULL, 0, 10));
}

static void text_helpers_copy(void **state)
{
    char bytes[] = {'a', '\0', 'b'};
    char *copy = stw_arena_strndup(*state, bytes, 3);
    char *text;

    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(stw_arena_strndup(*state, NULL, 0), "");
    assert_string_equal(stw_arena_strdup(*state, ""), "");
    assert_string_equal(stw_arena_printf(*state, "%s-%d", "x", 7), "x-7");
    for (int width = 250; width < 260; width++) {
        text = stw_arena_printf(*state, "%*d", width, 1);
        assert_int_equal(strlen(text), width);
        assert_int_equal(text[width - 1], '1');
    }
}

static char calls[16];

static void note(void *what)
{
    strncat(calls, what, 1);
}

static struct stw_arena *late;

static void defer_again(void *what)
{
    note(what);
    stw_arena_defer(late, note, stw_arena_strdup(late, "z"));
}

static void deferred_run_once_newest_first(void **state)
{
    calls[0] = '\0';
    stw_arena_defer(*state, note, stw_arena_strdup(*state, "a"));
    stw_arena_alloc(*state, 100000);
    stw_arena_defer(*state, note, stw_arena_strdup(*state, "b"));
    stw_arena_defer(*state, note, stw_arena_strdup(*state, "c"));
    assert_string_equal(calls, "");
    stw_arena_clear(*state);
    assert_string_equal(calls, "cba");
    stw_arena_clear(*state);
    assert_string_equal(calls, "cba");
}

static void a_clean_up_may_defer_and_free_runs_all(void **state)
{
    late = stw_arena_new(CAP);
    calls[0] = '\0';
    stw_arena_defer(late, note, stw_arena_strdup(late, "a"));
    stw_arena_defer(late, defer_again, stw_arena_strdup(late, "b"));
    stw_arena_free(late);
    assert_string_equal(calls, "bza");
    stw_arena_free(NULL);
    (void)state;
}

static void clear_starts_over_in_the_first_block(void **state)
{
    void *first = stw_arena_alloc(*state, 100);

    stw_arena_alloc(*state, 100000);
    assert_true(stw_arena_used(*state) >= 100100);
    stw_arena_clear(*state);
    assert_int_equal(stw_arena_used(*state), 0);
    assert_ptr_equal(stw_arena_alloc(*state, 100), first);
}

static void the_cap_is_per_use_not_per_life(void **state)
{
    struct stw_arena *arena = stw_arena_new(4096);

    (void)state;
    for (int i = 0; i < 100; i++) {
        stw_arena_alloc(arena, 4096);
        assert_int_equal(stw_arena_used(arena), 4096);
        stw_arena_clear(arena);
    }
    stw_arena_free(arena);
}

static void take_cap_and_one(struct stw_arena *arena)
{
    stw_arena_alloc(arena, 1024);
    stw_arena_alloc(arena, 1);
}

static void take_size_max(struct stw_arena *arena)
{
    stw_arena_alloc(arena, SIZE_MAX);
}

static void take_array_overflow(struct stw_arena *arena)
{
    stw_arena_zalloc(arena, SIZE_MAX / 8, 16);
}

static void grow_over_cap(struct stw_arena *arena)
{
    stw_arena_grow(arena, stw_arena_alloc(arena, 512), 512, 1025);
}

static void copy_size_max(struct stw_arena *arena)
{
    stw_arena_strndup(arena, "x", SIZE_MAX);
}

static void take_forever(struct stw_arena *arena)
{
    for (;;)
        stw_arena_alloc(arena, 48);
}

static void running_over_stops_the_process(void **state)
{
    (void)state;
    assert_aborts(take_cap_and_one, 1024, "cap");
    assert_aborts(take_size_max, SIZE_MAX, "cap");
    assert_aborts(take_array_overflow, SIZE_MAX, "overflow");
    assert_aborts(grow_over_cap, 1024, "cap");
    assert_aborts(copy_size_max, SIZE_MAX, "overflow");
    assert_aborts(take_forever, CAP, "cap");
}

static void memory_behind_the_used_part_is_poisoned(void **state)
{
#ifdef WITH_ASAN
    char *first = stw_arena_alloc(*state, 13);
    char *second = stw_arena_alloc(*state, 16);
    char *large = stw_arena_alloc(*state, 100000);

    assert_false(__asan_address_is_poisoned(first + 12));
    assert_true(__asan_address_is_poisoned(first + 13));
    assert_false(__asan_address_is_poisoned(second));
    assert_true(__asan_address_is_poisoned(second + 16));
    assert_true(__asan_address_is_poisoned(large + 100000));
    stw_arena_clear(*state);
    assert_true(__asan_address_is_poisoned(first));
#else
    (void)state;
    skip();
#endif
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(allocations_are_aligned_and_apart),
        WITH_ARENA(large_allocations_are_whole),
        WITH_ARENA(zalloc_zeroes_recycled_memory),
        WITH_ARENA(grow_stays_when_newest),
        WITH_ARENA(grow_copies_when_not_newest_or_no_room),
        WITH_ARENA(text_helpers_copy),
        WITH_ARENA(deferred_run_once_newest_first),
        cmocka_unit_test(a_clean_up_may_defer_and_free_runs_all),
        WITH_ARENA(clear_starts_over_in_the_first_block),
        cmocka_unit_test(the_cap_is_per_use_not_per_life),
        cmocka_unit_test(running_over_stops_the_process),
        WITH_ARENA(memory_behind_the_used_part_is_poisoned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
