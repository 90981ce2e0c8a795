#include "request_fixture.h"

#include "server/health.h"

static const struct srv_route *route_at(const char *path)
{
    for (size_t i = 0; i < srv_health_route_count; i++) {
        if (strcmp(srv_health_routes[i].pattern, path) == 0)
            return &srv_health_routes[i];
    }
    fail_msg("%s", path);
    return NULL;
}

static void livez_is_always_fine(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(route_at("/livez")->run(&fixture->request, &fixture->reply), STW_OK);
    assert_int_equal(fixture->reply.status, 200);
    assert_string_equal(fixture->reply.body.data, "{\"status\":\"ok\"}");
}

static void readyz_needs_a_database(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(route_at("/readyz")->run(&fixture->request, &fixture->reply), STW_UNAVAILABLE);
    assert_int_equal(fixture->reply.body.length, 0);
}

static void take_no_query(void **state)
{
    static const struct stw_pair pair = {"verbose", ""};
    struct fixture *fixture = *state;

    fixture->request.query = &pair;
    fixture->request.query_count = 1;
    for (size_t i = 0; i < srv_health_route_count; i++)
        assert_int_equal(srv_health_routes[i].run(&fixture->request, &fixture->reply), STW_UNKNOWN_PARAMETER);
}

static void are_open_and_admitted(void **state)
{
    (void)state;
    for (size_t i = 0; i < srv_health_route_count; i++)
        assert_int_equal(srv_health_routes[i].auth, SRV_AUTH_NONE);
    assert_true(route_at("/livez")->flags & SRV_ROUTE_UNCOUNTED);
    assert_true(route_at("/metrics")->flags & SRV_ROUTE_UNCOUNTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(livez_is_always_fine),
        TEST(readyz_needs_a_database),
        TEST(take_no_query),
        TEST(are_open_and_admitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
