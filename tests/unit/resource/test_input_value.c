#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resource/input_fixture.h"

static void test_text_is_kept_as_given(void **state)
{
    (void)state;
    assert_text("{\"title\":\" 红楼梦  \"}", BOOK_TITLE, " 红楼梦  ");
    assert_text("{\"summary\":\"one\\n\\ttwo\\r\\nthree\"}", BOOK_SUMMARY, "one\n\ttwo\r\nthree");
    assert_text("{\"summary\":null}", BOOK_SUMMARY, NULL);
    assert_refused("{\"title\":\"\"}", "#/title", STW_TOO_SHORT, "1");
    assert_refused("{\"title\":\" \\u3000\\u00a0\"}", "#/title", STW_TOO_SHORT, "1");
    assert_refused("{\"title\":\"a\\tb\"}", "#/title", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"title\":\"a\\nb\"}", "#/title", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"author\":\"a\\u0085b\"}", "#/author", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"summary\":\"a\\u0007b\"}", "#/summary", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"summary\":\"\\r\\u001b\"}", "#/summary", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"title\":null}", "#/title", STW_NOT_NULLABLE, NULL);
    assert_refused("{\"in_print\":null}", "#/in_print", STW_NOT_NULLABLE, NULL);
    assert_refused("{\"title\":7}", "#/title", STW_INVALID_TYPE, "string");
    assert_refused("{\"title\":[\"a\"]}", "#/title", STW_INVALID_TYPE, "string");
}

static void test_lengths_are_characters(void **state)
{
    (void)state;
    assert_text(stw_arena_printf(arena, "{\"title\":\"%s\"}", repeat("书", 200)), BOOK_TITLE,
                repeat("书", 200));
    assert_refused(stw_arena_printf(arena, "{\"title\":\"%s\"}", repeat("书", 201)), "#/title", STW_TOO_LONG,
                   "200");
    assert_refused(stw_arena_printf(arena, "{\"author\":\"%s\"}", repeat("é", 81)), "#/author", STW_TOO_LONG,
                   "80");
    assert_refused("{\"pin\":\"123\"}", "#/pin", STW_TOO_SHORT, "4");
    assert_text("{\"pin\":\"1234\"}", BOOK_PIN, "1234");
    assert_refused(stw_arena_printf(arena, "{\"summary\":\"%s\"}", repeat("a", 10001)), "#/summary",
                   STW_TOO_LONG, "10000");
}

static void test_numbers(void **state)
{
    (void)state;
    assert_text("{\"pages\":1}", BOOK_PAGES, "1");
    assert_text("{\"pages\":20000}", BOOK_PAGES, "20000");
    assert_refused("{\"pages\":0}", "#/pages", STW_TOO_SMALL, "1");
    assert_refused("{\"pages\":20001}", "#/pages", STW_TOO_LARGE, "20000");
    assert_refused("{\"pages\":1.0}", "#/pages", STW_INVALID_TYPE, "integer");
    assert_refused("{\"pages\":1e2}", "#/pages", STW_INVALID_TYPE, "integer");
    assert_refused("{\"pages\":\"12\"}", "#/pages", STW_INVALID_TYPE, "integer");
    assert_refused("{\"pages\":true}", "#/pages", STW_INVALID_TYPE, "integer");
    assert_text("{\"weight\":\"-0012.50\"}", BOOK_WEIGHT, "-12.50");
    assert_refused("{\"weight\":12}", "#/weight", STW_INVALID_TYPE, "string");
    assert_refused("{\"weight\":12.5}", "#/weight", STW_INVALID_TYPE, "string");
    assert_refused("{\"weight\":\"12,5\"}", "#/weight", STW_INVALID_FORMAT, NULL);
    assert_refused("{\"weight\":\"1.00001\"}", "#/weight", STW_TOO_LONG, "4");
    assert_refused("{\"weight\":\"1000000000000000\"}", "#/weight", STW_TOO_LARGE, "999999999999999.9999");
    assert_refused("{\"weight\":\"-1000000000000000\"}", "#/weight", STW_TOO_SMALL, "-999999999999999.9999");
    assert_text("{\"discount\":\"100.0000\"}", BOOK_DISCOUNT, "100.0000");
    assert_refused("{\"discount\":\"100.0001\"}", "#/discount", STW_TOO_LARGE, "100");
    assert_refused("{\"discount\":\"-1\"}", "#/discount", STW_TOO_SMALL, "0");
    assert_text("{\"in_print\":false}", BOOK_IN_PRINT, "false");
    assert_refused("{\"in_print\":\"false\"}", "#/in_print", STW_INVALID_TYPE, "boolean");
    assert_refused("{\"in_print\":0}", "#/in_print", STW_INVALID_TYPE, "boolean");
}

