#include "server/describe.h"

#include <string.h>

#include "resource/describe.h"
#include "resource/json_memory.h"
#include "server/negotiate.h"

static const struct stw_plan *find(const struct stw_engine *engine, const char *segment)
{
    for (int i = 0; i < engine->count; i++) {
        if (strcmp(engine->plans[i].segment, segment) == 0)
            return &engine->plans[i];
    }
    return NULL;
}

static int add(const char *bytes, size_t length, void *body)
{
    stw_buf_add(body, bytes, length);
    return 0;
}

static enum stw_code describe(struct srv_request *request, struct srv_reply *reply)
{
    const struct stw_plan *plan = find(request->ctx.engine, request->parameters[0]);
    enum stw_code code = srv_negotiate_no_query(request);
    json_t *json;

    if (code != STW_OK)
        return code;
    if (!plan)
        return STW_NOT_FOUND;
    unsigned refusals = stw_json_refusals();
    json = stw_describe_own(&request->ctx, plan);
    if (!json || stw_json_refusals() != refusals ||
        json_dump_callback(json, add, &reply->body, JSON_COMPACT) != 0)
        code = STW_OVERLOADED;
    json_decref(json);
    reply->status = 200;
    return code;
}

const struct srv_route srv_describe_routes[] = {
    {SRV_GET, "/v1/describe/{resource}", SRV_AUTH_BEARER, 0, describe, NULL, "describeResource",
     "What the caller may see, filter and write of a resource."},
};
const size_t srv_describe_route_count = sizeof(srv_describe_routes) / sizeof(srv_describe_routes[0]);
