/* server/intake.h and the fields that are read by shape. The first line is a request's target, each further
 * one a field: R X-Request-Id, T traceparent, M If-Match, P Steward-Position. */
#include <stdio.h>

#include "core/text.h"
#include "core/uuid.h"
#include "db/replica.h"
#include "lines.h"
#include "resource/query.h"
#include "server/intake.h"
#include "server/record_reply.h"

#define FIELDS 8

static int count_of(const char *text, const char *alphabet)
{
    int count = 0;

    for (; *text; text++)
        count += strchr(alphabet, *text) != NULL;
    return count;
}

static void check_trace(const struct srv_request *request)
{
    const char *sent = srv_request_header(request, "traceparent");
    const char *trace = request->traceparent;
    char version[3], id[33], parent[17], flags[3];
    int used = 0;

    if (!trace) {
        /* what we make ourselves must pass */
        CHECK(srv_intake_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        return;
    }
    CHECK(trace == sent);
    CHECK(sscanf(trace, "%2[0-9a-f]-%32[0-9a-f]-%16[0-9a-f]-%2[0-9a-f]%n", version, id, parent, flags,
                 &used) == 4);
    CHECK(used == 55 && strspn(id, "0") < 32 && strspn(parent, "0") < 16 && strcmp(version, "ff") != 0);
    CHECK(strlen(trace) == 55 || (trace[55] == '-' && strcmp(version, "00") != 0));
}

static void check_id(const struct srv_request *request)
{
    const char *sent = srv_request_header(request, "x-request-id"), *id = request->ctx.request_id;
    size_t length = strlen(id);

    CHECK(length >= 1 && length <= 64);
    for (const char *at = id; *at; at++)
        CHECK((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
              strchr("._-", *at));
    CHECK(id == sent || length == STW_UUID_TEXT - 1);
}

/* One word of a query, taken apart byte by byte. */
static void check_word(const char *sent, size_t length, const char *decoded)
{
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)sent[i];

        if (byte == '%') {
            CHECK(i + 2 < length && sscanf(sent + i + 1, "%2x", &byte) == 1);
            i += 2;
        } else if (byte == '+') {
            byte = ' ';
        }
        CHECK((unsigned char)*decoded++ == byte && byte != 0);
    }
    CHECK(!*decoded);
}

static void check_words(const struct srv_request *request)
{
    const char *at = strchr(request->target, '?');
    int count = 0;

    while (at && *at) {
        size_t length = strcspn(++at, "&"), name = strcspn(at, "=&");

        if (length > 0) {
            const struct stw_pair *pair = &request->query[count++];
            CHECK(count <= request->query_count);
            check_word(at, name, pair->name);
            check_word(at + name + (name < length), length - name - (name < length), pair->value);
        }
        at += length;
    }
    CHECK(count == request->query_count);
}

/* What was decoded, encoded and read again, is the same. */
static void check_query(struct srv_request *request)
{
    struct srv_request again = *request;
    struct stw_buf target;

    stw_buf_init(&target, request->ctx.arena, 64, (size_t)4 << 20);
    stw_buf_add_text(&target, "/?");
    for (int i = 0; i < request->query_count; i++) {
        const struct stw_pair *pair = &request->query[i];

        CHECK(stw_text_valid(pair->name, strlen(pair->name)));
        CHECK(stw_text_valid(pair->value, strlen(pair->value)));
        stw_text_percent_encode(&target, pair->name, strlen(pair->name));
        stw_buf_add_char(&target, '=');
        stw_text_percent_encode(&target, pair->value, strlen(pair->value));
        stw_buf_add_char(&target, '&');
    }
    CHECK(!target.failed);
    again.target = target.data;
    again.query = NULL;
    again.query_count = 0;
    CHECK(srv_intake_query(&again) == STW_OK && again.query_count == request->query_count);
    for (int i = 0; i < request->query_count; i++) {
        CHECK(strcmp(again.query[i].name, request->query[i].name) == 0);
        CHECK(strcmp(again.query[i].value, request->query[i].value) == 0);
    }
}

static void check_target(struct srv_request *request)
{
    enum stw_code code;

    CHECK(!strchr(request->path, '?'));
    CHECK(strcmp(request->path, "/") == 0 || strstr(request->target, request->path));
    code = srv_intake_query(request);
    if (code == STW_OK) {
        check_words(request);
        check_query(request);
    } else {
        CHECK(code == STW_MALFORMED_REQUEST && request->query_count == 0);
    }
}

static void check_version(struct srv_request *request)
{
    const char *sent = srv_request_header(request, "If-Match"), *version;
    enum stw_code code = srv_if_match(request, true, &version);

    CHECK((code == STW_PRECONDITION_REQUIRED) == (sent == NULL));
    CHECK((code == STW_INVALID_PARAMETER) == (request->details.violation_count == 1));
    if (!version) {
        CHECK(code != STW_OK || strcmp(sent, "*") == 0);
        return;
    }
    CHECK(code == STW_OK && sent[0] == '"' && sent[strlen(sent) - 1] == '"' && count_of(sent, "\"") == 2);
    CHECK(strncmp(sent + 1, version, strlen(version)) == 0 && atol(version) <= 999999999);
    CHECK(strlen(version) >= 1 && count_of(version, "0123456789") == (int)strlen(version));
}

static void check_position(const struct srv_request *request)
{
    const char *sent = srv_request_header(request, "Steward-Position");
    char text[STW_POSITION_TEXT];
    uint64_t position, again;

    if (!sent || !stw_position_parse(sent, &position))
        return;
    CHECK(count_of(sent, "0123456789ABCDEFabcdef") == (int)strlen(sent) - 1);
    stw_position_write(position, text);
    CHECK(stw_position_parse(text, &again) && again == position);
}

static const char *name_of(char letter)
{
    switch (letter) {
    case 'R':
        return "X-Request-Id";
    case 'T':
        return "traceparent";
    case 'M':
        return "If-Match";
    default:
        return "Steward-Position";
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)64 << 20);
    struct lines lines = {(const char *)data, (const char *)data + size};
    struct srv_field fields[FIELDS];
    struct srv_head head = {.method = "GET", .version = "HTTP/1.1", .fields = fields};
    struct srv_request request = {.ctx.arena = arena};
    const char *line = "";
    size_t length = 0;

    next_line(&lines, &line, &length);
    head.target = stw_arena_strndup(arena, line, length);
    head.target_length = length;
    while (head.field_count < FIELDS && next_line(&lines, &line, &length)) {
        const char *name = length > 0 ? name_of(line[0]) : NULL;
        if (name)
            fields[head.field_count++] = (struct srv_field){
                name, strlen(name), stw_arena_strndup(arena, line + 1, length - 1), length - 1};
    }
    srv_intake_head(&request, &head, NULL, "192.0.2.1");
    CHECK(strcmp(request.client, "192.0.2.1") == 0 && request.header_count == head.field_count);
    check_target(&request);
    check_id(&request);
    check_trace(&request);
    check_version(&request);
    check_position(&request);
    stw_arena_free(arena);
    return 0;
}
