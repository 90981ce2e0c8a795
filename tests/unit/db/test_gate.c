/* A few reads at a time. */
#include "fixture.h"

#include "db/internal.h"

static int most_reads, reads_now;

static void run(struct stw_context *ctx, const char *sql, enum stw_stmt_kind kind)
{
    const struct stw_stmt stmt = {NULL, sql, 0, kind, 0};
    assert_int_equal(stw_db_run(ctx, &stmt, NULL, NULL), STW_OK);
}

static void look(void)
{
    reads_now = theatre.db->pools[STW_POOL_QUICK].gated;
    if (reads_now > most_reads)
        most_reads = reads_now;
}

static void read_shortly(struct stw_context *ctx, int number)
{
    (void)number;
    for (int i = 0; i < 5; i++) {
        run(ctx, "select pg_sleep(0.005)", STW_STMT_READ);
        look();
    }
}

static void write_shortly(struct stw_context *ctx, int number)
{
    (void)number;
    run(ctx, "select pg_sleep(0.02)", STW_STMT_WRITE);
}

static void open_gated(void)
{
    struct stw_db_options options = options_of(0, 6, 0, NULL);
    options.reads = 2;
    theatre_open(options);
    theatre_ready();
    most_reads = 0;
}

static void test_few_reads_run_at_once(void **state)
{
    (void)state;
    open_gated();
    for (int i = 0; i < 12; i++)
        theatre_add(i < 8 ? read_shortly : write_shortly, i);
    theatre_turn();
    /* Two reads, and all four writes: the gate is not theirs. */
    assert_int_equal(theatre.db->pools[STW_POOL_QUICK].gated, 2);
    struct stw_db_stats stats;
    stw_db_stats_read(theatre.db, &stats);
    assert_int_equal(stats.leases_held, 6);
    assert_int_equal(stats.leases_waiting, 6);
    theatre_play();
    assert_in_range(most_reads, 1, 2);
    assert_int_equal(theatre.db->pools[STW_POOL_QUICK].gated, 0);
    theatre_close();
}

static void read_long(struct stw_context *ctx, int number)
{
    (void)number;
    run(ctx, "select pg_sleep(0.4)", STW_STMT_READ);
}

static bool short_ones_ended(void)
{
    for (int i = 2; i < 6; i++)
        if (!theatre.callers[i].ended)
            return false;
    return true;
}

static void test_a_long_read_leaves_the_gate(void **state)
{
    (void)state;
    open_gated();
    for (int i = 0; i < 6; i++)
        theatre_add(i < 2 ? read_long : read_shortly, i);
    while (!short_ones_ended())
        theatre_turn();
    assert_false(theatre.callers[0].ended);
    assert_false(theatre.callers[1].ended);
    theatre_play();
    assert_int_equal(theatre.db->pools[STW_POOL_QUICK].gated, 0);
    theatre_close();
}

static void die(struct stw_context *ctx, int number)
{
    static const struct stw_stmt stmt = {NULL, "select pg_terminate_backend(pg_backend_pid())", 0,
                                         STW_STMT_READ, 0};
    (void)number;
    assert_int_equal(stw_db_run(ctx, &stmt, NULL, NULL), STW_UNAVAILABLE);
}

static void test_a_lost_connection_leaves_the_gate(void **state)
{
    (void)state;
    open_gated();
    for (int i = 0; i < 4; i++)
        theatre_add(die, i);
    theatre_play();
    assert_int_equal(theatre.db->pools[STW_POOL_QUICK].gated, 0);
    theatre_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_reads_run_at_once),
        cmocka_unit_test(test_a_long_read_leaves_the_gate),
        cmocka_unit_test(test_a_lost_connection_leaves_the_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
