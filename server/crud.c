#include "server/crud.h"

#include <stdlib.h>
#include <string.h>

#include "core/uuid.h"
#include "core/value.h"
#include "resource/access.h"
#include "resource/render.h"
#include "resource/store.h"
#include "server/aggregate.h"
#include "server/negotiate.h"
#include "server/record_reply.h"

static enum stw_code reply_page(struct srv_request *request, struct srv_reply *reply,
                                const struct stw_query *query)
{
    struct stw_page page;
    enum stw_code code = stw_store_list(&request->ctx, query, &page);
    if (code == STW_OK)
        srv_page_reply(request, reply, query, &page);
    return code;
}

static enum stw_code list(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_query query;
    enum stw_code code = stw_access_demand(&request->ctx, request->route->plan, STW_READ);
    if (code == STW_OK)
        code = stw_query_read(&request->ctx, request->route->plan, request->query, request->query_count, NULL,
                              false, &query);
    return code == STW_OK ? reply_page(request, reply, &query) : code;
}

/* The parts of one record: the list of the parts' collection, narrowed to it. */
static enum stw_code list_parts(struct srv_request *request, struct srv_reply *reply)
{
    const struct srv_route *route = request->route;
    struct stw_context *ctx = &request->ctx;
    struct stw_record parent;
    struct stw_query query;
    char id[STW_UUID_TEXT];

    if (!stw_uuid_parse(request->parameters[0], id))
        return STW_NOT_FOUND;
    enum stw_code code = stw_store_get(ctx, route->parent, id, STW_DELETED_EXCLUDE, &parent);
    if (code != STW_OK)
        return code;
    const char *value = id;
    struct stw_filter of_parent = {.node = STW_NODE_TEST,
                                   .field = route->plan->parent_field,
                                   .op = STW_EQ,
                                   .values = &value,
                                   .value_count = 1};
    code = stw_query_read(ctx, route->plan, request->query, request->query_count, &of_parent, false, &query);
    return code == STW_OK ? reply_page(request, reply, &query) : code;
}

static enum stw_code search(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_query query;
    json_t *body;
    enum stw_code code = srv_negotiate_no_query(request);
    if (code == STW_OK)
        code = stw_access_demand(&request->ctx, request->route->plan, STW_READ);
    if (code == STW_OK)
        code = stw_input_json(&request->ctx, request->body, request->body_length, &body);
    if (code == STW_OK)
        code = stw_query_read_json(&request->ctx, request->route->plan, body, &query);
    return code == STW_OK ? reply_page(request, reply, &query) : code;
}

static enum stw_code get(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    const struct stw_plan *plan = request->route->plan;
    struct stw_query query;
    struct stw_record record;
    struct stw_page page = {.count = 1};
    char id[STW_UUID_TEXT];

    enum stw_code code = stw_query_read(ctx, plan, request->query, request->query_count, NULL, true, &query);
    if (code != STW_OK)
        return code;
    if (!stw_uuid_parse(request->parameters[0], id))
        return STW_NOT_FOUND;
    code = stw_store_get(ctx, plan, id, query.deleted, &record);
    if (code != STW_OK)
        return code;
    page.rows = record.rows;
    code = stw_store_expand(ctx, &query, &page);
    if (code == STW_OK)
        srv_record_reply(request, reply, &record, &query, &page, 200);
    return code;
}

/* Columns of stw_compose_history. */
enum {
    HISTORY_SEQ,
    HISTORY_AT,
    HISTORY_KIND,
    HISTORY_ACTOR,
    HISTORY_TYPE,
    HISTORY_VERSION,
    HISTORY_FIELD,
    HISTORY_FROM,
    HISTORY_TO
};

/* Images of rows hold times as JSON writes them, not as the database does. */
static void add_history_time(struct stw_buf *out, const char *text, size_t length)
{
    char *time;
    if (stw_value_timestamp(out->arena, text, length, &time) == STW_OK)
        stw_buf_add_json(out, time, strlen(time));
    else
        stw_buf_add_text(out, "null");
}

static void add_history_value(struct stw_buf *out, const struct stw_plan *plan, const struct stw_grant *grant,
                              int field, const struct stw_rows *rows, int row, int column)
{
    const char *text = stw_rows_text(rows, row, column);
    size_t length = stw_rows_length(rows, row, column);
    if (text && grant->masked >> field & 1)
        stw_render_masked(out, plan->fields[field].type, text, length);
    else if (plan->fields[field].type == STW_TYPE_TIMESTAMP && text)
        add_history_time(out, text, length);
    else
        stw_render_value(out, plan->fields[field].type, text, length,
                         NULL); /* a currency is a change of its own */
}

/* One changed field; fields that the caller may not see, and those that are no longer in the table, are left
 * out. */
