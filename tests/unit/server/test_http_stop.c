#include "http_fixture.h"

/* Connections that are under way, slow or idle when the server stops. */

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

/* Requests that were sent at once: those that are answered are answered whole, the last answer says that it
 * is the last, and what came behind it resets nothing. */
static void a_stop_amid_pipelined_requests_resets_nothing(void **state)
{
    enum { REQUESTS = 2000 };
    static const char one[] = "GET /sleep?ms=1 HTTP/1.1\r\nHost: x\r\nX-Filler: 0123456789abcdef\r\n\r\n";
    struct child child = start();
    int fd = dial(child.port);
    struct pollfd torn = {.fd = fd};
    char *bytes = malloc(REQUESTS * sizeof(one));
    int status, error, answers;
    size_t length = 0;
    char *text;

    (void)state;
    for (int i = 0; i < REQUESTS; i++, length += sizeof(one) - 1)
        memcpy(bytes + length, one, sizeof(one) - 1);
    assert_true(put(fd, bytes, length));
    usleep(30000);
    kill(child.pid, SIGTERM);
    /* A reset could take away the answers that are still on their way. */
    assert_int_equal(poll(&torn, 1, 500), 0);
    text = rest(fd, &error);
    assert_int_equal(error, 0);
    answers = times(text, "HTTP/1.1 200");
    assert_in_range(answers, 1, REQUESTS - 1);
    assert_int_equal(times(text, "<GET /sleep"), answers);
    assert_int_equal(times(text, "Connection: close"), 1);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(status, 0);
    free(text);
    free(bytes);
}

/* A request that is arriving is waited for, also on a connection that had answers before. */
static void a_stop_waits_for_a_line_that_arrives(void **state)
{
    static const char whole[] = "GET /q HTTP/1.1\r\nHost: x\r\n\r\n";
    struct child child;
    int fd, error, status;
    char first[4096];

    (void)state;
    limits.header_ms = 10000;
    child = start();
    limits.header_ms = 700;
    fd = dial(child.port);
    assert_true(put(fd, whole, sizeof(whole) - 1));
    assert_true(recv(fd, first, sizeof(first), 0) > 0);
    kill(child.pid, SIGTERM);
    for (size_t i = 0; i < 12; i++, usleep(100000))
        assert_true(put(fd, whole + i, 1));
    assert_true(put(fd, whole + 12, sizeof(whole) - 1 - 12));
    EXPECT(rest(fd, &error), "HTTP/1.1 200", "Connection: close", "<GET /q");
    assert_int_equal(error, 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(status, 0);
}

/* Half a request and the end behind it, which libmicrohttpd does not notice when they come together. */
static void a_stop_does_not_wait_for_who_is_gone(void **state)
{
    static const char half[] = "POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    int64_t start_ms;
    struct child child;

    (void)state;
    limits.header_ms = limits.body_ms = limits.drain_ms = 20000;
    child = start();
    limits.header_ms = 700, limits.body_ms = 900, limits.drain_ms = 6000;
    kill(child.pid, SIGSTOP);
    for (size_t length = 5; length < sizeof(half); length += 5) {
        int fd = dial(child.port);

        assert_true(put(fd, half, length));
        close(fd);
    }
    kill(child.pid, SIGCONT);
    usleep(200000);
    start_ms = now_ms();
    assert_int_equal(stop(child), 0);
    assert_in_range(now_ms() - start_ms, 0, 8000);
}

/* Whoever does not take his answer, or never sends the rest, can hold up a stop no longer than it may take,
 * and cannot make it a failure. */
static void a_stop_is_clean_beside_those_who_wait(void **state)
{
    static const char large[] = "GET /large?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char half[] = "POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    int64_t start_ms;
    struct child child;
    int reader, sender, error;

    (void)state;
    limits.header_ms = limits.write_ms = 20000;
    limits.drain_ms = 400;
    child = start();
    limits.header_ms = 700, limits.write_ms = 1200, limits.drain_ms = 6000;
    reader = dial(child.port);
    sender = dial(child.port);
    assert_true(put(reader, large, sizeof(large) - 1));
    assert_true(put(sender, half, sizeof(half) - 1));
    usleep(100000);
    start_ms = now_ms();
    assert_int_equal(stop(child), 0);
    assert_in_range(now_ms() - start_ms, 300, 5000);
    EXPECT(rest(sender, &error), "HTTP/1.1 503", "unavailable", "Connection: close");
    close(reader);
}

/* ...but a request that is at work and was not answered is one. */
static void a_stop_that_leaves_a_request_says_so(void **state)
{
    static const char bytes[] = "GET /sleep?ms=5000 HTTP/1.1\r\nHost: x\r\n\r\n";
    struct child child;
    int fd, status;

    (void)state;
    limits.drain_ms = 300;
    child = start();
    limits.drain_ms = 6000;
    fd = dial(child.port);
    assert_true(put(fd, bytes, sizeof(bytes) - 1));
    usleep(100000);
    status = stop(child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_loses_nothing),
        cmocka_unit_test(a_stop_under_load_resets_no_one),
        cmocka_unit_test(a_stop_amid_pipelined_requests_resets_nothing),
        cmocka_unit_test(a_stop_waits_for_a_line_that_arrives),
        cmocka_unit_test(a_stop_does_not_wait_for_who_is_gone),
        cmocka_unit_test(a_stop_is_clean_beside_those_who_wait),
        cmocka_unit_test(a_stop_that_leaves_a_request_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
