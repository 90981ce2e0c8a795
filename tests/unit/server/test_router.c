#include "request_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static enum stw_code nothing(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_OK;
}

static const struct srv_route routes[] = {
    {SRV_GET, "/", SRV_AUTH_NONE, 0, nothing, NULL, "root", ""},
    {SRV_GET, "/v1/accounts", SRV_AUTH_BEARER, 0, nothing, NULL, "list", ""},
    {SRV_POST, "/v1/accounts", SRV_AUTH_BEARER, 0, nothing, NULL, "create", ""},
    {SRV_GET, "/v1/accounts/{id}", SRV_AUTH_BEARER, 0, nothing, NULL, "get", ""},
    {SRV_PATCH, "/v1/accounts/{id}", SRV_AUTH_BEARER, 0, nothing, NULL, "update", ""},
    {SRV_DELETE, "/v1/accounts/{account}", SRV_AUTH_BEARER, 0, nothing, NULL, "delete", ""},
    {SRV_POST, "/v1/accounts/search", SRV_AUTH_BEARER, 0, nothing, NULL, "search", ""},
    {SRV_GET, "/v1/accounts/{id}/contacts", SRV_AUTH_BEARER, 0, nothing, NULL, "contacts", ""},
    {SRV_PUT, "/v1/accounts/by-external-id/{source}/{key}", SRV_AUTH_BEARER, 0, nothing, NULL, "upsert", ""},
    {SRV_GET, "/v1/account", SRV_AUTH_BEARER, 0, nothing, NULL, "prefix", ""},
    {SRV_HEAD, "/v1/probe", SRV_AUTH_NONE, 0, nothing, NULL, "probe", ""},
    {SRV_GET, "/v1/probe", SRV_AUTH_NONE, 0, nothing, NULL, "probeGet", ""},
    {SRV_OPTIONS, "/v1/own-options", SRV_AUTH_NONE, 0, nothing, NULL, "own", ""},
    {SRV_GET, "/v1/a/{p1}/b/{p2}/c/{p3}/d/{p4}", SRV_AUTH_NONE, 0, nothing, NULL, "four", ""},
    {SRV_GET, "/v1/\xe5\xae\xa2\xe6\x88\xb7", SRV_AUTH_NONE, 0, nothing, NULL, "chinese", ""},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static struct srv_router *make(void)
{
    struct srv_router *router = srv_router_new();

    srv_router_add(router, routes, ROUTE_COUNT);
    return router;
}

static enum stw_code find(struct fixture *fixture, const struct srv_router *router, enum srv_method method,
                          const char *path)
{
    fixture_again(fixture);
    fixture->request.method = method;
    fixture->request.path = path;
    return srv_router_find(router, &fixture->request);
}

static void expect(struct fixture *fixture, const struct srv_router *router, enum srv_method method,
                   const char *path, const char *verb)
{
    enum stw_code code = find(fixture, router, method, path);

    assert_int_equal(code, STW_OK);
    assert_string_equal(fixture->request.route->verb, verb);
}

static void finds_each_route(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    assert_int_equal(srv_router_count(router), ROUTE_COUNT);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        assert_ptr_equal(srv_router_at(router, i), &routes[i]);
        /* A pattern is a path to itself: "{id}" is as good a value as any. */
        assert_int_equal(find(fixture, router, routes[i].method, routes[i].pattern), STW_OK);
        assert_ptr_equal(fixture->request.route, &routes[i]);
    }
    assert_null(srv_router_at(router, ROUTE_COUNT));
    srv_router_free(router);
    srv_router_free(NULL);
}

