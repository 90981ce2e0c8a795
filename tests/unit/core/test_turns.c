/* Who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/turns.h"

#define ORG_A "0190a000-0000-7000-8000-00000000000a"
#define OTHER "0190a000-0000-7000-8000-0000000000ff"

static struct stw_turns turns;

static void test_organisations_take_turns(void **state)
{
    (void)state;
    struct stw_turn noisy[6], quiet[2];
    stw_turns_init(&turns);
    assert_null(stw_turns_take(&turns));
    for (int i = 0; i < 6; i++)
        stw_turns_add(&turns, &noisy[i], ORG_A);
    for (int i = 0; i < 2; i++)
        stw_turns_add(&turns, &quiet[i], OTHER);
    assert_int_not_equal(noisy[0].lot, quiet[0].lot);
    const struct stw_turn *order[8];
    for (int i = 0; i < 8; i++)
        order[i] = stw_turns_take(&turns);
    /* Whoever begins, the two of the quiet one are among the first four, and each keeps its own order. */
    int seen = 0, heard = 0;
    for (int i = 0; i < 8; i++)
        if (order[i] == &quiet[seen < 2 ? seen : 0] && seen < 2) {
            assert_in_range(i, 0, 3);
            seen++;
        } else {
            assert_ptr_equal(order[i], &noisy[heard++]);
        }
    assert_int_equal(seen, 2);
    assert_int_equal(heard, 6);
    assert_null(stw_turns_take(&turns));
    assert_int_equal(turns.waiting, 0);
}

static void test_who_leaves_is_not_served(void **state)
{
    (void)state;
    struct stw_turn waiters[3];
    stw_turns_init(&turns);
    for (int leaver = 0; leaver < 3; leaver++) {
        for (int i = 0; i < 3; i++)
            stw_turns_add(&turns, &waiters[i], ORG_A);
        stw_turns_leave(&turns, &waiters[leaver]);
        for (int i = 0; i < 3; i++)
            if (i != leaver)
                assert_ptr_equal(stw_turns_take(&turns), &waiters[i]);
        assert_null(stw_turns_take(&turns));
        assert_int_equal(turns.waiting, 0);
        assert_int_equal(turns.filled, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_organisations_take_turns),
        cmocka_unit_test(test_who_leaves_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
