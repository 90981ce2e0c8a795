#include "request_fixture.h"

#include "server/negotiate.h"

static void chooses_language(void **state)
{
    static const struct {
        const char *header;
        enum srv_language language;
    } cases[] = {
        {NULL, SRV_ENGLISH},
        {"", SRV_ENGLISH},
        {"*", SRV_ENGLISH},
        {"fr", SRV_ENGLISH},
        {"en", SRV_ENGLISH},
        {"zh", SRV_CHINESE},
        {"ZH-cn", SRV_CHINESE},
        {"zh-Hant-TW", SRV_CHINESE},
        {"zho", SRV_ENGLISH},
        {"zh-CN,zh;q=0.9,en;q=0.8", SRV_CHINESE},
        {"en-US,en;q=0.9,zh;q=0.8", SRV_ENGLISH},
        {"en;q=0.8, zh;q=0.9", SRV_CHINESE},
        {"fr, zh;q=0.5, en;q=0.4", SRV_CHINESE},
        {"en;q=0.5,zh;q=0.5", SRV_ENGLISH},
        {"zh;q=0.5,en;q=0.5", SRV_CHINESE},
        {"zh, en", SRV_CHINESE},
        {"zh;q=0", SRV_ENGLISH},
        {"en;q=0", SRV_ENGLISH},
        {"en;q=0, *", SRV_CHINESE},
        {"*, en;q=0.1", SRV_CHINESE},
        {"zh;q=0, en;q=0", SRV_ENGLISH},
        {"zh ; q=0.3 , en ; q=0.2", SRV_CHINESE},
        {"zh;q=2, en;q=0.1", SRV_ENGLISH}, /* not a weight: the member does not count */
        {"zh;q=abc", SRV_ENGLISH},
        {"zh;q=0.1234,en;q=0.1", SRV_ENGLISH},
        {"zh;q=", SRV_ENGLISH},
        {",,;,zh,", SRV_CHINESE},
        {";;;===", SRV_ENGLISH},
        {"zh;q=1.000,en;q=0.999", SRV_CHINESE},
        {"zh;q=1.001", SRV_ENGLISH},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (srv_negotiate_language(cases[i].header) != cases[i].language)
            fail_msg("%s", cases[i].header ? cases[i].header : "(none)");
    }
}

static int quality(struct fixture *fixture, const char *accept, const char *type)
{
    fixture_again(fixture);
    if (accept)
        fixture_header(fixture, "accept", accept);
    return srv_negotiate_quality(&fixture->request, type);
}

static void weighs_media_types(void **state)
{
    static const char browser[] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    struct fixture *fixture = *state;

    assert_int_equal(quality(fixture, NULL, "text/html"), 1000);
    assert_int_equal(quality(fixture, "", "text/html"), 1000);
    assert_int_equal(quality(fixture, browser, "text/html"), 1000);
    assert_int_equal(quality(fixture, browser, "application/json"), 800);
    assert_int_equal(quality(fixture, "text/*;q=0.5, text/html;q=0", "text/html"), 0);
    assert_int_equal(quality(fixture, "text/html;q=0.1, */*", "text/html"), 100);
    assert_int_equal(quality(fixture, "*/*;q=0.1, text/*;q=0.2", "text/html"), 200);
    assert_int_equal(quality(fixture, "TEXT/HTML;Q=0.25", "text/html"), 250);
    assert_int_equal(quality(fixture, "text/html;level=1;q=0.3", "text/html"), 300);
    assert_int_equal(quality(fixture, "text/html;x=\"a,b;q=0.9\";q=0.4", "text/html"), 400);
    assert_int_equal(quality(fixture, "text", "text/html"), 0);
    assert_int_equal(quality(fixture, "text/htm", "text/html"), 0);
    assert_int_equal(quality(fixture, "text/html5", "text/html"), 0);
    assert_int_equal(quality(fixture, "\"unclosed", "text/html"), 0);
    /* Two lines are one list. */
    fixture_again(fixture);
    fixture_header(fixture, "Accept", "image/png");
    fixture_header(fixture, "Accept", "text/html;q=0.7");
    assert_int_equal(srv_negotiate_quality(&fixture->request, "text/html"), 700);
}

static void weighs_codings(void **state)
{
    static const struct {
        const char *header;
        int weight;
    } cases[] = {{NULL, 0},
                 {"", 0},
                 {"gzip", 1000},
                 {"GZip", 1000},
                 {"gzip, deflate, br, zstd", 1000},
                 {"br;q=1.0, gzip;q=0.8, *;q=0.1", 800},
                 {"*;q=0.3", 300},
                 {"gzip;q=0, *", 0},
                 {"*, gzip;q=0", 0},
                 {"identity", 0},
                 {"gzipped", 0},
                 {"gzip;q=2", 0}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_again(fixture);
        if (cases[i].header)
            fixture_header(fixture, "accept-encoding", cases[i].header);
        if (srv_negotiate_coding(&fixture->request, "gzip") != cases[i].weight)
            fail_msg("%s", cases[i].header ? cases[i].header : "(none)");
    }
    fixture_again(fixture);
    fixture_header(fixture, "Accept-Encoding", "br");
    fixture_header(fixture, "Accept-Encoding", "gzip;q=0.5");
    assert_int_equal(srv_negotiate_coding(&fixture->request, "gzip"), 500);
}

