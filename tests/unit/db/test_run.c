/* One caller over the blocking driver. */
#include "fixture.h"

#include <pthread.h>

static struct stw_db *db;
static struct request request;
static struct stw_context *ctx = &request.ctx;

static const struct stw_stmt point = {"t_point", "select name from items where id = $1", 1, STW_STMT_POINT};
static const struct stw_stmt insert = {
    "t_insert", "insert into items (id, name) values ($1, $2) returning id", 2, STW_STMT_WRITE};
static const struct stw_stmt org = {"t_org", "select coalesce(current_setting('steward.org', true), 'null')",
                                    0, STW_STMT_POINT};
static const struct stw_stmt die = {NULL, "select pg_terminate_backend(pg_backend_pid())", 0, STW_STMT_READ};

static int set_up(void **state)
{
    (void)state;
    pg_sql(
        "drop schema if exists app cascade; create schema app;"
        "create table app.items (id integer primary key, name text, constraint items_name_key unique (name)"
        " deferrable initially deferred);"
        "create table app.strict_items (id integer primary key, name text not null);"
        "insert into app.items values (1, 'one'), (2, 'two')");
    db = caller_open(&request);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    caller_close(&request);
    return 0;
}

static const char *one(const struct stw_stmt *stmt, const char *const *params)
{
    struct stw_rows *rows = NULL;
    assert_int_equal(stw_db_run(ctx, stmt, params, &rows), STW_OK);
    return stw_rows_count(rows) == 1 ? stw_rows_text(rows, 0, 0) : NULL;
}

static const char *read_now(const char *sql)
{
    struct stw_stmt stmt = {NULL, sql, 0, STW_STMT_READ};
    return one(&stmt, NULL);
}

static enum stw_code run_text(const char *sql, enum stw_stmt_kind kind)
{
    struct stw_stmt stmt = {NULL, sql, 0, kind};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

static void test_reads_points_and_nulls(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(one(&point, (const char *const[]){"1"}), "one");
        assert_string_equal(one(&point, (const char *const[]){"2"}), "two");
        assert_null(one(&point, (const char *const[]){"3"}));
    }
    struct stw_rows *rows = NULL;
    struct stw_stmt stmt = {NULL, "select null::text, 'ab'::text, ''::text", 0, STW_STMT_READ};
    assert_int_equal(stw_db_run(ctx, &stmt, NULL, &rows), STW_OK);
    assert_int_equal(stw_rows_columns(rows), 3);
    assert_null(stw_rows_text(rows, 0, 0));
    assert_string_equal(stw_rows_text(rows, 0, 1), "ab");
    assert_int_equal(stw_rows_length(rows, 0, 1), 2);
    assert_string_equal(stw_rows_text(rows, 0, 2), "");
}

static void test_settings_of_the_connections(void **state)
{
    (void)state;
    assert_string_equal(read_now("show search_path"), "app");
    assert_string_equal(read_now("show timezone"), "UTC");
    assert_string_equal(read_now("show intervalstyle"), "iso_8601");
    assert_string_equal(read_now("show statement_timeout"), "10s");
    assert_string_equal(read_now("show plan_cache_mode"), "auto");
    /* Without a lane a point read goes to a lease. */
    while (!stw_db_is_ready(db))
        read_now("select pg_sleep(0.01)");
    struct stw_stmt stmt = {NULL, "show statement_timeout", 0, STW_STMT_POINT};
    assert_string_equal(one(&stmt, NULL), "250ms");
}

#define MODES "select current_setting('plan_cache_mode') || ' ' || current_setting('enable_sort')"

static void test_a_statement_is_planned_as_it_says(void **state)
{
    (void)state;
    struct stw_stmt stmt = {"mode", MODES, 0, STW_STMT_READ};
    assert_string_equal(one(&stmt, NULL), "auto on");
    stmt.planning = STW_PLAN_ONCE;
    assert_string_equal(one(&stmt, NULL), "force_generic_plan on");
    stmt.planning = STW_PLAN_IN_ORDER;
    assert_string_equal(one(&stmt, NULL), "force_generic_plan off");
    struct stw_stmt writing = {"writing", MODES, 0, STW_STMT_WRITE};
    assert_string_equal(one(&writing, NULL), "force_generic_plan on");
    assert_string_equal(read_now(MODES), "auto on");
}

static void test_url_overrides_settings(void **state)
{
    (void)state;
    char url[1500];
    snprintf(url, sizeof url, "%s%soptions=%s", pg_url(), strstr(pg_url(), "://") ? "&" : " ",
             strstr(pg_url(), "://") ? "-c%20lock_timeout%3D7s" : "'-c lock_timeout=7s'");
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    options.url = url;
    struct stw_db *other = stw_db_new(&options);
    ctx->db = other;
    assert_string_equal(read_now("show lock_timeout"), "7s");
    assert_string_equal(read_now("show search_path"), "app");
    ctx->db = db;
    stw_db_free(other);
}