static void test_bounds_of_the_table(void **state)
{
    static const struct {
        enum stw_type type;
        int min, max;
        const char *good, *bad;
    } rows[] = {
        {STW_TYPE_INT, 0, 0, "2147483647", "2147483648"},
        {STW_TYPE_INT, 0, 0, "-2147483648", "-2147483649"},
        {STW_TYPE_INT, 0, 9, "0", "-1"},
        {STW_TYPE_INT, 1, 0, "2147483647", "0"},
        {STW_TYPE_INT, -9, 0, "0", "1"},
        {STW_TYPE_INT, -3, -3, "-3", "-2"},
        {STW_TYPE_DECIMAL, 0, 9, "9.0000", "9.0001"},
        {STW_TYPE_DECIMAL, 0, 9, "0", "-0.1"},
        {STW_TYPE_MONEY, 1, 0, "99999999", "0.99"},
        {STW_TYPE_MONEY, -1, 0, "-1", "0.01"},
        {STW_TYPE_TEXT, -1, 3, "", "abcd"},
        {STW_TYPE_TEXT, -1, 3, "   ", "    "},
        {STW_TYPE_TEXT, 2, 0, "ab", "  "},
    };
    struct stw_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stw_field field = {.name = "n", .type = rows[i].type, .min = rows[i].min, .max = rows[i].max};

        if (!stw_input_text(&ctx, &field, rows[i].good, STW_AT_PARAMETER, "n", &value))
            fail_msg("row %zu: %s refused", i, rows[i].good);
        if (stw_input_text(&ctx, &field, rows[i].bad, STW_AT_PARAMETER, "n", &value))
            fail_msg("row %zu: %s taken", i, rows[i].bad);
    }
}

static void test_money(void **state)
{
    const struct stw_value *value =
        patched("{\"price\":{\"amount\":\"1200.50\",\"currency\":\"CNY\"}}", BOOK_PRICE);

    (void)state;
    assert_string_equal(value->text, "1200.50");
    assert_string_equal(value->currency, "CNY");
    value = patched("{\"price\":null}", BOOK_PRICE);
    assert_null(value->text);
    assert_null(value->currency);
    assert_refused("{\"price\":\"12.00\"}", "#/price", STW_INVALID_TYPE, "object");
    assert_refused("{\"price\":{\"amount\":12,\"currency\":\"CNY\"}}", "#/price/amount", STW_INVALID_TYPE,
                   "string");
    assert_refused("{\"price\":{\"amount\":12.5,\"currency\":\"CNY\"}}", "#/price/amount", STW_INVALID_TYPE,
                   "string");
    assert_refused("{\"price\":{\"amount\":\"1\",\"currency\":\"cny\"}}", "#/price/currency",
                   STW_INVALID_FORMAT, NULL);
    assert_refused("{\"price\":{\"amount\":\"1\"}}", "#/price/currency", STW_REQUIRED, NULL);
    assert_refused("{\"price\":{\"amount\":null,\"currency\":\"CNY\"}}", "#/price/amount", STW_NOT_NULLABLE,
                   NULL);
    assert_refused("{\"price\":{\"amount\":\"1\",\"currency\":\"CNY\",\"currencies\":1}}",
                   "#/price/currencies", STW_UNKNOWN_FIELD, "currency");
}

