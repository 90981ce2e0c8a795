#include "core/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = stw_arena_new((size_t)16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    stw_arena_free(*state);
    return 0;
}

static enum stw_csv_found next(void **state, const char *text, bool last, struct stw_csv_record *ret_record)
{
    return stw_csv_next(*state, ',', text, strlen(text), last, ret_record);
}

static void reads_fields(void **state)
{
    struct stw_csv_record record;

    assert_int_equal(next(state, "a, b ,,\"c,\"\"d\"\"\r\ne\"\r\nnext", false, &record), STW_CSV_RECORD);
    assert_int_equal(record.size, strlen("a, b ,,\"c,\"\"d\"\"\r\ne\"\r\n"));
    assert_int_equal(record.lines, 2);
    assert_int_equal(record.count, 4);
    assert_string_equal(record.fields[0], "a");
    assert_string_equal(record.fields[1], " b ");
    assert_string_equal(record.fields[2], "");
    assert_string_equal(record.fields[3], "c,\"d\"\r\ne");
}

static void knows_line_ends(void **state)
{
    struct stw_csv_record record;

    assert_int_equal(next(state, "a\rb", true, &record), STW_CSV_RECORD);
    assert_int_equal(record.size, 2);
    assert_int_equal(next(state, "a\r", false, &record), STW_CSV_MORE);
    assert_int_equal(next(state, "a\r", true, &record), STW_CSV_RECORD);
    assert_int_equal(next(state, "\n", true, &record), STW_CSV_BLANK);
    assert_int_equal(record.lines, 1);
    assert_int_equal(next(state, "a,", true, &record), STW_CSV_RECORD);
    assert_int_equal(record.count, 2);
    assert_int_equal(record.lines, 0);
    assert_int_equal(next(state, "", true, &record), STW_CSV_END);
    assert_int_equal(next(state, "", false, &record), STW_CSV_MORE);
    assert_int_equal(next(state, "a,\"b", false, &record), STW_CSV_MORE);
}

static void refuses_misplaced_quotes(void **state)
{
    static const char *const lines[] = {"\"a\"b\nnext", "a\"b\nnext", "a,\"b\" \nnext", "\"a\" ,b\nnext"};
    struct stw_csv_record record;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(next(state, lines[i], true, &record), STW_CSV_MALFORMED);
        assert_string_equal(lines[i] + record.size, "next");
    }
    assert_int_equal(stw_csv_next(*state, ',', "a\0b\n", 4, true, &record), STW_CSV_MALFORMED);
    assert_int_equal(next(state, "\"a", true, &record), STW_CSV_MALFORMED);
}

/* An open quote costs its own line, not the rest of the file. */
static void goes_on_behind_an_open_quote(void **state)
{
    struct stw_csv_record record;

    assert_int_equal(next(state, "1,\"open\n2,b\n3,c\n", true, &record), STW_CSV_TOO_LONG);
    assert_int_equal(record.size, strlen("1,\"open\n"));
    assert_int_equal(record.lines, 1);
    assert_false(record.cut);
}

static void bounds_a_record(void **state)
{
    size_t length = STW_CSV_RECORD_MAX + 2;
    char *line = stw_arena_alloc(*state, length);
    struct stw_csv_record record;
    bool ended;

    memset(line, 'x', length);
    assert_int_equal(stw_csv_next(*state, ',', line, length, false, &record), STW_CSV_TOO_LONG);
    assert_true(record.cut);
    assert_int_equal(record.size, length);
    line[STW_CSV_RECORD_MAX - 1] = '\n';
    assert_int_equal(stw_csv_next(*state, ',', line, length, false, &record), STW_CSV_RECORD);
    assert_int_equal(stw_csv_skip("xx\r", 3, false, &ended), 2);
    assert_false(ended);
    assert_int_equal(stw_csv_skip("xx\r\ny", 5, false, &ended), 4);
    assert_true(ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_line_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_misplaced_quotes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_behind_an_open_quote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_a_record, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
