/* Many callers at once, over a small loop with coroutines. */
#include "fixture.h"

#include "db/internal.h"

static enum stw_code codes[CALLERS_MAX];
static char answers[CALLERS_MAX][128];
static const struct stw_stmt point = {"l_point", "select name from items where id = $1", 1, STW_STMT_POINT};

static int set_up(void **state)
{
    (void)state;
    pg_sql("drop schema if exists app cascade; create schema app;"
           "create table app.items (id integer primary key, name text);"
           "create sequence app.ticks;"
           "insert into app.items select i, 'name ' || i from generate_series(0, 999) i");
    return 0;
}

static void keep(int number, enum stw_code code, const struct stw_rows *rows)
{
    codes[number] = code;
    snprintf(answers[number], sizeof answers[number], "%s",
             code == STW_OK && stw_rows_count(rows) > 0 ? stw_rows_text(rows, 0, 0) : "");
}

static void ask(struct stw_context *ctx, int number, const char *sql, enum stw_stmt_kind kind)
{
    struct stw_stmt stmt = {NULL, sql, 0, kind};
    struct stw_rows *rows = NULL;
    enum stw_code code = stw_db_run(ctx, &stmt, NULL, &rows);
    keep(number, code, rows);
}

static struct stw_db_stats stats_now(void)
{
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    return stats;
}

/* ---- the right answers ---- */

static void read_many(struct stw_context *ctx, int number)
{
    for (int i = 0; i < 20; i++) {
        int id = (number * 37 + i * 11) % 1000;
        char key[16], expected[32];
        snprintf(key, sizeof key, "%d", id);
        snprintf(expected, sizeof expected, "name %d", id);
        struct stw_rows *rows = NULL;
        codes[number] = stw_db_run(ctx, &point, (const char *const[]){key}, &rows);
        assert_int_equal(codes[number], STW_OK);
        assert_int_equal(stw_rows_count(rows), 1);
        assert_string_equal(stw_rows_text(rows, 0, 0), expected);
    }
}

static void test_each_gets_its_own_answer(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 100; i++)
        theatre_add(read_many, i);
    theatre_turn();
    /* One round trip for 32, the others wait their turn. */
    assert_int_equal(stats_now().lane_in_flight, STW_LANE_DEPTH);
    assert_in_range(stats_now().leases_waiting, 1, 100 - STW_LANE_DEPTH);
    theatre_play();
    assert_int_equal(stats_now().lane_in_flight, 0);
    assert_int_equal(stats_now().statements, 2000);
    assert_int_equal(stats_now().reconnects, 0);
    theatre_close();
}

static void org_of_mine(struct stw_context *ctx, int number)
{
    static const struct stw_stmt org = {"l_org", "select current_setting('steward.org')", 0, STW_STMT_POINT};
    snprintf(ctx->org_id, sizeof ctx->org_id, "0190a000-0000-7000-8000-%012d", number);
    for (int i = 0; i < 10; i++) {
        struct stw_rows *rows = NULL;
        assert_int_equal(stw_db_run(ctx, &org, NULL, &rows), STW_OK);
        assert_string_equal(stw_rows_text(rows, 0, 0), ctx->org_id);
    }
}

static void test_organisations_do_not_mix(void **state)
{
    (void)state;
    theatre_open(options_of(2, 1, 0, NULL));
    for (int i = 0; i < 80; i++)
        theatre_add(org_of_mine, i);
    theatre_play();
    theatre_close();
}

static void one_of_four_errs(struct stw_context *ctx, int number)
{
    if (number % 4 == 1)
        ask(ctx, number, "select 1/0", STW_STMT_POINT);
    else if (number % 4 == 3)
        ask(ctx, number, "select nonsense", STW_STMT_POINT);
    else
        read_many(ctx, number);
}

static void test_errors_do_not_harm_neighbours(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 64; i++)
        theatre_add(one_of_four_errs, i);
    theatre_play();
    for (int i = 0; i < 64; i++)
        assert_int_equal(codes[i], i % 2 == 1 ? STW_INTERNAL : STW_OK);
    theatre_close();
}

