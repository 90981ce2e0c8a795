#include "request_fixture.h"

#include "server/docs.h"

static enum stw_code nothing(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_OK;
}

/* What a binary without Swagger UI serves. */
static void lists_the_operations(void **state)
{
    static const struct srv_route routes[] = {
        {SRV_GET, "/v1/towers/{id}", SRV_AUTH_BEARER, 0, nothing, NULL, "get", "Gets."},
        {SRV_POST, "/v1/towers/{id}/ring", SRV_AUTH_BEARER, 0, nothing, NULL, "ring", "Rings."}};
    struct fixture *fixture = *state;
    struct srv_router *router = srv_router_new();
    const char *page;

    srv_router_add(router, srv_docs_routes, srv_docs_route_count);
    srv_router_add(router, routes, 2);
    srv_docs_list(router, &fixture->reply.body);
    srv_router_free(router);
    page = fixture->reply.body.data;
    assert_non_null(strstr(page, "<li><code>GET /v1/towers/{id}</code></li>\n"));
    assert_non_null(strstr(page, "<li><code>POST /v1/towers/{id}/ring</code></li>\n"));
    assert_non_null(strstr(page, "href=\"/openapi.yaml\""));
    assert_null(strstr(page, "/docs"));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "style"));
}

static void takes_no_query(void **state)
{
    static const struct stw_pair pair = {"url", "/elsewhere.json"};
    struct fixture *fixture = *state;

    fixture->request.query = &pair;
    fixture->request.query_count = 1;
    fixture->request.parameters[0] = "init.js";
    for (size_t i = 0; i < srv_docs_route_count; i++)
        assert_int_equal(srv_docs_routes[i].run(&fixture->request, &fixture->reply), STW_UNKNOWN_PARAMETER);
}

static void knows_its_files_only(void **state)
{
    static const char *const names[] = {"", ".", "..", "init", "init.js.gz", "index.css", "INDEX.HTML"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fixture_again(fixture);
        fixture->request.parameters[0] = names[i];
        assert_int_equal(srv_docs_routes[1].run(&fixture->request, &fixture->reply), STW_NOT_FOUND);
    }
}

static enum stw_code file(struct fixture *fixture, const char *coding, const char *held)
{
    fixture_again(fixture);
    fixture->request.parameters[0] = "swagger-ui.css";
    fixture_header(fixture, "Accept-Encoding", coding);
    if (held)
        fixture_header(fixture, "If-None-Match", held);
    return srv_docs_routes[1].run(&fixture->request, &fixture->reply);
}

static const char *tag_of(const struct fixture *fixture)
{
    for (int i = 0; i < fixture->reply.header_count; i++) {
        if (strcmp(fixture->reply.headers[i].name, "ETag") == 0)
            return fixture->reply.headers[i].value;
    }
    fail_msg("no ETag");
    return NULL;
}

static void packs_and_unpacks(void **state)
{
    struct fixture *fixture = *state;
    const char *tag;

    if (file(fixture, "gzip", NULL) == STW_NOT_FOUND)
        skip(); /* built without Swagger UI */
    assert_memory_equal(fixture->reply.body.data, "\x1f\x8b", 2);
    tag = tag_of(fixture);
    assert_int_equal(file(fixture, "gzip", tag), STW_OK);
    assert_int_equal(fixture->reply.status, 304);
    assert_int_equal(fixture->reply.body.length, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file(fixture, "identity", tag), STW_OK);
        assert_int_equal(fixture->reply.status, 200);
        assert_string_not_equal(tag_of(fixture), tag);
        assert_memory_equal(fixture->reply.body.data, ".swagger-ui", 11);
    }
}

static void is_open_and_unlisted(void **state)
{
    (void)state;
    for (size_t i = 0; i < srv_docs_route_count; i++) {
        assert_int_equal(srv_docs_routes[i].auth, SRV_AUTH_NONE);
        assert_true(srv_docs_routes[i].flags & SRV_ROUTE_UNLISTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(lists_the_operations), TEST(takes_no_query),
                                       TEST(knows_its_files_only), TEST(packs_and_unpacks),
                                       TEST(is_open_and_unlisted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
