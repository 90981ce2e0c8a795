/* server/negotiate.h: each line is a field, its first letter says which: A Accept, L Accept-Language, E
 * Accept-Encoding, T Content-Type, C Content-Encoding. Weights have their bounds, the order of members and
 * what cannot be read do not matter, and several lines are one list. */
#include <strings.h>

#include "core/context.h"
#include "lines.h"
#include "server/negotiate.h"

#define FIELDS 8

static const char *name_of(char letter)
{
    switch (letter) {
    case 'A':
        return "Accept";
    case 'L':
        return "Accept-Language";
    case 'E':
        return "Accept-Encoding";
    case 'T':
        return "Content-Type";
    default:
        return "Content-Encoding";
    }
}

struct view {
    int html, json, gzip;
    enum srv_language language;
};

static struct view view_of(const struct srv_request *request)
{
    return (struct view){
        .html = srv_negotiate_quality(request, "text/html"),
        .json = srv_negotiate_quality(request, "application/json"),
        .gzip = srv_negotiate_coding(request, "gzip"),
        .language = srv_negotiate_language(srv_request_header(request, "accept-language")),
    };
}

static void check_same(const struct view *left, const struct view *right)
{
    CHECK(left->html == right->html && left->json == right->json && left->gzip == right->gzip);
    CHECK(left->language == right->language);
}

/* With something before and behind what each field says. */
static struct view changed_view(const struct srv_request *request, const char *before, const char *behind)
{
    struct srv_header headers[FIELDS];
    struct srv_request other = *request;

    for (int i = 0; i < request->header_count; i++)
        headers[i] = (struct srv_header){
            request->headers[i].name,
            stw_arena_printf(request->ctx.arena, "%s%s%s", before, request->headers[i].value, behind)};
    other.headers = headers;
    return view_of(&other);
}

/* Members that cannot be read are as if they were not there, but an Accept that was empty asks for
 * something then. */
static void check_unreadable(const struct srv_request *request, const struct view *view)
{
    struct view before, behind;

    for (int i = 0; i < request->header_count; i++) {
        /* an open quote would swallow what comes behind */
        if (!request->headers[i].value[0] || strchr(request->headers[i].value, '"'))
            return;
    }
    before = changed_view(request, "text/html;q=x,", "");
    behind = changed_view(request, "", ", ;q=1");
    check_same(view, &before);
    check_same(view, &behind);
}

/* Several lines are one list; of Accept-Language the first counts. */
static void check_joined(const struct srv_request *request, const struct view *view)
{
    struct srv_request other = *request;
    struct srv_header headers[FIELDS];
    const char *accept = NULL;
    int count = 0;

    for (int i = 0; i < request->header_count; i++) {
        const struct srv_header *header = &request->headers[i];

        if (strcmp(header->name, "Accept") != 0 || !header->value[0]) {
            headers[count++] = *header;
            continue;
        }
        if (strchr(header->value, '"'))
            return;
        accept =
            accept ? stw_arena_printf(request->ctx.arena, "%s,%s", header->value, accept) : header->value;
    }
    if (accept)
        headers[count++] = (struct srv_header){"accept", accept};
    other.headers = headers;
    other.header_count = count;
    CHECK(srv_negotiate_quality(&other, "text/html") == view->html);
    CHECK(srv_negotiate_quality(&other, "application/json") == view->json);
}

static void check_gates(struct srv_request *request, const struct view *view)
{
    const char *type = srv_request_header(request, "content-type");
    enum stw_code code = srv_negotiate_accept(request, "text/html");
    int problem = srv_negotiate_quality(request, "application/problem+json");
    int count = request->details.violation_count;

    CHECK((code == STW_OK) == (view->html > 0 || problem > 0));
    CHECK((code == STW_OK) == (count == 0));
    code = srv_negotiate_content_type(request);
    CHECK((code == STW_OK) == (request->details.violation_count == count));
    if (code == STW_OK && type)
        CHECK(strcasestr(type, "application/json") || strcasestr(type, "application/merge-patch+json"));
    CHECK(code != STW_OK || type || request->body_length == 0);
    count = request->details.violation_count;
    code = srv_negotiate_media(request, "text/csv");
    CHECK((code == STW_OK) == (request->details.violation_count == count));
    CHECK(code != STW_OK || (type && strcasestr(type, "text/csv")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)16 << 20);
    struct srv_header headers[FIELDS];
    struct srv_request request = {.ctx.arena = arena, .headers = headers, .body_length = size & 1};
    struct lines lines = {(const char *)data, (const char *)data + size};
    struct view view;
    const char *line;
    size_t length;

    stw_details_init(&request.details, arena);
    while (request.header_count < FIELDS && next_line(&lines, &line, &length)) {
        if (length > 0)
            headers[request.header_count++] =
                (struct srv_header){name_of(line[0]), stw_arena_strndup(arena, line + 1, length - 1)};
    }
    view = view_of(&request);
    CHECK(view.html >= 0 && view.html <= 1000 && view.json >= 0 && view.json <= 1000);
    CHECK(view.gzip >= 0 && view.gzip <= 1000);
    CHECK(view.language == SRV_ENGLISH || view.language == SRV_CHINESE);
    check_unreadable(&request, &view);
    check_joined(&request, &view);
    check_gates(&request, &view);
    stw_arena_free(arena);
    return 0;
}