static void gives_decoded_parameters_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    expect(fixture, router, SRV_PUT, "/v1/accounts/by-external-id/sap%20r3/a%2Fb%25", "upsert");
    assert_string_equal(fixture->request.parameters[0], "sap r3");
    assert_string_equal(fixture->request.parameters[1], "a/b%");
    assert_null(fixture->request.parameters[2]);
    expect(fixture, router, SRV_GET, "/v1/a/1/b/2/c/3/d/4", "four");
    assert_string_equal(fixture->request.parameters[0], "1");
    assert_string_equal(fixture->request.parameters[3], "4");
    expect(fixture, router, SRV_GET, "/v1/accounts/%E5%AE%A2", "get");
    assert_string_equal(fixture->request.parameters[0], "\xe5\xae\xa2");
    /* A plus is a plus in a path. */
    expect(fixture, router, SRV_GET, "/v1/accounts/a+b", "get");
    assert_string_equal(fixture->request.parameters[0], "a+b");
    /* Values of the last request do not stay. */
    expect(fixture, router, SRV_GET, "/v1/accounts", "list");
    assert_null(fixture->request.parameters[0]);
    srv_router_free(router);
}

static void matches_literals_decoded(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    expect(fixture, router, SRV_GET, "/v1/%61ccounts", "list");
    expect(fixture, router, SRV_GET, "/v1/%e5%ae%a2%E6%88%B7", "chinese");
    /* An escaped slash does not part segments. */
    assert_int_equal(find(fixture, router, SRV_GET, "/v1%2Faccounts"), STW_UNKNOWN_ROUTE);
    assert_int_equal(find(fixture, router, SRV_GET, "/V1/accounts"), STW_UNKNOWN_ROUTE);
    expect(fixture, router, SRV_GET, "/v1/account", "prefix");
    assert_int_equal(find(fixture, router, SRV_GET, "/v1/accoun"), STW_UNKNOWN_ROUTE);
    assert_int_equal(find(fixture, router, SRV_GET, "/v1/accountss"), STW_UNKNOWN_ROUTE);
    srv_router_free(router);
}

static void prefers_literals(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    expect(fixture, router, SRV_POST, "/v1/accounts/search", "search");
    /* The literal owns the path, whatever the method. */
    assert_int_equal(find(fixture, router, SRV_PATCH, "/v1/accounts/search"), STW_METHOD_NOT_ALLOWED);
    assert_string_equal(fixture->request.details.allow, "POST, OPTIONS");
    /* Where the literal leads nowhere, the parameter is tried. */
    expect(fixture, router, SRV_GET, "/v1/accounts/search/contacts", "contacts");
    assert_string_equal(fixture->request.parameters[0], "search");
    expect(fixture, router, SRV_GET, "/v1/accounts/by-external-id/contacts", "contacts");
    assert_string_equal(fixture->request.parameters[0], "by-external-id");
    assert_null(fixture->request.parameters[1]);
    expect(fixture, router, SRV_GET, "/v1/accounts/by-external-id", "get");
    srv_router_free(router);
}

static void refuses_unknown_paths(void **state)
{
    static const char *const paths[] = {
        "",
        "v1/accounts",
        "*",
        "//",
        "/v1",
        "/v1/",
        "/v1/accounts/",
        "/v1//accounts",
        "//v1/accounts",
        "/v1/accounts/x/",
        "/v1/accounts//contacts",
        "/v1/accounts/%",
        "/v1/accounts/%4",
        "/v1/accounts/%zz",
        "/v1/accounts/%00",
        "/v1/accounts/%ff",
        "/v1/accounts/%c0%af",
        "/v1/accounts/%ed%a0%80",
        "/v1/./accounts",
        "/v1/x/../accounts",
        "/v1/accounts/a/b/c/d/e/f",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20",
    };
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        enum stw_code code = find(fixture, router, SRV_GET, paths[i]);

        if (code != STW_UNKNOWN_ROUTE)
            fail_msg("%s: %s", paths[i], stw_code_name(code));
        assert_null(fixture->request.route);
        assert_null(fixture->request.parameters[0]);
        assert_null(fixture->request.details.allow);
    }
    srv_router_free(router);
}

