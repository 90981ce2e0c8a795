#include "domain/opportunities.h"

#include <string.h>

#include "domain/stage_changes.h"
#include "domain/stages.h"
#include "resource/store.h"

static const char *const statuses[] = {"open", "won", "lost", NULL};

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "What may be sold, in a few words."},
    {.name = "account_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_FILTER | STW_SEEN_WITH,
     .doc = "The customer; whoever owns it reads the opportunity too."},
    {.name = "product_id",
     .type = STW_TYPE_REF,
     .refers = "products",
     .flags = STW_FILTER,
     .doc = "What is sold."},
    {.name = "stage_id",
     .type = STW_TYPE_REF,
     .refers = "stages",
     .flags = STW_NOT_NULL | STW_FILTER,
     .doc = "Where it stands. Left out: the first open stage of the default pipeline."},
    {.name = "status",
     .type = STW_TYPE_ENUM,
     .words = statuses,
     .flags = STW_NOT_NULL | STW_SERVER_KEPT | STW_FILTER,
     .initial = "open",
     .doc = "The kind of its stage."},
    {.name = "amount", .type = STW_TYPE_MONEY, .flags = STW_FILTER | STW_SORT, .doc = "What it is worth."},
    {.name = "probability",
     .type = STW_TYPE_PERCENT,
     .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
     .doc = "How likely the sale is; that of each stage it enters, unless given."},
    {.name = "engaged_on",
     .type = STW_TYPE_DATE,
     .flags = STW_FILTER | STW_SORT,
     .doc = "The day the sale began."},
    {.name = "expected_close_on",
     .type = STW_TYPE_DATE,
     .flags = STW_FILTER | STW_SORT,
     .doc = "The day it should be decided."},
    {.name = "closed_on",
     .type = STW_TYPE_DATE,
     .flags = STW_FILTER | STW_SORT,
     .doc = "The day it was won or lost: today in the organization's zone, unless given. Null while it is "
            "open."},
    {.name = "reason",
     .flags = STW_FILTER,
     .doc = "Why it was won or lost; needed with a lost stage, and empty again when it is reopened."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    {.name = "source",
     .max = 63,
     .flags = STW_SOURCE | STW_FILTER,
     .doc = "Where it came from; an integration's is its own."},
    {.name = "owner_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = STW_OWNER | STW_FILTER,
     .doc = "Who sells. Given alone, the team follows."},
    {.name = "team_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_TEAM | STW_FILTER,
     .doc = "The team it belongs to."},
    {.name = "stage_changed_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_NOT_NULL | STW_SERVER_KEPT | STW_FILTER | STW_SORT,
     .doc = "When it entered its stage."},
    STW_EXTERNAL_IDS,
};

static bool same(const char *left, const char *right)
{
    return left && right && strcmp(left, right) == 0;
}

/* What the stage brings along, unless the caller says otherwise. */
static void enter(struct stw_write *write, const struct stw_stage *stage)
{
    const char *before = write->old ? stw_record_text(write->old, STW_OPPORTUNITY_STATUS) : "open";
    bool closes = strcmp(stage->kind, "open") != 0;

    if (!stw_write_gives(write, STW_OPPORTUNITY_STAGE_ID))
        stw_write_set(write, STW_OPPORTUNITY_STAGE_ID, stage->id);
    stw_write_set(write, STW_OPPORTUNITY_STATUS, stage->kind);
    stw_write_set(write, STW_OPPORTUNITY_STAGE_CHANGED_AT, "now");
    if (!stw_write_gives(write, STW_OPPORTUNITY_PROBABILITY))
        stw_write_set(write, STW_OPPORTUNITY_PROBABILITY, stage->probability);
    if (strcmp(before, stage->kind) == 0)
        return;
    if (!stw_write_gives(write, STW_OPPORTUNITY_CLOSED_ON))
        stw_write_set(write, STW_OPPORTUNITY_CLOSED_ON, closes ? stage->today : NULL);
    /* the reason of an outcome that no longer holds would pass for that of the next */
    if (strcmp(before, "open") != 0 && !stw_write_gives(write, STW_OPPORTUNITY_REASON))
        stw_write_set(write, STW_OPPORTUNITY_REASON, NULL);
}

static enum stw_code check_outcome(struct stw_context *ctx, const struct stw_write *write)
{
    const char *status = stw_write_text(write, STW_OPPORTUNITY_STATUS);
    bool open = strcmp(status, "open") == 0;
    bool dated = stw_write_text(write, STW_OPPORTUNITY_CLOSED_ON) != NULL;
    enum stw_code code = STW_OK;

    if (open == dated) {
        stw_details_field(ctx->details, "closed_on", open ? STW_NOT_ALLOWED : STW_NOT_NULLABLE, NULL);
        code = STW_VALIDATION_FAILED;
    }
    if (strcmp(status, "lost") == 0 && !stw_write_text(write, STW_OPPORTUNITY_REASON)) {
        stw_details_field(ctx->details, "reason", STW_REQUIRED, NULL);
        code = STW_VALIDATION_FAILED;
    }
    return code;
}

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    const char *id = stw_write_text(write, STW_OPPORTUNITY_STAGE_ID);
    const char *before = write->old ? stw_record_text(write->old, STW_OPPORTUNITY_STAGE_ID) : NULL;
    struct stw_stage stage;

    if (!same(id, before)) {
        enum stw_code code = stw_stage_find(ctx, id, &stage);
        if (code != STW_OK)
            return code;
        if (!stage.id) {
            stw_details_field(ctx->details, "stage_id", id ? STW_UNKNOWN_REFERENCE : STW_REQUIRED, NULL);
            return STW_VALIDATION_FAILED;
        }
        enter(write, &stage);
    }
    return check_outcome(ctx, write);
}

static enum stw_code after_write(struct stw_context *ctx, const struct stw_write *write)
{
    struct stw_step step = {.opportunity_id = write->id,
                            .to_stage_id = stw_record_text(write->record, STW_OPPORTUNITY_STAGE_ID)};

    if (write->old) {
        step.from_stage_id = stw_record_text(write->old, STW_OPPORTUNITY_STAGE_ID);
        step.since = stw_record_text(write->old, STW_OPPORTUNITY_STAGE_CHANGED_AT);
        step.reopened = strcmp(stw_record_text(write->old, STW_OPPORTUNITY_STATUS), "open") != 0 &&
                        strcmp(stw_record_text(write->record, STW_OPPORTUNITY_STATUS), "open") == 0;
    }
    return same(step.from_stage_id, step.to_stage_id) ? STW_OK : stw_stage_change_add(ctx, &step);
}

/* status is given by each create and by no update */
static const char *const wakes[] = {"status", "stage_id", "closed_on", "reason", NULL};

const struct stw_resource stw_opportunities = {
    .path = "opportunities",
    .singular = "opportunity",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_TEAM_LEAD] = STW_MAY_ASSIGN(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_ASSIGN(STW_ALL),
            [STW_ANALYST] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes, .needs_old = true, .check_write = check_write, .after_write = after_write},
    .doc = "Sales in the making, and those that were won or lost.",
};
