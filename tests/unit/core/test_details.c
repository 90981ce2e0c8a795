#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/details.h"

static int open_arena(void **state)
{
    *state = stw_arena_new(1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    stw_arena_free(*state);
    return 0;
}

static void init_forgets_everything(void **state)
{
    struct stw_details details;

    memset(&details, 0x5a, sizeof(details));
    stw_details_init(&details, *state);
    assert_ptr_equal(details.arena, *state);
    assert_int_equal(details.violation_count, 0);
    assert_int_equal(details.violations_dropped, 0);
    assert_null(details.rule);
    assert_null(details.conflict_id);
    assert_int_equal(details.retry_after_seconds, 0);
    assert_null(details.allow);
    assert_string_equal(details.sqlstate, "");
    assert_string_equal(details.constraint, "");
}

static void violations_keep_order_and_copies(void **state)
{
    static const char *const words[] = {"open", "closed", NULL};
    struct stw_details details;
    char path[] = "If-Match";
    char bound[] = "200";

    stw_details_init(&details, *state);
    stw_details_add(&details, STW_AT_HEADER, path, STW_INVALID_FORMAT, NULL, words);
    stw_details_field(&details, "amount/currency", STW_TOO_LONG, bound);
    stw_details_parameter(&details, "limit", STW_TOO_LARGE, bound);
    memset(path, 'x', sizeof(path) - 1);
    memset(bound, 'x', sizeof(bound) - 1);

    assert_int_equal(details.violation_count, 3);
    assert_int_equal(details.violations[0].where, STW_AT_HEADER);
    assert_string_equal(details.violations[0].path, "If-Match");
    assert_int_equal(details.violations[0].code, STW_INVALID_FORMAT);
    assert_null(details.violations[0].argument);
    assert_ptr_equal(details.violations[0].allowed, words);

    assert_int_equal(details.violations[1].where, STW_AT_POINTER);
    assert_string_equal(details.violations[1].path, "#/amount/currency");
    assert_int_equal(details.violations[1].code, STW_TOO_LONG);
    assert_string_equal(details.violations[1].argument, "200");
    assert_null(details.violations[1].allowed);

    assert_int_equal(details.violations[2].where, STW_AT_PARAMETER);
    assert_string_equal(details.violations[2].path, "limit");
    assert_string_equal(details.violations[2].argument, "200");
}

static void beyond_sixteen_they_are_only_counted(void **state)
{
    struct stw_details details;
    size_t used;

    stw_details_init(&details, *state);
    for (int i = 0; i < STW_VIOLATIONS_MAX; i++)
        stw_details_field(&details, "name", STW_REQUIRED, NULL);
    assert_int_equal(details.violation_count, STW_VIOLATIONS_MAX);
    assert_int_equal(details.violations_dropped, 0);
    used = stw_arena_used(*state);
    stw_details_field(&details, "seventeenth", STW_REQUIRED, NULL);
    stw_details_parameter(&details, "eighteenth", STW_REQUIRED, "x");
    assert_int_equal(details.violation_count, STW_VIOLATIONS_MAX);
    assert_int_equal(details.violations_dropped, 2);
    assert_int_equal(stw_arena_used(*state), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_forgets_everything, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(violations_keep_order_and_copies, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(beyond_sixteen_they_are_only_counted, open_arena, close_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
