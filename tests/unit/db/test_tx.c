/* Transactions, over the blocking driver. */
#include "fixture.h"

static struct stw_db *db;
static struct request request;
static struct stw_context *ctx = &request.ctx;
static int runs;

static int set_up(void **state)
{
    (void)state;
    pg_sql("drop schema if exists app cascade; create schema app;"
           "create table app.items (id integer primary key, name text,"
           " constraint items_name_key unique (name) deferrable initially deferred)");
    struct stw_db_options options = options_of(1, 2, 0, NULL);
    db = stw_db_new(&options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stw_db_free(db);
    return 0;
}

static int before_each(void **state)
{
    (void)state;
    pg_sql("truncate app.items");
    request_open(&request, db);
    runs = 0;
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    assert_null(ctx->tx);
    request_close(&request);
    struct stw_db_stats stats;
    stw_db_stats_read(db, &stats);
    assert_int_equal(stats.leases_held, 0);
    assert_int_equal(stats.leases_waiting, 0);
    return 0;
}

static enum stw_code text(const char *sql)
{
    struct stw_stmt stmt = {NULL, sql, 0, STW_STMT_WRITE};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

static enum stw_code add(const char *id, const char *name)
{
    static const struct stw_stmt insert = {"x_insert", "insert into items values ($1, $2)", 2,
                                           STW_STMT_WRITE};
    return stw_db_run(ctx, &insert, (const char *const[]){id, name}, NULL);
}

static const char *names(void)
{
    return pg_value("select coalesce(string_agg(name, ',' order by id), '') from app.items");
}

static enum stw_code add_two(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    runs++;
    enum stw_code code = add("1", "a");
    return code != STW_OK ? code : add("2", "b");
}

static enum stw_code add_then_refuse(struct stw_context *c, void *argument)
{
    enum stw_code code = add_two(c, argument);
    return code != STW_OK ? code : STW_VALIDATION_FAILED;
}

static void test_commits(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, add_two, NULL, false), STW_OK);
    assert_string_equal(names(), "a,b");
}

static void test_dry_run_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, add_two, NULL, true), STW_OK);
    assert_int_equal(runs, 1);
    assert_string_equal(names(), "");
}

static void test_refusal_rolls_back(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, add_then_refuse, NULL, false), STW_VALIDATION_FAILED);
    assert_string_equal(names(), "");
}

static enum stw_code fail_and_hide(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    enum stw_code code = add("1", "a");
    assert_int_equal(code, STW_OK);
    assert_int_equal(add("1", "a"), STW_CONSTRAINT);
    assert_int_equal(add("2", "b"), STW_CONSTRAINT); /* nothing more can run */
    return STW_OK;
}

static void test_hidden_error_is_not_committed(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, fail_and_hide, NULL, false), STW_CONSTRAINT);
    assert_string_equal(request.details.constraint, "items_pkey");
    assert_string_equal(names(), "");
    assert_int_equal(stw_tx_run(ctx, add_two, NULL, false), STW_OK);
    assert_string_equal(names(), "a,b");
}

static enum stw_code end_it(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    /* A body that ends the server's transaction behind our back */
    assert_int_equal(add("1", "a"), STW_OK);
    assert_int_equal(text("rollback"), STW_INTERNAL);
    return STW_OK;
}

static enum stw_code end_it_by_hand(struct stw_context *c, void *argument)
{
    (void)argument;
    assert_int_equal(add("1", "a"), STW_OK);
    stw_tx_rollback(c);
    return STW_OK;
}

static void test_a_body_must_not_end_the_transaction(void **state)
{
    (void)state;
    /* COMMIT outside a transaction would say COMMIT. */
    assert_int_equal(stw_tx_run(ctx, end_it, NULL, false), STW_INTERNAL);
    assert_int_equal(stw_tx_run(ctx, end_it_by_hand, NULL, false), STW_INTERNAL);
    assert_int_equal(stw_tx_commit(ctx), STW_INTERNAL);
    assert_string_equal(names(), "");
}

static enum stw_code deferred(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    enum stw_code code = add("1", "same");
    return code != STW_OK ? code : add("2", "same");
}

