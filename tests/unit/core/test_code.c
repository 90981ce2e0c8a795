#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "core/code.h"

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int i = 0; i < STW_CODE_COUNT; i++) {
        const char *name = stw_code_name((enum stw_code)i);

        assert_non_null(name);
        assert_true(strlen(name) >= 2);
        for (const char *c = name; *c; c++)
            assert_true(islower((unsigned char)*c) || *c == '_');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, stw_code_name((enum stw_code)j));
    }
}

static void published_names_stand(void **state)
{
    (void)state;
    assert_int_equal(STW_OK, 0);
    assert_string_equal(stw_code_name(STW_OK), "ok");
    assert_string_equal(stw_code_name(STW_VALIDATION_FAILED), "validation_failed");
    assert_string_equal(stw_code_name(STW_OUTCOME_UNKNOWN), "outcome_unknown");
    assert_string_equal(stw_code_name(STW_RETRY), "retry");
}

static void a_number_that_is_no_code_is_internal(void **state)
{
    (void)state;
    assert_string_equal(stw_code_name(STW_CODE_COUNT), "internal");
    assert_string_equal(stw_code_name((enum stw_code)100000), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_name),
        cmocka_unit_test(published_names_stand),
        cmocka_unit_test(a_number_that_is_no_code_is_internal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
