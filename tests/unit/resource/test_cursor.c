/* Cursors: what goes in comes out, for the same query of the same caller only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/text.h"
#include "query_fixture.h"

#define ID "0190c0de-0000-7000-8000-00000000000a"

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

static enum stw_code read_one(const char *name, const char *value, const char *cursor,
                              struct stw_query *ret_query)
{
    struct stw_pair pairs[] = {{name, value}, {"cursor", cursor}};

    return stw_query_read(&f.ctx, f.books, pairs, cursor ? 2 : 1, NULL, false, ret_query);
}

static char *cursor_of(const char *name, const char *value, const char *const *values)
{
    struct stw_query query;

    assert_int_equal(read_one(name, value, NULL, &query), STW_OK);
    return stw_cursor_write(&f.ctx, &query, values);
}

static void test_round_trip(void **state)
{
    const char *values[] = {"Zen und die Kunst \xe4\xb8\xad", NULL, ID};
    char *cursor = cursor_of("sort", "title,-pages", values);
    struct stw_query query;

    (void)state;
    assert_int_equal(read_one("sort", "title,-pages", cursor, &query), STW_OK);
    assert_true(query.has_after);
    assert_string_equal(query.after[0], values[0]);
    assert_null(query.after[1]);
    assert_string_equal(query.after[2], ID);
    assert_int_equal(strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     strlen(cursor));
}

static void test_empty_is_not_null(void **state)
{
    const char *values[] = {"", ID};
    struct stw_query query;

    (void)state;
    assert_int_equal(read_one("sort", "title", cursor_of("sort", "title", values), &query), STW_OK);
    assert_string_equal(query.after[0], "");
}

/* Page size, rendering and counting may change from page to page. */
static void test_what_a_cursor_does_not_bind(void **state)
{
    const char *values[] = {ID};
    struct stw_pair pairs[] = {{"title", "a"},      {"limit", "2"},     {"fields", "title"},
                               {"expand", "shelf"}, {"count", "exact"}, {"cursor", NULL}};
    struct stw_query query;

    (void)state;
    pairs[5].value = cursor_of("title", "a", values);
    assert_int_equal(stw_query_read(&f.ctx, f.books, pairs, 6, NULL, false, &query), STW_OK);
    assert_true(query.has_after);
}

static void test_bound_to_its_query(void **state)
{
    static const char *const others[][2] = {
        {"title", "b"}, {"title[ne]", "a"},     {"title[in]", "a"},  {"author", "a"},
        {"sort", "id"}, {"sort", "-title"},     {"q", "a"},          {"deleted", "only"},
        {"limit", "3"}, {"isbn", "abcdefghij"}, {"shelf.name", "a"}, {"editor.name", "a"},
    };
    const char *values[] = {ID};
    char *cursor = cursor_of("title", "a", values);
    struct stw_query query;

    (void)state;
    assert_int_equal(read_one("title", "a", cursor, &query), STW_OK);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(read_one(others[i][0], others[i][1], cursor, &query), STW_CURSOR_MISMATCH);
    /* The id of a shelf's list is none of a book's. */
    struct stw_pair pair = {"cursor", cursor};
    assert_int_equal(stw_query_read(&f.ctx, f.shelves, &pair, 1, NULL, false, &query), STW_CURSOR_MISMATCH);
}

/* Parts of the digest must not run into each other. */
static void test_digests_differ(void **state)
{
    static const char *const queries[][2] = {
        {"title[in]", "a,b"}, {"title[in]", "a"},     {"title[in]", "ab"},     {"title[nin]", "a,b"},
        {"sort", "title"},    {"sort", "-title"},     {"sort", "title,pages"}, {"sort", "pages,title"},
        {"q", "title"},       {"deleted", "include"}, {"deleted", "only"},
    };
    enum { COUNT = sizeof(queries) / sizeof(queries[0]) };
    struct stw_query read[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(read_one(queries[i][0], queries[i][1], NULL, &read[i]), STW_OK);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(read[i].digest, read[j].digest, sizeof(read[i].digest));
    }
}

