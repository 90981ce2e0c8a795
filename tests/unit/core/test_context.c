#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/context.h"

static void count_up(void *what)
{
    ++*(int *)what;
}

/* A thread set of which the test decides whether its queue is full. */
struct toy_set {
    int asked;
    enum stw_code answer;
};

static enum stw_code toy_run(void *self, void (*work)(void *what), void *what)
{
    struct toy_set *set = self;

    set->asked++;
    if (set->answer == STW_OK)
        work(what);
    return set->answer;
}

static void without_offload_work_runs_inline(void **state)
{
    struct stw_context ctx = {0};
    int count = 0;

    (void)state;
    assert_int_equal(stw_offload_run(&ctx, count_up, &count), STW_OK);
    assert_int_equal(count, 1);
}

static void offload_runs_the_work_once(void **state)
{
    struct toy_set set = {.answer = STW_OK};
    struct stw_offload offload = {.self = &set, .run = toy_run};
    struct stw_context ctx = {.offload = &offload};
    int count = 0;

    (void)state;
    assert_int_equal(stw_offload_run(&ctx, count_up, &count), STW_OK);
    assert_int_equal(set.asked, 1);
    assert_int_equal(count, 1);
}

static void a_full_queue_is_reported_and_nothing_runs(void **state)
{
    struct toy_set set = {.answer = STW_OVERLOADED};
    struct stw_offload offload = {.self = &set, .run = toy_run};
    struct stw_context ctx = {.offload = &offload};
    int count = 0;

    (void)state;
    assert_int_equal(stw_offload_run(&ctx, count_up, &count), STW_OVERLOADED);
    assert_int_equal(set.asked, 1);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_offload_work_runs_inline),
        cmocka_unit_test(offload_runs_the_work_once),
        cmocka_unit_test(a_full_queue_is_reported_and_nothing_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
