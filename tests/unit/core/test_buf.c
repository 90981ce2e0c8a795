#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/buf.h"

static int open_arena(void **state)
{
    *state = stw_arena_new(4 << 20);
    return 0;
}

static int close_arena(void **state)
{
    stw_arena_free(*state);
    return 0;
}

/* The JSON string of `length` bytes. */
static const char *json(void *arena, const char *bytes, size_t length)
{
    struct stw_buf buf;

    stw_buf_init(&buf, arena, 0, 1 << 16);
    stw_buf_add_json(&buf, bytes, length);
    assert_false(buf.failed);
    assert_int_equal(strlen(buf.data), buf.length);
    return buf.data;
}

static void appends_grow_and_stay_terminated(void **state)
{
    struct stw_buf buf;

    stw_buf_init(&buf, *state, 0, 100000);
    assert_string_equal(buf.data, "");
    stw_buf_add(&buf, NULL, 0);
    stw_buf_add(&buf, "ab", 2);
    assert_string_equal(buf.data, "ab");
    stw_buf_add_text(&buf, "cd");
    stw_buf_add_char(&buf, 'e');
    stw_buf_printf(&buf, "-%03d-%s", 7, "x");
    assert_string_equal(buf.data, "abcde-007-x");
    assert_int_equal(buf.length, 11);
    for (int i = 0; i < 5000; i++) {
        stw_arena_alloc(*state, 1); /* so that growing in place is not always possible */
        stw_buf_add_text(&buf, "0123456789");
    }
    assert_false(buf.failed);
    assert_int_equal(buf.length, 50011);
    assert_int_equal(strlen(buf.data), 50011);
    assert_string_equal(buf.data + 50001, "0123456789");
}

static void printf_grows_beyond_its_room(void **state)
{
    for (int width = 1; width < 300; width += 7) {
        struct stw_buf buf;

        stw_buf_init(&buf, *state, 3, 1000);
        stw_buf_add_char(&buf, '<');
        stw_buf_printf(&buf, "%*d>", width, 5);
        assert_false(buf.failed);
        assert_int_equal(buf.length, width + 2);
        assert_int_equal(buf.data[width], '5');
        assert_string_equal(buf.data + width + 1, ">");
    }
}

static void the_cap_is_exact_and_failure_sticks(void **state)
{
    struct stw_buf buf;

    stw_buf_init(&buf, *state, 100, 8);
    stw_buf_add_text(&buf, "12345678");
    assert_false(buf.failed);
    stw_buf_add(&buf, "", 0);
    assert_false(buf.failed);
    stw_buf_add_char(&buf, '9');
    assert_true(buf.failed);
    assert_string_equal(buf.data, "12345678");

    stw_buf_init(&buf, *state, 0, 8);
    stw_buf_add_text(&buf, "1234");
    stw_buf_add_text(&buf, "56789");
    assert_true(buf.failed);
    /* These would fit, but a hole in the middle would be worse than an end. */
    stw_buf_add_char(&buf, '5');
    stw_buf_printf(&buf, "%d", 5);
    stw_buf_add_json(&buf, "", 0);
    assert_null(stw_buf_reserve(&buf, 0));
    stw_buf_advance(&buf, 1);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "1234");
    assert_int_equal(buf.length, 4);
}

static void printf_and_json_fail_at_the_cap(void **state)
{
    struct stw_buf buf;

    stw_buf_init(&buf, *state, 0, 5);
    stw_buf_printf(&buf, "%s", "12345");
    assert_false(buf.failed);
    stw_buf_printf(&buf, "%s", "");
    assert_false(buf.failed);
    stw_buf_printf(&buf, "%s", "6");
    assert_true(buf.failed);
    assert_string_equal(buf.data, "12345");

    stw_buf_init(&buf, *state, 0, 5);
    stw_buf_add_json(&buf, "a\"", 2);
    assert_false(buf.failed);
    assert_string_equal(buf.data, "\"a\\\"\"");
    stw_buf_init(&buf, *state, 0, 4);
    stw_buf_add_json(&buf, "a\"", 2);
    assert_true(buf.failed);
    stw_buf_init(&buf, *state, 0, 0);
    assert_string_equal(buf.data, "");
    stw_buf_add_char(&buf, 'x');
    assert_true(buf.failed);
}

