#include "server/intake.h"

#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/text.h"
#include "core/uuid.h"
#include "resource/query.h"
#include "server/negotiate.h"

enum srv_method srv_intake_method(const char *name)
{
    enum srv_method method = 0;

    while (method < SRV_METHOD_COUNT && strcmp(srv_method_name(method), name) != 0)
        method++;
    return method;
}

bool srv_intake_request_id(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= 64 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static bool hex_run(const char *text, size_t length, bool may_be_zero)
{
    bool zero = true;

    for (size_t i = 0; i < length; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        zero = zero && text[i] == '0';
    }
    return may_be_zero || !zero;
}

bool srv_intake_traceparent(const char *text)
{
    size_t length = strlen(text);

    if (length < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!hex_run(text, 2, true) || !hex_run(text + 3, 32, false) || !hex_run(text + 36, 16, false) ||
        !hex_run(text + 53, 2, true) || !strncmp(text, "ff", 2))
        return false;
    /* Version 00 ends here; later ones may add fields behind a hyphen. */
    return length == 55 || (strncmp(text, "00", 2) != 0 && text[55] == '-');
}

static void take_headers(struct srv_request *request, const struct srv_head *head)
{
    int count = head->field_count < SRV_FIELDS_MAX ? head->field_count : SRV_FIELDS_MAX;
    struct srv_header *headers = STW_NEW_N(request->ctx.arena, struct srv_header, (size_t)count);

    for (int i = 0; i < count; i++) {
        const struct srv_field *field = &head->fields[i];
        size_t length = field->value_length;

        while (length && (field->value[length - 1] == ' ' || field->value[length - 1] == '\t'))
            length--;
        headers[i].name = field->name;
        headers[i].value = length == field->value_length
                               ? field->value
                               : stw_arena_strndup(request->ctx.arena, field->value, length);
    }
    request->headers = headers;
    request->header_count = count;
}

/* The path starts behind scheme and authority when the target is in absolute form, which RFC 9112 makes us
 * accept. */
static const char *path_start(const char *target)
{
    const char *start = target;

    if (!strncasecmp(target, "http://", 7))
        start = target + 7;
    else if (!strncasecmp(target, "https://", 8))
        start = target + 8;
    if (start == target)
        return target;
    start += strcspn(start, "/?");
    return *start == '/' ? start : "/";
}

static void take_target(struct srv_request *request, const char *target)
{
    const char *path = path_start(target);

    request->target = target;
    request->path = stw_arena_strndup(request->ctx.arena, path, strcspn(path, "?"));
}

void srv_intake_id(struct srv_request *request)
{
    char *made = stw_arena_alloc(request->ctx.arena, STW_UUID_TEXT);

    stw_uuid_v7(stw_clock_wall_us(), made);
    request->ctx.request_id = made;
}

void srv_intake_head(struct srv_request *request, const struct srv_head *head,
                     const struct srv_proxies *proxies, const char *peer)
{
    struct stw_context *ctx = &request->ctx;
    const char *id;
    const char *trace;

    stw_details_init(&request->details, ctx->arena);
    ctx->details = &request->details;
    ctx->now_us = stw_clock_wall_us();
    request->started_us = stw_clock_monotonic_us();
    request->method = srv_intake_method(head->method);
    /* Only a refusal is ever written for an unknown method. */
    if (request->method == SRV_METHOD_COUNT)
        request->method = SRV_GET;
    request->body = "";
    take_headers(request, head);
    take_target(request, head->target);
    request->client = srv_proxies_client(proxies, request, peer);
    id = srv_request_header(request, "x-request-id");
    if (id && srv_intake_request_id(id))
        ctx->request_id = id;
    else
        srv_intake_id(request);
    trace = srv_request_header(request, "traceparent");
    if (trace && srv_intake_traceparent(trace))
        request->traceparent = trace;
    request->language = srv_negotiate_language(srv_request_header(request, "accept-language"));
}

enum stw_code srv_intake_query(struct srv_request *request)
{
    struct stw_arena *arena = request->ctx.arena;
    const char *query = strchr(request->target, '?');
    struct stw_pair *pairs;
    size_t most = 1;
    int count = 0;

    if (!query || !*++query)
        return STW_OK;
    for (const char *p = query; *p; p++)
        most += *p == '&';
    pairs = STW_NEW_N(arena, struct stw_pair, most);
    while (*query) {
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t name_length = equals ? (size_t)(equals - query) : length;
        char *name;
        char *value = NULL;

        if (length) {
            if (!stw_text_percent_decode(arena, query, name_length, true, &name) ||
                (equals &&
                 !stw_text_percent_decode(arena, equals + 1, length - name_length - 1, true, &value)))
                return STW_MALFORMED_REQUEST;
            pairs[count++] = (struct stw_pair){name, value ? value : ""};
        }
        query += length + (query[length] == '&');
    }
    request->query = pairs;
    request->query_count = count;
    return STW_OK;
}
