#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/uuid.h"
#include "resource/input.h"
#include "resource/toy.h"

#define BIT(field) (UINT64_C(1) << (field))
#define SHELF      "01890a5d-ac96-774b-bcce-b302099a8057"
#define NOW_US     INT64_C(1767225600000000)

static struct stw_engine *engine;
static struct stw_arena *arena;
static struct stw_details details;
static struct stw_grant grants[TOY_COUNT];
static struct stw_actor actor;
static struct stw_context ctx;
static struct stw_input input;

static int start(void **state)
{
    (void)state;
    engine = toy_engine();
    arena = stw_arena_new((size_t)64 << 20);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stw_arena_free(arena);
    stw_engine_free(engine);
    return 0;
}

/* A fresh request by an actor from whom nothing is kept. */
static int set_up(void **state)
{
    (void)state;
    stw_arena_clear(arena);
    stw_details_init(&details, arena);
    memset(grants, 0, sizeof(grants));
    memset(&input, 0, sizeof(input));
    actor = (struct stw_actor){.kind = STW_ACTOR_USER, .grants = grants};
    ctx = (struct stw_context){
        .arena = arena, .actor = &actor, .engine = engine, .details = &details, .now_us = NOW_US};
    return 0;
}

static enum stw_code parse(const char *text, json_t **ret_root)
{
    stw_details_init(&details, arena);
    return stw_input_json(&ctx, text, strlen(text), ret_root);
}

static enum stw_code read_books(enum stw_verb verb, const char *text)
{
    json_t *root = NULL;
    enum stw_code code = parse(text, &root);

    return code ? code : stw_input_read(&ctx, stw_engine_find(engine, "books"), verb, root, &input);
}

static void assert_violation(int index, const char *path, enum stw_code code, const char *argument)
{
    const struct stw_violation *violation = &details.violations[index];

    assert_true(index < details.violation_count);
    assert_string_equal(violation->path, path);
    assert_string_equal(stw_code_name(violation->code), stw_code_name(code));
    if (argument) {
        assert_non_null(violation->argument);
        assert_string_equal(violation->argument, argument);
    } else {
        assert_null(violation->argument);
    }
}

/* The PATCH body {"<member>":<json>} is refused with this one violation. */
static void assert_refused(const char *body, const char *path, enum stw_code code, const char *argument)
{
    enum stw_code got = read_books(STW_UPDATE, body);

    if (got != STW_VALIDATION_FAILED || details.violation_count != 1)
        fail_msg("%s: %s with %d violations", body, stw_code_name(got), details.violation_count);
    assert_violation(0, path, code, argument);
}

static const struct stw_value *patched(const char *body, int field)
{
    enum stw_code code = read_books(STW_UPDATE, body);

    if (code != STW_OK)
        fail_msg("%s: %s at %s", body, stw_code_name(details.violations[0].code), details.violations[0].path);
    assert_true(input.given == BIT(STW_PLAN_FIELD(field)));
    return &input.values[STW_PLAN_FIELD(field)];
}

static void assert_text(const char *body, int field, const char *text)
{
    const struct stw_value *value = patched(body, field);

    if (!text) {
        assert_null(value->text);
        return;
    }
    assert_non_null(value->text);
    assert_string_equal(value->text, text);
}

static char *repeat(const char *piece, size_t count)
{
    char *text = stw_arena_alloc(arena, strlen(piece) * count + 1);

    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * strlen(piece), piece, strlen(piece) + 1);
    return text;
}

/* Deeply nested is quoted brackets in a string, too: they do not count. */
static void test_depth_at_the_limit_and_past_it(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(parse(stw_arena_printf(arena, "{\"a\":%s%s}", repeat("[", 63), repeat("]", 63)), &root),
                     STW_OK);
    assert_int_equal(parse(stw_arena_printf(arena, "{\"a\":%s%s}", repeat("[", 64), repeat("]", 64)), &root),
                     STW_INVALID_JSON);
    assert_violation(0, "#", STW_TOO_MANY, "64 levels");
    assert_int_equal(parse(repeat("[", 100000), &root), STW_INVALID_JSON);
    assert_int_equal(
        parse(stw_arena_printf(arena, "{\"a\":\"\\\"%s\",\"b\":[[]]}", repeat("[", 1000)), &root), STW_OK);
}

