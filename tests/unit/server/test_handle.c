#include "request_fixture.h"

#include "server/handle.h"
#include "server/loop_private.h"

/* The chain with a router and handlers of its own; nothing here needs a database. */

static int runs;

static enum stw_code fine(struct srv_request *request, struct srv_reply *reply)
{
    runs++;
    stw_buf_add(&reply->body, request->body, request->body_length);
    reply->status = 200;
    return STW_OK;
}

/* Has begun to answer when it finds out. */
static enum stw_code late_failure(struct srv_request *request, struct srv_reply *reply)
{
    fine(request, reply);
    srv_reply_header(reply, "ETag", "\"1\"");
    stw_buf_add_text(&reply->body, "half of it");
    return STW_NOT_FOUND;
}

static enum stw_code unpublished(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_CONSTRAINT;
}

static const struct srv_route routes[] = {
    {.method = SRV_GET, .pattern = "/page", .run = fine},
    {.method = SRV_GET, .pattern = "/v1/things", .run = fine},
    {.method = SRV_POST, .pattern = "/v1/things", .flags = SRV_ROUTE_BODY, .run = fine},
    {.method = SRV_POST, .pattern = "/v1/things/{id}/restore", .flags = SRV_ROUTE_BODY_OPTIONAL, .run = fine},
    {.method = SRV_GET, .pattern = "/v1/secrets", .auth = SRV_AUTH_BEARER, .run = fine},
    {.method = SRV_POST,
     .pattern = "/v1/secrets",
     .auth = SRV_AUTH_BEARER,
     .flags = SRV_ROUTE_BODY,
     .run = fine},
    {.method = SRV_GET, .pattern = "/v1/late", .run = late_failure},
    {.method = SRV_GET, .pattern = "/v1/unpublished", .run = unpublished},
};

static struct srv_server server;
static struct srv_shared shared = {.server = &server};
static struct srv_loop loop = {.shared = &shared};

static int start(void **state)
{
    struct srv_router *router = srv_router_new();

    (void)state;
    srv_router_add(router, routes, sizeof(routes) / sizeof(routes[0]));
    server.router = router;
    srv_turnstile_init(&loop.turnstile, 1);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    srv_router_free((struct srv_router *)(uintptr_t)server.router);
    return 0;
}

/* Headers are set by the caller beforehand, and gone afterwards. */
static void ask(struct fixture *fixture, enum srv_method method, const char *path, const char *body)
{
    stw_details_init(&fixture->request.details, fixture->arena);
    srv_reply_reset(&fixture->reply);
    fixture->request.loop = &loop;
    fixture->request.method = method;
    fixture->request.path = path;
    fixture->request.body = body;
    fixture->request.body_length = strlen(body);
    fixture->request.client = "127.0.0.1";
    runs = 0;
    srv_handle(&fixture->request, &fixture->reply);
    fixture->request.header_count = 0;
}

static void expect_problem(const struct fixture *fixture, int status, const char *code)
{
    assert_int_equal(fixture->reply.status, status);
    assert_string_equal(fixture->reply.content_type, "application/problem+json");
    assert_non_null(strstr(fixture->reply.body.data, code));
}

static void routes_are_found_or_refused(void **state)
{
    struct fixture *fixture = *state;

    ask(fixture, SRV_GET, "/page", "");
    assert_int_equal(fixture->reply.status, 200);
    ask(fixture, SRV_HEAD, "/page", "");
    assert_int_equal(fixture->reply.status, 200);
    ask(fixture, SRV_GET, "/nothing", "");
    expect_problem(fixture, 404, "\"unknown_route\"");
    ask(fixture, SRV_DELETE, "/v1/things", "");
    expect_problem(fixture, 405, "\"method_not_allowed\"");
    assert_string_equal(reply_header(&fixture->reply, "Allow"), "GET, HEAD, POST, OPTIONS");
    assert_int_equal(runs, 0);
    ask(fixture, SRV_OPTIONS, "/v1/secrets", "");
    assert_int_equal(fixture->reply.status, 204);
    assert_non_null(reply_header(&fixture->reply, "Allow"));
    assert_int_equal(fixture->reply.body.length, 0);
}

