/* Commits that wait for a standby, servers that do not answer. On a cluster of its own: it changes the whole
 * of it. */
#include "fixture.h"

#include <signal.h>

static enum stw_code codes[8];
static int64_t took_us[8];

static int set_up(void **state)
{
    (void)state;
    unsetenv("STEWARD_TEST_DATABASE_URL");
    pg_sql("create schema app; create table app.items (id integer primary key, name text)");
    return 0;
}

static void standby_missing(bool missing)
{
    pg_sql(missing ? "alter system set synchronous_standby_names = 'nobody'"
                   : "alter system reset synchronous_standby_names");
    pg_sql("select pg_reload_conf()");
    usleep(100000);
}

static void write_row(struct stw_context *ctx, int number)
{
    char sql[128];
    snprintf(sql, sizeof sql, "insert into items values (%d, 'w') returning id", number);
    struct stw_stmt stmt = {NULL, sql, 0, STW_STMT_WRITE};
    if (number % 2 == 0)
        ctx->deadline_us = stw_clock_monotonic_us() + 200000;
    codes[number] = stw_db_run(ctx, &stmt, NULL, NULL);
}

static enum stw_code insert_in_tx(struct stw_context *ctx, void *argument)
{
    struct stw_stmt stmt = {NULL, argument, 0, STW_STMT_WRITE};
    return stw_db_run(ctx, &stmt, NULL, NULL);
}

static void write_in_tx(struct stw_context *ctx, int number)
{
    char sql[128];
    snprintf(sql, sizeof sql, "insert into items values (%d, 'tx')", number);
    if (number % 2 == 0)
        ctx->deadline_us = stw_clock_monotonic_us() + 200000;
    codes[number] = stw_tx_run(ctx, insert_in_tx, sql, false);
}

static void test_commit_that_was_not_replicated(void **state)
{
    (void)state;
    standby_missing(true);
    theatre_open(options_of(0, 4, 0, NULL));
    theatre_ready();
    theatre_add(write_row, 0);   /* leaves at its deadline */
    theatre_add(write_row, 1);   /* is cancelled by somebody: succeeds with warning 01000 */
    theatre_add(write_in_tx, 2); /* the same in COMMIT */
    theatre_add(write_in_tx, 3);
    theatre_settle(600);
    pg_sql("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    theatre_play();
    for (int i = 0; i < 4; i++)
        assert_int_equal(codes[i], STW_OUTCOME_UNKNOWN);
    theatre_clear();
    standby_missing(false);
    /* They stand, nobody said so, and all connections are good again. */
    theatre_settle(100);
    assert_string_equal(pg_value("select count(*) from app.items"), "4");
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    assert_int_equal(stats.leases_held, 0);
    assert_int_equal(stats.reconnects, 0);
    theatre_add(write_row, 5);
    theatre_play();
    assert_int_equal(codes[5], STW_OK);
    theatre_close();
}

static void read_with_deadline(struct stw_context *ctx, int number)
{
    struct stw_stmt stmt = {NULL, "select 1", 0, number % 2 == 0 ? STW_STMT_POINT : STW_STMT_READ};
    int64_t start_us = stw_clock_monotonic_us();
    ctx->deadline_us = start_us + 100000;
    codes[number] = stw_db_run(ctx, &stmt, NULL, NULL);
    took_us[number] = stw_clock_monotonic_us() - start_us;
}

static void signal_backends(int which)
{
    char pids[4096];
    snprintf(
        pids, sizeof pids, "%s",
        pg_value("select string_agg(pid::text, ' ') from pg_stat_activity where application_name = 'unit'"));
    for (char *rest = pids, *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        assert_int_equal(kill(atoi(word), which), 0);
}

static void test_server_that_does_not_answer(void **state)
{
    (void)state;
    theatre_open(options_of(1, 1, 0, NULL));
    theatre_ready();
    signal_backends(SIGSTOP);
    for (int i = 0; i < 4; i++)
        theatre_add(read_with_deadline, i);
    theatre_play();
    for (int i = 0; i < 4; i++) {
        assert_true(codes[i] == STW_DEADLINE_EXCEEDED || codes[i] == STW_OVERLOADED);
        assert_in_range(took_us[i], 0, 200000);
    }
    theatre_clear();
    /* Both connections are given up and replaced, although the old backends still hang. */
    theatre_settle(5500);
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    assert_int_equal(stats.reconnects, 2);
    assert_int_equal(stats.leases_held + stats.lane_in_flight, 0);
    theatre_add(read_with_deadline, 0);
    theatre_add(read_with_deadline, 1);
    theatre_play();
    assert_int_equal(codes[0], STW_OK);
    assert_int_equal(codes[1], STW_OK);
    signal_backends(SIGCONT);
    theatre_close();
}

/* A server that is as good as gone takes no cancel request either, and nobody waits for that: not even jobs
 * and the command line, which have a single thread. */
static void test_cancel_that_nobody_takes(void **state)
{
    (void)state;
    char path[128];
    int postmaster = 0;
    snprintf(path, sizeof path, "%s/data/postmaster.pid", pg_folder_);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &postmaster), 1);
    fclose(file);
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    struct request request;
    request_open(&request, stw_db_new(&options));
    struct stw_stmt ready = {NULL, "select 1", 0, STW_STMT_READ},
                    slow = {NULL, "select pg_sleep(20)", 0, STW_STMT_READ};
    assert_int_equal(stw_db_run(&request.ctx, &ready, NULL, NULL), STW_OK);
    assert_int_equal(kill(postmaster, SIGSTOP), 0);
    int64_t start_us = stw_clock_monotonic_us();
    request.ctx.deadline_us = start_us + 100000;
    assert_int_equal(pg_shell_("(sleep 8; kill -CONT %d) &", postmaster),
                     0); /* should somebody wait after all */
    enum stw_code code = stw_db_run(&request.ctx, &slow, NULL, NULL);
    int64_t took = stw_clock_monotonic_us() - start_us;
    assert_int_equal(kill(postmaster, SIGCONT), 0);
    assert_int_equal(code, STW_DEADLINE_EXCEEDED);
    assert_in_range(took, 0, 5000000);
    stw_db_free(request.ctx.db);
    request_close(&request);
}

static void write_on(struct stw_context *ctx, int number)
{
    struct stw_stmt stmt = {NULL, "insert into items select max(id) + 1, 'r' from items", 0, STW_STMT_WRITE};
    codes[number] = stw_db_run(ctx, &stmt, NULL, NULL);
}

static void test_server_restarts(void **state)
{
    (void)state;
    struct stw_db_options options = options_of(1, 2, 0, NULL);
    options.lease_wait_us = 3000000;
    theatre_open(options);
    theatre_ready();
    assert_int_equal(pg_shell_("%s '%s/pg_ctl' -D %s/data -m immediate -w -l %s/log restart >/dev/null",
                               geteuid() == 0 ? "runuser -u postgres --" : "", pg_bin_, pg_folder_,
                               pg_folder_),
                     0);
    /* Nothing was in flight, so nothing is in doubt: the write waits for a new connection. */
    theatre_add(write_on, 0);
    theatre_play();
    assert_int_equal(codes[0], STW_OK);
    theatre_settle(2500);
    assert_true(stw_db_is_ready(theatre.db));
    theatre_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_that_was_not_replicated),
        cmocka_unit_test(test_server_that_does_not_answer),
        cmocka_unit_test(test_cancel_that_nobody_takes),
        cmocka_unit_test(test_server_restarts),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