static void test_bound_to_its_caller(void **state)
{
    const char *values[] = {ID};
    char *cursor = cursor_of("limit", "5", values);
    struct stw_query query;

    (void)state;
    f.actor.id[0] = 'f';
    assert_int_equal(read_one("limit", "5", cursor, &query), STW_CURSOR_MISMATCH);
    f.actor.id[0] = '0';
    assert_int_equal(read_one("limit", "5", cursor, &query), STW_OK);
    f.ctx.org_id[0] = 'f';
    assert_int_equal(read_one("limit", "5", cursor, &query), STW_CURSOR_MISMATCH);
}

static void test_another_key(void **state)
{
    const char *values[] = {ID};
    char *cursor = cursor_of("limit", "5", values);
    struct stw_query query;

    (void)state;
    f.engine->cursor_key[31] ^= 1;
    assert_int_equal(read_one("limit", "5", cursor, &query), STW_INVALID_CURSOR);
}

static void test_altered(void **state)
{
    const char *values[] = {"a title", ID};
    char *cursor = cursor_of("sort", "title", values);
    size_t length = strlen(cursor);
    struct stw_query query;

    (void)state;
    for (size_t i = 0; i < length; i++) {
        char kept = cursor[i];

        cursor[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(read_one("sort", "title", cursor, &query), STW_INVALID_CURSOR);
        cursor[i] = kept;
    }
    for (size_t i = 1; i < length; i++) {
        char *cut = stw_arena_strndup(f.arena, cursor, i);

        assert_int_equal(read_one("sort", "title", cut, &query), STW_INVALID_CURSOR);
    }
    assert_int_equal(read_one("sort", "title", stw_arena_printf(f.arena, "%sA", cursor), &query),
                     STW_INVALID_CURSOR);
    assert_int_equal(read_one("sort", "title", stw_arena_printf(f.arena, "%s=", cursor), &query),
                     STW_INVALID_CURSOR);
    assert_int_equal(read_one("sort", "title", cursor, &query), STW_OK);
}

static void test_garbage(void **state)
{
    static const char *const garbage[] = {"a", "AAAA", "!", "null", "\xff\xfe", "../../etc/passwd", " "};
    char *huge = stw_arena_alloc(f.arena, 300000);
    struct stw_query query;

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        assert_int_equal(read_one("limit", "5", garbage[i], &query), STW_INVALID_CURSOR);
    memset(huge, 'A', 299999);
    huge[299999] = '\0';
    assert_int_equal(read_one("limit", "5", huge, &query), STW_INVALID_CURSOR);
    /* Anything else that is wrong comes first. */
    assert_int_equal(read_one("limit", "0", "x", &query), STW_INVALID_PARAMETER);
    assert_int_equal(read_one("foo", "0", "x", &query), STW_UNKNOWN_PARAMETER);
    assert_int_equal(read_one("limit", "5", "", &query), STW_INVALID_PARAMETER);
}

/* Authentic, but not what a writer makes: the count of keys or their bytes do not fit. */
static void test_authentic_but_wrong(void **state)
{
    const char *no_id[] = {NULL};
    const char *bad_text[] = {"\xff\xfe"};
    const char *one[] = {ID};
    const char *two[] = {"a", ID};
    struct stw_query query;
    struct stw_query shorter;

    (void)state;
    assert_int_equal(read_one("limit", "5", cursor_of("limit", "5", no_id), &query), STW_INVALID_CURSOR);
    assert_int_equal(read_one("limit", "5", cursor_of("limit", "5", bad_text), &query), STW_INVALID_CURSOR);
    assert_int_equal(read_one("sort", "title", NULL, &query), STW_OK);
    shorter = query;
    shorter.sort_count = 1;
    assert_int_equal(read_one("sort", "title", stw_cursor_write(&f.ctx, &shorter, one), &query),
                     STW_INVALID_CURSOR);
    assert_int_equal(read_one("limit", "5", NULL, &query), STW_OK);
    query.sort_count = 2;
    assert_int_equal(read_one("limit", "5", stw_cursor_write(&f.ctx, &query, two), &query),
                     STW_INVALID_CURSOR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),          TEST(test_empty_is_not_null), TEST(test_what_a_cursor_does_not_bind),
        TEST(test_bound_to_its_query),  TEST(test_digests_differ),    TEST(test_bound_to_its_caller),
        TEST(test_another_key),         TEST(test_altered),           TEST(test_garbage),
        TEST(test_authentic_but_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
