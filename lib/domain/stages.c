#include "domain/stages.h"

#include <string.h>

#include "resource/store.h"

static const char *const kinds[] = {"open", "won", "lost", NULL};

static const struct stw_field fields[] = {
    {.name = "pipeline_id",
     .type = STW_TYPE_REF,
     .refers = "pipelines",
     .flags = STW_MANDATORY | STW_PART_OF | STW_FILTER,
     .doc = "The pipeline it belongs to."},
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "Its name, unique in its pipeline."},
    /* fixed, because the opportunities that stand in it have taken their status from it */
    {.name = "kind",
     .type = STW_TYPE_ENUM,
     .words = kinds,
     .flags = STW_NOT_NULL | STW_CREATE_ONLY | STW_FILTER,
     .initial = "open",
     .doc = "What an opportunity is that stands here."},
    {.name = "probability",
     .type = STW_TYPE_PERCENT,
     .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
     .doc = "How likely a sale is from here; left out: 100 when won, else 0."},
    {.name = "position",
     .type = STW_TYPE_INT,
     .max = 10000,
     .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
     .initial = "0",
     .doc = "Its place in the pipeline; of equal ones the older comes first."},
    STW_EXTERNAL_IDS,
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    (void)ctx;
    if (write->verb == STW_CREATE && !stw_write_gives(write, STW_STAGE_PROBABILITY))
        stw_write_set(write, STW_STAGE_PROBABILITY,
                      strcmp(stw_write_text(write, STW_STAGE_KIND), "won") == 0 ? "100" : "0");
    return STW_OK;
}

/* given by each create and by no update */
static const char *const wakes[] = {"kind", NULL};

const struct stw_resource stw_stages = {
    .path = "stages",
    .singular = "stage",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .hooks = {.wakes = wakes, .check_write = check_write},
    .doc = "The steps of a pipeline.",
};

#define STAGE_COLUMNS "select s.id, s.kind, s.probability, (now() at time zone o.zone)::date from stages s "
#define STAGE_ZONE    "join organizations o on o.id = s.org_id "

enum stw_code stw_stage_find(struct stw_context *ctx, const char *id, struct stw_stage *ret_stage)
{
    static const struct stw_stmt by_id = {
        .name = "stage_find",
        .sql =
            STAGE_COLUMNS STAGE_ZONE "where s.org_id = $1::uuid and s.id = $2::uuid and s.deleted_at is null",
        .param_count = 2,
        .kind = STW_STMT_READ};
    static const struct stw_stmt first = {
        .name = "stage_first",
        .sql = STAGE_COLUMNS STAGE_ZONE
        "join pipelines p on p.org_id = s.org_id and p.id = s.pipeline_id "
        "where s.org_id = $1::uuid and s.deleted_at is null and s.kind = 'open' "
        "and p.is_default and p.deleted_at is null order by s.position, s.id limit 1",
        .param_count = 1,
        .kind = STW_STMT_READ};
    const char *const params[] = {ctx->org_id, id};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, id ? &by_id : &first, params, &rows);

    if (code != STW_OK)
        return code;
    *ret_stage = (struct stw_stage){0};
    if (stw_rows_count(rows) == 1)
        *ret_stage = (struct stw_stage){.id = stw_rows_text(rows, 0, 0),
                                        .kind = stw_rows_text(rows, 0, 1),
                                        .probability = stw_rows_text(rows, 0, 2),
                                        .today = stw_rows_text(rows, 0, 3)};
    return STW_OK;
}
