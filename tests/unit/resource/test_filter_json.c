/* The search tree and the body around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "query_fixture.h"

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

static void decref(void *what)
{
    json_decref(what);
}

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(json);
    stw_arena_defer(f.arena, decref, json);
    return json;
}

static void assert_tree(const char *text, const char *expected)
{
    struct stw_filter *filter = NULL;

    fixture_again(&f);
    assert_int_equal(stw_filter_read_json(&f.ctx, f.books, parse(text), "#/filter", &filter), STW_OK);
    assert_int_equal(f.details.violation_count, 0);
    assert_string_equal(filter_text(&f, f.books, filter), expected);
}

static void assert_refused(const char *text, const char *violations)
{
    static struct stw_filter untouched;
    struct stw_filter *filter = &untouched;

    fixture_again(&f);
    assert_int_equal(stw_filter_read_json(&f.ctx, f.books, parse(text), "#/filter", &filter),
                     STW_VALIDATION_FAILED);
    assert_ptr_equal(filter, &untouched);
    assert_string_equal(violations_text(&f), violations);
}

static void test_terms(void **state)
{
    (void)state;
    assert_tree("{}", "");
    assert_tree("{\"title\":\"a\"}", "title eq a");
    assert_tree("{\"title\":\"a\",\"pages\":3}", "and(title eq a, pages eq 3)");
    assert_tree("{\"pages\":{\"gte\":3,\"lt\":9}}", "and(pages gte 3, pages lt 9)");
    assert_tree("{\"in_print\":false}", "in_print eq false");
    assert_tree("{\"price\":{\"gt\":\"1.50\"}}", "price gt 1.50");
    assert_tree("{\"title\":{\"in\":[\"a,b\",\"c\"]}}", "title in a,b c");
    assert_tree("{\"pages\":{\"nin\":[1,2]}}", "pages nin 1 2");
    assert_tree("{\"tags\":{\"none\":[\"x\"]}}", "tags none x");
    assert_tree("{\"author\":{\"null\":true}}", "author null true");
    assert_tree("{\"shelf.name\":{\"starts\":\"a\"}}", "shelf.name starts a");
    assert_tree("{\"published_on\":\"2026-01-02\"}", "published_on eq 2026-01-02");
}

static void test_connectives(void **state)
{
    (void)state;
    assert_tree("{\"or\":[{\"title\":\"a\"},{\"title\":\"b\"}]}", "or(title eq a, title eq b)");
    assert_tree("{\"and\":[{\"title\":\"a\"},{\"pages\":1}]}", "and(title eq a, pages eq 1)");
    assert_tree("{\"not\":{\"title\":\"a\"}}", "not(title eq a)");
    assert_tree("{\"not\":{\"title\":\"a\",\"pages\":1}}", "not(and(title eq a, pages eq 1))");
    assert_tree("{\"or\":[{\"title\":\"a\"}]}", "title eq a");
    assert_tree("{\"pages\":1,\"or\":[{\"title\":\"a\"},{\"not\":{\"title\":\"b\"}}]}",
                "and(pages eq 1, or(title eq a, not(title eq b)))");
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused("[]", "#/filter invalid_type object");
    assert_refused("null", "#/filter invalid_type object");
    assert_refused("{\"titel\":\"a\"}", "#/filter/titel unknown_field title");
    assert_refused("{\"a/b~c\":1}", "#/filter/a~1b~0c unknown_field");
    assert_refused("{\"pin\":\"1234\"}", "#/filter/pin unknown_field");
    assert_refused("{\"summary\":\"a\"}", "#/filter/summary not_allowed");
    assert_refused("{\"title\":{\"is\":\"a\"}}",
                   "#/filter/title/is invalid_operator is [eq,ne,in,nin,contains,starts,null]");
    assert_refused("{\"tags\":\"a\"}", "#/filter/tags invalid_operator eq [null,any,all,none]");
    assert_refused("{\"title\":{}}", "#/filter/title required");
    assert_refused("{\"title\":null}", "#/filter/title invalid_type string");
    assert_refused("{\"title\":3}", "#/filter/title invalid_type string");
    assert_refused("{\"title\":[\"a\"]}", "#/filter/title invalid_type string");
    assert_refused("{\"title\":\"\"}", "#/filter/title invalid_format");
    assert_refused("{\"title\":{\"null\":\"true\"}}", "#/filter/title/null invalid_type boolean");
    assert_refused("{\"pages\":\"3\"}", "#/filter/pages invalid_type integer");
    assert_refused("{\"pages\":1.5}", "#/filter/pages invalid_type integer");
    assert_refused("{\"in_print\":\"true\"}", "#/filter/in_print invalid_type boolean");
    assert_refused("{\"price\":3}", "#/filter/price invalid_type string");
    assert_refused("{\"title\":{\"in\":\"a\"}}", "#/filter/title/in invalid_type array");
    assert_refused("{\"title\":{\"in\":[]}}", "#/filter/title/in required");
    assert_refused("{\"title\":{\"in\":[\"a\",1,\"\"]}}", "#/filter/title/in/1 invalid_type string");
    assert_refused("{\"title\":{\"in\":[\"a\",\"\"]}}", "#/filter/title/in/1 invalid_format");
    assert_refused("{\"and\":{}}", "#/filter/and invalid_type array");
    assert_refused("{\"or\":[]}", "#/filter/or required");
    assert_refused("{\"or\":[{}]}", "#/filter/or/0 required");
    assert_refused("{\"not\":[]}", "#/filter/not invalid_type object");
    assert_refused("{\"not\":{}}", "#/filter/not required");
    assert_refused(
        "{\"or\":[{\"binding\":\"x\"},{\"b\":1},2]}",
        "#/filter/or/0/binding not_allowed [hardcover,paperback,e_book]; #/filter/or/1/b unknown_field; "
        "#/filter/or/2 invalid_type object");
}

static void test_access(void **state)
{
    (void)state;
    f.grants[TOY_BOOKS].hidden = book_bit(BOOK_TITLE);
    f.grants[TOY_BOOKS].masked = book_bit(BOOK_CONTACT_PHONE);
    f.grants[TOY_USERS].scope[STW_READ] = STW_NONE;
    assert_refused("{\"title\":\"a\"}", "#/filter/title unknown_field");
    assert_refused("{\"contact_phone\":{\"starts\":\"+86\"}}",
                   "#/filter/contact_phone/starts invalid_operator starts [eq,in,null]");
    assert_refused("{\"editor.name\":\"a\"}", "#/filter/editor.name unknown_field");
    assert_tree("{\"contact_phone\":\"+8613800001234\"}", "contact_phone eq +8613800001234");
}

/* `depth` negations around one test. */
static const char *nested(int depth)
{
    struct stw_buf buf;

    stw_buf_init(&buf, f.arena, 64, 4096);
    for (int i = 0; i < depth; i++)
        stw_buf_add_text(&buf, "{\"not\":");
    stw_buf_add_text(&buf, "{\"title\":\"a\"}");
    for (int i = 0; i < depth; i++)
        stw_buf_add_char(&buf, '}');
    return buf.data;
}

