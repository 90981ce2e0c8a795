#include "domain/pipelines.h"

#include <string.h>

#include "domain/stages.h"
#include "resource/engine.h"
#include "resource/store.h"

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "Its name, unique."},
    {.name = "is_default",
     .type = STW_TYPE_BOOL,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "false",
     .doc = "Where opportunities start that name no stage; an organization has at most one."},
    {.name = "position",
     .type = STW_TYPE_INT,
     .max = 10000,
     .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
     .initial = "0",
     .doc = "Its place among the pipelines."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "What is sold this way."},
    STW_EXTERNAL_IDS,
};

static const struct stw_constraint constraints[] = {
    {.name = "pipelines_is_default_key", .field = "is_default", .code = STW_DUPLICATE},
    {0},
};

/* Its stages go with it, so what stands in them holds it. The stages are locked before the count: an
 * opportunity that enters one at this moment either waits for the deletion and is refused, or is counted. */
static enum stw_code check_delete(struct stw_context *ctx, const struct stw_record *old)
{
    static const struct stw_stmt lock = {
        .name = "pipeline_lock_stages",
        .sql =
            "select 1 from stages where org_id = $1::uuid and pipeline_id = $2::uuid order by id for update",
        .param_count = 2,
        .kind = STW_STMT_WRITE};
    static const struct stw_stmt count = {
        .name = "pipeline_count_opportunities",
        .sql =
            "select count(*) from stages s join opportunities o on o.org_id = s.org_id and o.stage_id = s.id "
            "where s.org_id = $1::uuid and s.pipeline_id = $2::uuid and o.deleted_at is null",
        .param_count = 2,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, stw_record_text(old, STW_PLAN_ID)};
    struct stw_call calls[] = {{.stmt = &lock, .params = params}, {.stmt = &count, .params = params}};
    enum stw_code code = stw_db_run_all(ctx, calls, 2);

    if (code != STW_OK)
        return code;
    const char *standing = stw_rows_value(calls[1].rows, 0, 0);
    if (strcmp(standing, "0") == 0)
        return STW_OK;
    stw_details_field(ctx->details, "opportunities", STW_IN_USE, standing);
    return STW_IN_USE;
}

const struct stw_resource stw_pipelines = {
    .path = "pipelines",
    .singular = "pipeline",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .constraints = constraints,
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_READ(STW_ALL),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_READ(STW_ALL),
            [STW_TEAM_LEAD] = STW_MAY_READ(STW_ALL),
            [STW_DIRECTOR] = STW_MAY_WRITE(STW_ALL),
            [STW_SERVICE_AGENT] = STW_MAY_READ(STW_ALL),
            [STW_ANALYST] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_WRITE(STW_ALL),
        },
    .hooks = {.check_delete = check_delete},
    .doc = "The ways a sale goes, each a row of stages.",
};

enum stw_code stw_pipeline_found(struct stw_context *ctx)
{
    static const struct {
        const char *name, *kind, *probability;
    } stages[] = {
        {"Prospecting", "open", "10"}, {"Qualification", "open", "25"}, {"Proposal", "open", "50"},
        {"Negotiation", "open", "75"}, {"Won", "won", "100"},           {"Lost", "lost", "0"},
    };
    struct stw_input input = stw_input_new(ctx, stw_engine_find(ctx->engine, "pipelines"));
    struct stw_record pipeline, stage;

    stw_input_give(&input, STW_PIPELINE_NAME, "Sales");
    stw_input_give(&input, STW_PIPELINE_IS_DEFAULT, "true");
    stw_input_give(&input, STW_PIPELINE_POSITION, "1");
    enum stw_code code = stw_store_create(ctx, &input, &pipeline);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0] && code == STW_OK; i++) {
        input = stw_input_new(ctx, stw_engine_find(ctx->engine, "stages"));
        stw_input_give(&input, STW_STAGE_PIPELINE_ID, stw_record_text(&pipeline, STW_PLAN_ID));
        stw_input_give(&input, STW_STAGE_NAME, stages[i].name);
        stw_input_give(&input, STW_STAGE_KIND, stages[i].kind);
        stw_input_give(&input, STW_STAGE_PROBABILITY, stages[i].probability);
        stw_input_give(&input, STW_STAGE_POSITION, stw_arena_printf(ctx->arena, "%zu", i + 1));
        code = stw_store_create(ctx, &input, &stage);
    }
    return code;
}
