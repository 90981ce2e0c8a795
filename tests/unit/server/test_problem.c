#include "request_fixture.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>

#include "core/text.h"
#include "server/problem.h"

static json_t *parse(const struct srv_reply *reply)
{
    json_error_t error;
    json_t *json;

    assert_false(reply->body.failed);
    json = json_loadb(reply->body.data, reply->body.length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s in %s", error.text, reply->body.data);
    return json;
}

static json_t *answer(struct fixture *fixture, enum stw_code code)
{
    srv_problem_write(&fixture->request, code, &fixture->reply);
    return parse(&fixture->reply);
}

static const char *text(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value ? value : "(absent)";
}

static bool is_internal_only(enum stw_code code)
{
    return code == STW_OK || code == STW_CONSTRAINT || code == STW_RETRY;
}

/* What api.md promises, told a second time on purpose. */
static int promised_status(enum stw_code code)
{
    static const struct {
        int status;
        enum stw_code codes[8];
    } promises[] = {
        {400,
         {STW_MALFORMED_REQUEST, STW_INVALID_JSON, STW_INVALID_PARAMETER, STW_UNKNOWN_PARAMETER,
          STW_INVALID_CURSOR, STW_CURSOR_MISMATCH}},
        {401, {STW_UNAUTHENTICATED, STW_INVALID_TOKEN, STW_TOKEN_EXPIRED, STW_INVALID_CREDENTIALS}},
        {403, {STW_FORBIDDEN}},
        {404, {STW_NOT_FOUND, STW_UNKNOWN_ROUTE}},
        {405, {STW_METHOD_NOT_ALLOWED}},
        {406, {STW_NOT_ACCEPTABLE}},
        {408, {STW_REQUEST_TIMEOUT}},
        {409, {STW_CONFLICT, STW_DUPLICATE, STW_IN_USE, STW_INVALID_TRANSITION, STW_IDEMPOTENCY_IN_PROGRESS}},
        {412, {STW_VERSION_MISMATCH}},
        {413, {STW_BODY_TOO_LARGE}},
        {414, {STW_URI_TOO_LONG}},
        {415, {STW_UNSUPPORTED_MEDIA_TYPE}},
        {422, {STW_VALIDATION_FAILED, STW_IDEMPOTENCY_MISMATCH}},
        {428, {STW_PRECONDITION_REQUIRED}},
        {429, {STW_TOO_MANY_REQUESTS}},
        {431, {STW_HEADERS_TOO_LARGE}},
        {500, {STW_INTERNAL}},
        {501, {STW_NOT_IMPLEMENTED}},
        {503, {STW_OVERLOADED, STW_UNAVAILABLE, STW_DEADLINE_EXCEEDED, STW_OUTCOME_UNKNOWN}},
    };

    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        for (size_t j = 0; j < 8; j++) {
            if (promises[i].codes[j] == code && code != STW_OK)
                return promises[i].status;
        }
    }
    return 0;
}

static void check_detail(enum stw_code code, const char *detail)
{
    const char *open = strchr(detail, '[');
    const char *close = strchr(detail, ']');
    const char *place = strstr(detail, "%s");

    if (!stw_text_valid(detail, strlen(detail)))
        fail_msg("%s: not UTF-8", stw_code_name(code));
    /* All or nothing: one optional part with one %s in it, and no other %. */
    if (!open && !close && !place && !strchr(detail, '%'))
        return;
    if (!open || !place || !close || open > place || place > close || strchr(open + 1, '[') ||
        strchr(close + 1, ']') || strchr(detail, '%') != place || strchr(place + 1, '%'))
        fail_msg("%s: %s", stw_code_name(code), detail);
}