/* What was asked in one turn rides behind one Sync, so in one transaction, each with its own organisation. */
static void moment(struct stw_context *ctx, int number)
{
    if (number % 2 == 1)
        strcpy(ctx->org_id, ORG_B);
    ask(ctx, number, "select now()::text || current_setting('steward.org')", STW_STMT_POINT);
}

static void test_neighbours_share_a_sync(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20; i++)
            theatre_add(moment, i);
        theatre_play();
        theatre_clear();
        for (int i = 0; i < 20; i++) {
            assert_int_equal(codes[i], STW_OK);
            assert_string_equal(answers[i], answers[i % 2]);
            assert_non_null(strstr(answers[i], i % 2 == 1 ? ORG_B : ORG_A));
        }
    }
    theatre_close();
}

/* The first Parse of a name fails with its segment; the others, sent in the same turn, must not hang on it.
 */
static void first_parse_is_skipped(struct stw_context *ctx, int number)
{
    static const struct stw_stmt bad = {NULL, "select 1/0", 0, STW_STMT_POINT};
    static const struct stw_stmt fresh = {"l_fresh", "select 'fresh'::text", 0, STW_STMT_POINT};
    struct stw_call calls[] = {{.stmt = &bad}, {.stmt = &fresh}};
    struct stw_rows *rows = NULL;
    enum stw_code code = number == 0 ? stw_db_run_all(ctx, calls, 2) : stw_db_run(ctx, &fresh, NULL, &rows);
    if (number == 0)
        codes[number] = code;
    else
        keep(number, code, rows);
}

static void test_prepared_only_after_its_own_parse(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 10; i++)
        theatre_add(first_parse_is_skipped, i);
    theatre_play();
    assert_int_equal(codes[0], STW_INTERNAL);
    for (int i = 1; i < 10; i++)
        assert_string_equal(answers[i], "fresh");
    theatre_close();
}

/* ---- lost connections ---- */

static void die_once(struct stw_context *ctx, int number)
{
    if (number == 20)
        ask(ctx, number,
            "select case when nextval('ticks') = 1 then pg_terminate_backend(pg_backend_pid())::text"
            " else 'alive' end from pg_sleep(0.05)",
            STW_STMT_POINT);
    else
        read_many(ctx, number);
}

