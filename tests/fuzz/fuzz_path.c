/* server/router.h with the percent decoding of its segments: the first byte chooses the method, the rest is
 * the path. */
#include <string.h>

#include "check.h"
#include "core/text.h"
#include "server/router.h"

static enum stw_code nothing(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_OK;
}

static const struct srv_route routes[] = {
    {SRV_GET, "/", SRV_AUTH_NONE, 0, nothing, NULL, "root", ""},
    {SRV_GET, "/v1/accounts", SRV_AUTH_NONE, 0, nothing, NULL, "list", ""},
    {SRV_POST, "/v1/accounts", SRV_AUTH_NONE, 0, nothing, NULL, "create", ""},
    {SRV_GET, "/v1/accounts/{id}", SRV_AUTH_NONE, 0, nothing, NULL, "get", ""},
    {SRV_POST, "/v1/accounts/search", SRV_AUTH_NONE, 0, nothing, NULL, "search", ""},
    {SRV_GET, "/v1/accounts/{id}/contacts", SRV_AUTH_NONE, 0, nothing, NULL, "contacts", ""},
    {SRV_PUT, "/v1/accounts/by-external-id/{source}/{key}", SRV_AUTH_NONE, 0, nothing, NULL, "upsert", ""},
    /* more parameters on a way that leads nowhere than on the one that arrives */
    {SRV_GET, "/v1/{a}/{b}/parts", SRV_AUTH_NONE, 0, nothing, NULL, "parts", ""},
    {SRV_GET, "/{a}/accounts/x/y", SRV_AUTH_NONE, 0, nothing, NULL, "one", ""},
    {SRV_DELETE, "/{a}/{b}/{c}/{d}", SRV_AUTH_NONE, 0, nothing, NULL, "any", ""},
};

static int filled(const struct srv_request *request)
{
    int count = 0;

    while (count < SRV_PATH_PARAMETERS_MAX && request->parameters[count])
        count++;
    for (int i = count; i < SRV_PATH_PARAMETERS_MAX; i++)
        CHECK(!request->parameters[i]);
    return count;
}

/* The path that a found route stands for: its pattern with each value in place, encoded. */
static const char *path_again(const struct srv_request *request)
{
    const char *const *value = request->parameters;
    struct stw_buf path;

    stw_buf_init(&path, request->ctx.arena, 64, (size_t)1 << 24);
    for (const char *at = request->route->pattern; *at; at++) {
        if (*at != '{') {
            stw_buf_add_char(&path, *at);
            continue;
        }
        stw_text_percent_encode(&path, *value, strlen(*value));
        value++;
        at = strchr(at, '}');
    }
    CHECK(!path.failed);
    return path.data;
}

/* What was found must be found again under the plain form of the same path, with the same values. */
static void check_found(const struct srv_router *router, const struct srv_request *request)
{
    struct srv_request again = *request;
    int count = filled(request);
    int braces = 0;

    for (const char *at = request->route->pattern; *at; at++)
        braces += *at == '{';
    CHECK(braces == count);
    for (int i = 0; i < count; i++) {
        CHECK(request->parameters[i][0]);
        CHECK(stw_text_valid(request->parameters[i], strlen(request->parameters[i])));
    }
    if (request->route->method == SRV_OPTIONS)
        return;
    again.path = path_again(request);
    CHECK(srv_router_find(router, &again) == STW_OK);
    CHECK(again.route == request->route && filled(&again) == count);
    for (int i = 0; i < count; i++)
        CHECK(strcmp(again.parameters[i], request->parameters[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)64 << 20);
    struct srv_router *router = srv_router_new();
    struct srv_request request = {.ctx.arena = arena};
    enum stw_code code;

    stw_details_init(&request.details, arena);
    request.ctx.details = &request.details;
    request.method = size > 0 ? (enum srv_method)(data[0] % SRV_METHOD_COUNT) : SRV_GET;
    request.path = stw_arena_strndup(arena, size > 0 ? (const char *)data + 1 : "", size > 0 ? size - 1 : 0);
    srv_router_add(router, routes, sizeof(routes) / sizeof(routes[0]));
    code = srv_router_find(router, &request);
    CHECK(code == STW_OK || code == STW_UNKNOWN_ROUTE || code == STW_METHOD_NOT_ALLOWED);
    CHECK((code == STW_OK) == (request.route != NULL));
    CHECK((code == STW_UNKNOWN_ROUTE) == (request.details.allow == NULL));
    if (code == STW_OK && strcmp(request.route->pattern, "*") != 0)
        check_found(router, &request);
    else if (code != STW_OK)
        CHECK(filled(&request) == 0);
    srv_router_free(router);
    stw_arena_free(arena);
    return 0;
}