static void test_number_of_values_at_the_limit_and_past_it(void **state)
{
    json_t *root;

    (void)state;
    /* Two brackets and n commas. */
    assert_int_equal(
        parse(stw_arena_printf(arena, "{\"a\":[0%s]}", repeat(",0", STW_JSON_VALUES - 2)), &root), STW_OK);
    assert_int_equal(json_array_size(json_object_get(root, "a")), STW_JSON_VALUES - 1);
    assert_int_equal(
        parse(stw_arena_printf(arena, "{\"a\":[0%s]}", repeat(",0", STW_JSON_VALUES - 1)), &root),
        STW_INVALID_JSON);
    assert_violation(0, "#", STW_TOO_MANY, "200000 values");
}

static void test_broken_text_tells_its_position(void **state)
{
    static const char *const broken[] = {
        "",
        " ",
        "{",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1} x",
        "{\"a\":NaN}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\xc0\xaf\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\n\"}",
        "{\"a\"}",
        "}",
    };
    json_t *root;

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(parse(broken[i], &root), STW_INVALID_JSON);
        assert_int_equal(details.violation_count, 1);
        assert_string_equal(details.violations[0].path, "#");
        assert_non_null(details.violations[0].argument);
    }
    assert_int_equal(parse("{\"a\":tru}", &root), STW_INVALID_JSON);
    assert_violation(0, "#", STW_INVALID_JSON, "8");
    assert_int_equal(stw_input_json(&ctx, "{}\0{}", 5, &root), STW_INVALID_JSON);
}

static void test_the_root_is_an_object(void **state)
{
    static const char *const roots[] = {"[]", "1", "\"a\"", "null", "true", "1.5"};
    json_t *root;

    (void)state;
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        assert_int_equal(parse(roots[i], &root), STW_INVALID_JSON);
        assert_violation(0, "#", STW_INVALID_TYPE, "object");
    }
    assert_int_equal(stw_input_read(&ctx, stw_engine_find(engine, "books"), STW_UPDATE, json_null(), &input),
                     STW_VALIDATION_FAILED);
}

static void test_duplicate_keys_are_refused(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(parse("{\"a\":1,\"a\":2}", &root), STW_INVALID_JSON);
    assert_violation(0, "#/a", STW_DUPLICATE, "10");
    assert_int_equal(parse("{\"a\":[{}, {\"b/c\":1,\"\\u0062/c\":2}]}", &root), STW_INVALID_JSON);
    assert_string_equal(details.violations[0].path, "#/a/1/b~1c");
}

static void test_what_json_can_say_but_nobody_hold(void **state)
{
    (void)state;
    assert_refused("{\"pages\":9223372036854775808}", "#/pages", STW_TOO_LARGE, "9223372036854775807");
    assert_refused("{\"title\":\"x\",\"pages\": -9223372036854775809}", "#/pages", STW_TOO_SMALL,
                   "-9223372036854775808");
    assert_refused("{\"tags\":[\"a,\\\"\",{\"b\":[]},18446744073709551617]}", "#/tags/2", STW_TOO_LARGE,
                   "9223372036854775807");
    assert_refused("{\"weight\":1e999}", "#/weight", STW_INVALID_TYPE, "string");
    assert_refused("{\"title\":\"a\\u0000b\"}", "#/title", STW_INVALID_FORMAT, "\\u0000");
    assert_int_equal(read_books(STW_UPDATE, "{\"a\\u0000\":1}"), STW_VALIDATION_FAILED);
    assert_refused("{\"pages\":9223372036854775807}", "#/pages", STW_TOO_LARGE, "20000");
}

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

