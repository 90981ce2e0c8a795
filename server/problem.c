#include "server/problem.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "server/problem_texts.h"

static bool is_published(enum stw_code code)
{
    return (unsigned)code < STW_CODE_COUNT && srv_problem_table[code].title[SRV_ENGLISH];
}

const struct srv_problem *srv_problem_get(enum stw_code code)
{
    return &srv_problem_table[is_published(code) ? code : STW_INTERNAL];
}

void srv_problem_each(void (*visit)(void *self, const struct srv_problem *problem), void *self)
{
    for (enum stw_code code = STW_OK; code < STW_CODE_COUNT; code++) {
        if (is_published(code))
            visit(self, &srv_problem_table[code]);
    }
}

/* A JSON string of text that may come from the client: cut where it gets long, a mark if it is not UTF-8. */
static void add_echo(struct stw_buf *body, const char *text)
{
    size_t length = srv_problem_echo_length(text);

    if (stw_text_valid(text, length))
        stw_buf_add_json(body, text, length);
    else
        stw_buf_add_text(body, "\"\xef\xbf\xbd\"");
}

static void add_string(struct stw_buf *body, const char *text)
{
    stw_buf_add_json(body, text, strlen(text));
}

/* `,"name":"text"`; the leading comma belongs to it, since no object here starts with an optional member. */
static void add_member(struct stw_buf *body, const char *name, const char *text)
{
    stw_buf_add_char(body, ',');
    add_string(body, name);
    stw_buf_add_char(body, ':');
    add_echo(body, text);
}

static void add_detail_member(struct stw_buf *body, const char *text)
{
    stw_buf_add_text(body, ",\"detail\":");
    add_string(body, text);
}

static void add_violation(struct stw_buf *body, const struct stw_violation *violation,
                          struct stw_arena *arena, enum srv_language language)
{
    static const char *const places[] = {
        [STW_AT_POINTER] = "pointer", [STW_AT_PARAMETER] = "parameter", [STW_AT_HEADER] = "header"};
    const struct srv_problem *problem = srv_problem_get(violation->code);

    stw_buf_add_char(body, '{');
    add_string(body, places[violation->where]);
    stw_buf_add_char(body, ':');
    add_echo(body, violation->path);
    add_member(body, "code", stw_code_name(problem->code));
    add_detail_member(body, srv_problem_detail(arena, problem, language, violation->argument));
    if (violation->allowed) {
        stw_buf_add_text(body, ",\"allowed\":[");
        for (int i = 0; violation->allowed[i]; i++) {
            if (i > 0)
                stw_buf_add_char(body, ',');
            add_echo(body, violation->allowed[i]);
        }
        stw_buf_add_char(body, ']');
    }
    stw_buf_add_char(body, '}');
}

/* What was noted on the way to another failure is nobody's business: a 404 says nothing about the record, a
 * 5xx nothing about the request. */
static bool tells_violations(int status)
{
    return status < 500 && status != 401 && status != 404;
}

static void add_details(struct stw_buf *body, const struct srv_request *request,
                        const struct srv_problem *problem)
{
    const struct stw_details *details = &request->details;

    if (problem->code == STW_FORBIDDEN && details->rule)
        add_member(body, "rule", details->rule);
    if (problem->status == 409 && details->conflict_id)
        add_member(body, "conflicting_id", details->conflict_id);
    if (!tells_violations(problem->status) || details->violation_count == 0)
        return;
    stw_buf_add_text(body, ",\"errors\":[");
    for (int i = 0; i < details->violation_count; i++) {
        if (i > 0)
            stw_buf_add_char(body, ',');
        add_violation(body, &details->violations[i], request->ctx.arena, request->language);
    }
    stw_buf_add_char(body, ']');
    if (details->violations_dropped > 0)
        stw_buf_printf(body, ",\"more_errors\":%d", details->violations_dropped);
}

static void add_headers(const struct srv_request *request, const struct srv_problem *problem,
                        struct srv_reply *reply)
{
    const struct stw_details *details = &request->details;
    char seconds[16];

    srv_reply_header(reply, "Content-Language", request->language == SRV_CHINESE ? "zh-CN" : "en");
    /* RFC 6750 3.1: no error code for a request that brought no token. */
    if (problem->code == STW_INVALID_TOKEN || problem->code == STW_TOKEN_EXPIRED)
        srv_reply_header(reply, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
    else if (problem->status == 401)
        srv_reply_header(reply, "WWW-Authenticate", "Bearer");
    if (problem->status == 405)
        srv_reply_header(reply, "Allow", details->allow ? details->allow : "");
    if (problem->status == 429 || problem->status == 503 || problem->code == STW_IDEMPOTENCY_IN_PROGRESS) {
        snprintf(seconds, sizeof(seconds), "%d",
                 details->retry_after_seconds > 0 ? details->retry_after_seconds : 1);
        srv_reply_header(reply, "Retry-After", seconds);
    }
}

void srv_problem_write(const struct srv_request *request, enum stw_code code, struct srv_reply *reply)
{
    const struct srv_problem *problem = srv_problem_get(code);
    const char *name;
    struct stw_buf *body = &reply->body;

    /* A code of a violation that ends a call by itself stands for a validation that failed. */
    if (problem->status == 0)
        problem = srv_problem_get(STW_VALIDATION_FAILED);
    name = stw_code_name(problem->code);
    srv_reply_reset(reply);
    reply->status = problem->status;
    reply->code = problem->code;
    reply->content_type = "application/problem+json";
    stw_buf_add_text(body, "{\"type\":\"/problems/");
    stw_buf_add_text(body, name);
    stw_buf_add_text(body, "\",\"title\":");
    add_string(body, problem->title[request->language]);
    stw_buf_printf(body, ",\"status\":%d", problem->status);
    add_detail_member(body, srv_problem_detail(request->ctx.arena, problem, request->language, NULL));
    add_member(body, "code", name);
    if (request->ctx.request_id)
        add_member(body, "request_id", request->ctx.request_id);
    else
        stw_buf_add_text(body, ",\"request_id\":null");
    add_details(body, request, problem);
    stw_buf_add_char(body, '}');
    add_headers(request, problem, reply);
}
