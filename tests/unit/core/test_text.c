#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static bool valid(const char *text)
{
    return stw_text_valid(text, strlen(text));
}

static void valid_accepts_every_length(void **state)
{
    (void)state;
    assert_true(valid(""));
    assert_true(valid("plain \t\n\x7f"));
    assert_true(valid("\xc2\x80 \xdf\xbf"));
    assert_true(valid("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
    assert_true(valid("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
    assert_true(valid("客户管理 in a longer line of text"));
}

static void valid_refuses_what_is_not_utf8(void **state)
{
    static const char *const wrong[] = {
        "\x80",             /* continuation without a start */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3", /* cut short */
        "\xe5\xae",
        "\xf0\x9f\x98",
        "\xc3(",
        "\xe5(\xa2",
        "\xe5\xae(",
        "\xf0\x9f\x98(",
    };

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(valid(wrong[i]));
        /* Wherever it stands against the eight-byte steps. */
        for (int before = 0; before < 17; before++)
            assert_false(valid(stw_arena_printf(*state, "%.*s%s", before, "abcdefghijklmnopq", wrong[i])));
    }
}

static void valid_refuses_nul_at_every_position(void **state)
{
    (void)state;
    for (size_t at = 0; at < 20; at++) {
        char text[20];

        memset(text, 'x', sizeof(text));
        assert_true(stw_text_valid(text, sizeof(text)));
        text[at] = '\0';
        assert_false(stw_text_valid(text, sizeof(text)));
    }
}

static void length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(stw_text_length("", 0), 0);
    assert_int_equal(stw_text_length("abc", 3), 3);
    assert_int_equal(stw_text_length("ä张😀z", 10), 4);
}

static void control_characters_are_found(void **state)
{
    (void)state;
    assert_false(stw_text_has_control("a\tb\nc", 5));
    assert_true(stw_text_has_control("a\rb", 3));
    assert_true(stw_text_has_control("\x1b[31m", 5));
    assert_true(stw_text_has_control("\0", 1));
    assert_true(stw_text_has_control("\x7f", 1));
    assert_true(stw_text_has_control("\xc2\x80", 2));
    assert_true(stw_text_has_control("\xc2\x9f", 2));
    assert_false(stw_text_has_control("\xc2\xa0", 2));
    /* Bytes of the same range as a part of something longer. */
    assert_false(stw_text_has_control("€Å", 5));
}

static void white_space_of_any_script_is_found(void **state)
{
    static const char *const spaces[] = {
        " ",      "\t",     "\n",     "\v",     "\r",     "\xc2\x85", "\u00a0",
        "\u1680", "\u2000", "\u200a", "\u2028", "\u202f", "\u205f",   "\u3000",
    };

    for (size_t i = 0; i < COUNT(spaces); i++) {
        char *text = stw_arena_printf(*state, "ä%sz", spaces[i]);

        assert_true(stw_text_has_space(text, strlen(text)));
    }
    assert_false(stw_text_has_space("", 0));
    assert_false(stw_text_has_space("aà\u200b、", 9));
}

static void fold_makes_one_key(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"ACME Corp", "acme corp"},
        {"  two \t\n words  ", "two words"},
        {" \t ", ""},
        {"\uff21\uff22\uff23\u3000\uff11\uff12", "abc 12"}, /* full width */
        {"\uff76\uff9e", "\u30ac"},                         /* half-width katakana with its voice mark */
        {"北京市科技有限公司", "北京市科技有限公司"},       /* stays as it is */
        {"\uff21股份\u3000有限\uff08中国\uff09", "a股份 有限(中国)"}, /* mixed, full-width brackets */
        {"\uf90a", "\u91d1"},                                         /* compatibility ideograph */
        {"\u00c4", "\u00e4"},                                         /* composed, upper case */
        {"A\u0308", "\u00e4"},                                        /* decomposed */
        {"Stra\u00dfe", "strasse"},
        {"\ufb01n", "fin"},               /* ligature */
        {"\u2121", "tel"},                /* compatible letters are folded too */
        {"\u03a3\u03c2", "\u03c3\u03c3"}, /* final sigma */
        {"a\u00a0\u2003z", "a z"},        /* no-break and em space */
        {"so\u00adft", "soft"},           /* soft hyphen */
        {"\u200bx", "x"},                 /* zero width space */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *key = stw_text_fold(*state, cases[i][0], strlen(cases[i][0]));

        assert_non_null(key);
        assert_string_equal(key, cases[i][1]);
        assert_string_equal(stw_text_fold(*state, key, strlen(key)), key);
    }
}

static void fold_refuses_invalid_text(void **state)
{
    assert_null(stw_text_fold(*state, "\xff", 1));
    assert_null(stw_text_fold(*state, "a\0b", 3));
    assert_null(stw_text_fold(*state, "\xe5\xae", 2));
}

static void nearest_finds_typing_errors(void **state)
{
    static const char *const names[] = {"name", "amount", "currency", "created_at", "closed_at", "id"};

    (void)state;
    assert_string_equal(stw_text_nearest("amuont", names, COUNT(names)), "amount");
    assert_string_equal(stw_text_nearest("naem", names, COUNT(names)), "name");
    assert_string_equal(stw_text_nearest("createdAt", names, COUNT(names)), "created_at");
    assert_string_equal(stw_text_nearest("curency", names, COUNT(names)), "currency");
    assert_string_equal(stw_text_nearest("ids", names, COUNT(names)), "id");
    assert_string_equal(stw_text_nearest("id", names, COUNT(names)), "id");
    assert_string_equal(stw_text_nearest("close_at", names, COUNT(names)), "closed_at");
}

