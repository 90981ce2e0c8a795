/* The blocking driver. */
#include "fixture.h"

#include "db/internal.h"

#define SHORTLY_US 100000

static void (*wait_really)(void *self, struct stw_wait *wait);

/* By then the answer is there, and the driver's first tick reads it when TLS may have kept some of it. */
static void wait_late(void *self, struct stw_wait *wait)
{
    usleep(SHORTLY_US);
    wait_really(self, wait);
}

static void test_an_answer_that_the_tick_reads_is_not_waited_for(void **state)
{
    (void)state;
    const struct stw_stmt stmt = {NULL, "select 1", 0, STW_STMT_READ, 0};
    struct request request;
    struct stw_db *db = caller_open(&request);
    /* A connection that comes up meanwhile would end the wait. */
    for (int tries = 0; tries < 1000 && !stw_db_is_ready(db); tries++)
        assert_int_equal(stw_db_run(&request.ctx, &stmt, NULL, NULL), STW_OK);
    assert_true(stw_db_is_ready(db));
    for (int i = 0; i < db->conn_count; i++)
        db->conns[i].encrypted = true;
    wait_really = db->hooks.wait;
    db->hooks.wait = wait_late;
    int64_t begun = stw_clock_monotonic_us();
    request.ctx.deadline_us = begun + 20 * SHORTLY_US;
    assert_int_equal(stw_db_run(&request.ctx, &stmt, NULL, NULL), STW_OK);
    assert_true(stw_clock_monotonic_us() - begun < 10 * SHORTLY_US);
    db->hooks.wait = wait_really;
    caller_close(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_that_the_tick_reads_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