static void test_formats(void **state)
{
    (void)state;
    assert_text("{\"published_on\":\"2024-02-29\"}", BOOK_PUBLISHED_ON, "2024-02-29");
    assert_refused("{\"published_on\":\"2023-02-29\"}", "#/published_on", STW_INVALID_FORMAT, NULL);
    assert_text("{\"read_at\":\"2026-01-02T03:04:05+08:00\"}", BOOK_READ_AT, "2026-01-01T19:04:05.000000Z");
    assert_refused("{\"read_at\":\"2026-01-02\"}", "#/read_at", STW_INVALID_FORMAT, NULL);
    assert_text("{\"contact_email\":\"li.wei@example.com\"}", BOOK_CONTACT_EMAIL, "li.wei@example.com");
    assert_refused("{\"contact_email\":\"li.wei\"}", "#/contact_email", STW_INVALID_FORMAT, NULL);
    assert_text("{\"contact_phone\":\"+86 (138) 0013-8000\"}", BOOK_CONTACT_PHONE, "+8613800138000");
    assert_refused("{\"contact_phone\":\"138****1234\"}", "#/contact_phone", STW_INVALID_FORMAT, NULL);
    assert_text("{\"home_page\":\"https://example.com/a\"}", BOOK_HOME_PAGE, "https://example.com/a");
    assert_refused("{\"home_page\":\"ftp://example.com\"}", "#/home_page", STW_INVALID_FORMAT, NULL);
    assert_text("{\"country\":\"CN\"}", BOOK_COUNTRY, "CN");
    assert_text("{\"currency\":\"EUR\"}", BOOK_CURRENCY, "EUR");
    assert_text("{\"language\":\"zh-hans-cn\"}", BOOK_LANGUAGE, "zh-Hans-CN");
    assert_text("{\"editor_id\":\"01890A5D-AC96-774B-BCCE-B302099A8057\"}", BOOK_EDITOR_ID, SHELF);
    assert_refused("{\"editor_id\":\"42\"}", "#/editor_id", STW_INVALID_FORMAT, NULL);
}

static void test_enum_names_what_is_allowed(void **state)
{
    (void)state;
    assert_text("{\"binding\":\"e_book\"}", BOOK_BINDING, "e_book");
    assert_refused("{\"binding\":\"E_book\"}", "#/binding", STW_NOT_ALLOWED, NULL);
    assert_ptr_equal(details.violations[0].allowed, toy_bindings);
}

static void test_lists_of_texts(void **state)
{
    (void)state;
    assert_text("{\"tags\":[]}", BOOK_TAGS, "{}");
    assert_text("{\"tags\":[\"NULL\",\"a,b\",\"q\\\"\\\\\",\"{}\"]}", BOOK_TAGS,
                "{\"NULL\",\"a,b\",\"q\\\"\\\\\",\"{}\"}");
    assert_refused("{\"tags\":[\"a\",\"b\",\"c\",5]}", "#/tags/3", STW_INVALID_TYPE, "string");
    assert_refused("{\"tags\":[\"a\",\" \"]}", "#/tags/1", STW_TOO_SHORT, "1");
    assert_refused(stw_arena_printf(arena, "{\"tags\":[\"%s\"]}", repeat("a", 101)), "#/tags/0", STW_TOO_LONG,
                   "100");
    assert_refused("{\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]}", "#/tags", STW_TOO_MANY, "5");
    assert_refused("{\"tags\":\"a\"}", "#/tags", STW_INVALID_TYPE, "array");
    assert_refused("{\"tags\":null}", "#/tags", STW_NOT_NULLABLE, NULL);
    assert_int_equal(read_books(STW_UPDATE, "{\"tags\":[null,\"\",\"a\\nb\"]}"), STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, 3);
}

