#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "db/db.h"
#include "resource/access.h"
#include "resource/external_id.h"
#include "server/crud.h"
#include "server/record_reply.h"
#include "server/write.h"

#define KEY_MAX 200 /* characters, as in external_ids */

/* The {source} and {key} of the path; what cannot be one is not there, and to whom keys are hidden none is.
 */
static bool read_path(const struct srv_request *request, const char **ret_source, const char **ret_key)
{
    const struct stw_plan *plan = request->route->plan;
    if (stw_access_grant(&request->ctx, plan)->hidden >> plan->keys_field & 1)
        return false;
    *ret_source = request->parameters[0];
    *ret_key = request->parameters[1];
    size_t length = strlen(*ret_key);
    return stw_external_source_valid(*ret_source) && length > 0 &&
           stw_text_length(*ret_key, length) <= KEY_MAX;
}

enum stw_code srv_crud_find(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    const struct stw_plan *plan = request->route->plan;
    const char *source, *key, *id;
    struct stw_query query;
    struct stw_record record;
    struct stw_page page = {.count = 1};

    enum stw_code code = stw_access_demand(ctx, plan, STW_READ);
    if (code == STW_OK)
        code = stw_query_read(ctx, plan, request->query, request->query_count, NULL, true, &query);
    if (code != STW_OK)
        return code;
    if (!read_path(request, &source, &key))
        return STW_NOT_FOUND;
    code = stw_external_id_find(ctx, plan, source, key, false, &id);
    if (code == STW_OK)
        code = stw_store_get(ctx, plan, id, STW_DELETED_EXCLUDE, &record);
    if (code != STW_OK)
        return code;
    page.rows = record.rows;
    code = stw_store_expand(ctx, &query, &page);
    if (code == STW_OK)
        srv_record_reply(request, reply, &record, &query, &page, 200);
    return code;
}

struct upsert {
    const struct stw_plan *plan;
    const char *source, *key;
    json_t *body;
    const char *version; /* If-Match */
};

/* The record with `result` as its last member. */
static void reply_result(struct srv_request *request, struct srv_reply *reply,
                         const struct stw_record *record, int status, const char *result)
{
    struct stw_query query = {.plan = record->plan,
                              .fields = stw_access_visible(&request->ctx, record->plan)};
    srv_record_reply(request, reply, record, &query, NULL, status);
    reply->body.length--; /* its closing brace */
    stw_buf_printf(&reply->body, ",\"result\":\"%s\"}", result);
}

static enum stw_code create(struct srv_request *request, struct srv_reply *reply, const struct upsert *upsert)
{
    struct stw_input input;
    struct stw_record record;
    enum stw_code code = stw_input_read(&request->ctx, upsert->plan, STW_CREATE, upsert->body, &input);
    if (code == STW_OK)
        code = stw_store_create(&request->ctx, &input, &record);
    if (code != STW_OK)
        return code;
    reply_result(request, reply, &record, 201, "created");
    srv_reply_header(reply, "Location", srv_record_location(request, &record));
    return STW_OK;
}

static enum stw_code change(struct srv_request *request, struct srv_reply *reply, const struct upsert *upsert,
                            const char *id)
{
    struct stw_input input;
    struct stw_record old, record;
    enum stw_code code = stw_input_read(&request->ctx, upsert->plan, STW_UPDATE, upsert->body, &input);
    if (code == STW_OK)
        code = stw_store_lock(&request->ctx, upsert->plan, STW_UPDATE, id, upsert->version, &old);
    if (code == STW_OK)
        code = stw_store_update(&request->ctx, &input, id, NULL, &record);
    if (code != STW_OK)
        return code;
    int version = upsert->plan->version_field;
    bool same = strcmp(stw_record_text(&old, version), stw_record_text(&record, version)) == 0;
    reply_result(request, reply, &record, 200, same ? "unchanged" : "updated");
    return STW_OK;
}

struct upsert_run {
    struct srv_request *request;
    struct srv_reply *reply;
    const struct upsert *upsert;
};

/* The key is held while it is looked up and used: of many at once one makes the record, the others change it.
 */
static enum stw_code run(struct stw_context *ctx, void *argument)
{
    struct upsert_run *job = argument;
    const struct upsert *upsert = job->upsert;
    const char *id;

    srv_reply_reset(job->reply);
    enum stw_code code = stw_external_id_find(ctx, upsert->plan, upsert->source, upsert->key, true, &id);
    if (code == STW_NOT_FOUND)
        return create(job->request, job->reply, upsert);
    return code == STW_OK ? change(job->request, job->reply, upsert, id) : code;
}

static enum stw_code effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct upsert_run job = {.request = request, .reply = reply, .upsert = argument};
    return stw_tx_run(&request->ctx, run, &job, false);
}

/* The body says the path's key too, so that a new record bears it; saying another one is a contradiction. */
static enum stw_code add_own_key(struct stw_context *ctx, const struct upsert *upsert)
{
    json_t *keys = json_object_get(upsert->body, "external_ids");
    const json_t *own = json_object_get(keys, upsert->source);

    if (keys && !json_is_object(keys))
        return STW_OK; /* the input's own check names it */
    if (own && (!json_is_string(own) || strcmp(json_string_value(own), upsert->key) != 0)) {
        stw_details_field(ctx->details, stw_arena_printf(ctx->arena, "external_ids/%s", upsert->source),
                          STW_NOT_ALLOWED, NULL);
        return STW_VALIDATION_FAILED;
    }
    if (!keys && json_object_set_new(upsert->body, "external_ids", json_object()) != 0)
        return STW_OVERLOADED;
    keys = json_object_get(upsert->body, "external_ids");
    return json_object_set_new(keys, upsert->source, json_string(upsert->key)) == 0 ? STW_OK : STW_OVERLOADED;
}

enum stw_code srv_crud_upsert(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    struct upsert upsert = {.plan = request->route->plan};

    enum stw_code code = stw_access_demand(ctx, upsert.plan, STW_UPDATE);
    if (code == STW_OK)
        code = srv_if_match(request, false, &upsert.version);
    if (code == STW_OK)
        code = stw_input_json(ctx, request->body, request->body_length, &upsert.body);
    if (code != STW_OK)
        return code;
    if (!read_path(request, &upsert.source, &upsert.key))
        return STW_NOT_FOUND;
    code = add_own_key(ctx, &upsert);
    return code == STW_OK ? srv_write(request, reply, effect, &upsert) : code;
}