static void table_is_complete(void **state)
{
    (void)state;
    for (enum stw_code code = STW_OK; code < STW_CODE_COUNT; code++) {
        const struct srv_problem *problem = srv_problem_get(code);

        if (is_internal_only(code)) {
            assert_int_equal(problem->code, STW_INTERNAL);
            continue;
        }
        assert_int_equal(problem->code, code);
        assert_int_equal(problem->status, promised_status(code));
        for (int language = 0; language < 2; language++) {
            assert_true(problem->title[language] && problem->title[language][0]);
            assert_true(problem->detail[language] && problem->detail[language][0]);
            check_detail(code, problem->detail[language]);
        }
        /* Both languages take the argument or neither does, and each is what it says to be. */
        assert_int_equal(!strchr(problem->detail[0], '%'), !strchr(problem->detail[1], '%'));
        for (const char *c = problem->detail[SRV_ENGLISH]; *c; c++)
            assert_true((unsigned char)*c < 0x80);
        assert_non_null(strstr(problem->detail[SRV_CHINESE], "\xe3\x80\x82")); /* ends sentences with 。 */
    }
    assert_int_equal(srv_problem_get(STW_CODE_COUNT)->code, STW_INTERNAL);
    assert_int_equal(srv_problem_get((enum stw_code)12345)->code, STW_INTERNAL);
}

static void writes_every_code(void **state)
{
    struct fixture *fixture = *state;

    for (enum stw_code code = STW_OK; code < STW_CODE_COUNT; code++) {
        for (int language = 0; language < 2; language++) {
            enum stw_code expected = is_internal_only(code) ? STW_INTERNAL : code;
            json_t *json;
            char type[80];

            if (srv_problem_get(expected)->status == 0)
                expected = STW_VALIDATION_FAILED;
            fixture->request.language = (enum srv_language)language;
            json = answer(fixture, code);
            snprintf(type, sizeof(type), "/problems/%s", stw_code_name(expected));
            assert_string_equal(text(json, "type"), type);
            assert_string_equal(text(json, "code"), stw_code_name(expected));
            assert_string_equal(text(json, "title"), srv_problem_get(expected)->title[language]);
            assert_string_equal(text(json, "request_id"), "req-1");
            assert_null(strpbrk(text(json, "detail"), "[]%"));
            assert_int_equal(json_integer_value(json_object_get(json, "status")), fixture->reply.status);
            assert_int_equal(fixture->reply.code, expected);
            assert_true(fixture->reply.status >= 400);
            assert_int_equal(json_object_size(json), 6);
            assert_string_equal(fixture->reply.content_type, "application/problem+json");
            assert_string_equal(reply_header(&fixture->reply, "Content-Language"), language ? "zh-CN" : "en");
            json_decref(json);
        }
    }
}

static void lists_violations(void **state)
{
    static const char *const words[] = {"CNY", "USD", NULL};
    struct fixture *fixture = *state;
    struct stw_details *details = &fixture->request.details;
    json_t *json;
    json_t *errors;
    json_t *allowed;

    stw_details_field(details, "amount/currency", STW_TOO_LONG, "3");
    stw_details_add(details, STW_AT_POINTER, "#/currency", STW_NOT_ALLOWED, NULL, words);
    stw_details_parameter(details, "limit", STW_TOO_LARGE, "500");
    stw_details_add(details, STW_AT_HEADER, "If-Match", STW_INVALID_FORMAT, NULL, NULL);
    stw_details_field(details, "emial", STW_UNKNOWN_FIELD, "email");
    stw_details_field(details, "xyzzy", STW_UNKNOWN_FIELD, NULL);
    json = answer(fixture, STW_VALIDATION_FAILED);
    errors = json_object_get(json, "errors");
    assert_int_equal(json_array_size(errors), 6);
    assert_string_equal(text(json_array_get(errors, 0), "pointer"), "#/amount/currency");
    assert_string_equal(text(json_array_get(errors, 0), "code"), "too_long");
    assert_string_equal(text(json_array_get(errors, 0), "detail"),
                        "The value is too long; the greatest length is 3.");
    assert_null(json_object_get(json_array_get(errors, 0), "allowed"));
    allowed = json_object_get(json_array_get(errors, 1), "allowed");
    assert_int_equal(json_array_size(allowed), 2);
    assert_string_equal(json_string_value(json_array_get(allowed, 1)), "USD");
    assert_string_equal(text(json_array_get(errors, 2), "parameter"), "limit");
    assert_null(json_object_get(json_array_get(errors, 2), "pointer"));
    assert_string_equal(text(json_array_get(errors, 3), "header"), "If-Match");
    assert_string_equal(text(json_array_get(errors, 3), "detail"),
                        "The value does not have the right format.");
    assert_string_equal(text(json_array_get(errors, 4), "detail"),
                        "There is no such field here. Did you mean \"email\"?");
    assert_string_equal(text(json_array_get(errors, 5), "detail"), "There is no such field here.");
    assert_null(json_object_get(json, "more_errors"));
    json_decref(json);

    fixture->request.language = SRV_CHINESE;
    json = answer(fixture, STW_VALIDATION_FAILED);
    errors = json_object_get(json, "errors");
    assert_string_equal(
        text(json_array_get(errors, 0), "detail"),
        "\xe5\x80\xbc\xe7\x9a\x84\xe9\x95\xbf\xe5\xba\xa6\xe8\xb6\x85\xe5\x87\xba\xe9\x99\x90\xe5\x88\xb6"
        "\xef\xbc\x8c\xe6\x9c\x80\xe5\xa4\x9a\xe4\xb8\xba 3\xe3\x80\x82"); /* 值的长度超出限制，最多为 3。 */
    assert_string_equal(text(json_array_get(errors, 0), "code"), "too_long");
    json_decref(json);
}

