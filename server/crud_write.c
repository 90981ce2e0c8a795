#include <string.h>

#include "core/uuid.h"
#include "resource/access.h"
#include "resource/store.h"
#include "server/body.h"
#include "server/crud.h"
#include "server/record_reply.h"
#include "server/write.h"

/* What an effect needs; the input is read once, before any transaction. */
struct change {
    const struct stw_plan *plan;
    struct stw_input input;
    const char *version;
    char id[STW_UUID_TEXT];
};

static void reply_whole(struct srv_request *request, struct srv_reply *reply, const struct stw_record *record,
                        int status)
{
    struct stw_query query = {.plan = record->plan,
                              .fields = stw_access_visible(&request->ctx, record->plan)};
    srv_record_reply(request, reply, record, &query, NULL, status);
}

static enum stw_code read_change(struct srv_request *request, enum stw_verb verb, struct change *change)
{
    struct stw_context *ctx = &request->ctx;
    json_t *body;

    change->plan = request->route->plan;
    enum stw_code code = stw_access_demand(ctx, change->plan, verb);
    if (code == STW_OK)
        code = stw_input_json(ctx, request->body, request->body_length, &body);
    if (code == STW_OK)
        code = stw_input_read(ctx, change->plan, verb, body, &change->input);
    return code;
}

static enum stw_code create_effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct change *change = argument;
    struct stw_record record;
    enum stw_code code = stw_store_create(&request->ctx, &change->input, &record);
    if (code != STW_OK)
        return code;
    reply_whole(request, reply, &record, 201);
    srv_reply_header(reply, "Location", srv_record_location(request, &record));
    return STW_OK;
}

enum stw_code srv_crud_create(struct srv_request *request, struct srv_reply *reply)
{
    struct change change = {0};
    enum stw_code code = read_change(request, STW_CREATE, &change);
    return code == STW_OK ? srv_write(request, reply, create_effect, &change) : code;
}

static enum stw_code update_effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct change *change = argument;
    struct stw_record record;
    enum stw_code code =
        stw_store_update(&request->ctx, &change->input, change->id, change->version, &record);
    if (code == STW_OK)
        reply_whole(request, reply, &record, 200);
    return code;
}

enum stw_code srv_crud_update(struct srv_request *request, struct srv_reply *reply)
{
    struct change change = {0};
    if (!stw_uuid_parse(request->parameters[0], change.id))
        return STW_NOT_FOUND;
    enum stw_code code = read_change(request, STW_UPDATE, &change);
    if (code == STW_OK)
        code = srv_if_match(request, change.plan->resource->needs_precondition, &change.version);
    return code == STW_OK ? srv_write(request, reply, update_effect, &change) : code;
}

static enum stw_code delete_effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct change *change = argument;
    enum stw_code code = stw_store_delete(&request->ctx, change->plan, change->id, change->version);
    if (code == STW_OK)
        reply->status = 204;
    return code;
}

enum stw_code srv_crud_delete(struct srv_request *request, struct srv_reply *reply)
{
    struct change change = {.plan = request->route->plan};
    if (!stw_uuid_parse(request->parameters[0], change.id))
        return STW_NOT_FOUND;
    enum stw_code code = stw_access_demand(&request->ctx, change.plan, STW_DELETE);
    if (code == STW_OK)
        code = srv_if_match(request, change.plan->resource->needs_precondition, &change.version);
    return code == STW_OK ? srv_write(request, reply, delete_effect, &change) : code;
}

static enum stw_code restore_effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct change *change = argument;
    struct stw_record record;
    enum stw_code code = stw_store_restore(&request->ctx, change->plan, change->id, &record);
    if (code == STW_OK)
        reply_whole(request, reply, &record, 200);
    return code;
}

enum stw_code srv_crud_restore(struct srv_request *request, struct srv_reply *reply)
{
    struct change change = {.plan = request->route->plan};
    if (!stw_uuid_parse(request->parameters[0], change.id))
        return STW_NOT_FOUND;
    /* {} or nothing: there is nothing to say */
    enum stw_code code = srv_body_read(request, NULL, 0, NULL);
    return code == STW_OK ? srv_write(request, reply, restore_effect, &change) : code;
}