static void test_constraint_at_commit(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, deferred, NULL, false), STW_CONSTRAINT);
    assert_string_equal(request.details.constraint, "items_name_key");
    assert_string_equal(names(), "");
}

static enum stw_code serialize(struct stw_context *c, void *argument)
{
    runs++;
    enum stw_code code = add("1", "a");
    if (code != STW_OK)
        return code;
    stw_details_field(c->details, "name", STW_TOO_LONG, NULL);
    if (runs <= *(int *)argument) {
        code = text("do $$ begin raise sqlstate '40001'; end $$");
        assert_int_equal(code, STW_RETRY);
        return runs == 1 ? STW_INTERNAL : code; /* whatever the body makes of it */
    }
    return STW_OK;
}

static void test_serialization_is_repeated(void **state)
{
    (void)state;
    int failures = 2;
    assert_int_equal(stw_tx_run(ctx, serialize, &failures, false), STW_OK);
    assert_int_equal(runs, 3);
    assert_int_equal(request.details.violation_count, 1);
    assert_string_equal(names(), "a");
    runs = 0;
    failures = 100;
    pg_sql("truncate app.items");
    assert_int_equal(stw_tx_run(ctx, serialize, &failures, false), STW_OVERLOADED);
    assert_int_equal(runs, 4);
    assert_string_equal(names(), "");
}

static enum stw_code inner_fails(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    assert_int_equal(add("5", "inner"), STW_OK);
    return add("1", "again");
}

static enum stw_code inner_works(struct stw_context *c, void *argument)
{
    (void)argument;
    assert_int_equal(add("6", "kept"), STW_OK);
    return stw_tx_run(c, inner_fails, NULL, false) == STW_CONSTRAINT ? STW_OK : STW_INTERNAL;
}

static enum stw_code inner_dry(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    return add("7", "dry");
}

static enum stw_code outer(struct stw_context *c, void *argument)
{
    (void)argument;
    assert_int_equal(add("1", "a"), STW_OK);
    assert_int_equal(stw_tx_run(c, inner_fails, NULL, false), STW_CONSTRAINT);
    assert_int_equal(stw_tx_run(c, inner_works, NULL, false), STW_OK);
    assert_int_equal(stw_tx_run(c, inner_dry, NULL, true), STW_OK);
    struct stw_stmt org = {NULL, "select current_setting('steward.org')", 0, STW_STMT_READ};
    struct stw_rows *rows = NULL;
    assert_int_equal(stw_db_run(c, &org, NULL, &rows), STW_OK);
    assert_string_equal(stw_rows_text(rows, 0, 0), ORG_A);
    return add("8", "last");
}

static void test_savepoints(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, outer, NULL, false), STW_OK);
    assert_string_equal(names(), "a,kept,last");
}

static enum stw_code nested_first(struct stw_context *c, void *argument)
{
    (void)argument;
    return stw_tx_run(c, add_two, NULL, false);
}

static void test_savepoint_before_any_statement(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, nested_first, NULL, false), STW_OK);
    assert_string_equal(names(), "a,b");
}

static enum stw_code change_org(struct stw_context *c, void *argument)
{
    (void)argument;
    static const struct stw_stmt org = {"x_org", "select current_setting('steward.org')", 0, STW_STMT_READ};
    struct stw_rows *rows = NULL;
    const char *const orgs[] = {ORG_A, ORG_B, "", ORG_A};
    for (int i = 0; i < 4; i++) {
        strcpy(c->org_id, orgs[i]);
        assert_int_equal(stw_db_run(c, &org, NULL, &rows), STW_OK);
        assert_string_equal(stw_rows_text(rows, 0, 0), orgs[i]);
    }
    return STW_OK;
}

static void test_organisation_may_change_within(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, change_org, NULL, false), STW_OK);
}

static enum stw_code add_last(const char *id, const char *name)
{
    static const struct stw_stmt insert = {"x_last", "insert into items values ($1, $2)", 2, STW_STMT_WRITE};
    return stw_tx_last(ctx, &insert, (const char *const[]){id, name});
}

