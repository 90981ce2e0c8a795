#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resource/render.h"
#include "resource/toy.h"

#define ID  "01900000-0000-7000-8000-000000000001"
#define REF "01900000-0000-7000-8000-00000000000f"

/* One row, made up: in place of what comes from the database. */
struct stw_rows {
    const char *cells[80];
};

const char *stw_rows_cell(const struct stw_rows *rows, int row, int column, char scratch[STW_CELL_SCRATCH],
                          size_t *ret_length)
{
    (void)scratch;
    assert_true(row == 0 && column >= 0);
    if (rows->cells[column])
        *ret_length = strlen(rows->cells[column]);
    return rows->cells[column];
}

const char *stw_rows_text(const struct stw_rows *rows, int row, int column)
{
    size_t length;
    return stw_rows_cell(rows, row, column, NULL, &length);
}

static struct stw_engine *engine;
static const struct stw_plan *books;
static struct stw_arena *arena;
static struct stw_rows row;

static int start(void **state)
{
    (void)state;
    engine = toy_engine();
    books = &engine->plans[TOY_BOOKS];
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stw_engine_free(engine);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    arena = stw_arena_new(4 << 20);
    memset(&row, 0, sizeof(row));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stw_arena_free(arena);
    return 0;
}

/* In memory that ends with it. */
static void give(int column, const char *text)
{
    row.cells[column] = stw_arena_strdup(arena, text);
}

static void give_field(enum toy_book field, const char *text)
{
    give(books->first_column[STW_PLAN_FIELD(field)], text);
}

static const char *rendered(uint64_t fields, uint64_t masked)
{
    struct stw_grant grant = {.masked = masked};
    struct stw_buf out;

    stw_buf_init(&out, arena, 0, 1 << 16);
    stw_render_open(&out, books, &grant, fields, &row, 0);
    assert_false(out.failed);
    assert_int_equal(strlen(out.data), out.length);
    return out.data;
}

static void check_field(enum toy_book field, const char *text, const char *json)
{
    const char *wanted = stw_arena_printf(arena, "{\"%s\":%s", toy_book_fields[field].name, json);

    if (text)
        give_field(field, text);
    assert_string_equal(rendered(UINT64_C(1) << STW_PLAN_FIELD(field), 0), wanted);
}

static void each_type_has_its_form(void **state)
{
    (void)state;
    check_field(BOOK_TITLE, "", "\"\"");
    check_field(BOOK_TITLE, "say \"hi\" to C:\\", "\"say \\\"hi\\\" to C:\\\\\"");
    check_field(BOOK_SUMMARY, "one\ntwo\x01", "\"one\\ntwo\\u0001\"");
    check_field(BOOK_AUTHOR, "\xe5\xbc\xa0\xe4\xb8\x89", "\"\xe5\xbc\xa0\xe4\xb8\x89\"");
    check_field(BOOK_IN_PRINT, "t", "true");
    check_field(BOOK_IN_PRINT, "f", "false");
    check_field(BOOK_PAGES, "-12345", "-12345");
    check_field(BOOK_WEIGHT, "12.5000", "\"12.5\"");
    check_field(BOOK_WEIGHT, "100.0000", "\"100\"");
    check_field(BOOK_WEIGHT, "100", "\"100\"");
    check_field(BOOK_DISCOUNT, "0.0000", "\"0\"");
    check_field(BOOK_PUBLISHED_ON, "2026-01-02", "\"2026-01-02\"");
    check_field(BOOK_READ_AT, "2026-01-02 03:04:05+00", "\"2026-01-02T03:04:05.000000Z\"");
    check_field(BOOK_READ_AT, "2026-01-02 03:04:05.123456+00", "\"2026-01-02T03:04:05.123456Z\"");
    check_field(BOOK_BINDING, "paperback", "\"paperback\"");
    check_field(BOOK_EDITOR_ID, REF, "\"" REF "\"");
    check_field(BOOK_TAGS, "{}", "[]");
    check_field(BOOK_TAGS, "{a,\"b c\",\"\",\"NULL\",NULL}", "[\"a\",\"b c\",\"\",\"NULL\",null]");
    check_field(BOOK_TAGS, "{\"say \\\"hi\\\"\",\"C:\\\\\",\"{a,b}\",\"a\nb\"}",
                "[\"say \\\"hi\\\"\",\"C:\\\\\",\"{a,b}\",\"a\\nb\"]");
    check_field(BOOK_TAGS, "[\"a\", \"b\"]", "[\"a\", \"b\"]");
    check_field(BOOK_EXTRA, "{}", "{}");
    check_field(BOOK_COUNTRY, NULL, "null");
}

static void money_bears_its_currency(void **state)
{
    int column = books->first_column[STW_PLAN_FIELD(BOOK_PRICE)];

    (void)state;
    check_field(BOOK_PRICE, NULL, "null");
    check_field(BOOK_PRICE, "12.5000", "\"12.50\"");
    give(column + 1, "CNY");
    check_field(BOOK_PRICE, "12.5000", "{\"amount\":\"12.50\",\"currency\":\"CNY\"}");
    check_field(BOOK_PRICE, "12", "{\"amount\":\"12.00\",\"currency\":\"CNY\"}");
    check_field(BOOK_PRICE, "999999999999999.1234",
                "{\"amount\":\"999999999999999.1234\",\"currency\":\"CNY\"}");
    give(column + 1, "C\"");
    check_field(BOOK_PRICE, "1.0000", "{\"amount\":\"1.00\",\"currency\":\"C\\\"\"}");
    give(column + 1, "a\"b");
    check_field(BOOK_PRICE, "1.0000", "{\"amount\":\"1.00\",\"currency\":\"a\\\"b\"}");
}

