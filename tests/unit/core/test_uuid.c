#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/uuid.h"

#define NOW INT64_C(1767323045678901) /* 2026-01-02T03:04:05.678901Z */

/* Each test has a thread of its own, because ids never go back within one. */
static void *in_thread(void *(*run)(void *), void *what)
{
    pthread_t thread;
    void *result = NULL;

    assert_int_equal(pthread_create(&thread, NULL, run, what), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return result;
}

static void *make_one(void *what)
{
    stw_uuid_v7(NOW, what);
    return NULL;
}

static void an_id_has_time_version_and_variant(void **state)
{
    char id[STW_UUID_TEXT];
    char again[STW_UUID_TEXT];
    char time[14];

    (void)state;
    in_thread(make_one, id);
    assert_int_equal(strlen(id), 36);
    memcpy(time, id, 8);
    memcpy(time + 8, id + 9, 4);
    time[12] = '\0';
    assert_int_equal(strtoll(time, NULL, 16), NOW / 1000);
    assert_int_equal(id[14], '7');
    assert_non_null(strchr("89ab", id[19]));
    assert_true(stw_uuid_parse(id, again));
    assert_string_equal(again, id);
}

#define MANY 100000

static void *make_many(void *what)
{
    char last[STW_UUID_TEXT] = "";
    int64_t now = NOW;
    int *backwards = what;

    for (int i = 0; i < MANY; i++) {
        char id[STW_UUID_TEXT];

        /* Stands still, creeps, jumps back by a second, jumps ahead. */
        if (i % 1000 == 0)
            now += i % 3000 == 0 ? -1000000 : 700000;
        else if (i % 7 == 0)
            now++;
        stw_uuid_v7(now, id);
        if (strcmp(last, id) >= 0)
            ++*backwards;
        memcpy(last, id, sizeof(id));
    }
    return NULL;
}

static void ids_of_a_thread_grow_whatever_the_clock_does(void **state)
{
    int backwards = 0;

    (void)state;
    in_thread(make_many, &backwards);
    assert_int_equal(backwards, 0);
}

static void *clock_at_its_ends(void *what)
{
    char id[STW_UUID_TEXT];

    (void)what;
    stw_uuid_v7(-5, id);
    assert_memory_equal(id, "00000000-0000-7", 15);
    stw_uuid_v7(INT64_MAX, id);
    assert_memory_equal(id, "ffffffff-ffff-7", 15);
    stw_uuid_v7(INT64_MAX, id);
    assert_memory_equal(id, "ffffffff-ffff-7", 15);
    assert_int_equal(strlen(id), 36);
    return NULL;
}

static void a_clock_beyond_the_format_is_clamped(void **state)
{
    (void)state;
    in_thread(clock_at_its_ends, NULL);
}

#define THREADS 4
#define EACH    5000

static char ids[THREADS * EACH][STW_UUID_TEXT];

static void *fill(void *what)
{
    char(*mine)[STW_UUID_TEXT] = what;

    for (int i = 0; i < EACH; i++)
        stw_uuid_v7(NOW, mine[i]);
    return NULL;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void ids_of_several_threads_differ(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fill, ids[i * EACH]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, (size_t)THREADS * EACH, STW_UUID_TEXT, by_text);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void a_child_process_draws_other_bits(void **state)
{
    char mine[STW_UUID_TEXT];
    char other[STW_UUID_TEXT] = "";
    int ends[2];
    pid_t child;

    (void)state;
    stw_uuid_v7(NOW, mine);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        stw_uuid_v7(NOW, other);
        _exit(write(ends[1], other, sizeof(other)) != sizeof(other));
    }
    stw_uuid_v7(NOW, mine);
    assert_int_equal(read(ends[0], other, sizeof(other)), sizeof(other));
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(strlen(other), 36);
    assert_string_not_equal(mine + 19, other + 19);
}

static void parse_makes_canonical(void **state)
{
    char id[STW_UUID_TEXT];

    (void)state;
    assert_true(stw_uuid_parse("019B7CD0-C42E-7ABC-8DEF-0123456789AB", id));
    assert_string_equal(id, "019b7cd0-c42e-7abc-8def-0123456789ab");
    assert_true(stw_uuid_parse("00000000-0000-0000-0000-000000000000", id));
    assert_string_equal(id, "00000000-0000-0000-0000-000000000000");
}

static void parse_refuses_and_leaves_the_output(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "019b7cd0-c42e-7abc-8def-0123456789a",
        "019b7cd0-c42e-7abc-8def-0123456789ab0",
        "019b7cd0-c42e-7abc-8def-0123456789ag",
        "019b7cd0c42e7abc8def0123456789ab",
        "019b7cd0-c42e-7abc-8def+0123456789ab",
        "019b7cd-0c42e-7abc-8def-0123456789ab",
        "{019b7cd0-c42e-7abc-8def-0123456789ab}",
        " 019b7cd0-c42e-7abc-8def-0123456789ab",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char id[STW_UUID_TEXT] = "kept";

        assert_false(stw_uuid_parse(wrong[i], id));
        assert_string_equal(id, "kept");
    }
}

static void is_v7_until_looks_at_version_and_time(void **state)
{
    const char *id = "019b7cd0-c42e-7abc-8def-0123456789ab";
    const int64_t made = INT64_C(0x019b7cd0c42e) * 1000;

    (void)state;
    assert_true(stw_uuid_is_v7_until(id, made, 0));
    assert_false(stw_uuid_is_v7_until(id, made - 1, 0));
    assert_true(stw_uuid_is_v7_until(id, made - 5000, 5000));
    assert_false(stw_uuid_is_v7_until(id, made - 5001, 5000));
    assert_true(stw_uuid_is_v7_until(id, INT64_MAX, INT64_MAX));
    assert_false(stw_uuid_is_v7_until(id, INT64_MIN, -1));
    assert_false(stw_uuid_is_v7_until("019b7cd0-c42e-4abc-8def-0123456789ab", made, 0));
    assert_false(stw_uuid_is_v7_until("019b7cd0-c42e-7abc-cdef-0123456789ab", made, 0));
    assert_false(stw_uuid_is_v7_until("019B7CD0-c42e-7abc-8def-0123456789ab", made, 0));
    assert_false(stw_uuid_is_v7_until("", made, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_time_version_and_variant),
        cmocka_unit_test(ids_of_a_thread_grow_whatever_the_clock_does),
        cmocka_unit_test(a_clock_beyond_the_format_is_clamped),
        cmocka_unit_test(ids_of_several_threads_differ),
        cmocka_unit_test(a_child_process_draws_other_bits),
        cmocka_unit_test(parse_makes_canonical),
        cmocka_unit_test(parse_refuses_and_leaves_the_output),
        cmocka_unit_test(is_v7_until_looks_at_version_and_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