static void lists_methods(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    assert_int_equal(find(fixture, router, SRV_DELETE, "/v1/accounts"), STW_METHOD_NOT_ALLOWED);
    assert_string_equal(fixture->request.details.allow, "GET, HEAD, POST, OPTIONS");
    assert_null(fixture->request.route);
    assert_int_equal(find(fixture, router, SRV_PUT, "/v1/accounts/1"), STW_METHOD_NOT_ALLOWED);
    assert_string_equal(fixture->request.details.allow, "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_int_equal(find(fixture, router, SRV_HEAD, "/v1/accounts/search"), STW_METHOD_NOT_ALLOWED);
    assert_int_equal(find(fixture, router, SRV_GET, "/v1/own-options"), STW_METHOD_NOT_ALLOWED);
    assert_string_equal(fixture->request.details.allow, "OPTIONS");
    srv_router_free(router);
}

static void head_is_get(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    expect(fixture, router, SRV_HEAD, "/v1/accounts/7", "get");
    assert_string_equal(fixture->request.parameters[0], "7");
    expect(fixture, router, SRV_HEAD, "/v1/probe", "probe");
    expect(fixture, router, SRV_GET, "/v1/probe", "probeGet");
    srv_router_free(router);
}

static void answers_options(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make();

    expect(fixture, router, SRV_OPTIONS, "/v1/accounts/1", "options");
    assert_int_equal(fixture->request.route->auth, SRV_AUTH_NONE);
    assert_int_equal(fixture->request.route->run(&fixture->request, &fixture->reply), STW_OK);
    assert_int_equal(fixture->reply.status, 204);
    assert_int_equal(fixture->reply.body.length, 0);
    assert_string_equal(reply_header(&fixture->reply, "Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
    expect(fixture, router, SRV_OPTIONS, "/v1/own-options", "own");
    assert_int_equal(find(fixture, router, SRV_OPTIONS, "*"), STW_UNKNOWN_ROUTE);
    assert_int_equal(find(fixture, router, SRV_OPTIONS, "/v1/none"), STW_UNKNOWN_ROUTE);
    srv_router_free(router);
}

static void holds_many_routes(void **state)
{
    enum { MANY = 500 };
    struct fixture *fixture = *state;
    struct srv_router *router = srv_router_new();
    struct srv_route *many = STW_NEW_N(fixture->arena, struct srv_route, MANY);

    /* Not in order, so that insertion happens everywhere. */
    for (size_t i = 0; i < MANY; i++)
        many[i] = (struct srv_route){
            SRV_GET,       stw_arena_printf(fixture->arena, "/v1/r%zu/{id}", i * 7919 % MANY),
            SRV_AUTH_NONE, 0,
            nothing,       NULL,
            "get",         ""};
    srv_router_add(router, many, MANY);
    assert_int_equal(srv_router_count(router), MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(find(fixture, router, SRV_GET, many[i].pattern), STW_OK);
        assert_ptr_equal(fixture->request.route, &many[i]);
        assert_ptr_equal(srv_router_at(router, i), &many[i]);
    }
    assert_int_equal(find(fixture, router, SRV_GET, "/v1/r500/x"), STW_UNKNOWN_ROUTE);
    srv_router_free(router);
}

/* Adds one route to a full table in a child and tells whether that aborted it. */
static bool aborts(enum srv_method method, const char *pattern)
{
    struct srv_route route = {method, pattern, SRV_AUTH_NONE, 0, nothing, NULL, "x", ""};
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct srv_router *router;

        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        router = make();
        srv_router_add(router, &route, 1);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void aborts_on_bad_tables(void **state)
{
    (void)state;
    assert_true(aborts(SRV_GET, "/v1/accounts"));
    assert_true(aborts(SRV_GET, "/v1/accounts/{other}")); /* same shape */
    assert_true(aborts(SRV_GET, "v1"));
    assert_true(aborts(SRV_GET, "/v1/"));
    assert_true(aborts(SRV_GET, "/v1//x"));
    assert_true(aborts(SRV_GET, "/v1/{}"));
    assert_true(aborts(SRV_GET, "/v1/{id"));
    assert_true(aborts(SRV_GET, "/v1/x{id}"));
    assert_true(aborts(SRV_GET, "/{a}/{b}/{c}/{d}/{e}"));
    assert_false(aborts(SRV_PUT, "/v1/accounts/{other}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_each_route),      TEST(gives_decoded_parameters_in_order),
        TEST(prefers_literals),      TEST(matches_literals_decoded),
        TEST(refuses_unknown_paths), TEST(lists_methods),
        TEST(head_is_get),           TEST(answers_options),
        TEST(holds_many_routes),     TEST(aborts_on_bad_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
