#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resource/query.h"
#include "server/intake.h"

#define A16 "aaaaaaaaaaaaaaaa"

static void request_ids(void **state)
{
    (void)state;
    assert_true(srv_intake_request_id("a.B_9-"));
    assert_true(srv_intake_request_id(A16 A16 A16 A16));
    assert_false(srv_intake_request_id(A16 A16 A16 A16 "a"));
    assert_false(srv_intake_request_id(""));
    assert_false(srv_intake_request_id("a b"));
    assert_false(srv_intake_request_id("a\"b"));
}

static void trace_parents(void **state)
{
    (void)state;
    assert_true(srv_intake_traceparent("00-" A16 A16 "-" A16 "-01"));
    assert_true(srv_intake_traceparent("01-" A16 A16 "-" A16 "-01-more"));
    assert_false(srv_intake_traceparent("00-" A16 A16 "-" A16 "-01-more"));
    assert_false(srv_intake_traceparent("ff-" A16 A16 "-" A16 "-01"));
    assert_false(srv_intake_traceparent("00-" A16 "AAAAAAAAAAAAAAAA-" A16 "-01"));
    assert_false(srv_intake_traceparent("00-00000000000000000000000000000000-" A16 "-01"));
    assert_false(srv_intake_traceparent("00-" A16 A16 "-0000000000000000-01"));
    assert_false(srv_intake_traceparent("00-" A16 A16 "-" A16 "-0"));
    assert_false(srv_intake_traceparent(""));
}

static void queries_are_decoded(void **state)
{
    struct stw_arena *arena = stw_arena_new(65536);
    struct srv_request request = {.ctx.arena = arena, .target = "/p?a=1+2%20&b%5Bin%5D=x=y&&c&=d"};

    (void)state;
    assert_int_equal(srv_intake_query(&request), STW_OK);
    assert_int_equal(request.query_count, 4);
    assert_string_equal(request.query[0].name, "a");
    assert_string_equal(request.query[0].value, "1 2 ");
    assert_string_equal(request.query[1].name, "b[in]");
    assert_string_equal(request.query[1].value, "x=y");
    assert_string_equal(request.query[2].name, "c");
    assert_string_equal(request.query[2].value, "");
    assert_string_equal(request.query[3].name, "");
    request = (struct srv_request){.ctx.arena = arena, .target = "/p?"};
    assert_int_equal(srv_intake_query(&request), STW_OK);
    assert_int_equal(request.query_count, 0);
    request = (struct srv_request){.ctx.arena = arena, .target = "/p?a=%e4%b8"};
    assert_int_equal(srv_intake_query(&request), STW_MALFORMED_REQUEST);
    request = (struct srv_request){.ctx.arena = arena, .target = "/p?a%00=1"};
    assert_int_equal(srv_intake_query(&request), STW_MALFORMED_REQUEST);
    stw_arena_free(arena);
}

static void heads_become_requests(void **state)
{
    struct stw_arena *arena = stw_arena_new(65536);
    struct srv_field fields[] = {
        {"Host", 4, "h", 1}, {"X-Thing", 7, "a b \t", 5}, {"Accept-Language", 15, "zh-CN,en;q=0.5", 14}};
    struct srv_head head = {.method = "PATCH",
                            .target = "https://h/v1/x?q=1",
                            .version = "HTTP/1.1",
                            .fields = fields,
                            .field_count = 3};
    struct srv_request request = {.ctx.arena = arena};

    (void)state;
    srv_intake_head(&request, &head, NULL, "192.0.2.1");
    assert_int_equal(request.method, SRV_PATCH);
    assert_string_equal(request.path, "/v1/x");
    assert_string_equal(srv_request_header(&request, "x-THING"), "a b");
    assert_null(srv_request_header(&request, "x-thin"));
    assert_int_equal(request.language, SRV_CHINESE);
    assert_int_equal(strlen(request.ctx.request_id), 36);
    assert_string_equal(request.client, "192.0.2.1");
    head.target = "http://h";
    srv_intake_head(&request, &head, NULL, "192.0.2.1");
    assert_string_equal(request.path, "/");
    stw_arena_free(arena);
}

static void reply_headers_cannot_be_split(void **state)
{
    struct stw_arena *arena = stw_arena_new(65536);
    struct srv_reply reply;

    (void)state;
    srv_reply_init(&reply, arena);
    srv_reply_header(&reply, "Location", "/a\r\nX: y");
    srv_reply_header(&reply, "Location", "/a\nX: y");
    assert_int_equal(reply.header_count, 0);
    for (int i = 0; i < SRV_REPLY_HEADERS_MAX + 2; i++)
        srv_reply_header(&reply, "Link", "x");
    assert_int_equal(reply.header_count, SRV_REPLY_HEADERS_MAX);
    reply.status = 200;
    stw_buf_add_text(&reply.body, "abc");
    srv_reply_reset(&reply);
    assert_int_equal(reply.status, 0);
    assert_int_equal(reply.header_count, 0);
    assert_string_equal(reply.body.data, "");
    stw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_ids),
        cmocka_unit_test(trace_parents),
        cmocka_unit_test(queries_are_decoded),
        cmocka_unit_test(heads_become_requests),
        cmocka_unit_test(reply_headers_cannot_be_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