static void counts_dropped_violations(void **state)
{
    struct fixture *fixture = *state;
    json_t *json;

    for (int i = 0; i < STW_VIOLATIONS_MAX + 3; i++)
        stw_details_field(&fixture->request.details, "a", STW_REQUIRED, NULL);
    json = answer(fixture, STW_VALIDATION_FAILED);
    assert_int_equal(json_array_size(json_object_get(json, "errors")), STW_VIOLATIONS_MAX);
    assert_int_equal(json_integer_value(json_object_get(json, "more_errors")), 3);
    json_decref(json);
}

/* What a client sends comes back as data: no format, no JSON, no broken UTF-8, no megabytes. */
static void echoes_safely(void **state)
{
    static const char nasty[] = "%n%s%d\"\\\x01</script>[%s]";
    struct fixture *fixture = *state;
    struct stw_details *details = &fixture->request.details;
    char *huge = stw_arena_alloc(fixture->arena, 1 << 20);
    json_t *json;
    json_t *errors;

    for (size_t i = 0; i + 3 < 1 << 20; i += 3)
        memcpy(huge + i, "\xe5\xae\xa2", 3);
    huge[(1 << 20) / 3 * 3] = '\0';
    stw_details_add(details, STW_AT_PARAMETER, nasty, STW_INVALID_OPERATOR, nasty, NULL);
    stw_details_add(details, STW_AT_PARAMETER, huge, STW_INVALID_OPERATOR, huge, NULL);
    stw_details_add(details, STW_AT_PARAMETER, "bad \xff", STW_INVALID_OPERATOR, "\xc3", NULL);
    json = answer(fixture, STW_INVALID_PARAMETER);
    errors = json_object_get(json, "errors");
    assert_string_equal(text(json_array_get(errors, 0), "parameter"), nasty);
    assert_string_equal(text(json_array_get(errors, 0), "detail"),
                        "This field does not support the operator \"%n%s%d\"\\\x01</script>[%s]\".");
    assert_int_equal(strlen(text(json_array_get(errors, 1), "parameter")), 255);
    assert_true(strlen(text(json_array_get(errors, 1), "detail")) < 320);
    assert_string_equal(text(json_array_get(errors, 2), "parameter"), "\xef\xbf\xbd");
    assert_string_equal(text(json_array_get(errors, 2), "detail"),
                        "This field does not support the operator.");
    assert_true(fixture->reply.body.length < 4096);
    json_decref(json);
}

