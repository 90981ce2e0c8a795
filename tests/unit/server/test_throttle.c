#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "server/throttle.h"

#define NOW INT64_C(1780000003000000) /* three seconds into its window */

static int reset(void **state)
{
    (void)state;
    srv_throttle_reset();
    return 0;
}

static bool blocked(const char *name, int64_t now_us)
{
    int seconds;

    return srv_throttle_blocked(SRV_THROTTLE_TOKEN, name, now_us, &seconds);
}

static void fail_times(const char *name, int times)
{
    for (int i = 0; i < times; i++)
        srv_throttle_failed(SRV_THROTTLE_TOKEN, name, NOW);
}

static void more_than_twenty_are_too_many(void **state)
{
    int seconds = 0;
    (void)state;

    fail_times("192.0.2.1", 20);
    assert_false(blocked("192.0.2.1", NOW));
    fail_times("192.0.2.1", 1);
    assert_true(srv_throttle_blocked(SRV_THROTTLE_TOKEN, "192.0.2.1", NOW, &seconds));
    assert_int_equal(seconds, 7);
    assert_false(blocked("192.0.2.2", NOW));
    assert_false(srv_throttle_blocked(SRV_THROTTLE_LOGIN, "192.0.2.1", NOW, &seconds));
    assert_true(blocked("192.0.2.1", NOW + 6999999));
    assert_false(blocked("192.0.2.1", NOW + 7000000));
}

static void a_success_takes_its_count_back(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        fail_times("192.0.2.1", 1);
        srv_throttle_forgive(SRV_THROTTLE_TOKEN, "192.0.2.1", NOW);
    }
    srv_throttle_forgive(SRV_THROTTLE_TOKEN, "192.0.2.1", NOW);
    fail_times("192.0.2.1", 20);
    assert_false(blocked("192.0.2.1", NOW));
}

static void an_ipv6_network_is_one(void **state)
{
    char address[64];
    (void)state;

    for (int i = 0; i < 21; i++) {
        snprintf(address, sizeof(address), "2001:db8:0:1::%x", i);
        fail_times(address, 1);
    }
    assert_true(blocked("2001:db8:0:1:ffff::1", NOW));
    assert_false(blocked("2001:db8:0:2::1", NOW));
    fail_times("::ffff:192.0.2.1", 21);
    assert_false(blocked("::ffff:192.0.2.2", NOW));
}

static void the_table_never_fills(void **state)
{
    char address[64];
    (void)state;

    for (int i = 0; i < 200000; i++) {
        snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        fail_times(address, 1);
    }
    fail_times("192.0.2.1", 21);
    assert_true(blocked("192.0.2.1", NOW));
}

static void a_count_does_not_run_over(void **state)
{
    (void)state;
    fail_times("192.0.2.1", 70000);
    assert_true(blocked("192.0.2.1", NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(more_than_twenty_are_too_many, reset),
        cmocka_unit_test_setup(a_success_takes_its_count_back, reset),
        cmocka_unit_test_setup(an_ipv6_network_is_one, reset),
        cmocka_unit_test_setup(the_table_never_fills, reset),
        cmocka_unit_test_setup(a_count_does_not_run_over, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
