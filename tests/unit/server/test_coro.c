#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/coro.h"

struct job {
    int steps;
    int done;
    struct srv_coro *self;
};

static void count(void *argument)
{
    struct job *job = argument;

    job->self = srv_coro_current();
    for (int i = 0; i < job->steps; i++) {
        job->done++;
        srv_coro_yield();
        assert_ptr_equal(srv_coro_current(), job->self);
    }
    job->done = -1;
}

static void runs_until_it_yields(void **state)
{
    struct srv_coro_pool *pool = srv_coro_pool_new(4);
    struct job job = {.steps = 2};

    (void)state;
    assert_true(srv_coro_start(pool, count, &job));
    assert_null(srv_coro_current());
    assert_int_equal(job.done, 1);
    srv_coro_resume(job.self);
    assert_int_equal(job.done, 2);
    srv_coro_resume(job.self);
    assert_int_equal(job.done, -1);
    srv_coro_pool_free(pool);
}

static void a_finished_one_is_used_again(void **state)
{
    struct srv_coro_pool *pool = srv_coro_pool_new(1);
    struct job first = {0};
    struct job second = {0};

    (void)state;
    srv_coro_start(pool, count, &first);
    srv_coro_start(pool, count, &second);
    assert_int_equal(second.done, -1);
    assert_ptr_equal(first.self, second.self);
    srv_coro_pool_free(pool);
}

static void many_interleave(void **state)
{
    enum { MANY = 500 };
    struct srv_coro_pool *pool = srv_coro_pool_new(16);
    static struct job jobs[MANY];

    (void)state;
    for (int round = 0; round < 3; round++) {
        memset(jobs, 0, sizeof(jobs));
        for (int i = 0; i < MANY; i++) {
            jobs[i].steps = 1 + i % 5;
            assert_true(srv_coro_start(pool, count, &jobs[i]));
        }
        for (int step = 0; step < 5; step++)
            for (int i = MANY - 1; i >= 0; i--)
                if (jobs[i].done >= 0)
                    srv_coro_resume(jobs[i].self);
        for (int i = 0; i < MANY; i++)
            assert_int_equal(jobs[i].done, -1);
    }
    srv_coro_pool_free(pool);
}

/* Fills most of the stack, so that a wrong size or a missing announcement shows. */
static void use_stack(void *argument)
{
    volatile char room[40 * 1024];
    struct job *job = argument;

    job->self = srv_coro_current();
    memset((char *)(uintptr_t)room, 7, sizeof(room));
    srv_coro_yield();
    job->done = room[0] + room[sizeof(room) - 1];
}

static void the_stack_holds_40_kilobytes(void **state)
{
    struct srv_coro_pool *pool = srv_coro_pool_new(1);
    struct job job = {0};

    (void)state;
    assert_true(srv_coro_start(pool, use_stack, &job));
    srv_coro_resume(job.self);
    assert_int_equal(job.done, 14);
    srv_coro_pool_free(pool);
}

static void yield_outside(void)
{
    srv_coro_yield();
}

static void free_while_running(void)
{
    struct srv_coro_pool *pool = srv_coro_pool_new(1);
    struct job job = {.steps = 1};

    srv_coro_start(pool, count, &job);
    srv_coro_pool_free(pool);
}

static void assert_aborts(void (*run)(void))
{
    pid_t child = fork();
    int status = 0;

    if (!child) {
        close(2);
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_aborts(yield_outside);
    assert_aborts(free_while_running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_until_it_yields), cmocka_unit_test(a_finished_one_is_used_again),
        cmocka_unit_test(many_interleave),      cmocka_unit_test(the_stack_holds_40_kilobytes),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