static void test_organisation_is_set_and_gone(void **state)
{
    (void)state;
    assert_string_equal(one(&org, NULL), ORG_A);
    strcpy(ctx->org_id, ORG_B);
    assert_string_equal(one(&org, NULL), ORG_B);
    ctx->org_id[0] = '\0';
    assert_string_equal(one(&org, NULL), "");
    strcpy(ctx->org_id, ORG_A);
}

/* Reads leave the organisation set for the next one; whatever comes between, each finds its own. */
static void test_organisation_is_the_readers_own(void **state)
{
    (void)state;
    struct stw_stmt read = {"t_read_org", "select current_setting('steward.org')", 0, STW_STMT_READ};
    struct stw_stmt write = {"t_write_org", "select current_setting('steward.org')", 0, STW_STMT_WRITE};
    assert_string_equal(one(&read, NULL), ORG_A);
    strcpy(ctx->org_id, ORG_B);
    /* an error takes back what was set with it */
    assert_int_equal(run_text("select 1 / 0", STW_STMT_READ), STW_INTERNAL);
    assert_string_equal(one(&read, NULL), ORG_B);
    strcpy(ctx->org_id, ORG_A);
    assert_string_equal(one(&write, NULL), ORG_A);
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_string_equal(one(&read, NULL), ORG_A);
    assert_int_equal(stw_tx_commit(ctx), STW_OK);
    strcpy(ctx->org_id, ORG_B);
    assert_string_equal(one(&read, NULL), ORG_B);
    ctx->org_id[0] = '\0';
    assert_string_equal(one(&read, NULL), "");
    strcpy(ctx->org_id, ORG_A);
    assert_string_equal(one(&read, NULL), ORG_A);
}

static void test_write_commits(void **state)
{
    (void)state;
    assert_string_equal(one(&insert, (const char *const[]){"10", "ten"}), "10");
    assert_string_equal(pg_value("select name from app.items where id = 10"), "ten");
}

static void test_constraint_is_told(void **state)
{
    (void)state;
    assert_int_equal(stw_db_run(ctx, &insert, (const char *const[]){"1", "again"}, NULL), STW_CONSTRAINT);
    assert_string_equal(request.details.sqlstate, "23505");
    assert_string_equal(request.details.constraint, "items_pkey");
    assert_non_null(strstr(request.details.internal, "t_insert"));
    /* and the connection goes on */
    assert_string_equal(one(&point, (const char *const[]){"1"}), "one");
}

static void test_constraint_at_the_sync(void **state)
{
    (void)state;
    struct stw_rows *rows = NULL;
    /* The row comes, the commit fails: that is not STW_OK. */
    assert_int_equal(stw_db_run(ctx, &insert, (const char *const[]){"11", "one"}, &rows), STW_CONSTRAINT);
    assert_null(rows);
    assert_string_equal(request.details.constraint, "items_name_key");
    assert_string_equal(read_now("select count(*) from items where id = 11"), "0");
}

static void test_values_do_not_reach_the_log(void **state)
{
    (void)state;
    assert_int_equal(stw_db_run(ctx, &point, (const char *const[]){"secret"}, NULL), STW_INTERNAL);
    assert_string_equal(request.details.sqlstate, "22P02");
    assert_null(strstr(request.details.internal, "secret"));
}

static void test_run_all_is_one_transaction(void **state)
{
    (void)state;
    const char *const first[] = {"20", "twenty"}, *const second[] = {"20", "again"},
                      *const third[] = {"21", "next"};
    struct stw_call good[] = {{&insert, first, NULL}, {&insert, third, NULL}, {&point, first, NULL}};
    struct stw_call bad[] = {{&insert, (const char *const[]){"30", "thirty"}, NULL}, {&insert, second, NULL}};
    struct stw_stmt by_id = {"t_point2", "select name from items where id = $1 and $2::text is not null", 2,
                             STW_STMT_POINT};
    good[2].stmt = &by_id;
    assert_int_equal(stw_db_run_all(ctx, good, 3), STW_OK);
    assert_string_equal(stw_rows_text(good[1].rows, 0, 0), "21");
    assert_string_equal(stw_rows_text(good[2].rows, 0, 0), "twenty");
    assert_int_equal(stw_db_run_all(ctx, bad, 2), STW_CONSTRAINT);
    assert_null(bad[0].rows);
    assert_string_equal(read_now("select count(*) from items where id = 30"), "0");
}

static void test_warning_at_commit_is_in_doubt(void **state)
{
    (void)state;
    assert_int_equal(
        run_text("do $$ begin raise warning 'canceling wait for synchronous replication'; end $$",
                 STW_STMT_WRITE),
        STW_OUTCOME_UNKNOWN);
    assert_int_equal(run_text("do $$ begin raise notice 'nothing'; end $$", STW_STMT_WRITE), STW_OK);
}

