/* Reads by key of one turn that go out as one statement. */
#include "fixture.h"

#include "db/internal.h"

#define SELECT "select id, name, statement_timestamp(), current_setting('steward.org') from docs t"
static const char by_key[] = SELECT " where t.kind = $1 and t.id = $2::uuid and t.name is not null";

static enum stw_code codes[CALLERS_MAX];
static char names[CALLERS_MAX][64], moments[CALLERS_MAX][64], orgs[CALLERS_MAX][64];

static int set_up(void **state)
{
    (void)state;
    pg_sql("drop schema if exists app cascade; create schema app;"
           "create table app.docs (id uuid primary key, kind text, name text);"
           "create sequence app.ticks;"
           "insert into app.docs select ('0190a000-0000-7000-8000-' || lpad(i::text, 12, 'a'))::uuid,"
           " case when i % 10 = 9 then 'other' else 'doc' end, 'name ' || i from generate_series(0, 99) i");
    return 0;
}

static void write_key(char key[37], int number)
{
    memcpy(key, "0190a000-0000-7000-8000-aaaaaaaaaaaa", 37);
    for (char *end = key + 36; number > 0 || *end == '\0'; number /= 10)
        *--end = (char)('0' + number % 10);
}

static void ask_with(struct stw_context *ctx, int number, const char *sql, const char *kind, const char *key)
{
    struct stw_stmt stmt = {"g_by_key", sql, 2, STW_STMT_POINT, (size_t)(strstr(sql, "$2::uuid") - sql)};
    struct stw_rows *rows = NULL;
    names[number][0] = moments[number][0] = '\0';
    codes[number] = stw_db_run(ctx, &stmt, (const char *const[]){kind, key}, &rows);
    if (codes[number] != STW_OK || stw_rows_count(rows) == 0)
        return;
    assert_int_equal(stw_rows_count(rows), 1);
    assert_int_equal(stw_rows_columns(rows), 4);
    snprintf(names[number], sizeof names[number], "%s", stw_rows_text(rows, 0, 1));
    snprintf(moments[number], sizeof moments[number], "%s", stw_rows_text(rows, 0, 2));
    snprintf(orgs[number], sizeof orgs[number], "%s", stw_rows_text(rows, 0, 3));
}

static void ask(struct stw_context *ctx, int number)
{
    char key[37];
    write_key(key, number);
    ask_with(ctx, number, by_key, "doc", key);
}

static void expect_name(int number, int document)
{
    char expected[32];
    snprintf(expected, sizeof expected, "name %d", document);
    assert_int_equal(codes[number], STW_OK);
    assert_string_equal(names[number], expected);
}

static void test_one_statement_for_all(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 9; i++)
            theatre_add(ask, i);
        theatre_play();
        theatre_clear();
        for (int i = 0; i < 9; i++) {
            expect_name(i, i);
            assert_string_equal(moments[i], moments[0]);
        }
    }
    theatre_close();
}

static void find_nothing(struct stw_context *ctx, int number)
{
    char key[37];
    write_key(key, number % 2 == 1 ? 1000 + number : number);
    ask_with(ctx, number, by_key, "doc", key);
}

static void test_absent_and_other_rows_are_nobodys(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 20; i++)
        theatre_add(find_nothing, i);
    theatre_play();
    for (int i = 0; i < 20; i++)
        if (i % 2 == 1) {
            assert_int_equal(codes[i], STW_OK);
            assert_string_equal(names[i], "");
        } else {
            expect_name(i, i);
        }
    theatre_close();
}

static void ask_for_the_same(struct stw_context *ctx, int number)
{
    ask_with(ctx, number, by_key, "doc",
             number % 2 == 1 ? "0190A000-0000-7000-8000-AAAAAAAAAAA7"
                             : "0190a000-0000-7000-8000-aaaaaaaaaaa7");
}

static void test_the_same_row_for_many(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 30; i++)
        theatre_add(ask_for_the_same, i);
    theatre_play();
    for (int i = 0; i < 30; i++) {
        expect_name(i, 7);
        assert_string_equal(moments[i], moments[0]);
    }
    theatre_close();
}

/* Another organisation, another parameter, another text: another statement. */
static void ask_otherwise(struct stw_context *ctx, int number)
{
    char key[37];
    if (number % 4 == 1)
        strcpy(ctx->org_id, ORG_B);
    write_key(key, number % 4 == 2 ? 19 : number);
    ask_with(ctx, number, number % 4 == 3 ? SELECT " where t.kind = $1 and t.id = $2::uuid" : by_key,
             number % 4 == 2 ? "other" : "doc", key);
}