static bool add_change(struct stw_context *ctx, struct stw_buf *out, const struct stw_plan *plan,
                       const struct stw_rows *rows, int row, bool first)
{
    const char *name = stw_rows_text(rows, row, HISTORY_FIELD);
    int field = name ? stw_plan_field(plan, name) : -1;
    bool currency = false;

    if (name && field < 0) {
        size_t length = strlen(name);
        if (length > 9 && strcmp(name + length - 9, "_currency") == 0) {
            field = stw_plan_field(plan, stw_arena_strndup(ctx->arena, name, length - 9));
            currency = true;
        }
    }
    if (field < 0 || !(stw_access_visible(ctx, plan) >> field & 1))
        return false;
    stw_buf_printf(out, "%s\"%s\":{\"from\":", first ? "" : ",", name);
    if (currency) {
        stw_render_value(out, STW_TYPE_CURRENCY, stw_rows_text(rows, row, HISTORY_FROM),
                         stw_rows_length(rows, row, HISTORY_FROM), NULL);
        stw_buf_add_text(out, ",\"to\":");
        stw_render_value(out, STW_TYPE_CURRENCY, stw_rows_text(rows, row, HISTORY_TO),
                         stw_rows_length(rows, row, HISTORY_TO), NULL);
    } else {
        add_history_value(out, plan, stw_access_grant(ctx, plan), field, rows, row, HISTORY_FROM);
        stw_buf_add_text(out, ",\"to\":");
        add_history_value(out, plan, stw_access_grant(ctx, plan), field, rows, row, HISTORY_TO);
    }
    stw_buf_add_char(out, '}');
    return true;
}

static void add_event_head(struct stw_buf *out, const struct stw_rows *rows, int row)
{
    stw_buf_add_text(out, "{\"at\":");
    stw_render_value(out, STW_TYPE_TIMESTAMP, stw_rows_text(rows, row, HISTORY_AT),
                     stw_rows_length(rows, row, HISTORY_AT), NULL);
    stw_buf_printf(out, ",\"actor\":{\"kind\":\"%s\",\"id\":", stw_rows_text(rows, row, HISTORY_KIND));
    stw_render_value(out, STW_TYPE_ID, stw_rows_text(rows, row, HISTORY_ACTOR),
                     stw_rows_length(rows, row, HISTORY_ACTOR), NULL);
    stw_buf_printf(out, "},\"type\":\"%s\",\"version\":%s,\"changes\":{",
                   stw_rows_text(rows, row, HISTORY_TYPE), stw_rows_text(rows, row, HISTORY_VERSION));
}

/* limit and cursor (the sequence number of the last event shown). */
static enum stw_code read_history_query(struct srv_request *request, int *ret_limit, const char **ret_before)
{
    static const struct stw_field limit_field = {
        .name = "limit", .type = STW_TYPE_INT, .min = 1, .max = STW_LIMIT_MAX};
    static const struct stw_field cursor_field = {
        .name = "cursor", .type = STW_TYPE_INT, .min = 1, .max = 0x7fffffff};
    struct stw_value value;
    bool good = true;

    *ret_limit = STW_LIMIT_DEFAULT;
    *ret_before = NULL;
    for (int i = 0; i < request->query_count; i++) {
        const struct stw_pair *pair = &request->query[i];
        bool is_limit = strcmp(pair->name, "limit") == 0;
        if (!is_limit && strcmp(pair->name, "cursor") != 0) {
            stw_details_parameter(request->ctx.details, pair->name, STW_UNKNOWN_PARAMETER, NULL);
            return STW_UNKNOWN_PARAMETER;
        }
        if (!stw_input_text(&request->ctx, is_limit ? &limit_field : &cursor_field, pair->value,
                            STW_AT_PARAMETER, pair->name, &value))
            good = false;
        else if (is_limit)
            *ret_limit = (int)strtol(value.text, NULL, 10);
        else
            *ret_before = value.text;
    }
    return good ? STW_OK : STW_INVALID_PARAMETER;
}

static enum stw_code history(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    const struct stw_plan *plan = request->route->plan;
    struct stw_rows *rows;
    const char *before, *seq = NULL, *last = NULL;
    char id[STW_UUID_TEXT];
    int limit, events = 0;
    bool first_change = true;
    struct stw_buf *out = &reply->body;

    enum stw_code code = read_history_query(request, &limit, &before);
    if (code != STW_OK)
        return code;
    if (!stw_uuid_parse(request->parameters[0], id))
        return STW_NOT_FOUND;
    code = stw_store_history(ctx, plan, id, before, limit, &rows);
    /* A standby may not have heard of it yet; no record is without history. */
    if (code == STW_OK && !stw_rows_count(rows) && ctx->trail && ctx->trail->may_lag) {
        ctx->trail->may_lag = false;
        code = stw_store_history(ctx, plan, id, before, limit, &rows);
    }
    if (code != STW_OK)
        return code;
    stw_buf_add_text(out, "{\"data\":[");
    for (int row = 0; row < stw_rows_count(rows); row++) {
        const char *now = stw_rows_value(rows, row, HISTORY_SEQ);
        if (!seq || strcmp(now, seq) != 0) {
            if (++events > limit)
                break;
            stw_buf_add_text(out, seq ? "}}," : "");
            add_event_head(out, rows, row);
            seq = last = now;
            first_change = true;
        }
        if (add_change(ctx, out, plan, rows, row, first_change))
            first_change = false;
    }
    stw_buf_add_text(out, seq ? "}}]" : "]");
    if (events > limit)
        stw_buf_printf(out, ",\"next_cursor\":\"%s\"}", last);
    else
        stw_buf_add_text(out, ",\"next_cursor\":null}");
    reply->status = 200;
    return STW_OK;
}

