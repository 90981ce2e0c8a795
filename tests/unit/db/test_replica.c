/* What goes to the standby, what comes back from it, and where commits stand. The standby here is the same
 * server by another way, so that a statement can tell where it runs. */
#include "fixture.h"

#include "db/internal.h"
#include "db/replica.h"

#define HERE "coalesce(nullif(current_setting('app.place', true), ''), 'primary')"

static struct stw_replica *replica;
static struct stw_db *watching;
static struct request looker;
static struct stw_trail trails[CALLERS_MAX];
static char read_url[1400];

static void look(void)
{
    struct stw_context other = looker.ctx;
    assert_int_equal(stw_replica_look(replica, &looker.ctx, &other), STW_OK);
}

static struct stw_db_options options_with_replica(void)
{
    bool uri = strstr(pg_url(), "://") != NULL;
    snprintf(read_url, sizeof read_url, "%s%s", pg_url(),
             !uri                            ? " options='-c app.place=standby'"
             : strchr(pg_url(), '?') == NULL ? "?options=-capp.place%3Dstandby"
                                             : "&options=-capp.place%3Dstandby");
    struct stw_db_options options = options_of(1, 2, 1, NULL);
    options.read_url = read_url;
    options.replica = replica;
    options.replica_quick = 2;
    options.replica_slow = 1;
    return options;
}

static bool all_up(void)
{
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    return stats.connections_up == stats.connections_max;
}

static int set_up(void **state)
{
    (void)state;
    pg_sql(
        "drop schema if exists app cascade; create schema app;"
        "create table app.items (id integer primary key, other integer unique deferrable initially deferred);"
        "create function app.fail(code text) returns text language plpgsql as $$ begin"
        " if " HERE " = 'primary' then return 'primary'; end if;"
        " raise exception 'x' using errcode = code; end $$");
    replica = stw_replica_new(60000000);
    struct stw_db_options options = options_of(0, 1, 0, NULL);
    watching = stw_db_new(&options);
    request_open(&looker, watching);
    theatre_open(options_with_replica());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    theatre_close();
    request_close(&looker);
    stw_db_free(watching);
    stw_replica_free(replica);
    return 0;
}

static enum stw_code run(struct stw_context *ctx, const char *sql, enum stw_stmt_kind kind,
                         const char **ret_text)
{
    const struct stw_stmt stmt = {NULL, sql, 0, kind, 0};
    struct stw_rows *rows = NULL;
    enum stw_code code = stw_db_run(ctx, &stmt, NULL, &rows);
    if (code == STW_OK && ret_text != NULL)
        *ret_text = stw_rows_text(rows, 0, 0);
    return code;
}

static const char *place_of(struct stw_context *ctx, enum stw_stmt_kind kind)
{
    const char *place = NULL;
    assert_int_equal(run(ctx, "select " HERE, kind, &place), STW_OK);
    return place;
}

/* Every caller has a trail; by default it may lag. */
static void allow(struct stw_context *ctx, int number)
{
    trails[number] = (struct stw_trail){.may_lag = true};
    ctx->trail = &trails[number];
}

/* With all connections up and known to be up. */
static void ready(void)
{
    while (!all_up())
        theatre_settle(5);
    look();
}

static void play(void (*body)(struct stw_context *ctx, int number), int first, int count)
{
    ready();
    for (int i = 0; i < count; i++)
        theatre_add(body, first + i);
    theatre_play();
    theatre_clear();
}

static void stats_now(struct stw_db_stats *stats)
{
    stw_db_stats_read(theatre.db, stats);
}

/* ---- choice ---- */

static void choose(struct stw_context *ctx, int number)
{
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
    allow(ctx, number);
    assert_string_equal(place_of(ctx, STW_STMT_POINT), "primary");
    assert_string_equal(place_of(ctx, STW_STMT_READ), "standby");
    assert_string_equal(place_of(ctx, STW_STMT_SLOW), "standby");
    ctx->trail->seen = STW_POSITION_NONE;
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
    ctx->trail->seen = 0;
    /* It has seen the present. */
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
    allow(ctx, number);
    assert_string_equal(place_of(ctx, STW_STMT_WRITE), "primary");
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
    allow(ctx, number);
    assert_int_equal(stw_tx_begin(ctx), STW_OK);
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
    stw_tx_rollback(ctx);
    assert_string_equal(place_of(ctx, STW_STMT_READ), "primary");
}

static void test_reads_that_may_lag_go_there(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    play(choose, 0, 1);
    stats_now(&stats);
    assert_int_equal(stats.replica_reads, 2);
    assert_int_equal(stats.replica_fallbacks, 0);
}

