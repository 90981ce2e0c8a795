#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/gb18030.h"

/* 韩 in two bytes, 😀 in four, a byte that begins nothing, a character that a letter breaks off */
static const char mixed[] = "a\xba\xab,\x94\x39\xfc\x36\xff\x94\x39z";
static const char mixed_text[] = "a\xe9\x9f\xa9,\xf0\x9f\x98\x80\xff\xff"
                                 "9z";

static void check_pieces(size_t first, size_t second)
{
    struct stw_arena *arena = stw_arena_new((size_t)1 << 16);
    struct stw_gb18030 *decoder = stw_gb18030_open(arena);
    size_t length = sizeof mixed - 1, made = 0;
    char text[STW_GB18030_WIDER * (sizeof mixed + 3 * STW_GB18030_CARRY)];

    assert_non_null(decoder);
    made += stw_gb18030_add(decoder, mixed, first, false, text);
    made += stw_gb18030_add(decoder, mixed + first, second, false, text + made);
    made += stw_gb18030_add(decoder, mixed + first + second, length - first - second, true, text + made);
    assert_int_equal(made, sizeof mixed_text - 1);
    assert_memory_equal(text, mixed_text, made);
    stw_arena_free(arena);
}

static void pieces_may_end_anywhere(void **state)
{
    (void)state;
    for (size_t first = 0; first < sizeof mixed; first++) {
        for (size_t second = 0; first + second < sizeof mixed; second++)
            check_pieces(first, second);
    }
}

static void a_character_that_does_not_end_is_told(void **state)
{
    struct stw_arena *arena = stw_arena_new((size_t)1 << 16);
    struct stw_gb18030 *decoder = stw_gb18030_open(arena);
    char text[2 * STW_GB18030_WIDER * (1 + STW_GB18030_CARRY)];

    (void)state;
    assert_int_equal(stw_gb18030_add(decoder, "\xba", 1, false, text), 0);
    assert_int_equal(stw_gb18030_add(decoder, NULL, 0, true, text), 1);
    assert_memory_equal(text, "\xff", 1);
    assert_int_equal(stw_gb18030_add(decoder, NULL, 0, true, text), 0);
    stw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_may_end_anywhere),
        cmocka_unit_test(a_character_that_does_not_end_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