static enum stw_code add_and_add_last(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    assert_int_equal(add("1", "a"), STW_OK);
    return add_last("2", "b");
}

static enum stw_code nothing_but_last(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    return add_last("1", "a");
}

static enum stw_code last_then_more(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    assert_int_equal(add_last("1", "a"), STW_OK);
    assert_int_equal(text("update items set name = 'b' where id = 1 and name = 'a'"), STW_OK);
    assert_int_equal(add_last("2", "x"), STW_OK);
    return add_last("3", "y");
}

static void test_the_last_goes_out_with_commit(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, add_and_add_last, NULL, true), STW_OK);
    assert_string_equal(names(), "");
    assert_int_equal(stw_tx_run(ctx, add_and_add_last, NULL, false), STW_OK);
    assert_string_equal(names(), "a,b");
    pg_sql("truncate app.items");
    assert_int_equal(stw_tx_run(ctx, nothing_but_last, NULL, false), STW_OK);
    assert_string_equal(names(), "a");
    pg_sql("truncate app.items");
    assert_int_equal(stw_tx_run(ctx, last_then_more, NULL, false), STW_OK);
    assert_string_equal(names(), "b,x,y");
    pg_sql("truncate app.items");
    assert_int_equal(add_last("1", "a"), STW_OK);
    assert_string_equal(names(), "a");
}

static enum stw_code last_fails(struct stw_context *c, void *argument)
{
    enum stw_code code = add_two(c, argument);
    return code != STW_OK ? code : add_last("2", "c");
}

static enum stw_code last_fails_before_another(struct stw_context *c, void *argument)
{
    assert_int_equal(last_fails(c, argument), STW_OK);
    assert_int_equal(add("3", "d"), STW_CONSTRAINT);
    return STW_OK;
}

static enum stw_code last_inside(struct stw_context *c, void *argument)
{
    assert_int_equal(add_last("4", "d"), STW_OK);
    assert_int_equal(stw_tx_run(c, last_fails, argument, false), STW_CONSTRAINT);
    return add_last("3", "c");
}

static void test_when_the_last_fails_nothing_is_stored(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, last_fails, NULL, false), STW_CONSTRAINT);
    assert_string_equal(request.details.constraint, "items_pkey");
    assert_string_equal(names(), "");
    assert_int_equal(stw_tx_run(ctx, last_fails_before_another, NULL, false), STW_CONSTRAINT);
    assert_string_equal(names(), "");
    assert_int_equal(stw_tx_run(ctx, last_inside, NULL, false), STW_OK);
    assert_string_equal(names(), "c,d");
}

static enum stw_code lose(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    runs++;
    assert_int_equal(add("1", "a"), STW_OK);
    assert_int_equal(text("select pg_terminate_backend(pg_backend_pid())"), STW_UNAVAILABLE);
    assert_int_equal(add("2", "b"), STW_UNAVAILABLE);
    return STW_OK;
}

static enum stw_code kill_at_commit(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    /* The deferred trigger ends the backend during COMMIT. */
    return add("9", "killer");
}

static void test_lost_connections(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_run(ctx, lose, NULL, false), STW_UNAVAILABLE);
    assert_int_equal(runs, 1);
    assert_string_equal(names(), "");
    pg_sql(
        "create function app.suicide() returns trigger language plpgsql as"
        " $$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return null; end $$;"
        "create constraint trigger killer after insert on app.items deferrable initially deferred"
        " for each row execute function app.suicide()");
    assert_int_equal(stw_tx_run(ctx, kill_at_commit, NULL, false), STW_OUTCOME_UNKNOWN);
    pg_sql("drop trigger killer on app.items");
    assert_string_equal(names(), "");
}

static enum stw_code sleep_long(struct stw_context *c, void *argument)
{
    (void)c;
    (void)argument;
    assert_int_equal(add("1", "a"), STW_OK);
    return text("select pg_sleep(30)");
}