static void read_one(struct stw_context *ctx, int number)
{
    allow(ctx, number);
    place_of(ctx, STW_STMT_READ);
}

static void test_not_without_a_recent_look(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    assert_false(stw_replica_serves(replica, 0, 0));
    assert_int_equal(stw_replica_lag_us(replica), -1);
    ready();
    assert_true(stw_replica_serves(replica, 0, 0));
    assert_true(stw_replica_lag_us(replica) >= 0);
    /* Connections that came up since the last look may lead to one that went back. */
    assert_false(stw_replica_serves(replica, 0, stw_clock_monotonic_us()));
    usleep(1100000);
    assert_false(stw_replica_serves(replica, 0, 0));
    theatre_add(read_one, 0);
    theatre_play();
    theatre_clear();
    stats_now(&stats);
    assert_int_equal(stats.replica_reads, 0);
    play(read_one, 0, 1);
    stats_now(&stats);
    assert_int_equal(stats.replica_reads, 1);
}

/* ---- falling back ---- */

static const char *const own_troubles[] = {"40001", "40P01", "25006", "57P03", "53300", "08006", "55P03"};
#define OWN_TROUBLES (int)(sizeof own_troubles / sizeof own_troubles[0])

static void be_refused(struct stw_context *ctx, int number)
{
    char sql[64];
    const char *place = NULL;
    allow(ctx, number);
    snprintf(sql, sizeof sql, "select app.fail('%s')", own_troubles[number]);
    assert_int_equal(run(ctx, sql, number % 2 ? STW_STMT_SLOW : STW_STMT_READ, &place), STW_OK);
    assert_string_equal(place, "primary");
    assert_string_equal(ctx->details->sqlstate, "");
    assert_string_equal(ctx->details->internal, "");
    assert_false(ctx->trail->may_lag);
}

static void fail_itself(struct stw_context *ctx, int number)
{
    allow(ctx, number);
    assert_int_equal(run(ctx, "select app.fail('22012')", STW_STMT_READ, NULL), STW_INTERNAL);
    assert_int_equal(run(ctx, "select app.fail('57014')", STW_STMT_READ, NULL), STW_DEADLINE_EXCEEDED);
    assert_true(ctx->trail->may_lag);
}

static void test_the_standbys_own_trouble_is_nobodys(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    for (int i = 0; i < OWN_TROUBLES; i++)
        play(be_refused, i, 1);
    stats_now(&stats);
    assert_int_equal(stats.replica_fallbacks, OWN_TROUBLES);
    assert_int_equal(stats.replica_reads, 0);
    play(fail_itself, 0, 1);
    stats_now(&stats);
    assert_int_equal(stats.replica_fallbacks, OWN_TROUBLES);
    assert_int_equal(stats.replica_reads, 2);
}

static void kill_there(struct stw_context *ctx, int number)
{
    const char *place = NULL;
    allow(ctx, number);
    assert_int_equal(run(ctx,
                         "select case when " HERE
                         " = 'standby' then pg_terminate_backend(pg_backend_pid())::text "
                         "else 'primary' end",
                         STW_STMT_READ, &place),
                     STW_OK);
    assert_string_equal(place, "primary");
}

/* Those that wait for a connection too: none will come. */
static void test_all_its_connections_go_under_many_readers(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    play(kill_there, 0, 40);
    stats_now(&stats);
    assert_true(stats.replica_fallbacks >= 2);
    assert_int_equal(stats.leases_held, 0);
    assert_int_equal(stats.leases_waiting, 0);
    assert_int_equal(stats.lease_timeouts, 0);
}

static void hang_there(struct stw_context *ctx, int number)
{
    const char *place = NULL;
    allow(ctx, number);
    assert_int_equal(run(ctx,
                         "select " HERE " from (select case when " HERE
                         " = 'standby' then pg_sleep(9) end offset 0) as x",
                         STW_STMT_READ, &place),
                     STW_OK);
    assert_string_equal(place, "primary");
}

static void test_a_standby_that_falls_silent_is_not_waited_for(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    play(hang_there, 0, 3);
    stats_now(&stats);
    assert_true(stats.replica_fallbacks >= 2);
}

/* ---- where commits stand ---- */

static uint64_t position_now(void)
{
    uint64_t position = 0;
    assert_true(stw_position_parse(pg_value("select pg_current_wal_insert_lsn()"), &position));
    return position;
}

static enum stw_code insert_body(struct stw_context *ctx, void *sql)
{
    return run(ctx, sql, STW_STMT_WRITE, NULL);
}