/* A deadlock takes all of a segment back, so it is done again: up to three times. */
static void test_what_was_taken_back_is_repeated(void **state)
{
    (void)state;
    pg_sql("create sequence app.tries; grant all on app.tries to public");
    assert_int_equal(
        run_text("do $$ begin if nextval('app.tries') < 4 then raise sqlstate '40P01'; end if; end $$",
                 STW_STMT_WRITE),
        STW_OK);
    assert_string_equal(pg_value("select last_value from app.tries"), "4");
    assert_string_equal(request.details.internal, "");
    assert_int_equal(
        run_text("do $$ begin perform nextval('app.tries'); raise sqlstate '40001'; end $$", STW_STMT_WRITE),
        STW_OVERLOADED);
    assert_string_equal(pg_value("select last_value from app.tries"), "8");
    assert_memory_equal(request.details.internal, "40001", 5);
}

static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(run_text("do $$ begin raise sqlstate '53100'; end $$", STW_STMT_WRITE), STW_UNAVAILABLE);
    assert_int_equal(run_text("do $$ begin raise sqlstate '25006'; end $$", STW_STMT_WRITE), STW_UNAVAILABLE);
    assert_int_equal(run_text("select 1/0", STW_STMT_READ), STW_INTERNAL);
    assert_int_equal(run_text("copy items to stdout", STW_STMT_SLOW), STW_UNAVAILABLE);
    assert_int_equal(run_text("begin", STW_STMT_WRITE), STW_OK); /* its connection is dropped */
    assert_string_equal(read_now("select 'fine'"), "fine");
}

static void test_readonly_server_is_dropped(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    ctx->db = stw_db_new(&options);
    char *before = stw_arena_strdup(ctx->arena, read_now("select pg_backend_pid()"));
    assert_int_equal(run_text("set transaction read only", STW_STMT_READ), STW_OK);
    assert_int_equal(run_text("do $$ begin raise sqlstate '25006'; end $$", STW_STMT_WRITE), STW_UNAVAILABLE);
    assert_string_not_equal(read_now("select pg_backend_pid()"), before);
    stw_db_free(ctx->db);
    ctx->db = db;
}

static void test_lost_read_is_repeated_and_write_is_in_doubt(void **state)
{
    (void)state;
    /* Each attempt ends its own backend, so the repeat is lost as well. */
    assert_int_equal(stw_db_run(ctx, &die, NULL, NULL), STW_UNAVAILABLE);
    assert_string_equal(request.details.sqlstate, "57P01");
    struct stw_stmt write = die;
    write.kind = STW_STMT_WRITE;
    assert_int_equal(stw_db_run(ctx, &write, NULL, NULL), STW_OUTCOME_UNKNOWN);
    /* Only the first attempt dies. */
    struct stw_stmt once = {
        NULL,
        "select case when nextval('dying') = 1 then pg_terminate_backend(pg_backend_pid())::text"
        " else 'alive' end from pg_sleep(0.01)",
        0, STW_STMT_READ};
    pg_sql("create sequence app.dying");
    assert_string_equal(one(&once, NULL), "alive");
    pg_sql("alter sequence app.dying restart");
    once.kind = STW_STMT_POINT;
    assert_string_equal(one(&once, NULL), "alive");
}

static void test_dead_idle_connections_do_not_put_writes_in_doubt(void **state)
{
    (void)state;
    pg_sql("select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'unit'");
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            run_text("insert into strict_items select max(id) + 1, 'x' from (select 0 as id union all"
                     " select id from strict_items) s",
                     STW_STMT_WRITE),
            STW_OK);
    assert_string_equal(one(&point, (const char *const[]){"1"}), "one");
}

static void test_lane_timeout_goes_to_a_lease(void **state)
{
    (void)state;
    struct stw_stmt slow = {NULL, "select 'slept' from pg_sleep(0.4)", 0, STW_STMT_POINT};
    request.details.sqlstate[0] = '\0';
    assert_string_equal(one(&slow, NULL), "slept");
    assert_string_equal(request.details.sqlstate, "");
}

static void test_deadline_cancels_and_drains(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    ctx->db = stw_db_new(&options);
    char *pid = stw_arena_strdup(ctx->arena, read_now("select pg_backend_pid()"));
    ctx->deadline_us = stw_clock_monotonic_us() + 100000;
    assert_int_equal(run_text("select pg_sleep(20)", STW_STMT_READ), STW_DEADLINE_EXCEEDED);
    assert_int_equal(run_text("select 1", STW_STMT_READ), STW_DEADLINE_EXCEEDED);
    ctx->deadline_us = 0;
    /* The same backend serves again, and nothing of the cancel is left over. */
    assert_string_equal(read_now("select pg_backend_pid()"), pid);
    ctx->deadline_us = stw_clock_monotonic_us() + 100000;
    assert_int_equal(run_text("insert into items select 40, 'forty' from pg_sleep(20)", STW_STMT_WRITE),
                     STW_OUTCOME_UNKNOWN);
    ctx->deadline_us = 0;
    assert_string_equal(read_now("select count(*) from items where id = 40"), "0");
    stw_db_free(ctx->db);
    ctx->db = db;
}

