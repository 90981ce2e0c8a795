#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/workers.h"

static atomic_int worked;
static atomic_int finished;

static void work(void *what)
{
    (void)what;
    atomic_fetch_add(&worked, 1);
}

static void done(void *what)
{
    (void)what;
    atomic_fetch_add(&finished, 1);
}

static void block(void *what)
{
    pthread_mutex_lock(what);
    pthread_mutex_unlock(what);
}

static void all_is_done_before_free_returns(void **state)
{
    struct srv_workers *workers = srv_workers_new(2, 100);

    (void)state;
    atomic_store(&worked, 0);
    atomic_store(&finished, 0);
    for (int i = 0; i < 100; i++)
        while (srv_workers_submit(workers, work, i % 2 ? done : NULL, NULL))
            usleep(100);
    srv_workers_free(workers);
    assert_int_equal(atomic_load(&worked), 100);
    assert_int_equal(atomic_load(&finished), 50);
}

static void a_full_queue_refuses(void **state)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct srv_workers *workers = srv_workers_new(1, 2);
    int accepted = 0;

    (void)state;
    pthread_mutex_lock(&gate);
    /* One may be with the thread already, two wait. */
    while (accepted < 10 && !srv_workers_submit(workers, block, NULL, &gate)) {
        accepted++;
        usleep(20000);
    }
    assert_int_equal(accepted, 3);
    assert_int_equal(srv_workers_submit(workers, work, NULL, NULL), STW_OVERLOADED);
    pthread_mutex_unlock(&gate);
    srv_workers_free(workers);
}

static int order[8];
static int order_count;

static void note(void *what)
{
    order[order_count++] = (int)(intptr_t)what;
}

static void one_thread_keeps_the_order(void **state)
{
    struct srv_workers *workers = srv_workers_new(1, 8);

    (void)state;
    for (intptr_t i = 0; i < 8; i++)
        assert_int_equal(srv_workers_submit(workers, note, NULL, (void *)i), STW_OK);
    srv_workers_free(workers);
    for (int i = 0; i < 8; i++)
        assert_int_equal(order[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_done_before_free_returns),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(one_thread_keeps_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