static void test_deadline(void **state)
{
    (void)state;
    ctx->deadline_us = stw_clock_monotonic_us() + 150000;
    assert_int_equal(stw_tx_run(ctx, sleep_long, NULL, false), STW_DEADLINE_EXCEEDED);
    ctx->deadline_us = 0;
    assert_string_equal(names(), "");
    /* Meanwhile the connection drains; how long that takes is the machine's affair. */
    struct stw_stmt any = {NULL, "select pg_sleep(0.01)", 0, STW_STMT_READ};
    struct stw_db_stats stats = {.leases_held = 1};
    for (int i = 0; i < 1000 && stats.leases_held > 0; i++) {
        assert_int_equal(stw_db_run(ctx, &any, NULL, NULL), STW_OK);
        stw_db_stats_read(db, &stats);
    }
}

static void test_begin_commit_by_hand(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_int_equal(stw_tx_begin(ctx), STW_INTERNAL);
    assert_int_equal(add("1", "a"), STW_OK);
    assert_int_equal(stw_tx_commit(ctx), STW_OK);
    assert_null(ctx->tx);
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_int_equal(stw_tx_commit(ctx), STW_OK); /* empty */
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_int_equal(add("2", "b"), STW_OK);
    stw_tx_rollback(ctx);
    stw_tx_rollback(ctx);
    assert_string_equal(names(), "a");
}

static void test_abandoned_with_its_arena(void **state)
{
    (void)state;
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_int_equal(add("1", "a"), STW_OK);
    stw_arena_clear(ctx->arena);
    ctx->tx = NULL;
    assert_string_equal(names(), "");
}

static enum stw_code star_last(struct stw_context *c, void *argument)
{
    static const struct stw_stmt star = {"x_s0", "select *, 0 as i from starry", 0, STW_STMT_READ};
    (void)argument;
    runs++;
    return stw_tx_last(c, &star, NULL);
}

static enum stw_code star_four_times(struct stw_context *c, void *argument)
{
    (void)argument;
    static const struct stw_stmt stars[] = {{"x_s1", "select *, 1 as i from starry", 0, STW_STMT_READ},
                                            {"x_s2", "select *, 2 as i from starry", 0, STW_STMT_READ},
                                            {"x_s3", "select *, 3 as i from starry", 0, STW_STMT_READ},
                                            {"x_s4", "select *, 4 as i from starry", 0, STW_STMT_READ},
                                            {"x_s5", "select *, 5 as i from starry", 0, STW_STMT_READ}};
    runs++;
    for (int i = 0; i < 5; i++) {
        enum stw_code code = stw_db_run(c, &stars[i], NULL, NULL);
        if (code != STW_OK)
            return code;
    }
    return STW_OK;
}

static void test_stale_statements_repeat_the_body(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    ctx->db = stw_db_new(&options);
    pg_sql("create table app.starry (a integer)");
    assert_int_equal(stw_tx_run(ctx, star_four_times, NULL, false), STW_OK);
    pg_sql("alter table app.starry add column b text");
    runs = 0;
    assert_int_equal(stw_tx_run(ctx, star_four_times, NULL, false), STW_OK);
    assert_int_equal(runs, 2);
    assert_int_equal(stw_tx_run(ctx, star_last, NULL, false), STW_OK);
    pg_sql("alter table app.starry add column c text");
    runs = 0;
    assert_int_equal(stw_tx_run(ctx, star_last, NULL, false), STW_OK);
    assert_int_equal(runs, 2);
    stw_db_free(ctx->db);
    ctx->db = db;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)
    const struct CMUnitTest tests[] = {
        TEST(test_commits),
        TEST(test_dry_run_leaves_nothing),
        TEST(test_refusal_rolls_back),
        TEST(test_hidden_error_is_not_committed),
        TEST(test_a_body_must_not_end_the_transaction),
        TEST(test_constraint_at_commit),
        TEST(test_serialization_is_repeated),
        TEST(test_savepoints),
        TEST(test_savepoint_before_any_statement),
        TEST(test_organisation_may_change_within),
        TEST(test_the_last_goes_out_with_commit),
        TEST(test_when_the_last_fails_nothing_is_stored),
        TEST(test_lost_connections),
        TEST(test_deadline),
        TEST(test_begin_commit_by_hand),
        TEST(test_abandoned_with_its_arena),
        TEST(test_stale_statements_repeat_the_body),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
