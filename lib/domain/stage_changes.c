#include "domain/stage_changes.h"

#include "core/uuid.h"
#include "db/db.h"
#include "resource/actor.h"

#define KEPT (STW_SERVER_KEPT | STW_FILTER)

static const struct stw_field fields[] = {
    {.name = "opportunity_id",
     .type = STW_TYPE_REF,
     .refers = "opportunities",
     .flags = KEPT | STW_NOT_NULL | STW_PART_OF,
     .doc = "What moved."},
    {.name = "from_stage_id",
     .type = STW_TYPE_REF,
     .refers = "stages",
     .flags = KEPT,
     .doc = "The stage it left; null when it was made."},
    {.name = "to_stage_id",
     .type = STW_TYPE_REF,
     .refers = "stages",
     .flags = KEPT | STW_NOT_NULL,
     .doc = "The stage it entered."},
    {.name = "at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = KEPT | STW_NOT_NULL | STW_SORT,
     .doc = "When it moved."},
    {.name = "actor_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = KEPT,
     .doc = "Who moved it; null for a key and for the system."},
    {.name = "reopened",
     .type = STW_TYPE_BOOL,
     .flags = KEPT | STW_NOT_NULL,
     .doc = "Whether it had been closed before."},
    {.name = "seconds_in_stage",
     .type = STW_TYPE_INT,
     .flags = KEPT | STW_SORT | STW_DERIVED,
     .doc = "How long it had stood in the stage that it left; null when it was made."},
};

const struct stw_resource stw_stage_changes = {
    .path = "stage_changes",
    .singular = "stage_change",
    .operations = STW_CAN_LIST | STW_CAN_GET,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .doc = "The steps that opportunities took through the stages, written by the server.",
};

enum stw_code stw_stage_change_add(struct stw_context *ctx, const struct stw_step *step)
{
    static const struct stw_stmt stmt = {
        .name = "stage_change_add",
        .sql =
            "with new as (insert into stage_changes (org_id, id, opportunity_id, from_stage_id, to_stage_id, "
            "actor_id, "
            "reopened, seconds_in_stage) values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, "
            "case when $8 = 'user' then $9::uuid end, $6::boolean, "
            "case when $4::uuid is not null then "
            "least(greatest(extract(epoch from now() - $7::timestamptz), 0), 2147483647)::integer end) "
            "returning *) "
            "insert into events (org_id, id, actor_kind, actor_id, request_id, resource, record_id, type, "
            "version, after) "
            "select $1::uuid, $10::uuid, $8, $9::uuid, $11, 'stage_changes', new.id, 'created', new.version, "
            "to_jsonb(new) - 'org_id' from new",
        .param_count = 11,
        .kind = STW_STMT_WRITE};
    static const char *const kinds[] = {"user", "key", "system"};
    const struct stw_actor *actor = ctx->actor;
    char id[STW_UUID_TEXT], event_id[STW_UUID_TEXT];

    stw_uuid_v7(ctx->now_us, id);
    stw_uuid_v7(ctx->now_us, event_id);
    const char *const params[] = {ctx->org_id,
                                  id,
                                  step->opportunity_id,
                                  step->from_stage_id,
                                  step->to_stage_id,
                                  step->reopened ? "true" : "false",
                                  step->since,
                                  kinds[actor->kind],
                                  actor->id[0] ? actor->id : NULL,
                                  event_id,
                                  ctx->request_id};
    return stw_db_run(ctx, &stmt, params, NULL);
}