static void test_depth(void **state)
{
    struct stw_filter *filter = NULL;

    (void)state;
    assert_int_equal(stw_filter_read_json(&f.ctx, f.books, parse(nested(5)), "#", &filter), STW_OK);
    assert_string_equal(filter_text(&f, f.books, filter), "not(not(not(not(not(title eq a)))))");
    assert_int_equal(stw_filter_read_json(&f.ctx, f.books, parse(nested(6)), "#", &filter),
                     STW_VALIDATION_FAILED);
    assert_string_equal(violations_text(&f), "#/not/not/not/not/not/not too_many 5");
}

/* {"or":[item, item, ...]} */
static const char *repeated(const char *item, int count)
{
    struct stw_buf buf;

    stw_buf_init(&buf, f.arena, 1024, (size_t)4 * 1024 * 1024);
    stw_buf_add_text(&buf, "{\"or\":[");
    for (int i = 0; i < count; i++) {
        stw_buf_add_text(&buf, i ? "," : "");
        stw_buf_add_text(&buf, item);
    }
    stw_buf_add_text(&buf, "]}");
    return buf.data;
}

static void test_terms_limit(void **state)
{
    struct stw_filter *filter = NULL;

    (void)state;
    assert_int_equal(
        stw_filter_read_json(&f.ctx, f.books, parse(repeated("{\"title\":\"a\"}", 100)), "#", &filter),
        STW_OK);
    assert_int_equal(
        stw_filter_read_json(&f.ctx, f.books, parse(repeated("{\"title\":\"a\"}", 102)), "#", &filter),
        STW_VALIDATION_FAILED);
    assert_string_equal(violations_text(&f), "#/or/100/title too_many 100");
}

/* What is wrong everywhere must not cost much more than what is right. */
static void test_a_tree_of_faults_is_cheap(void **state)
{
    static const char *const items[] = {"1", "{}", "{\"titel\":1}", "{\"and\":[]}", "{\"title\":{\"x\":1}}"};
    struct stw_filter *filter = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        json_t *json;
        size_t before;

        fixture_again(&f);
        json = parse(repeated(items[i], 50000));
        before = stw_arena_used(f.arena);
        assert_int_equal(stw_filter_read_json(&f.ctx, f.books, json, "#", &filter), STW_VALIDATION_FAILED);
        assert_int_equal(f.details.violation_count, STW_VIOLATIONS_MAX);
        assert_true(stw_arena_used(f.arena) - before < 256 * 1024);
    }
}

