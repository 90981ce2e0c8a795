#include "http_fixture.h"

/* Connections that are slow, gone, many or under way when the server stops. */

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

static void a_stop_loses_nothing(void **state)
{
    static const char slow_one[] = "GET /sleep?ms=700 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char quick[] = "GET /q HTTP/1.1\r\nHost: x\r\n\r\n";
    struct child child = start();
    int busy = dial(child.port);
    int kept = dial(child.port);
    int fresh = dial(child.port);
    int status;
    int error;
    char first[4096];

    (void)state;
    assert_true(put(busy, slow_one, sizeof(slow_one) - 1));
    assert_true(put(kept, quick, sizeof(quick) - 1));
    assert_true(recv(kept, first, sizeof(first), 0) > 0);
    kill(child.pid, SIGTERM);
    usleep(100000);
    /* Accepted before, asking now. */
    assert_true(put(kept, quick, sizeof(quick) - 1));
    assert_true(put(fresh, quick, sizeof(quick) - 1));
    EXPECT(rest(kept, &error), "HTTP/1.1 200", "Connection: close");
    assert_int_equal(error, 0);
    EXPECT(rest(fresh, &error), "HTTP/1.1 200", "Connection: close");
    assert_int_equal(error, 0);
    EXPECT(rest(busy, &error), "HTTP/1.1 200", "Connection: close", "<GET /sleep");
    assert_int_equal(error, 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct hammer {
    int port;
    int bad;
    int good;
};

/* New connections, one request each, until the door is shut; every one that was opened must be answered. */
static void *hammer(void *argument)
{
    static const char bytes[] = "GET /sleep?ms=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct hammer *hammer = argument;

    for (;;) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)hammer->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int error;
        char *text;

        if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
            close(fd);
            return NULL;
        }
        put(fd, bytes, sizeof(bytes) - 1);
        text = rest(fd, &error);
        if (error || times(text, "HTTP/1.1 200") != 1)
            hammer->bad++;
        else
            hammer->good++;
        free(text);
    }
}

static void a_stop_under_load_resets_no_one(void **state)
{
    enum { CLIENTS = 16 };
    pthread_t threads[CLIENTS];
    struct hammer hammers[CLIENTS];
    struct child child = start();
    int good = 0;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        hammers[i] = (struct hammer){.port = child.port};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    usleep(200000);
    assert_int_equal(stop(child), 0);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(hammers[i].bad, 0);
        good += hammers[i].good;
    }
    assert_true(good > CLIENTS);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_senders_are_closed),
        cmocka_unit_test(dripping_does_not_help),
        cmocka_unit_test(slow_readers_are_closed),
        cmocka_unit_test(a_client_may_leave_while_its_handler_runs),
        cmocka_unit_test(sixty_four_at_once),
        cmocka_unit_test(too_many_requests_are_turned_away),
        cmocka_unit_test(a_stop_loses_nothing),
        cmocka_unit_test(a_stop_under_load_resets_no_one),
        cmocka_unit_test(a_line_is_out_before_its_answer),
    };

    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
