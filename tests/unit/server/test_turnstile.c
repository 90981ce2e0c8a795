/* Whose request runs next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "server/loop_private.h"

#define NOISY   "0190a000-0000-7000-8000-00000000000a"
#define QUIET   "0190a000-0000-7000-8000-0000000000ff"
#define MANY    16
#define SOON_US 1000
#define LATE_US 60000

static struct srv_loop loop;

static struct visitor {
    const char *org;
    int64_t stays_us; /* 0: leaves at once */
    enum stw_code code;
    bool inside, gone;
} visitors[MANY];

static const struct visitor *served[MANY];
static int served_count, most_inside;

static int count_inside(void)
{
    int inside = 0;
    for (int i = 0; i < MANY; i++)
        inside += visitors[i].inside;
    return inside;
}

static void visit(void *what)
{
    struct visitor *visitor = what;
    struct srv_place place;

    visitor->code = srv_turnstile_enter(&loop, &place, visitor->org);
    if (visitor->code == STW_OK) {
        visitor->inside = true;
        served[served_count++] = visitor;
        most_inside = count_inside() > most_inside ? count_inside() : most_inside;
        srv_loop_sleep(&loop, visitor->stays_us);
        visitor->inside = false;
        srv_turnstile_leave(&loop, &place);
    }
    visitor->gone = true;
}

static void resume_all(void)
{
    while (loop.runnable) {
        struct srv_sleeper *sleeper = loop.runnable;
        struct srv_coro *coro = sleeper->coro;

        loop.runnable = sleeper->next;
        if (!loop.runnable)
            loop.runnable_end = &loop.runnable;
        sleeper->queued = 0;
        sleeper->coro = NULL;
        srv_coro_resume(coro);
    }
}

/* Time goes by: who sleeps until then wakes up. */
static void pass(int64_t until_us)
{
    struct srv_sleeper *first;

    while ((first = srv_timers_first(&loop.timers)) && first->due_us <= until_us) {
        srv_loop_unpark(&loop, first);
        resume_all();
    }
    srv_turnstile_tick(&loop, until_us);
    resume_all();
}

static int set_up(void **state)
{
    (void)state;
    memset(&loop, 0, sizeof(loop));
    memset(visitors, 0, sizeof(visitors));
    served_count = most_inside = 0;
    loop.runnable_end = &loop.runnable;
    loop.coros = srv_coro_pool_new(MANY);
    assert_non_null(loop.coros);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        assert_true(visitors[i].gone || !visitors[i].org);
    assert_int_equal(loop.turnstile.taken, 0);
    assert_int_equal(loop.turnstile.turns.waiting, 0);
    assert_null(loop.turnstile.oldest);
    assert_null(loop.turnstile.newest);
    srv_coro_pool_free(loop.coros);
    srv_timers_release(&loop.timers);
    return 0;
}

static void come(int number, const char *org, int64_t stays_us)
{
    visitors[number] = (struct visitor){.org = org, .stays_us = stays_us};
    assert_true(srv_coro_start(loop.coros, visit, &visitors[number]));
}

static void a_quiet_organization_does_not_wait_behind_a_noisy_one(void **state)
{
    (void)state;
    srv_turnstile_init(&loop.turnstile, 2);
    for (int i = 0; i < 10; i++)
        come(i, NOISY, SOON_US);
    come(10, QUIET, SOON_US);
    assert_int_equal(served_count, 2);
    int64_t now_us = stw_clock_monotonic_us();
    for (int i = 1; i < 20; i++)
        pass(now_us + (int64_t)i * 10 * SOON_US);
    assert_int_equal(served_count, 11);
    assert_int_equal(most_inside, 2);
    /* Two were inside when it came, and one of the noisy may have had the turn just then. */
    assert_true(served[2] == &visitors[10] || served[3] == &visitors[10]);
}

static void who_takes_long_keeps_nobody_out(void **state)
{
    (void)state;
    srv_turnstile_init(&loop.turnstile, 2);
    for (int i = 0; i < 2; i++)
        come(i, NOISY, 100 * LATE_US);
    for (int i = 2; i < 5; i++)
        come(i, NOISY, SOON_US);
    int64_t now_us = stw_clock_monotonic_us();
    assert_true(srv_turnstile_tick(&loop, now_us) > now_us);
    assert_int_equal(served_count, 2);
    for (int i = 1; i < 10; i++)
        pass(now_us + (int64_t)i * LATE_US);
    assert_int_equal(served_count, 5);
    assert_false(visitors[0].gone);
    pass(now_us + 200 * (int64_t)LATE_US);
}

static void who_waits_too_long_is_told(void **state)
{
    (void)state;
    srv_turnstile_init(&loop.turnstile, 0);
    come(0, NOISY, SOON_US);
    come(1, QUIET, SOON_US);
    pass(stw_clock_monotonic_us() + 2000000);
    assert_false(visitors[0].gone);
    pass(stw_clock_monotonic_us() + 3100000);
    assert_int_equal(visitors[0].code, STW_OVERLOADED);
    assert_int_equal(visitors[1].code, STW_OVERLOADED);
    assert_int_equal(served_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_quiet_organization_does_not_wait_behind_a_noisy_one),
        TEST(who_takes_long_keeps_nobody_out),
        TEST(who_waits_too_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