static void test_only_equals_are_gathered(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 20; i < 28; i++)
        theatre_add(ask_otherwise, i);
    theatre_play();
    for (int i = 20; i < 28; i++) {
        expect_name(i, i % 4 == 2 ? 19 : i);
        assert_string_equal(orgs[i], i % 4 == 1 ? ORG_B : ORG_A);
        /* Texts under one name: only the first can be prepared, the other runs unnamed. */
        for (int k = 20; k < i; k++)
            assert_true((strcmp(moments[i], moments[k]) == 0) == (i % 4 == k % 4));
    }
    theatre_close();
}

static void ask_a_divisor(struct stw_context *ctx, int number)
{
    static const char sql[] =
        "select id, (12 / (12 - substr(name, 6)::int))::text, now(), $1 from docs where id = $2::uuid";
    char key[37];
    write_key(key, number);
    ask_with(ctx, number, sql, "doc", key);
}

static void test_an_error_is_one_callers_own(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 6; i < 19; i++)
        theatre_add(ask_a_divisor, i);
    theatre_play();
    for (int i = 6; i < 19; i++) {
        assert_int_equal(codes[i], i == 12 ? STW_INTERNAL : STW_OK);
        assert_int_equal(names[i][0] == '\0', i == 12);
    }
    assert_int_equal(stw_db_is_ready(theatre.db), true);
    theatre_close();
}

/* The first is woken by its deadline while its statement waits for a Sync or is on its way. */
static void ask_in_a_hurry(struct stw_context *ctx, int number)
{
    static const char slow[] = "select id, name, now(), $1 from docs t, pg_sleep(0.1) where t.id = $2::uuid";
    char key[37];
    write_key(key, number);
    if (number % 3 == 0)
        ctx->deadline_us = stw_clock_monotonic_us() + 30000;
    ask_with(ctx, number, slow, "doc", key);
}

static void test_who_leaves_early_harms_nobody(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    /* Two Syncs are on their way when the last third comes: it is left behind them. */
    for (int i = 40; i < 49; i++) {
        theatre_add(ask_in_a_hurry, i);
        if (i % 3 == 0)
            theatre_turn();
    }
    while (!theatre.callers[0].ended)
        theatre_turn();
    stw_arena_clear(theatre.callers[0].request.ctx.arena);
    theatre_play();
    theatre_settle(300);
    for (int i = 40; i < 49; i++)
        if (i % 3 == 0)
            assert_int_equal(codes[i], STW_DEADLINE_EXCEEDED);
        else
            expect_name(i, i);
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    assert_int_equal(stats.lane_in_flight, 0);
    assert_int_equal(stats.reconnects, 0);
    theatre_close();
}

static void ask_to_death(struct stw_context *ctx, int number)
{
    static const char deadly[] = "select id, case when substr(name, 6) = '53' and nextval('ticks') = 1"
                                 " then pg_terminate_backend(pg_backend_pid())::text else name end, now(), $1"
                                 " from docs t, pg_sleep(0.02) where t.id = $2::uuid";
    char key[37];
    write_key(key, number);
    ask_with(ctx, number, deadly, "doc", key);
}

static void test_a_lost_connection_is_asked_again(void **state)
{
    (void)state;
    pg_sql("alter sequence app.ticks restart");
    theatre_open(options_of(1, 3, 0, NULL));
    theatre_ready();
    for (int i = 50; i < 58; i++)
        theatre_add(ask_to_death, i);
    theatre_play();
    for (int i = 50; i < 58; i++)
        expect_name(i, i);
    theatre_close();
}

/* "cached plan must not change result type" comes to the carrier; its members ask again. */
static void test_a_changed_table_is_prepared_anew(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 9; i++)
            theatre_add(ask, i);
        theatre_play();
        theatre_clear();
        for (int i = 0; i < 9; i++)
            expect_name(i, i);
        pg_sql("alter table app.docs alter column name type varchar(100)");
    }
    theatre_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_statement_for_all),
        cmocka_unit_test(test_absent_and_other_rows_are_nobodys),
        cmocka_unit_test(test_the_same_row_for_many),
        cmocka_unit_test(test_only_equals_are_gathered),
        cmocka_unit_test(test_an_error_is_one_callers_own),
        cmocka_unit_test(test_who_leaves_early_harms_nobody),
        cmocka_unit_test(test_a_lost_connection_is_asked_again),
        cmocka_unit_test(test_a_changed_table_is_prepared_anew),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