static void nearest_knows_its_bound(void **state)
{
    static const char *const names[] = {"cart", "card", "abcdefghi"};
    char word[200];

    (void)state;
    assert_null(stw_text_nearest("owner", names, COUNT(names)));
    assert_null(stw_text_nearest("caxx", names, COUNT(names)));
    assert_string_equal(stw_text_nearest("carx", names, COUNT(names)), "cart"); /* the first of equals */
    assert_string_equal(stw_text_nearest("abcdefxyz", names, COUNT(names)), "abcdefghi");
    assert_null(stw_text_nearest("abcdewxyz", names, COUNT(names)));
    assert_null(stw_text_nearest("", names, COUNT(names)));
    assert_null(stw_text_nearest("cart", names, 0));
    memset(word, 'c', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(stw_text_nearest(word, names, COUNT(names)));
    assert_null(stw_text_nearest("c", (const char *const[]){word}, 1));
}

static void humanize_makes_words(void **state)
{
    assert_string_equal(stw_text_humanize(*state, "account_manager"), "Account manager");
    assert_string_equal(stw_text_humanize(*state, "id"), "Id");
    assert_string_equal(stw_text_humanize(*state, ""), "");
    assert_string_equal(stw_text_humanize(*state, "a_b_c"), "A b c");
}

static void base64url_has_the_known_answers(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned char *bytes = NULL;
        size_t length = 99;

        assert_string_equal(stw_text_base64url(*state, cases[i][0], strlen(cases[i][0])), cases[i][1]);
        assert_true(stw_text_base64url_decode(*state, cases[i][1], strlen(cases[i][1]), &bytes, &length));
        assert_int_equal(length, strlen(cases[i][0]));
        assert_memory_equal(bytes, cases[i][0], length);
    }
}

static void base64url_decode_is_strict(void **state)
{
    static const char *const wrong[] = {"A",    "AAAAA", "Zg==", "Zm8=", "Zm9v\n", "Zm+v",
                                        "Zm/v", "Zh",    "Zm9",  "Zä",   "Zm v"};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        unsigned char *bytes = NULL;
        size_t length = 99;

        assert_false(stw_text_base64url_decode(*state, wrong[i], strlen(wrong[i]), &bytes, &length));
        assert_null(bytes);
        assert_int_equal(length, 99);
    }
}

static void percent_decode_reads_escapes(void **state)
{
    static const char *const cases[][3] = {
        /* text, as a path segment, as a query word */
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a%20b", "a b", "a b"},
        {"a+b", "a+b", "a b"},
        {"a%2Bb%2f", "a+b/", "a+b/"},
        {"%E5%bc%A0", "张", "张"},
        {"%25%32%35", "%25", "%25"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;

        assert_true(stw_text_percent_decode(*state, cases[i][0], strlen(cases[i][0]), false, &text));
        assert_string_equal(text, cases[i][1]);
        assert_true(stw_text_percent_decode(*state, cases[i][0], strlen(cases[i][0]), true, &text));
        assert_string_equal(text, cases[i][2]);
    }
}

static void percent_decode_refuses(void **state)
{
    static const char *const wrong[] = {"%",   "a%",     "%2",     "%2g", "%g2", "%00", "a%00b",
                                        "%ff", "%e5%bc", "%c0%80", "% 2", "%+2", "%-1", "\xff"};
    char *text = NULL;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(stw_text_percent_decode(*state, wrong[i], strlen(wrong[i]), false, &text));
        assert_false(stw_text_percent_decode(*state, wrong[i], strlen(wrong[i]), true, &text));
    }
    /* An escape that only memory behind the end would complete. */
    assert_false(stw_text_percent_decode(*state, "a%20", 3, false, &text));
    assert_null(text);
}

static void percent_encode_escapes_the_rest(void **state)
{
    struct stw_buf buf;

    stw_buf_init(&buf, *state, 0, 100);
    stw_text_percent_encode(&buf, "azAZ09-._~", 10);
    assert_string_equal(buf.data, "azAZ09-._~");
    stw_text_percent_encode(&buf, " /?%+张", 8);
    assert_string_equal(buf.data, "azAZ09-._~%20%2F%3F%25%2B%E5%BC%A0");
    assert_false(buf.failed);
    stw_buf_init(&buf, *state, 0, 5);
    stw_text_percent_encode(&buf, "//", 2);
    assert_true(buf.failed);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_accepts_every_length),
        WITH_ARENA(valid_refuses_what_is_not_utf8),
        cmocka_unit_test(valid_refuses_nul_at_every_position),
        cmocka_unit_test(length_counts_code_points),
        cmocka_unit_test(control_characters_are_found),
        WITH_ARENA(white_space_of_any_script_is_found),
        WITH_ARENA(fold_makes_one_key),
        WITH_ARENA(fold_refuses_invalid_text),
        cmocka_unit_test(nearest_finds_typing_errors),
        cmocka_unit_test(nearest_knows_its_bound),
        WITH_ARENA(humanize_makes_words),
        WITH_ARENA(base64url_has_the_known_answers),
        WITH_ARENA(base64url_decode_is_strict),
        WITH_ARENA(percent_decode_reads_escapes),
        WITH_ARENA(percent_decode_refuses),
        WITH_ARENA(percent_encode_escapes_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