static void test_lost_lane_repeats_its_reads(void **state)
{
    (void)state;
    pg_sql("alter sequence app.ticks restart");
    theatre_open(options_of(1, 3, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 32; i++)
        theatre_add(die_once, i);
    theatre_play();
    for (int i = 0; i < 32; i++)
        assert_int_equal(codes[i], STW_OK);
    assert_string_equal(answers[20], "alive");
    theatre_settle(300);
    assert_int_equal(stats_now().reconnects, 1);
    assert_true(stw_db_is_ready(theatre.db));
    theatre_close();
}

static void insert_slowly(struct stw_context *ctx, int number)
{
    char sql[128];
    snprintf(sql, sizeof sql, "insert into items select %d, 'w' from pg_sleep(0.3)", 2000 + number);
    ask(ctx, number, sql, STW_STMT_WRITE);
}

static void read_slowly(struct stw_context *ctx, int number)
{
    ask(ctx, number, "select 'read'::text from pg_sleep(0.3)", STW_STMT_READ);
}

static void test_killed_mid_flight(void **state)
{
    (void)state;
    theatre_open(options_of(0, 4, 0, NULL));
    theatre_ready();
    theatre_add(insert_slowly, 0);
    theatre_add(insert_slowly, 1);
    theatre_add(read_slowly, 2);
    theatre_settle(50);
    pg_sql("select pg_terminate_backend(pid) from pg_stat_activity"
           " where application_name = 'unit' and state = 'active'");
    theatre_play();
    assert_int_equal(codes[0], STW_OUTCOME_UNKNOWN);
    assert_int_equal(codes[1], STW_OUTCOME_UNKNOWN);
    assert_string_equal(answers[2], "read");
    theatre_close();
}

/* ---- leases ---- */

static void sleep_long(struct stw_context *ctx, int number)
{
    ask(ctx, number, "select 'slept'::text from pg_sleep(1)", STW_STMT_READ);
}

static void test_leases_run_out(void **state)
{
    (void)state;
    theatre_open(options_of(1, 2, 1, NULL));
    theatre_ready();
    for (int i = 0; i < 4; i++)
        theatre_add(sleep_long, i);
    theatre_turn();
    assert_int_equal(stats_now().leases_held, 2);
    assert_int_equal(stats_now().leases_waiting, 2);
    theatre_play();
    assert_int_equal(codes[0], STW_OK);
    assert_int_equal(codes[1], STW_OK);
    assert_int_equal(codes[2], STW_OVERLOADED);
    assert_int_equal(codes[3], STW_OVERLOADED);
    assert_int_equal(stats_now().leases_held, 0);
    assert_int_equal(stats_now().leases_waiting, 0);
    assert_int_equal(stats_now().lease_timeouts, 2);
    theatre_close();
}

static void count_up(struct stw_context *ctx, int number)
{
    for (int i = 0; i < 5; i++)
        ask(ctx, number, "select nextval('ticks')", STW_STMT_WRITE);
}

static void test_leases_are_passed_on(void **state)
{
    (void)state;
    pg_sql("alter sequence app.ticks restart");
    theatre_open(options_of(0, 2, 0, NULL));
    for (int i = 0; i < 50; i++)
        theatre_add(count_up, i);
    theatre_play();
    for (int i = 0; i < 50; i++)
        assert_int_equal(codes[i], STW_OK);
    assert_string_equal(pg_value("select last_value from app.ticks"), "250");
    theatre_close();
}

/* ---- deadlines ---- */

static void late_on_a_lane(struct stw_context *ctx, int number)
{
    if (number == 0) {
        ctx->deadline_us = stw_clock_monotonic_us() + 40000;
        ask(ctx, number, "select 'late'::text from pg_sleep(0.15)", STW_STMT_POINT);
    } else {
        read_many(ctx, number);
    }
}

static void test_who_is_late_leaves_the_lane(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    for (int i = 0; i < 10; i++)
        theatre_add(late_on_a_lane, i);
    while (theatre.callers[0].ended == false)
        theatre_turn();
    /* Its caller, stack and arena are gone before its result comes. */
    assert_int_equal(codes[0], STW_DEADLINE_EXCEEDED);
    stw_arena_clear(theatre.callers[0].request.ctx.arena);
    theatre_play();
    theatre_settle(200);
    for (int i = 1; i < 10; i++)
        assert_int_equal(codes[i], STW_OK);
    assert_int_equal(stats_now().lane_in_flight, 0);
    assert_int_equal(stats_now().reconnects, 0);
    theatre_close();
}

static void late_on_a_lease(struct stw_context *ctx, int number)
{
    ctx->deadline_us = stw_clock_monotonic_us() + 200000; /* enough to be sent on a busy machine */
    ask(ctx, number, "select pg_sleep(30)", number % 2 == 0 ? STW_STMT_READ : STW_STMT_WRITE);
}

static void short_reads(struct stw_context *ctx, int number)
{
    for (int i = 0; i < 5; i++) {
        ask(ctx, number, "select 'short'::text from pg_sleep(0.005)", STW_STMT_READ);
        assert_int_equal(codes[number], STW_OK);
    }
}

/* The cancel request must never hit who comes next. */
static void test_cancel_hits_nobody_else(void **state)
{
    (void)state;
    theatre_open(options_of(0, 2, 0, NULL));
    theatre_ready();
    for (int round = 0; round < 10; round++) {
        theatre_add(late_on_a_lease, 0);
        theatre_add(late_on_a_lease, 1);
        theatre_add(short_reads, 2);
        theatre_add(short_reads, 3);
        theatre_play();
        assert_int_equal(codes[0], STW_DEADLINE_EXCEEDED);
        assert_int_equal(codes[1], STW_OUTCOME_UNKNOWN);
        theatre_clear();
    }
    theatre_settle(100);
    assert_int_equal(stats_now().leases_held, 0);
    assert_int_equal(stats_now().reconnects, 0);
    assert_string_equal(pg_value("select count(*) from pg_stat_activity where application_name = 'unit'"
                                 " and state = 'active'"),
                        "0");
    theatre_close();
}

static enum stw_code hold(struct stw_context *ctx, void *argument)
{
    int number = *(int *)argument;
    char sql[128];
    snprintf(sql, sizeof sql, "update items set name = name || '+' where id = %d", number % 2 == 0 ? 1 : 2);
    struct stw_stmt first = {NULL, sql, 0, STW_STMT_WRITE};
    enum stw_code code = stw_db_run(ctx, &first, NULL, NULL);
    struct stw_stmt pause = {NULL, "select pg_sleep(0.05)", 0, STW_STMT_READ};
    if (code == STW_OK)
        code = stw_db_run(ctx, &pause, NULL, NULL);
    if (code != STW_OK)
        return code;
    char other[128];
    snprintf(other, sizeof other, "update items set name = name || '-' where id = %d",
             number % 2 == 0 ? 2 : 1);
    struct stw_stmt second = {NULL, other, 0, STW_STMT_WRITE};
    return stw_db_run(ctx, &second, NULL, NULL);
}

static void deadlock(struct stw_context *ctx, int number)
{
    codes[number] = stw_tx_run(ctx, hold, &number, false);
}

static void test_deadlocks_are_repeated(void **state)
{
    (void)state;
    theatre_open(options_of(0, 2, 0, NULL));
    theatre_ready();
    theatre_add(deadlock, 0);
    theatre_add(deadlock, 1);
    theatre_play();
    assert_int_equal(codes[0], STW_OK);
    assert_int_equal(codes[1], STW_OK);
    theatre_close();
}

/* The server goes away and comes back: all connections return by themselves. */
static void read_through(struct stw_context *ctx, int number)
{
    for (int i = 0; i < 50; i++) {
        ask(ctx, number, "select 'x'::text from pg_sleep(0.005)",
            number % 2 == 0 ? STW_STMT_POINT : STW_STMT_READ);
        if (codes[number] != STW_OK)
            return;
    }
}

static void test_everything_killed_again_and_again(void **state)
{
    (void)state;
    theatre_open(options_of(2, 3, 1, NULL));
    theatre_ready();
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 40; i++)
            theatre_add(read_through, i);
        theatre_settle(20);
        pg_sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'unit'");
        theatre_play();
        for (int i = 0; i < 40; i++)
            assert_true(codes[i] == STW_OK || codes[i] == STW_OVERLOADED || codes[i] == STW_UNAVAILABLE);
        theatre_settle(400);
        assert_true(stw_db_is_ready(theatre.db));
        assert_int_equal(stats_now().connections_up, 6);
        assert_int_equal(stats_now().leases_held + stats_now().lane_in_flight, 0);
        theatre_clear();
    }
    theatre_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_gets_its_own_answer),
        cmocka_unit_test(test_organisations_do_not_mix),
        cmocka_unit_test(test_errors_do_not_harm_neighbours),
        cmocka_unit_test(test_neighbours_share_a_sync),
        cmocka_unit_test(test_prepared_only_after_its_own_parse),
        cmocka_unit_test(test_lost_lane_repeats_its_reads),
        cmocka_unit_test(test_killed_mid_flight),
        cmocka_unit_test(test_leases_run_out),
        cmocka_unit_test(test_leases_are_passed_on),
        cmocka_unit_test(test_who_is_late_leaves_the_lane),
        cmocka_unit_test(test_cancel_hits_nobody_else),
        cmocka_unit_test(test_deadlocks_are_repeated),
        cmocka_unit_test(test_everything_killed_again_and_again),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
