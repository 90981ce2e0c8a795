#include "http_fixture.h"

#include "server/guard.h"

/* What HTTP says and what it may not say. */

static void replies_carry_the_common_headers(void **state)
{
    (void)state;
    EXPECT(talk("GET /a?b=c&d HTTP/1.1\r\nHost: x\r\nX-Request-Id: my.id-1\r\nConnection: close\r\n\r\n"),
           "HTTP/1.1 200", "Content-Type: application/json", "X-Request-Id: my.id-1",
           "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "<GET /a 0 my.id-1 127.0.0.1 2>");
    EXPECT(talk("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 204");
    EXPECT(talk("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 500",
           "\"code\":\"internal\"");
    EXPECT(talk("GET http://x/abs?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "<GET /abs 0",
           " 1>");
    EXPECT(talk("GET /%00%2F HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "<GET /%00%2F 0");
    EXPECT(talk("GET /?a=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400",
           "malformed_request");
    EXPECT(talk("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8, 10.1.1.1\r\nConnection: "
                "close\r\n\r\n"),
           " 8.8.8.8 ");
}

static void keep_alive_and_pipelining(void **state)
{
    char *text = talk(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        "GET /sleep?ms=30 HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    (void)state;
    assert_int_equal(times(text, "HTTP/1.1 200"), 5);
    EXPECT(text, "<GET /1 ", "<POST /2 5 ", ">hello", "<GET /sleep ", "<POST /3 5 ", ">abcde", "<GET /4 ");
}

static void head_has_no_body(void **state)
{
    char *text = talk("HEAD /h HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\nConnection: close\r\n\r\n");

    (void)state;
    assert_non_null(strstr(text, "Content-Length: 25\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    free(text);
}

static void smuggling_is_refused(void **state)
{
    static const char *const bad[] = {
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "X: a\r\n b\r\nContent-Length: 5\r\n",
        "Host: y\r\nContent-Length: 5\r\n",
        "Expect: tea\r\nContent-Length: 5\r\n",
    };
    static const char *const codings[] = {"gzip", "chunked, gzip", "xchunked", "identity", "chunked;x"};
    char bytes[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text;

        snprintf(bytes, sizeof(bytes),
                 "POST /s HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
                 bad[i]);
        text = talk(bytes);
        if (times(text, "HTTP/1.1") != 1 || !strstr(text, "HTTP/1.1 400"))
            fail_msg("%s: %s", bad[i], text);
        assert_null(strstr(text, "evil"));
        free(text);
    }
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        snprintf(bytes, sizeof(bytes),
                 "POST /s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n", codings[i]);
        if (PARSER_IS_STRICT)
            EXPECT(talk(bytes), " 400 ");
        else
            refused(talk(bytes), "HTTP/1.1 501", "not_implemented");
    }
    EXPECT(talk("POST /s HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), " 400 ");
    EXPECT(talk("GET /s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"), " 400 ");
    EXPECT(talk("BREW /s HTTP/1.1\r\nHost: x\r\n\r\n"), " 501 ");
    EXPECT(talk("GET /s HTTP/1.1\r\n\r\n"), " 400 ");
}

static void hidden_bytes_are_refused(void **state)
{
    static const char in_target[] = "GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char in_value[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\nY: c\r\n\r\n";
    static const char in_last[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";

    (void)state;
    if (PARSER_IS_STRICT) {
        /* It closes the connection without a word. */
        free(talk_bytes(in_target, sizeof(in_target) - 1));
    } else {
        refused(talk_bytes(in_target, sizeof(in_target) - 1), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET /a HTTP/1.1\nHost: x\n\n"), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400", "malformed_request");
        refused(talk("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400", "malformed_request");
    }
    EXPECT(talk_bytes(in_value, sizeof(in_value) - 1), " 400 ");
    EXPECT(talk_bytes(in_last, sizeof(in_last) - 1), " 400 ");
}

/* A request whose target, field or body has a run of 'a'. */
static char *long_request(const char *format, size_t run)
{
    char *filler = malloc(run + 1);
    char *bytes = malloc(run + 1024);

    memset(filler, 'a', run);
    filler[run] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(bytes, run + 1024, format, filler);
#pragma GCC diagnostic pop
    free(filler);
    return bytes;
}

static char *talk_long(const char *format, size_t run)
{
    char *bytes = long_request(format, run);
    char *text = talk(bytes);

    free(bytes);
    return text;
}

static void sizes_are_limited(void **state)
{
    static const char target[] = "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static const char field[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: %s\r\n\r\n";
    size_t head = SRV_HEAD_MAX - (sizeof(field) - 3);
    char many[4096] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

    (void)state;
    EXPECT(talk_long(target, SRV_TARGET_MAX - 1), "HTTP/1.1 200");
    refused(talk_long(target, SRV_TARGET_MAX), "HTTP/1.1 414", "uri_too_long");
    EXPECT(talk_long(field, head), "HTTP/1.1 200");
    refused(talk_long(field, head + 1), "HTTP/1.1 431", "headers_too_large");
    for (int i = 2; i < SRV_FIELDS_MAX; i++)
        strcat(many, "X: y\r\n");
    strcat(many, "\r\n");
    EXPECT(talk(many), "HTTP/1.1 200");
    strcpy(many + strlen(many) - 2, "X: y\r\n\r\n");
    refused(talk(many), "HTTP/1.1 431", "headers_too_large");
}

static void bodies_are_limited(void **state)
{
    static const char sized[] =
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n%s";
    static const char over[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n%s";
    static const char chunk[] = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n100000\r\n%s\r\n0\r\n\r\n";
    static const char chunk_over[] =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n%s\r\n0\r\n\r\n";

    (void)state;
    EXPECT(talk_long(sized, SRV_BODY_MAX), "HTTP/1.1 200", " 1048576 ");
    refused(talk_long(over, SRV_BODY_MAX + 1), "HTTP/1.1 413", "body_too_large");
    EXPECT(talk_long(chunk, SRV_BODY_MAX), "HTTP/1.1 200", " 1048576 ");
    refused(talk_long(chunk_over, SRV_BODY_MAX + 1), "HTTP/1.1 413", "body_too_large");
    /* Who asks first is told without sending anything. */
    refused(talk("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
            "HTTP/1.1 413", "body_too_large");
}

static void a_client_that_asks_first_is_told_to_go_on(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                               "2\r\nConnection: close\r\n\r\n";
    int fd = dial(shared.port);
    char first[128] = "";
    int error;

    (void)state;
    assert_true(put(fd, head, sizeof(head) - 1));
    assert_true(recv(fd, first, sizeof(first) - 1, 0) > 0);
    assert_string_equal(first, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(put(fd, "ab", 2));
    EXPECT(rest(fd, &error), "HTTP/1.1 200", ">ab");
    assert_int_equal(error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_carry_the_common_headers),
        cmocka_unit_test(keep_alive_and_pipelining),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(smuggling_is_refused),
        cmocka_unit_test(hidden_bytes_are_refused),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(bodies_are_limited),
        cmocka_unit_test(a_client_that_asks_first_is_told_to_go_on),
    };

    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