static void test_unknown_members(void **state)
{
    (void)state;
    assert_refused("{\"titel\":\"x\"}", "#/titel", STW_UNKNOWN_FIELD, "title");
    assert_refused("{\"a/~b\":1}", "#/a~1~0b", STW_UNKNOWN_FIELD, NULL);
    assert_refused("{\"\":1}", "#/", STW_UNKNOWN_FIELD, NULL);
    assert_int_equal(read_books(STW_UPDATE, stw_arena_printf(arena, "{\"%s\":1}", repeat("书", 1000))),
                     STW_VALIDATION_FAILED);
    assert_string_equal(details.violations[0].path, stw_arena_printf(arena, "#/%s…", repeat("书", 42)));
}

static void test_all_violations_are_collected(void **state)
{
    (void)state;
    assert_int_equal(read_books(STW_CREATE, "{\"pages\":0,\"weight\":1.5,\"nothing_like_it\":1,\"loans\":3}"),
                     STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, 6);
    assert_violation(0, "#/pages", STW_TOO_SMALL, "1");
    assert_violation(1, "#/weight", STW_INVALID_TYPE, "string");
    assert_violation(2, "#/nothing_like_it", STW_UNKNOWN_FIELD, NULL);
    assert_violation(3, "#/loans", STW_READ_ONLY, NULL);
    assert_violation(4, "#/title", STW_REQUIRED, NULL);
    assert_violation(5, "#/shelf_id", STW_REQUIRED, NULL);
    assert_null(input.values);

    /* Beyond sixteen they are counted. */
    assert_int_equal(
        read_books(STW_UPDATE, stw_arena_printf(arena, "{\"a1\":0,\"a2\":0,\"a3\":0,\"a4\":0,\"a5\":0,"
                                                       "\"a6\":0,\"a7\":0,\"a8\":0,\"a9\":0,\"b1\":0,"
                                                       "\"b2\":0,\"b3\":0,\"b4\":0,\"b5\":0,\"b6\":0,"
                                                       "\"b7\":0,\"b8\":0,\"b9\":0}")),
        STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, STW_VIOLATIONS_MAX);
    assert_int_equal(details.violations_dropped, 2);
}

static void test_create(void **state)
{
    (void)state;
    assert_int_equal(
        read_books(STW_CREATE, "{\"title\":\"a\",\"shelf_id\":\"" SHELF "\",\"isbn\":\"9787020002207\"}"),
        STW_OK);
    assert_ptr_equal(input.plan, stw_engine_find(engine, "books"));
    assert_true(input.given == (BIT(STW_PLAN_FIELD(BOOK_TITLE)) | BIT(STW_PLAN_FIELD(BOOK_SHELF_ID)) |
                                BIT(STW_PLAN_FIELD(BOOK_ISBN))));
    /* A wrong one is not missing besides. */
    assert_int_equal(read_books(STW_CREATE, "{\"title\":null,\"shelf_id\":\"1\"}"), STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, 2);
    assert_violation(0, "#/title", STW_NOT_NULLABLE, NULL);
    assert_violation(1, "#/shelf_id", STW_INVALID_FORMAT, NULL);
}

static enum stw_code create_with_id(const char *json)
{
    return read_books(
        STW_CREATE, stw_arena_printf(arena, "{\"title\":\"a\",\"shelf_id\":\"" SHELF "\",\"id\":%s}", json));
}