static enum stw_code body(const char *text, struct stw_query *ret_query)
{
    fixture_again(&f);
    memset(ret_query, 0, sizeof(*ret_query));
    return stw_query_read_json(&f.ctx, f.books, parse(text), ret_query);
}

static void assert_body_refused(const char *text, const char *violations)
{
    struct stw_query query;

    assert_int_equal(body(text, &query), STW_VALIDATION_FAILED);
    assert_null(query.plan);
    assert_string_equal(violations_text(&f), violations);
}

static void test_body(void **state)
{
    struct stw_query query;

    (void)state;
    assert_int_equal(body("{}", &query), STW_OK);
    assert_null(query.filter);
    assert_true(query.default_order);
    assert_int_equal(query.limit, STW_LIMIT_DEFAULT);

    assert_int_equal(body("{\"filter\":{\"title\":\"a\"},\"sort\":\"-title,pages\",\"limit\":7,\"q\":\"X\","
                          "\"fields\":[\"title\"],\"expand\":\"shelf\",\"count\":\"exact\"}",
                          &query),
                     STW_OK);
    assert_string_equal(filter_text(&f, f.books, query.filter), "title eq a");
    assert_int_equal(query.sort_count, 3);
    assert_true(query.sort[0].descending);
    assert_int_equal(query.limit, 7);
    assert_string_equal(query.search, "X");
    assert_true(query.fields == (1 | book_bit(BOOK_TITLE)));
    assert_int_equal(query.expand_count, 1);
    assert_int_equal(query.count, STW_COUNT_EXACT);

    assert_int_equal(body("{\"sort\":[\"-title\",\"pages\"],\"expand\":[\"shelf\",\"editor\"]}", &query),
                     STW_OK);
    assert_int_equal(query.sort_count, 3);
    assert_int_equal(query.expand_count, 2);
}

static void test_body_refused(void **state)
{
    struct stw_query query;

    (void)state;
    assert_body_refused("{\"limit\":501}", "#/limit too_large 500");
    assert_body_refused("{\"limit\":0}", "#/limit too_small 1");
    assert_body_refused("{\"limit\":\"5\"}", "#/limit invalid_type integer");
    assert_body_refused("{\"limit\":null}", "#/limit invalid_type integer");
    assert_body_refused("{\"sort\":5}", "#/sort invalid_type string");
    assert_body_refused("{\"sort\":[]}", "#/sort required");
    assert_body_refused("{\"sort\":[\"title\",5]}", "#/sort/1 invalid_type string");
    assert_body_refused("{\"sort\":[\"title\",\"\"]}", "#/sort/1 invalid_format");
    assert_body_refused("{\"sort\":[\"titel\"]}", "#/sort/0 unknown_field title");
    assert_body_refused("{\"sort\":[\"a\",\"b\",\"c\",\"d\"]}", "#/sort too_many 3");
    assert_body_refused("{\"fields\":\"\"}", "#/fields invalid_format");
    assert_body_refused("{\"q\":\"\"}", "#/q invalid_format");
    assert_body_refused("{\"q\":3}", "#/q invalid_type string");
    assert_body_refused("{\"filters\":{}}", "#/filters unknown_field filter");
    assert_body_refused("{\"title\":\"a\"}", "#/title unknown_field");
    assert_body_refused("{\"filter\":{\"title\":1},\"limit\":0}",
                        "#/filter/title invalid_type string; #/limit too_small 1");
    assert_int_equal(body("{\"cursor\":\"abc\"}", &query), STW_INVALID_CURSOR);
    assert_int_equal(body("[]", &query), STW_VALIDATION_FAILED);
}

/* A query string and a body that say the same share their cursors. */
static void test_same_digest(void **state)
{
    struct stw_pair pairs[] = {{"title[in]", "a,b"}, {"sort", "-pages"}, {"limit", "3"}};
    struct stw_query by_body;
    struct stw_query by_pairs;

    (void)state;
    assert_int_equal(body("{\"filter\":{\"title\":{\"in\":[\"a\",\"b\"]}},\"sort\":\"-pages\"}", &by_body),
                     STW_OK);
    assert_int_equal(stw_query_read(&f.ctx, f.books, pairs, 3, NULL, false, &by_pairs), STW_OK);
    assert_memory_equal(by_body.digest, by_pairs.digest, sizeof(by_body.digest));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_terms),
        TEST(test_connectives),
        TEST(test_refused),
        TEST(test_access),
        TEST(test_depth),
        TEST(test_terms_limit),
        TEST(test_a_tree_of_faults_is_cheap),
        TEST(test_body),
        TEST(test_body_refused),
        TEST(test_same_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