static void checks_accept(void **state)
{
    static const char *const good[] = {"application/json",
                                       "application/*",
                                       "*/*",
                                       "application/problem+json",
                                       "Application/JSON; charset=utf-8",
                                       "text/html, */*;q=0.1",
                                       "application/json;q=0, application/problem+json",
                                       "application/json;q=0.001"};
    static const char *const bad[] = {"text/html",
                                      "application/xml",
                                      "application/json;q=0",
                                      "*/*;q=0",
                                      "image/*",
                                      "json",
                                      "application/json;q=0, application/problem+json;q=0, */*",
                                      "application/jsonp"};
    struct fixture *fixture = *state;

    assert_int_equal(srv_negotiate_accept(&fixture->request, "application/json"), STW_OK);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        fixture_again(fixture);
        fixture_header(fixture, "Accept", good[i]);
        assert_int_equal(srv_negotiate_accept(&fixture->request, "application/json"), STW_OK);
        assert_int_equal(fixture->request.details.violation_count, 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fixture_again(fixture);
        fixture_header(fixture, "Accept", bad[i]);
        if (srv_negotiate_accept(&fixture->request, "application/json") != STW_NOT_ACCEPTABLE)
            fail_msg("%s", bad[i]);
        assert_int_equal(fixture->request.details.violation_count, 1);
        assert_int_equal(fixture->request.details.violations[0].where, STW_AT_HEADER);
        assert_string_equal(fixture->request.details.violations[0].path, "Accept");
        assert_string_equal(fixture->request.details.violations[0].allowed[0], "application/json");
    }
}

static enum stw_code content(struct fixture *fixture, const char *type, size_t length)
{
    fixture_again(fixture);
    fixture->request.body_length = length;
    if (type)
        fixture_header(fixture, "content-type", type);
    return srv_negotiate_content_type(&fixture->request);
}

static void checks_content_type(void **state)
{
    static const char *const good[] = {"application/json",
                                       "application/merge-patch+json",
                                       "APPLICATION/JSON",
                                       "application/json; charset=utf-8",
                                       "application/json;charset=UTF-8",
                                       "application/json ; charset=\"utf-8\" ;",
                                       "application/json;"};
    static const char *const bad[] = {"",
                                      "text/plain",
                                      "application/jsonp",
                                      "application/json5",
                                      "application/*",
                                      "*/*",
                                      "json",
                                      "application/json; charset=gb18030",
                                      "application/json; charset=",
                                      "application/json; version=1",
                                      "application/json, application/json",
                                      "application/x-www-form-urlencoded",
                                      "multipart/form-data; boundary=x",
                                      "application/vnd.api+json"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (content(fixture, good[i], 2) != STW_OK)
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (content(fixture, bad[i], 2) != STW_UNSUPPORTED_MEDIA_TYPE)
            fail_msg("%s", bad[i]);
        assert_string_equal(fixture->request.details.violations[0].path, "Content-Type");
        assert_int_equal(fixture->request.details.violations[0].code, STW_NOT_ALLOWED);
    }
    assert_int_equal(content(fixture, NULL, 0), STW_OK);
    assert_int_equal(content(fixture, NULL, 2), STW_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(fixture->request.details.violations[0].code, STW_REQUIRED);
    /* Named but wrong, even without a body. */
    assert_int_equal(content(fixture, "text/plain", 0), STW_UNSUPPORTED_MEDIA_TYPE);
}

static void refuses_codings_and_repeats(void **state)
{
    struct fixture *fixture = *state;

    fixture->request.body_length = 2;
    fixture_header(fixture, "Content-Type", "application/json");
    fixture_header(fixture, "Content-Encoding", "gzip");
    assert_int_equal(srv_negotiate_content_type(&fixture->request), STW_UNSUPPORTED_MEDIA_TYPE);
    assert_string_equal(fixture->request.details.violations[0].path, "Content-Encoding");
    fixture_again(fixture);
    fixture_header(fixture, "Content-Encoding", "Identity");
    fixture_header(fixture, "Content-Type", "application/json");
    assert_int_equal(srv_negotiate_content_type(&fixture->request), STW_OK);
    fixture_header(fixture, "Content-Type", "application/json");
    assert_int_equal(srv_negotiate_content_type(&fixture->request), STW_UNSUPPORTED_MEDIA_TYPE);
    fixture_header(fixture, "Content-Type", "application/json");
    assert_int_equal(srv_negotiate_content_type(&fixture->request), STW_UNSUPPORTED_MEDIA_TYPE);
}

static void refuses_queries(void **state)
{
    static const struct stw_pair pairs[] = {{"a", "1"}, {"b", ""}};
    struct fixture *fixture = *state;

    assert_int_equal(srv_negotiate_no_query(&fixture->request), STW_OK);
    fixture->request.query = pairs;
    fixture->request.query_count = 2;
    assert_int_equal(srv_negotiate_no_query(&fixture->request), STW_UNKNOWN_PARAMETER);
    assert_int_equal(fixture->request.details.violation_count, 2);
    assert_string_equal(fixture->request.details.violations[1].path, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chooses_language), TEST(weighs_media_types),  TEST(weighs_codings),
        TEST(checks_accept),    TEST(checks_content_type), TEST(refuses_codings_and_repeats),
        TEST(refuses_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