static void problems_speak_the_clients_language(void **state)
{
    struct fixture *fixture = *state;

    fixture_header(fixture, "Accept-Language", "zh-CN");
    ask(fixture, SRV_GET, "/nothing", "");
    assert_int_equal(fixture->request.language, SRV_CHINESE);
    assert_string_equal(reply_header(&fixture->reply, "Content-Language"), "zh-CN");
    ask(fixture, SRV_GET, "/nothing", "");
    assert_string_equal(reply_header(&fixture->reply, "Content-Language"), "en");
}

static void only_the_api_insists_on_json(void **state)
{
    struct fixture *fixture = *state;

    fixture_header(fixture, "Accept", "text/html");
    ask(fixture, SRV_GET, "/v1/things", "");
    expect_problem(fixture, 406, "\"not_acceptable\"");
    assert_int_equal(runs, 0);
    fixture_header(fixture, "Accept", "text/html");
    ask(fixture, SRV_GET, "/page", "");
    assert_int_equal(fixture->reply.status, 200);
}

static void bodies_are_taken_where_they_mean_something(void **state)
{
    struct fixture *fixture = *state;

    ask(fixture, SRV_GET, "/v1/things", "{}");
    expect_problem(fixture, 400, "\"malformed_request\"");
    ask(fixture, SRV_POST, "/v1/things", "{}");
    expect_problem(fixture, 415, "\"unsupported_media_type\"");
    fixture_header(fixture, "Content-Type", "text/plain");
    ask(fixture, SRV_POST, "/v1/things", "{}");
    expect_problem(fixture, 415, "\"unsupported_media_type\"");
    fixture_header(fixture, "Content-Type", "application/json");
    ask(fixture, SRV_POST, "/v1/things", "");
    expect_problem(fixture, 400, "\"invalid_json\"");
    assert_int_equal(runs, 0);
    fixture_header(fixture, "Content-Type", "application/json");
    ask(fixture, SRV_POST, "/v1/things", "{}");
    assert_int_equal(fixture->reply.status, 200);
    assert_string_equal(fixture->reply.body.data, "{}");
    ask(fixture, SRV_POST, "/v1/things/1/restore", "");
    assert_int_equal(fixture->reply.status, 200);
    ask(fixture, SRV_POST, "/v1/things/1/restore", "{}");
    expect_problem(fixture, 415, "\"unsupported_media_type\"");
}

static void nobody_gets_past_authentication(void **state)
{
    struct fixture *fixture = *state;

    ask(fixture, SRV_GET, "/v1/secrets", "");
    expect_problem(fixture, 401, "\"unauthenticated\"");
    assert_non_null(reply_header(&fixture->reply, "WWW-Authenticate"));
    assert_int_equal(runs, 0);
    /* What cannot be read is told first: it costs nothing and needs no secret. */
    ask(fixture, SRV_POST, "/v1/secrets", "{}");
    expect_problem(fixture, 415, "\"unsupported_media_type\"");
}

static void a_failure_leaves_nothing_of_the_reply(void **state)
{
    struct fixture *fixture = *state;

    ask(fixture, SRV_GET, "/v1/late", "");
    expect_problem(fixture, 404, "\"not_found\"");
    assert_int_equal(fixture->reply.code, STW_NOT_FOUND);
    assert_null(strstr(fixture->reply.body.data, "half"));
    assert_null(reply_header(&fixture->reply, "ETag"));
    ask(fixture, SRV_GET, "/v1/unpublished", "");
    expect_problem(fixture, 500, "\"internal\"");
    assert_int_equal(fixture->reply.code, STW_INTERNAL);
    assert_string_equal(fixture->request.details.internal, "constraint");
    assert_null(strstr(fixture->reply.body.data, "constraint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes_are_found_or_refused),     TEST(problems_speak_the_clients_language),
        TEST(only_the_api_insists_on_json),    TEST(bodies_are_taken_where_they_mean_something),
        TEST(nobody_gets_past_authentication), TEST(a_failure_leaves_nothing_of_the_reply),
    };

    return cmocka_run_group_tests(tests, start, finish);
}
