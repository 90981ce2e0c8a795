#include "server/action.h"

#include <string.h>

#include "core/uuid.h"
#include "db/db.h"
#include "resource/access.h"
#include "resource/render.h"
#include "server/body.h"
#include "server/negotiate.h"
#include "server/write.h"

struct action_call {
    const struct stw_action *action;
    struct stw_value *in, *out;
    char id[STW_UUID_TEXT];
};

static void render(struct srv_reply *reply, const struct stw_field *fields, int count,
                   const struct stw_value *values)
{
    for (int i = 0; i < count; i++) {
        stw_buf_printf(&reply->body, "%c\"%s\":", i ? ',' : '{', fields[i].name);
        stw_render_value(&reply->body, fields[i].type, values[i].text,
                         values[i].text ? strlen(values[i].text) : 0, values[i].currency);
    }
    stw_buf_add_char(&reply->body, '}');
}

static enum stw_code run(struct stw_context *ctx, void *argument)
{
    struct action_call *call = argument;
    if (call->action->out_count > 0)
        memset(call->out, 0, sizeof *call->out * (size_t)call->action->out_count);
    return call->action->run(ctx, call->id, call->in, call->out);
}

static enum stw_code effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct action_call *call = argument;
    const struct stw_action *action = call->action;
    enum stw_code code = stw_tx_run(&request->ctx, run, call, false);
    if (code != STW_OK)
        return code;
    reply->status = action->status;
    if (action->out_count > 0)
        render(reply, action->out_fields, action->out_count, call->out);
    return STW_OK;
}

static enum stw_code handle(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    const struct stw_action *action = request->route->subject;
    struct action_call call = {.action = action,
                               .in = STW_NEW_N(ctx->arena, struct stw_value, (size_t)action->in_count),
                               .out = STW_NEW_N(ctx->arena, struct stw_value, (size_t)action->out_count)};

    if (!stw_uuid_parse(request->parameters[0], call.id))
        return STW_NOT_FOUND;
    enum stw_code code = stw_access_demand(ctx, request->route->plan, action->verb);
    if (code == STW_OK && action->in_count > 0)
        code = srv_body_read(request, action->in_fields, action->in_count, call.in);
    if (code == STW_OK && action->keeps_secret)
        code = srv_negotiate_no_query(request);
    if (code != STW_OK)
        return code;
    return action->keeps_secret ? effect(request, reply, &call) : srv_write(request, reply, effect, &call);
}

void srv_action_routes(struct srv_router *router, const struct stw_engine *engine,
                       const struct stw_action *const *actions, int count)
{
    for (int i = 0; i < count; i++) {
        const struct stw_action *action = actions[i];
        struct srv_route *route = STW_NEW(engine->arena, struct srv_route);
        route->method = SRV_POST;
        route->plan = stw_engine_find(engine, action->resource);
        route->pattern =
            stw_arena_printf(engine->arena, "/v1/%s/{id}/%s", route->plan->segment, action->suffix);
        route->auth = SRV_AUTH_BEARER;
        route->flags = (action->in_count > 0 ? SRV_ROUTE_BODY_OPTIONAL | SRV_ROUTE_BODY : 0) |
                       (action->keeps_secret ? 0 : SRV_ROUTE_IDEMPOTENT);
        route->run = handle;
        route->subject = action;
        route->verb = action->name;
        route->doc = action->doc;
        srv_router_add(router, route, 1);
    }
}