static void masked_fields_show_little(void **state)
{
    uint64_t email = UINT64_C(1) << STW_PLAN_FIELD(BOOK_CONTACT_EMAIL);
    uint64_t phone = UINT64_C(1) << STW_PLAN_FIELD(BOOK_CONTACT_PHONE);
    uint64_t title = UINT64_C(1) << STW_PLAN_FIELD(BOOK_TITLE);
    uint64_t editor = UINT64_C(1) << STW_PLAN_FIELD(BOOK_EDITOR_ID);

    (void)state;
    give_field(BOOK_CONTACT_EMAIL, "\"a@example.com");
    give_field(BOOK_CONTACT_PHONE, "+8613812345678");
    give_field(BOOK_TITLE, "\xe5\xbc\xa0\xe4\xb8\x89");
    give_field(BOOK_EDITOR_ID, REF);
    assert_string_equal(rendered(email | phone | title | editor, email | phone | title | editor),
                        "{\"title\":\"\xe5\xbc\xa0****\",\"contact_email\":\"\\\"****@example.com\","
                        "\"contact_phone\":\"+86138****5678\",\"editor_id\":\"0****\"");
    assert_string_equal(rendered(email | phone, phone),
                        "{\"contact_email\":\"\\\"a@example.com\",\"contact_phone\":\"+86138****5678\"");
    row.cells[books->first_column[STW_PLAN_FIELD(BOOK_TITLE)]] = NULL;
    assert_string_equal(rendered(title, title), "{\"title\":null");
    assert_string_equal(rendered(0, 0), "{");
}

static void a_long_name_is_whole(void **state)
{
    static const char name[] = "a_name_of_more_bytes_than_are_copied_in_one_piece";
    static const struct stw_field field = {.name = name};
    static const struct stw_resource resource = {.path = "things", .fields = &field, .field_count = 1};
    struct stw_plan *plan = STW_NEW(arena, struct stw_plan);
    struct stw_grant grant = {0};
    struct stw_buf out;

    (void)state;
    stw_plan_build(plan, arena, &resource, 0);
    give(0, ID);
    give(1, "x");
    stw_buf_init(&out, arena, 0, 1000);
    stw_render_open(&out, plan, &grant, 3, &row, 0);
    assert_string_equal(out.data, stw_arena_printf(arena, "{\"id\":\"" ID "\",\"%s\":\"x\"", name));
}

static void fill(void)
{
    static const char *const texts[] = {
        [BOOK_TITLE] = "a \"title\"", [BOOK_AUTHOR] = "somebody",
        [BOOK_IN_PRINT] = "t",        [BOOK_PAGES] = "120",
        [BOOK_WEIGHT] = "1.5000",     [BOOK_READ_AT] = "2026-01-02 03:04:05.6+00",
        [BOOK_BINDING] = "e_book",    [BOOK_CONTACT_EMAIL] = "a@example.com",
        [BOOK_PRICE] = "3.0000",      [BOOK_EDITOR_ID] = REF,
        [BOOK_TAGS] = "[]",           [BOOK_EXTRA] = "{\"a\": 1}",
    };

    give(0, ID);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i])
            give_field((enum toy_book)i, texts[i]);
    }
    give(books->first_column[STW_PLAN_FIELD(BOOK_PRICE)] + 1, "EUR");
}

static void a_cap_in_the_middle_fails_and_nothing_is_behind_it(void **state)
{
    struct stw_grant grant = {.masked = UINT64_C(1) << STW_PLAN_FIELD(BOOK_CONTACT_EMAIL)};
    uint64_t fields = ((UINT64_C(1) << books->field_count) - 1) & ~books->write_only;

    (void)state;
    fill();
    const char *whole = stw_arena_strdup(arena, rendered(fields, grant.masked));
    size_t length = strlen(whole);
    for (size_t cap = 0; cap <= length + 200; cap++) {
        struct stw_arena *own = stw_arena_new(1 << 16); /* whose memory ends behind the buffer's */
        struct stw_buf out;

        stw_buf_init(&out, own, cap % 70, cap);
        stw_render_open(&out, books, &grant, fields, &row, 0);
        assert_int_equal(out.failed, cap < length);
        assert_true(out.length <= cap);
        assert_int_equal(strlen(out.data), out.length);
        assert_memory_equal(out.data, whole, out.length);
        if (out.failed) {
            size_t stopped = out.length;
            stw_render_open(&out, books, &grant, fields, &row, 0);
            stw_buf_add_char(&out, '}');
            assert_int_equal(out.length, stopped);
        }
        stw_arena_free(own);
    }
}

#define WITH_ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROW(each_type_has_its_form),
        WITH_ROW(money_bears_its_currency),
        WITH_ROW(masked_fields_show_little),
        WITH_ROW(a_long_name_is_whole),
        WITH_ROW(a_cap_in_the_middle_fails_and_nothing_is_behind_it),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