static void test_statement_timeout_of_a_lease(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(0, 1, 1, NULL);
    options.statement_timeout_us = 50000;
    ctx->db = stw_db_new(&options);
    assert_int_equal(run_text("select pg_sleep(5)", STW_STMT_SLOW), STW_DEADLINE_EXCEEDED);
    assert_string_equal(request.details.sqlstate, "57014");
    stw_db_free(ctx->db);
    ctx->db = db;
}

static void test_no_database(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(1, 1, 0, NULL);
    options.url = "host=/nonexistent user=nobody";
    options.lease_wait_us = 150000;
    ctx->db = stw_db_new(&options);
    assert_false(stw_db_is_ready(ctx->db));
    assert_int_equal(run_text("select 1", STW_STMT_READ), STW_UNAVAILABLE);
    stw_db_free(ctx->db);
    ctx->db = db;
}

static void test_changed_result_type_is_prepared_anew(void **state)
{
    (void)state;
    struct stw_stmt star = {"t_star", "select * from starry", 0, STW_STMT_READ};
    struct stw_stmt star_point = {"t_star_point", "select * from starry", 0, STW_STMT_POINT};
    struct stw_stmt star_write = {"t_star_write", "update starry set a = a returning *", 0, STW_STMT_WRITE};
    const struct stw_stmt *all[] = {&star, &star_point, &star_write};
    struct stw_rows *rows = NULL;
    pg_sql("create table app.starry (a integer); insert into app.starry values (1)");
    for (int i = 0; i < 6; i++)
        assert_string_equal(one(all[i % 3], NULL), "1");
    for (int i = 0; i < 2; i++) {
        pg_sql(i == 0 ? "alter table app.starry add column b text default 'b'"
                      : "alter table app.starry alter column a type text using 'x' || a");
        for (int j = 0; j < 6; j++) {
            assert_int_equal(stw_db_run(ctx, all[j % 3], NULL, &rows), STW_OK);
            assert_int_equal(stw_rows_columns(rows), 2);
            assert_string_equal(stw_rows_text(rows, 0, 0), i == 0 ? "1" : "x1");
        }
    }
    assert_int_equal(run_text("deallocate all", STW_STMT_READ), STW_OK);
    for (int i = 0; i < 6; i++)
        assert_string_equal(one(all[i % 3], NULL), "x1");
}

static void test_large_parameters_and_results(void **state)
{
    (void)state;
    size_t size = 8 << 20;
    char *big = stw_arena_alloc(ctx->arena, size + 1);
    memset(big, 'x', size);
    big[size] = '\0';
    struct stw_stmt echo = {NULL, "select $1::text", 1, STW_STMT_READ};
    struct stw_rows *rows = NULL;
    assert_int_equal(stw_db_run(ctx, &echo, (const char *const[]){big}, &rows), STW_OK);
    assert_int_equal(stw_rows_length(rows, 0, 0), size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_points_and_nulls),
        cmocka_unit_test(test_settings_of_the_connections),
        cmocka_unit_test(test_a_statement_is_planned_as_it_says),
        cmocka_unit_test(test_url_overrides_settings),
        cmocka_unit_test(test_organisation_is_set_and_gone),
        cmocka_unit_test(test_organisation_is_the_readers_own),
        cmocka_unit_test(test_write_commits),
        cmocka_unit_test(test_constraint_is_told),
        cmocka_unit_test(test_constraint_at_the_sync),
        cmocka_unit_test(test_values_do_not_reach_the_log),
        cmocka_unit_test(test_run_all_is_one_transaction),
        cmocka_unit_test(test_warning_at_commit_is_in_doubt),
        cmocka_unit_test(test_what_was_taken_back_is_repeated),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_readonly_server_is_dropped),
        cmocka_unit_test(test_lost_read_is_repeated_and_write_is_in_doubt),
        cmocka_unit_test(test_dead_idle_connections_do_not_put_writes_in_doubt),
        cmocka_unit_test(test_lane_timeout_goes_to_a_lease),
        cmocka_unit_test(test_deadline_cancels_and_drains),
        cmocka_unit_test(test_statement_timeout_of_a_lease),
        cmocka_unit_test(test_no_database),
        cmocka_unit_test(test_changed_result_type_is_prepared_anew),
        cmocka_unit_test(test_large_parameters_and_results),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
