#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "core/clock.h"

static void wall_clock_is_unix_time_in_microseconds(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now = stw_clock_wall_us();

    (void)state;
    assert_in_range(now / 1000000, before - 1, before + 2);
}

static void monotonic_clock_moves_forward_with_time(void **state)
{
    int64_t start = stw_clock_monotonic_us();
    int64_t last = start;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = stw_clock_monotonic_us();

        assert_true(now >= last);
        last = now;
    }
    usleep(2000);
    assert_true(stw_clock_monotonic_us() - start >= 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_clock_is_unix_time_in_microseconds),
        cmocka_unit_test(monotonic_clock_moves_forward_with_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