static void huge_sizes_do_not_wrap(void **state)
{
    struct stw_buf buf;

    stw_buf_init(&buf, *state, 16, SIZE_MAX);
    stw_buf_add_text(&buf, "abc");
    assert_null(stw_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    assert_string_equal(buf.data, "abc");
}

static void reserve_then_advance(void **state)
{
    struct stw_buf buf;
    char *place;

    stw_buf_init(&buf, *state, 4, 64);
    stw_buf_add_text(&buf, "ab");
    place = stw_buf_reserve(&buf, 40);
    assert_non_null(place);
    memset(place, 'x', 40);
    stw_buf_advance(&buf, 3);
    assert_string_equal(buf.data, "abxxx");
    /* More than was ever reserved. */
    stw_buf_advance(&buf, 64);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "abxxx");
}

static void json_escapes_what_it_must_and_nothing_else(void **state)
{
    static const char *const named[256] = {['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
                                           ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t"};

    assert_string_equal(json(*state, "", 0), "\"\"");
    assert_string_equal(json(*state, NULL, 0), "\"\"");
    for (int c = 0; c < 128; c++) {
        char text[2] = {(char)c, '\0'};
        const char *expected;

        if (named[c])
            expected = stw_arena_printf(*state, "\"%s\"", named[c]);
        else if (c < 0x20)
            expected = stw_arena_printf(*state, "\"\\u%04x\"", (unsigned int)c);
        else
            expected = stw_arena_printf(*state, "\"%s\"", text);
        assert_string_equal(json(*state, text, 1), expected);
    }
    assert_string_equal(json(*state, "</\x7f\xe2\x80\xa8\xe5\xbc\xa0\xf0\x9f\x98\x80", 13),
                        "\"</\x7f\xe2\x80\xa8\xe5\xbc\xa0\xf0\x9f\x98\x80\"");
}

static void json_escapes_at_every_position(void **state)
{
    static const char *const marks[] = {"\"", "\\", "\x01", "\n", "\x1f"};
    static const char *const escaped[] = {"\\\"", "\\\\", "\\u0001", "\\n", "\\u001f"};

    for (size_t kind = 0; kind < 5; kind++) {
        for (int before = 0; before < 20; before++) {
            for (int after = 0; after < 20; after++) {
                char *text = stw_arena_printf(*state, "%.*s%s%.*s", before, "\xc3\xa4 cdefghijklmnopqrst",
                                              marks[kind], after, "ABCDEFGHIJKLMNOPQRST");
                char *expected =
                    stw_arena_printf(*state, "\"%.*s%s%.*s\"", before, "\xc3\xa4 cdefghijklmnopqrst",
                                     escaped[kind], after, "ABCDEFGHIJKLMNOPQRST");

                assert_string_equal(json(*state, text, strlen(text)), expected);
            }
        }
    }
}

/* What a text is as a JSON string, byte by byte. */
static char *plain_json(void *arena, const char *bytes, size_t length)
{
    char *text = stw_arena_alloc(arena, 6 * length + 3), *at = text;

    *at++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            *at++ = '\\';
        if ((unsigned char)bytes[i] < 0x20)
            at += sprintf(at, "\\u%04x", (unsigned int)bytes[i]);
        else
            *at++ = bytes[i];
    }
    memcpy(at, "\"", 2);
    return text;
}

/* Lengths around each size that is copied at once, with an escape at every place or at none; the text ends
 * where its memory does. */
static void json_of_every_length(void **state)
{
    static const char marks[] = {'"', '\\', '\x01', '\x1f'};

    (void)state;
    for (size_t length = 0; length <= 50; length++) {
        for (size_t place = 0; place <= length; place++) {
            struct stw_arena *arena = stw_arena_new(1 << 20);
            char *text = stw_arena_alloc(arena, length), *out;
            char *end;

            for (size_t i = 0; i < length; i++)
                text[i] = "z\xff \x7f!\x80[]#"[i % 9]; /* next to those that are escaped, and far from them */
            if (place < length)
                text[place] = marks[place % sizeof(marks)];
            assert_string_equal(json(arena, text, length), plain_json(arena, text, length));
            out = stw_arena_alloc(arena, length + 2);
            end = stw_buf_put_json(out, text, length);
            if (place < length) {
                assert_null(end);
            } else {
                assert_ptr_equal(end, out + length + 2);
                assert_memory_equal(out, plain_json(arena, text, length), length + 2);
            }
            stw_arena_free(arena);
        }
    }
}

static void json_fails_at_any_cap_and_keeps_what_it_had(void **state)
{
    static const char text[] = "a longer text \" with \x01 escapes \\ in \n it, and \xe5\xbc\xa0 behind them";
    const char *whole = json(*state, text, sizeof(text) - 1);

    for (size_t cap = 0; cap <= strlen(whole) + 1; cap++) {
        struct stw_arena *arena = stw_arena_new(1 << 20);
        struct stw_buf buf;

        stw_buf_init(&buf, arena, 0, cap);
        stw_buf_add_json(&buf, text, sizeof(text) - 1);
        assert_int_equal(buf.failed, cap < strlen(whole));
        assert_true(buf.length <= cap);
        assert_int_equal(strlen(buf.data), buf.length);
        assert_memory_equal(buf.data, whole, buf.length);
        if (buf.failed) {
            stw_buf_add_char(&buf, '~');
            assert_null(strchr(buf.data, '~'));
        }
        stw_arena_free(arena);
    }
}

static void a_try_beyond_the_cap_fails_nothing(void **state)
{
    struct stw_buf buf;
    char *place;

    stw_buf_init(&buf, *state, 2, 10);
    stw_buf_add_text(&buf, "abc");
    assert_null(stw_buf_try(&buf, 8));
    assert_false(buf.failed);
    place = stw_buf_try(&buf, 7);
    assert_non_null(place);
    stw_buf_end(&buf, stw_buf_put(place, "0123456", 7));
    assert_string_equal(buf.data, "abc0123456");
    assert_null(stw_buf_try(&buf, SIZE_MAX));
    assert_non_null(stw_buf_try(&buf, 0));
    stw_buf_add_char(&buf, 'x');
    assert_true(buf.failed);
    assert_null(stw_buf_try(&buf, 0));
}

static void pieces_of_every_length_are_put(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";

    for (size_t length = 0; length < sizeof(letters); length++) {
        char *from = stw_arena_alloc(*state, length), *to = stw_arena_alloc(*state, length);

        memcpy(from, letters, length);
        assert_ptr_equal(stw_buf_put(to, from, length), to + length);
        assert_memory_equal(to, letters, length);
    }
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(appends_grow_and_stay_terminated),
        WITH_ARENA(printf_grows_beyond_its_room),
        WITH_ARENA(the_cap_is_exact_and_failure_sticks),
        WITH_ARENA(printf_and_json_fail_at_the_cap),
        WITH_ARENA(huge_sizes_do_not_wrap),
        WITH_ARENA(reserve_then_advance),
        WITH_ARENA(json_escapes_what_it_must_and_nothing_else),
        WITH_ARENA(json_escapes_at_every_position),
        cmocka_unit_test(json_of_every_length),
        WITH_ARENA(json_fails_at_any_cap_and_keeps_what_it_had),
        WITH_ARENA(a_try_beyond_the_cap_fails_nothing),
        WITH_ARENA(pieces_of_every_length_are_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
