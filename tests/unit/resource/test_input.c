#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/uuid.h"
#include "resource/input_fixture.h"

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
    assert_refused("{\"a\\u0000\":1}", "#/a\\u0000", STW_INVALID_FORMAT, "\\u0000");
    assert_refused("{\"pages\":9223372036854775807}", "#/pages", STW_TOO_LARGE, "20000");
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
        TEST(test_unknown_members),
        TEST(test_all_violations_are_collected),
        TEST(test_create),
        TEST(test_create_may_bring_its_id),
        TEST(test_update_leaves_alone_what_it_may_not_change),
        TEST(test_fields_the_actor_may_not_write),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