struct verb_line {
    unsigned operation;
    enum srv_method method;
    const char *suffix; /* behind /v1/{segment} */
    unsigned flags;
    srv_handler *run;
    const char *verb;
    const char *doc;
    bool by_key; /* only where records have keys of other systems */
};

static const struct verb_line verbs[] = {
    {STW_CAN_LIST, SRV_GET, "", SRV_ROUTE_MAY_LAG, list, "list", "A page of them."},
    {STW_CAN_LIST, SRV_POST, "/search", SRV_ROUTE_BODY | SRV_ROUTE_MAY_LAG, search, "search",
     "A page of them by a filter tree."},
    {STW_CAN_LIST, SRV_POST, "/aggregate", SRV_ROUTE_BODY | SRV_ROUTE_MAY_LAG, srv_aggregate, "aggregate",
     "Counts, sums and means of them, in groups."},
    {STW_CAN_CREATE, SRV_POST, "", SRV_ROUTE_BODY | SRV_ROUTE_IDEMPOTENT, srv_crud_create, "create",
     "Makes one."},
    {STW_CAN_GET, SRV_GET, "/{id}", 0, get, "get", "One of them."},
    {STW_CAN_UPDATE, SRV_PATCH, "/{id}", SRV_ROUTE_BODY | SRV_ROUTE_IDEMPOTENT, srv_crud_update, "update",
     "Changes the members given; null clears."},
    {STW_CAN_DELETE, SRV_DELETE, "/{id}", 0, srv_crud_delete, "delete", "Deletes it softly, with its parts."},
    {STW_CAN_DELETE, SRV_POST, "/{id}/restore", SRV_ROUTE_IDEMPOTENT | SRV_ROUTE_BODY_OPTIONAL,
     srv_crud_restore, "restore", "Brings a deleted one back, with the parts that went with it."},
    {STW_CAN_GET, SRV_GET, "/{id}/history", SRV_ROUTE_MAY_LAG, history, "history",
     "What happened to it, newest first."},
    {STW_CAN_GET, SRV_GET, "/by-external-id/{source}/{key}", 0, srv_crud_find, "find",
     "The one that another system knows by that key.", true},
    {STW_CAN_CREATE | STW_CAN_UPDATE, SRV_PUT, "/by-external-id/{source}/{key}", SRV_ROUTE_BODY,
     srv_crud_upsert, "upsert",
     "Makes or changes the one that another system knows by that key; `result` says which.", true},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void add_verbs(struct srv_router *router, const struct stw_engine *engine, const struct stw_plan *plan)
{
    struct srv_route *routes = STW_NEW_N(engine->arena, struct srv_route, VERB_COUNT);
    size_t count = 0;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if ((plan->resource->operations & verbs[i].operation) != verbs[i].operation)
            continue;
        if (verbs[i].by_key && plan->keys_field < 0)
            continue;
        routes[count++] = (struct srv_route){
            .method = verbs[i].method,
            .pattern = stw_arena_printf(engine->arena, "/v1/%s%s", plan->segment, verbs[i].suffix),
            .auth = SRV_AUTH_BEARER,
            .flags = verbs[i].flags,
            .run = verbs[i].run,
            .plan = plan,
            .verb = verbs[i].verb,
            .doc = verbs[i].doc,
        };
    }
    srv_router_add(router, routes, count);
}

static void add_part_list(struct srv_router *router, const struct stw_engine *engine,
                          const struct stw_plan *plan)
{
    struct srv_route *route = STW_NEW(engine->arena, struct srv_route);
    route->method = SRV_GET;
    route->plan = plan;
    route->parent = stw_engine_find(engine, plan->fields[plan->parent_field].refers);
    route->pattern = stw_arena_printf(engine->arena, "/v1/%s/{id}/%s", route->parent->segment, plan->segment);
    route->auth = SRV_AUTH_BEARER;
    route->flags = SRV_ROUTE_MAY_LAG;
    route->run = list_parts;
    route->verb = "list_of";
    route->doc = "A page of those that belong to one record.";
    srv_router_add(router, route, 1);
}

void srv_crud_routes(struct srv_router *router, const struct stw_engine *engine)
{
    for (int i = 0; i < engine->count; i++)
        add_verbs(router, engine, &engine->plans[i]);
    for (int i = 0; i < engine->count; i++) {
        if (engine->plans[i].parent_field >= 0)
            add_part_list(router, engine, &engine->plans[i]);
    }
}