static void write_all_ways(struct stw_context *ctx, int number)
{
    static char by_tx[] = "insert into app.items values (2, 2) returning id";
    static char late[] = "insert into app.items values (3, 2) returning id";
    static char twice[] = "insert into app.items values (1, 4) returning id";
    struct stw_trail *trail = &trails[number];
    allow(ctx, number);
    uint64_t before = position_now();
    assert_int_equal(run(ctx, "insert into app.items values (1, 1) returning id", STW_STMT_WRITE, NULL),
                     STW_OK);
    uint64_t first = trail->wrote;
    assert_in_range(first, before + 1, position_now());
    assert_int_equal(stw_tx_run(ctx, insert_body, by_tx, false), STW_OK);
    uint64_t second = trail->wrote;
    assert_in_range(second, first + 1, position_now());
    /* What was not done stands nowhere: an error, one at the commit, a dry run. */
    assert_int_equal(run(ctx, twice, STW_STMT_WRITE, NULL), STW_CONSTRAINT);
    assert_int_equal(run(ctx, late, STW_STMT_WRITE, NULL), STW_CONSTRAINT);
    assert_int_equal(stw_tx_run(ctx, insert_body, late, false), STW_CONSTRAINT);
    assert_int_equal(run(ctx, "insert into app.items values (5, 5) returning id", STW_STMT_READ, NULL),
                     STW_OK);
    static char dry[] = "insert into app.items values (6, 6) returning id";
    assert_int_equal(stw_tx_run(ctx, insert_body, dry, true), STW_OK);
    assert_true(trail->wrote == second);
    assert_false(trail->in_doubt);
}

static void test_commits_tell_where_they_stand(void **state)
{
    struct stw_db_stats stats;
    (void)state;
    play(write_all_ways, 0, 1);
    stats_now(&stats);
    assert_int_equal(stats.reconnects, 0);
    assert_true(stw_replica_seen(replica, "a") == 0);
    stw_replica_keep(replica, "a", &trails[0]);
    assert_true(stw_replica_seen(replica, "a") == trails[0].wrote);
    struct stw_trail earlier = {.wrote = trails[0].wrote - 1};
    stw_replica_keep(replica, "a", &earlier);
    assert_true(stw_replica_seen(replica, "a") == trails[0].wrote);
    assert_true(stw_replica_seen(replica, "b") == 0);
    assert_false(stw_replica_serves(replica, trails[0].wrote, 0));
    look();
    assert_true(stw_replica_serves(replica, trails[0].wrote, 0));
}

static void write_in_doubt(struct stw_context *ctx, int number)
{
    allow(ctx, number);
    assert_int_equal(run(ctx, "select pg_terminate_backend(pg_backend_pid())", STW_STMT_WRITE, NULL),
                     STW_OUTCOME_UNKNOWN);
    assert_true(ctx->trail->in_doubt);
    assert_true(ctx->trail->wrote == 0);
}

static void test_after_a_commit_in_doubt_nothing_lags(void **state)
{
    (void)state;
    play(write_in_doubt, 0, 1);
    stw_replica_keep(replica, "a", &trails[0]);
    assert_true(stw_replica_seen(replica, "a") == STW_POSITION_NONE);
    assert_true(stw_replica_seen(replica, "b") == 0);
}

static void test_positions_as_text(void **state)
{
    static const char *const wrong[] = {"",     "/",    "0",     "0/",   "/0",  "0/123456789", "123456789/0",
                                        "0/0 ", " 0/0", "0x1/0", "-1/0", "g/0", "0/0/0"};
    char text[STW_POSITION_TEXT];
    uint64_t position;
    (void)state;
    stw_position_write(UINT64_C(0x1A2B3C4D5E), text);
    assert_string_equal(text, "1A/2B3C4D5E");
    stw_position_write(UINT64_MAX, text);
    assert_string_equal(text, "FFFFFFFF/FFFFFFFF");
    assert_true(stw_position_parse("1a/2B3C4D5E", &position));
    assert_true(position == UINT64_C(0x1A2B3C4D5E));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(stw_position_parse(wrong[i], &position));
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DB(test_reads_that_may_lag_go_there),
        WITH_DB(test_not_without_a_recent_look),
        WITH_DB(test_the_standbys_own_trouble_is_nobodys),
        WITH_DB(test_all_its_connections_go_under_many_readers),
        WITH_DB(test_a_standby_that_falls_silent_is_not_waited_for),
        WITH_DB(test_commits_tell_where_they_stand),
        WITH_DB(test_after_a_commit_in_doubt_nothing_lags),
        cmocka_unit_test(test_positions_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
