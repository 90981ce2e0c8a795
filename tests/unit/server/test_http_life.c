#include "http_fixture.h"

/* Connections that are slow, gone or many. */

/* Sends `bytes` and waits for the end; returns what came and how long it took. */
static char *slow(const char *bytes, int64_t *ret_ms)
{
    int64_t start_ms = now_ms();
    char *text = talk(bytes);

    *ret_ms = now_ms() - start_ms;
    return text;
}

static void slow_senders_are_closed(void **state)
{
    int64_t took;
    char *text = slow("", &took);

    (void)state;
    assert_string_equal(text, "");
    assert_in_range(took, 600, 3000);
    free(text);
    free(slow("GET /half", &took));
    assert_in_range(took, 600, 3000);
    refused(slow("GET /h HTTP/1.1\r\nHost: x\r\nX-Ha", &took), "HTTP/1.1 408", "request_timeout");
    assert_in_range(took, 600, 3000);
    refused(slow("POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", &took), "HTTP/1.1 408",
            "request_timeout");
    assert_in_range(took, 800, 3500);
}

/* A byte now and then keeps libmicrohttpd's own timeout content, not ours. */
static void dripping_does_not_help(void **state)
{
    int fd = dial(shared.port);
    int64_t start_ms = now_ms();
    struct pollfd end = {.fd = fd, .events = POLLIN};

    (void)state;
    assert_true(put(fd, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n", 31));
    usleep(300000);
    assert_true(recv(fd, (char[4096]){0}, 4096, 0) > 0);
    while (now_ms() - start_ms < 6000) {
        if (!put(fd, "G", 1))
            break;
        if (poll(&end, 1, 100) == 1)
            break;
    }
    assert_in_range(now_ms() - start_ms, 500, 4000);
    close(fd);
}

static void slow_readers_are_closed(void **state)
{
    int fd = dial(shared.port);
    int64_t start_ms = now_ms();
    struct pollfd end = {.fd = fd, .events = POLLHUP};
    static const char bytes[] = "GET /large?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    assert_true(put(fd, bytes, sizeof(bytes) - 1));
    assert_int_equal(poll(&end, 1, 5000), 1);
    assert_in_range(now_ms() - start_ms, 1000, 4000);
    close(fd);
}

static void a_client_may_leave_while_its_handler_runs(void **state)
{
    static const char bytes[] = "GET /sleep?ms=150 HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct linger now = {.l_onoff = i % 2, .l_linger = 0};
        int fd = dial(shared.port);

        assert_true(put(fd, bytes, sizeof(bytes) - 1));
        usleep(5000);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
    }
    usleep(300000);
    EXPECT(talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200");
}

static void *one_client(void *failures)
{
    static const char bytes[] = "GET /sleep?ms=5 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char last[] = "GET /offload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fd = dial(shared.port);
    int error;
    char *text;

    for (int i = 0; i < 20; i++)
        put(fd, bytes, sizeof(bytes) - 1);
    put(fd, last, sizeof(last) - 1);
    text = rest(fd, &error);
    if (error || times(text, "HTTP/1.1 200") != 21)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    free(text);
    return NULL;
}

static void sixty_four_at_once(void **state)
{
    pthread_t threads[64];
    int failures = 0;

    (void)state;
    for (int i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_client, &failures), 0);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
}

static void too_many_requests_are_turned_away(void **state)
{
    static const char bytes[] = "GET /sleep?ms=1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fds[110];
    int served = 0;
    int error;

    (void)state;
    for (int i = 0; i < 110; i++) {
        fds[i] = dial(shared.port);
        assert_true(put(fds[i], bytes, sizeof(bytes) - 1));
    }
    usleep(300000);
    EXPECT(talk("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200");
    EXPECT(talk("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 503", "overloaded",
           "Retry-After: 1");
    for (int i = 0; i < 110; i++) {
        char *text = rest(fds[i], &error);

        served += times(text, "HTTP/1.1 200");
        free(text);
    }
    assert_int_equal(served, 100);
}

/* Who has an answer finds its line, also when the process is killed right then. */
static void a_line_is_out_before_its_answer(void **state)
{
    static const char asked[] = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int kept = dup(STDERR_FILENO);
    struct child child;
    int ends[2], late = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    child = start();
    dup2(kept, STDERR_FILENO);
    close(kept);
    for (int i = 0; i < 200; i++) {
        struct pollfd line = {.fd = ends[0], .events = POLLIN};
        int fd = dial(child.port);
        char text[4096];
        int error;

        put(fd, asked, sizeof(asked) - 1);
        late += recv(fd, text, 1, 0) != 1 || poll(&line, 1, 0) != 1;
        free(rest(fd, &error));
        late += poll(&line, 1, 1000) != 1 || read(ends[0], text, sizeof(text)) <= 0;
    }
    assert_int_equal(stop(child), 0);
    assert_int_equal(late, 0);
    close(ends[0]);
    close(ends[1]);
}

/* Bytes behind a request that is the last by its own words, more of them later. */
static void what_stands_behind_the_last_request_resets_nothing(void **state)
{
    static const char last[] = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static char more[200000];

    (void)state;
    memset(more, 'x', sizeof(more));
    memcpy(more, last, sizeof(last) - 1);
    for (int i = 0; i < 10; i++) {
        int fd = dial(shared.port);
        struct pollfd torn = {.fd = fd};
        int error;

        assert_true(put(fd, more, sizeof(more)));
        usleep(50000);
        assert_true(put(fd, more, sizeof(more)));
        assert_int_equal(poll(&torn, 1, 100), 0);
        EXPECT(rest(fd, &error), "HTTP/1.1 200", "<GET /last");
        assert_int_equal(error, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_senders_are_closed),
        cmocka_unit_test(dripping_does_not_help),
        cmocka_unit_test(slow_readers_are_closed),
        cmocka_unit_test(a_client_may_leave_while_its_handler_runs),
        cmocka_unit_test(sixty_four_at_once),
        cmocka_unit_test(too_many_requests_are_turned_away),
        cmocka_unit_test(what_stands_behind_the_last_request_resets_nothing),
        cmocka_unit_test(a_line_is_out_before_its_answer),
    };

    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
