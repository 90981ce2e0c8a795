/* What travels in binary reads as PostgreSQL's own text of it. */
#include "fixture.h"

#include "core/value.h"
#include "db/binary.h"

static struct request request;
static struct stw_context *ctx = &request.ctx;

static int set_up(void **state)
{
    (void)state;
    pg_sql("drop schema if exists app cascade; create schema app");
    caller_open(&request);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    caller_close(&request);
    return 0;
}

static struct stw_rows *read_rows(const char *sql, bool binary)
{
    struct stw_rows *rows = NULL;
    struct stw_stmt stmt = {.sql = sql, .kind = STW_STMT_READ, .binary = binary};
    assert_int_equal(stw_db_run(ctx, &stmt, NULL, &rows), STW_OK);
    return rows;
}

/* Both ways, cell by cell; a moment is compared as the API shows it. */
static void compare(const char *sql, int least_rows)
{
    struct stw_rows *binary = read_rows(sql, true), *text = read_rows(sql, false);
    char scratch[STW_CELL_SCRATCH], moment[32];

    assert_true(stw_rows_count(text) >= least_rows);
    assert_int_equal(stw_rows_count(binary), stw_rows_count(text));
    for (int row = 0; row < stw_rows_count(text); row++) {
        for (int column = 0; column < stw_rows_columns(text); column++) {
            const char *wanted = stw_rows_text(text, row, column);
            const char *found = stw_rows_text(binary, row, column);
            size_t length = 0;

            if (!wanted) {
                assert_null(found);
                continue;
            }
            if (stw_value_timestamp_render(wanted, strlen(wanted), moment))
                wanted = moment;
            assert_string_equal(found, wanted);
            assert_string_equal(stw_rows_cell(binary, row, column, scratch, &length), wanted);
            assert_int_equal(length, strlen(wanted));
            assert_int_equal(stw_rows_length(binary, row, column), strlen(wanted));
        }
    }
}

static void test_words(void **state)
{
    (void)state;
    compare("select 'ab'::text, ''::text, null::text, 'CNY'::char(3), 'x'::varchar, 'n'::name, true, false,"
            " null::boolean, '{}'::jsonb, '{\"a\": [1, \"\\u00e9\"]}'::jsonb, null::jsonb,"
            " array['a', 'b c']::text[]::text, '客户'::text",
            1);
}

static void test_integers(void **state)
{
    (void)state;
    compare("select v::int8, (v % 32768)::int2, (v % 2147483648)::int4 from unnest(array[0, 1, 9, 10, 99, "
            "100, 32767,"
            " 2147483647, 9223372036854775807, -1, -10, -32767, -2147483647, -9223372036854775807]::int8[]) v"
            " union all select '-9223372036854775808'::int8, '-32768'::int2, '-2147483648'::int4",
            15);
}

static void test_ids(void **state)
{
    (void)state;
    compare("select md5(i::text)::uuid from generate_series(1, 500) i union all"
            " select '00000000-0000-0000-0000-000000000000' union all"
            " select 'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            502);
}

/* Every day of 800 years, of which each rule of leap years is one, and the first and last that there are. */
static void test_days(void **state)
{
    (void)state;
    compare("select date '1600-01-01' + i from generate_series(0, 292194) i", 292195);
    compare("select v::date from unnest(array['0001-01-01', '0001-12-31', '0004-02-29', '9999-12-31']) v", 4);
}

static void test_moments(void **state)
{
    (void)state;
    compare(
        "select timestamptz '2000-01-01 00:00:00+00' + i * interval '7 days 1 hour 1 minute 1.000001 seconds'"
        " from generate_series(-20000, 20000) i",
        40001);
    compare(
        "select v::timestamptz from unnest(array['0001-01-01 00:00:00+00', '1999-12-31 23:59:59.999999+00',"
        " '2000-01-01 00:00:00+00', '1969-12-31 23:59:59.5+00', '2024-02-29 12:00:00+00',"
        " '9999-12-31 23:59:59.999999+00']) v",
        6);
}

static void test_numbers(void **state)
{
    (void)state;
    compare(
        "select v::numeric from unnest(array['0', '0.0000', '1', '-1', '0.0001', '-0.0001', '9999', '10000',"
        " '10000.0001', '100000000', '0.00001', '0.12345678', '12.50', '-123456789012345.6789', '10203.0405',"
        " '999999999999999.9999', '1e20', '1e27', '9999999999999999999999999999', '1e-24', 'NaN']) v",
        21);
    compare(
        "select (hashint8(i) * 1000003::int8 % (10 ^ (i % 18))::int8)::numeric(19,0) / (10 ^ (i % 5))::int,"
        " (hashint8(i) / 7.0)::numeric(19,4), (hashint8(i) % 10000 / 100.0)::numeric(5,2)"
        " from generate_series(1, 5000) i",
        5000);
}

/* Beyond what a scratch holds there is nothing, as for a moment that the API has no text for. */
static void test_beyond(void **state)
{
    (void)state;
    struct stw_rows *rows =
        read_rows("select 'infinity'::timestamptz, '-infinity'::timestamptz, 'infinity'::date,"
                  " timestamptz '9999-12-31 23:59:59+00' + interval '1 second', date '0001-01-01' - 1,"
                  " 1e28, 1e-25, 1e100, '0001-01-01 00:00:00+00'::timestamptz - interval '1 microsecond'",
                  true);
    for (int column = 0; column < stw_rows_columns(rows); column++)
        assert_string_equal(stw_rows_text(rows, 0, column), "");
}

/* A prepared statement serves both; a row that many share too. */
static void test_prepared(void **state)
{
    (void)state;
    struct stw_rows *rows;
    struct stw_stmt stmt = {"t_both", "select 7, now() = now(), null::uuid", 0, STW_STMT_READ};

    for (int i = 0; i < 4; i++) {
        stmt.binary = i % 2;
        assert_int_equal(stw_db_run(ctx, &stmt, NULL, &rows), STW_OK);
        assert_string_equal(stw_rows_text(rows, 0, 0), "7");
        assert_string_equal(stw_rows_text(rows, 0, 1), "t");
        assert_null(stw_rows_text(rows, 0, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_integers), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_days),   cmocka_unit_test(test_moments),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_beyond), cmocka_unit_test(test_prepared),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