static void tells_rule_and_record_where_they_belong(void **state)
{
    struct fixture *fixture = *state;
    struct stw_details *details = &fixture->request.details;
    json_t *json;

    details->rule = "accounts.delete";
    details->conflict_id = "0190-id";
    strcpy(details->internal, "secret");
    strcpy(details->constraint, "accounts_name_key");
    stw_details_field(details, "name", STW_DUPLICATE, NULL);
    json = answer(fixture, STW_FORBIDDEN);
    assert_string_equal(text(json, "rule"), "accounts.delete");
    assert_null(json_object_get(json, "conflicting_id"));
    json_decref(json);
    json = answer(fixture, STW_DUPLICATE);
    assert_string_equal(text(json, "conflicting_id"), "0190-id");
    assert_int_equal(json_array_size(json_object_get(json, "errors")), 1);
    assert_null(json_object_get(json, "rule"));
    json_decref(json);
    /* Nothing of what was noted reaches answers that must not tell. */
    for (enum stw_code code = STW_OK; code < STW_CODE_COUNT; code++) {
        json = answer(fixture, code);
        assert_null(strstr(fixture->reply.body.data, "secret"));
        assert_null(strstr(fixture->reply.body.data, "_key"));
        if (fixture->reply.status >= 500 || fixture->reply.status == 401 || fixture->reply.status == 404)
            assert_int_equal(json_object_size(json), 6);
        json_decref(json);
    }
}

static const char *challenge(struct fixture *fixture, enum stw_code code)
{
    json_decref(answer(fixture, code));
    return reply_header(&fixture->reply, "WWW-Authenticate");
}

static void sends_the_headers_of_a_status(void **state)
{
    static const enum stw_code later[] = {STW_TOO_MANY_REQUESTS, STW_OVERLOADED,
                                          STW_UNAVAILABLE,       STW_DEADLINE_EXCEEDED,
                                          STW_OUTCOME_UNKNOWN,   STW_IDEMPOTENCY_IN_PROGRESS};
    struct fixture *fixture = *state;

    assert_string_equal(challenge(fixture, STW_UNAUTHENTICATED), "Bearer");
    assert_string_equal(challenge(fixture, STW_INVALID_CREDENTIALS), "Bearer");
    assert_string_equal(challenge(fixture, STW_INVALID_TOKEN), "Bearer error=\"invalid_token\"");
    assert_string_equal(challenge(fixture, STW_TOKEN_EXPIRED), "Bearer error=\"invalid_token\"");
    assert_null(challenge(fixture, STW_FORBIDDEN));
    fixture->request.details.allow = "GET, HEAD";
    json_decref(answer(fixture, STW_METHOD_NOT_ALLOWED));
    assert_string_equal(reply_header(&fixture->reply, "Allow"), "GET, HEAD");
    json_decref(answer(fixture, STW_NOT_FOUND));
    assert_null(reply_header(&fixture->reply, "Allow"));
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        fixture->request.details.retry_after_seconds = 0;
        json_decref(answer(fixture, later[i]));
        assert_string_equal(reply_header(&fixture->reply, "Retry-After"), "1");
        fixture->request.details.retry_after_seconds = 30;
        json_decref(answer(fixture, later[i]));
        assert_string_equal(reply_header(&fixture->reply, "Retry-After"), "30");
    }
    json_decref(answer(fixture, STW_CONFLICT));
    assert_null(reply_header(&fixture->reply, "Retry-After"));
}

static void replaces_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    json_t *json;

    stw_buf_add_text(&fixture->reply.body, "{\"data\":[");
    srv_reply_header(&fixture->reply, "ETag", "\"1-x\"");
    fixture->reply.status = 200;
    fixture->request.ctx.request_id = NULL;
    json = answer(fixture, STW_INTERNAL);
    assert_true(json_is_null(json_object_get(json, "request_id")));
    assert_null(reply_header(&fixture->reply, "ETag"));
    json_decref(json);
}

static enum stw_code page(struct fixture *fixture, const char *name, const char *accept)
{
    fixture_again(fixture);
    if (accept)
        fixture_header(fixture, "Accept", accept);
    fixture->request.parameters[0] = name;
    return srv_problem_page(&fixture->request, &fixture->reply);
}

static void count_row(void *self, const struct srv_problem *problem)
{
    assert_non_null(problem->title[0]);
    ++*(int *)self;
}

