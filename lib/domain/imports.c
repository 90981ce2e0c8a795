#include "domain/imports.h"

#include <string.h>

#include "domain/import_options.h"
#include "domain/jobs.h"
#include "resource/access.h"
#include "resource/engine.h"

#define KEPT (STW_SERVER_KEPT | STW_NOT_NULL)

static const char *const modes[] = {"create", "update", "upsert", NULL};
static const char *const states[] = {"waiting_for_content", "queued", "running", "done", "failed",
                                     "cancelled",           NULL};
static const char *const failures[] = {
    "no_content", "missing_columns", "malformed_header", "access_lost", "user_inactive", "broken", NULL};

static const struct stw_field fields[] = {
    {.name = "collection", .max = 63, .flags = KEPT | STW_FILTER, .doc = "What the lines become."},
    {.name = "mode",
     .type = STW_TYPE_ENUM,
     .words = modes,
     .flags = KEPT | STW_FILTER,
     .doc = "Whether lines make new records, change existing ones, or either."},
    {.name = "state",
     .type = STW_TYPE_ENUM,
     .words = states,
     .flags = KEPT | STW_FILTER | STW_DERIVED,
     .initial = "waiting_for_content",
     .doc = "How far it is."},
    {.name = "failure",
     .type = STW_TYPE_ENUM,
     .words = failures,
     .flags = STW_SERVER_KEPT | STW_DERIVED,
     .doc = "Why it failed as a whole; lines that failed have errors instead."},
    {.name = "options",
     .type = STW_TYPE_OBJECT,
     .flags = KEPT,
     .doc = "How columns become fields, as asked for."},
    {.name = "progress",
     .type = STW_TYPE_OBJECT,
     .flags = KEPT | STW_DERIVED,
     .initial = "{\"lines\":0,\"created\":0,\"updated\":0,\"unchanged\":0,\"failed\":0}",
     .doc = "Lines read so far, and what became of them."},
    {.name = "owner_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = KEPT | STW_OWNER | STW_FILTER,
     .doc = "Who asked for it, and as whom it runs."},
    {.name = "started_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_DERIVED,
     .doc = "When its first line was read."},
    {.name = "finished_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_DERIVED,
     .doc = "When it ended."},
};

#define OWN                                                                                                  \
    {                                                                                                        \
        .scope = { [STW_READ] = STW_OWN, [STW_CREATE] = STW_OWN, [STW_UPDATE] = STW_OWN }                    \
    }

const struct stw_resource stw_imports = {
    .path = "imports",
    .singular = "import",
    .operations = STW_CAN_LIST | STW_CAN_GET,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    /* what may be imported is the target collection's to say */
    .access =
        {
            [STW_ACCOUNT_MANAGER] = OWN,
            [STW_KEY_ACCOUNT_MANAGER] = OWN,
            [STW_TEAM_LEAD] = OWN,
            [STW_DIRECTOR] = OWN,
            [STW_SERVICE_AGENT] = OWN,
            [STW_ANALYST] = OWN,
            [STW_ADMIN] = {.scope = {[STW_READ] = STW_ALL, [STW_CREATE] = STW_ALL, [STW_UPDATE] = STW_ALL}},
        },
    .doc = "Files that become records, and how far that is.",
};

enum stw_code stw_import_create(struct stw_context *ctx, json_t *body, struct stw_record *ret_record)
{
    static const struct stw_field whole = {.name = "options", .type = STW_TYPE_OBJECT};
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "imports");
    struct stw_input input = stw_input_new(ctx, plan);
    struct stw_import_options options;
    struct stw_value value;
    enum stw_code code = stw_access_demand(ctx, plan, STW_CREATE);

    if (code == STW_OK && ctx->actor->kind != STW_ACTOR_USER) {
        ctx->details->rule = "imports.create";
        code = STW_FORBIDDEN;
    }
    if (code == STW_OK)
        code = stw_import_options_read(ctx, body, &options);
    if (code != STW_OK)
        return code;
    if (!stw_input_value(ctx, &whole, body, "#", &value))
        return STW_VALIDATION_FAILED;
    stw_input_give(&input, STW_IMPORT_COLLECTION, options.plan->resource->path);
    stw_input_give(&input, STW_IMPORT_MODE, modes[options.mode]);
    stw_input_give(&input, STW_IMPORT_OPTIONS, value.text);
    stw_input_give(&input, STW_IMPORT_OWNER_ID, ctx->actor->id);
    return stw_store_create(ctx, &input, ret_record);
}

static bool has_ended(const char *state)
{
    return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
}

enum { OUT_IMPORT_ID, OUT_STATE };
static const struct stw_field out_fields[] = {
    [OUT_IMPORT_ID] = {.name = "import_id",
                       .type = STW_TYPE_REF,
                       .refers = "imports",
                       .flags = STW_NOT_NULL,
                       .doc = "The import."},
    [OUT_STATE] = {.name = "state",
                   .type = STW_TYPE_ENUM,
                   .words = states,
                   .flags = STW_NOT_NULL,
                   .doc = "Cancelled. What was stored before stays."},
};

static enum stw_code cancel(struct stw_context *ctx, const char *id, const struct stw_value *in,
                            struct stw_value *out)
{
    static const struct stw_stmt end = {
        .name = "import_cancel",
        .sql = "with gone as (delete from import_chunks where org_id = $1::uuid and import_id = $2::uuid) "
               "update imports set state = 'cancelled', finished_at = now() where org_id = $1::uuid and id = "
               "$2::uuid",
        .param_count = 2,
        .kind = STW_STMT_WRITE};
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "imports");
    const char *const params[] = {ctx->org_id, id};
    struct stw_record record;
    enum stw_code code = stw_store_get(ctx, plan, id, STW_DELETED_EXCLUDE, &record);

    (void)in;
    /* the job before the import, in the order in which its steps lock them */
    if (code == STW_OK)
        code = stw_job_cancel(ctx, id);
    if (code == STW_OK)
        code = stw_store_lock(ctx, plan, STW_UPDATE, id, NULL, &record);
    if (code != STW_OK)
        return code;
    const char *state = stw_record_text(&record, STW_IMPORT_STATE);
    out[OUT_IMPORT_ID].text = id;
    out[OUT_STATE].text = "cancelled";
    if (strcmp(state, "cancelled") == 0)
        return STW_OK;
    if (has_ended(state)) {
        stw_details_field(ctx->details, "state", STW_INVALID_TRANSITION, state);
        return STW_INVALID_TRANSITION;
    }
    return stw_db_run(ctx, &end, params, NULL);
}

const struct stw_action stw_import_cancellation = {
    .name = "cancel_import",
    .doc = "Stops the import behind the lines that it has stored.",
    .out_fields = out_fields,
    .out_count = sizeof out_fields / sizeof out_fields[0],
    .status = 200,
    .resource = "imports",
    .suffix = "cancellation",
    .verb = STW_UPDATE,
    .run = cancel,
};

enum stw_code stw_import_errors(struct stw_context *ctx, const char *id, struct stw_rows **ret_rows)
{
    static const struct stw_stmt stmt = {
        .name = "import_errors",
        .sql = "select line, column_name, code, argument from import_errors "
               "where org_id = $1::uuid and import_id = $2::uuid order by number",
        .param_count = 2,
        .kind = STW_STMT_READ};
    const char *const params[] = {ctx->org_id, id};
    struct stw_record record;
    enum stw_code code =
        stw_store_get(ctx, stw_engine_find(ctx->engine, "imports"), id, STW_DELETED_EXCLUDE, &record);

    return code == STW_OK ? stw_db_run(ctx, &stmt, params, ret_rows) : code;
}