static void test_create_may_bring_its_id(void **state)
{
    char id[STW_UUID_TEXT];

    (void)state;
    assert_int_equal(create_with_id("\"01890A5D-AC96-774B-BCCE-B302099A8057\""), STW_OK);
    assert_true(input.given & BIT(STW_PLAN_ID));
    assert_string_equal(input.values[STW_PLAN_ID].text, SHELF);
    /* Version 4. */
    assert_int_equal(create_with_id("\"5f0c7a1e-3b5e-4c55-9c1f-2a6f0d3f7d11\""), STW_VALIDATION_FAILED);
    assert_violation(0, "#/id", STW_INVALID_FORMAT, "UUIDv7");
    assert_int_equal(create_with_id("null"), STW_VALIDATION_FAILED);
    assert_violation(0, "#/id", STW_NOT_NULLABLE, NULL);
    assert_int_equal(create_with_id("7"), STW_VALIDATION_FAILED);
    assert_violation(0, "#/id", STW_INVALID_TYPE, "string");

    stw_uuid_v7(NOW_US + 59 * INT64_C(1000000), id);
    assert_int_equal(create_with_id(stw_arena_printf(arena, "\"%s\"", id)), STW_OK);
    stw_uuid_v7(NOW_US + 61 * INT64_C(1000000), id);
    assert_int_equal(create_with_id(stw_arena_printf(arena, "\"%s\"", id)), STW_VALIDATION_FAILED);
}

static void test_update_leaves_alone_what_it_may_not_change(void **state)
{
    (void)state;
    assert_refused("{\"id\":\"" SHELF "\"}", "#/id", STW_READ_ONLY, NULL);
    assert_refused("{\"version\":1}", "#/version", STW_READ_ONLY, NULL);
    assert_refused("{\"created_at\":null}", "#/created_at", STW_READ_ONLY, NULL);
    assert_refused("{\"loans\":0}", "#/loans", STW_READ_ONLY, NULL);
    assert_refused("{\"isbn\":\"9787020002207\"}", "#/isbn", STW_IMMUTABLE, NULL);
    assert_int_equal(read_books(STW_UPDATE, "{}"), STW_OK);
    assert_true(input.given == 0);
}

static void test_fields_the_actor_may_not_write(void **state)
{
    (void)state;
    grants[TOY_BOOKS].hidden = BIT(STW_PLAN_FIELD(BOOK_PRICE));
    grants[TOY_BOOKS].locked = BIT(STW_PLAN_FIELD(BOOK_PAGES));
    assert_refused("{\"pages\":1}", "#/pages", STW_READ_ONLY, NULL);
    assert_refused("{\"price\":null}", "#/price", STW_UNKNOWN_FIELD, NULL);
    /* The name of a hidden field is not given away. */
    assert_refused("{\"pric\":1}", "#/pric", STW_UNKNOWN_FIELD, NULL);
    assert_text("{\"weight\":\"1\"}", BOOK_WEIGHT, "1");

    actor.grants = NULL;
    assert_refused("{\"weight\":\"1\"}", "#/weight", STW_UNKNOWN_FIELD, NULL);
    ctx.actor = NULL;
    assert_refused("{\"weight\":\"1\"}", "#/weight", STW_UNKNOWN_FIELD, NULL);
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
        TEST(test_depth_at_the_limit_and_past_it),
        TEST(test_number_of_values_at_the_limit_and_past_it),
        TEST(test_broken_text_tells_its_position),
        TEST(test_the_root_is_an_object),
        TEST(test_duplicate_keys_are_refused),
        TEST(test_what_json_can_say_but_nobody_hold),
        TEST(test_text_is_kept_as_given),
        TEST(test_lengths_are_characters),
        TEST(test_numbers),
        TEST(test_bounds_of_the_table),
        TEST(test_money),
        TEST(test_formats),
        TEST(test_enum_names_what_is_allowed),
        TEST(test_lists_of_texts),
        TEST(test_objects_have_no_reals),
        TEST(test_unknown_members),
        TEST(test_all_violations_are_collected),
        TEST(test_create),
        TEST(test_create_may_bring_its_id),
        TEST(test_update_leaves_alone_what_it_may_not_change),
        TEST(test_fields_the_actor_may_not_write),
        TEST(test_values_from_text),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