static void pages_as_json(void **state)
{
    struct fixture *fixture = *state;
    int rows = 0;
    json_t *json;

    srv_problem_each(count_row, &rows);
    assert_int_equal(rows, STW_CODE_COUNT - 3);
    assert_int_equal(page(fixture, NULL, NULL), STW_OK);
    assert_int_equal(fixture->reply.status, 200);
    assert_string_equal(fixture->reply.content_type, "application/json");
    json = parse(&fixture->reply);
    assert_int_equal(json_array_size(json_object_get(json, "data")), rows);
    json_decref(json);
    assert_int_equal(page(fixture, "too_long", "*/*"), STW_OK);
    json = parse(&fixture->reply);
    assert_string_equal(text(json, "code"), "too_long");
    assert_true(json_is_null(json_object_get(json, "status")));
    assert_string_equal(text(json_object_get(json, "detail"), "en"), "The value is too long.");
    assert_string_equal(text(json_object_get(json, "title"), "zh"), srv_problem_get(STW_TOO_LONG)->title[1]);
    json_decref(json);
    assert_int_equal(page(fixture, "duplicate", "application/problem+json"), STW_OK);
    json = parse(&fixture->reply);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 409);
    json_decref(json);
}

static void pages_refuse(void **state)
{
    static const struct stw_pair pair = {"x", "1"};
    struct fixture *fixture = *state;

    assert_int_equal(page(fixture, "ok", NULL), STW_NOT_FOUND);
    assert_int_equal(page(fixture, "retry", NULL), STW_NOT_FOUND);
    assert_int_equal(page(fixture, "<script>", "text/html"), STW_NOT_FOUND);
    assert_int_equal(page(fixture, "conflict", "image/png"), STW_NOT_ACCEPTABLE);
    fixture->request.query = &pair;
    fixture->request.query_count = 1;
    assert_int_equal(page(fixture, "conflict", NULL), STW_UNKNOWN_PARAMETER);
}

static void pages_as_html(void **state)
{
    struct fixture *fixture = *state;
    const char *body;

    assert_int_equal(page(fixture, "unknown_field", "text/html,application/xhtml+xml,*/*;q=0.8"), STW_OK);
    assert_string_equal(fixture->reply.content_type, "text/html; charset=utf-8");
    assert_string_equal(reply_header(&fixture->reply, "Content-Security-Policy"),
                        "default-src 'none'; style-src 'unsafe-inline'");
    body = fixture->reply.body.data;
    assert_non_null(strstr(body, "<html lang=\"en\">"));
    assert_non_null(strstr(body, "<code>unknown_field</code>"));
    assert_null(strstr(body, "<script"));
    assert_null(strstr(body, "src="));
    fixture->request.language = SRV_CHINESE;
    assert_int_equal(page(fixture, NULL, "text/html"), STW_OK);
    body = fixture->reply.body.data;
    assert_non_null(strstr(body, "<html lang=\"zh-CN\">"));
    assert_non_null(strstr(body, srv_problem_get(STW_CONFLICT)->title[SRV_CHINESE]));
    assert_string_equal(reply_header(&fixture->reply, "Vary"), "Accept, Accept-Language");
    /* Equal liking, or more for JSON: JSON. */
    assert_int_equal(page(fixture, "conflict", "text/html;q=0.5, application/json"), STW_OK);
    assert_string_equal(fixture->reply.content_type, "application/json");
    fixture->request.language = SRV_ENGLISH;
}

static void routes_are_public(void **state)
{
    (void)state;
    assert_int_equal(srv_problem_route_count, 2);
    for (size_t i = 0; i < srv_problem_route_count; i++) {
        assert_int_equal(srv_problem_routes[i].method, SRV_GET);
        assert_int_equal(srv_problem_routes[i].auth, SRV_AUTH_NONE);
        assert_non_null(srv_problem_routes[i].run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_is_complete), TEST(writes_every_code),
        TEST(lists_violations),  TEST(counts_dropped_violations),
        TEST(echoes_safely),     TEST(tells_rule_and_record_where_they_belong),
        TEST(pages_as_json),     TEST(sends_the_headers_of_a_status),
        TEST(pages_refuse),      TEST(replaces_what_was_written),
        TEST(pages_as_html),     TEST(routes_are_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