static void test_objects_have_no_reals(void **state)
{
    (void)state;
    assert_text("{\"extra\": {\"b\" : [1, \"é\\n\"], \"a\": {} } }", BOOK_EXTRA,
                "{\"b\":[1,\"é\\n\"],\"a\":{}}");
    assert_text("{\"extra\":{}}", BOOK_EXTRA, "{}");
    assert_text("{\"extra\":null}", BOOK_EXTRA, NULL);
    assert_refused("{\"extra\":[]}", "#/extra", STW_INVALID_TYPE, "object");
    assert_refused("{\"extra\":{\"a/b\":[0,{\"~\":19.99}]}}", "#/extra/a~1b/1/~0", STW_INVALID_TYPE,
                   "string");
    assert_int_equal(
        read_books(STW_UPDATE, stw_arena_printf(arena, "{\"extra\":{\"a\":[1.5%s]}}", repeat(",1.5", 50))),
        STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, STW_VIOLATIONS_MAX);
}

static const char *text_of(int book, const char *text)
{
    struct stw_value value = {NULL, NULL};

    stw_details_init(&details, arena);
    if (!stw_input_text(&ctx, &toy_book_fields[book], text, STW_AT_PARAMETER, "the[place]", &value)) {
        assert_int_equal(details.violation_count, 1);
        assert_int_equal(details.violations[0].where, STW_AT_PARAMETER);
        assert_string_equal(details.violations[0].path, "the[place]");
        return stw_code_name(details.violations[0].code);
    }
    assert_int_equal(details.violation_count, 0);
    return value.text;
}

static void test_values_from_text(void **state)
{
    (void)state;
    assert_string_equal(text_of(BOOK_TITLE, "a b"), "a b");
    assert_string_equal(text_of(BOOK_TITLE, ""), "too_short");
    assert_string_equal(text_of(BOOK_TITLE, "\xff"), "invalid_format");
    assert_string_equal(text_of(BOOK_IN_PRINT, "true"), "true");
    assert_string_equal(text_of(BOOK_IN_PRINT, "false"), "false");
    assert_string_equal(text_of(BOOK_IN_PRINT, "yes"), "invalid_format");
    assert_string_equal(text_of(BOOK_PAGES, "0012"), "12");
    assert_string_equal(text_of(BOOK_PAGES, "1.5"), "invalid_format");
    assert_string_equal(text_of(BOOK_PAGES, "12a"), "invalid_format");
    assert_string_equal(text_of(BOOK_PAGES, ""), "invalid_format");
    assert_string_equal(text_of(BOOK_PAGES, "9999999999999999999"), "too_large");
    assert_string_equal(text_of(BOOK_PAGES, "99999999999999999999999"), "too_large");
    assert_string_equal(text_of(BOOK_PAGES, "-99999999999999999999999"), "too_small");
    assert_string_equal(text_of(BOOK_PRICE, "12.50"), "12.50");
    assert_string_equal(text_of(BOOK_DISCOUNT, "101"), "too_large");
    assert_string_equal(text_of(BOOK_BINDING, "paperback"), "paperback");
    assert_string_equal(text_of(BOOK_BINDING, "leather"), "not_allowed");
    assert_string_equal(text_of(BOOK_SHELF_ID, SHELF), SHELF);
    assert_string_equal(text_of(BOOK_TAGS, "a;b \"c\""), "{\"a\",\"b \\\"c\\\"\"}");
    assert_string_equal(text_of(BOOK_TAGS, ""), "{}");
    assert_string_equal(text_of(BOOK_TAGS, "a;;b"), "too_short");
    assert_string_equal(text_of(BOOK_TAGS, "a;b;c;d;e;f"), "too_many");
    assert_string_equal(text_of(BOOK_EXTRA, "{\"a\": 1}"), "{\"a\":1}");
    assert_string_equal(text_of(BOOK_EXTRA, "{\"a\": 1.5}"), "invalid_format");
    assert_string_equal(text_of(BOOK_EXTRA, "[1]"), "invalid_format");
    assert_string_equal(text_of(BOOK_EXTRA, "{"), "invalid_format");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_text_is_kept_as_given),
        TEST(test_lengths_are_characters),
        TEST(test_numbers),
        TEST(test_bounds_of_the_table),
        TEST(test_money),
        TEST(test_formats),
        TEST(test_enum_names_what_is_allowed),
        TEST(test_lists_of_texts),
        TEST(test_objects_have_no_reals),
        TEST(test_values_from_text),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
