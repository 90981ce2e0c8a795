#include "domain/leads.h"

#include <string.h>

#include "domain/states.h"

static const char *const statuses[] = {"new", "working", "qualified", "converted", "disqualified", NULL};

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "The person who may become a customer."},
    {.name = "company",
     .type = STW_TYPE_NAME,
     .flags = STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "Their company."},
    {.name = "title", .doc = "Their position."},
    {.name = "phone", .type = STW_TYPE_PHONE, .flags = STW_FILTER | STW_PERSONAL, .doc = "E.164."},
    {.name = "email", .type = STW_TYPE_EMAIL, .flags = STW_FILTER | STW_PERSONAL, .doc = "Their address."},
    {.name = "source",
     .max = 63,
     .flags = STW_SOURCE | STW_FILTER,
     .doc = "Where it came from; an integration's is its own."},
    {.name = "score",
     .type = STW_TYPE_INT,
     .max = 100,
     .flags = STW_FILTER | STW_SORT,
     .doc = "How promising, 0 to 100."},
    {.name = "status",
     .type = STW_TYPE_ENUM,
     .words = statuses,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "new",
     .doc = "new, working, qualified; disqualified from each of them and back to working; converted only by "
            "conversion."},
    {.name = "disqualified_reason", .flags = 0, .doc = "Why it was given up; needed with disqualified."},
    {.name = "notes", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    {.name = "owner_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = STW_OWNER | STW_FILTER,
     .doc = "Who works on it. Given alone, the team follows."},
    {.name = "team_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_TEAM | STW_FILTER,
     .doc = "The team it belongs to."},
    {.name = "converted_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_FILTER | STW_SORT | STW_DERIVED,
     .doc = "When it was converted."},
    {.name = "converted_account_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_SERVER_KEPT | STW_FILTER,
     .doc = "What it became."},
    {.name = "converted_contact_id",
     .type = STW_TYPE_REF,
     .refers = "contacts",
     .flags = STW_SERVER_KEPT | STW_FILTER,
     .doc = "Who they became."},
    {.name = "converted_opportunity_id",
     .type = STW_TYPE_REF,
     .refers = "opportunities",
     .flags = STW_SERVER_KEPT | STW_FILTER,
     .doc = "The sale that came of it."},
    STW_EXTERNAL_IDS,
};

/* Conversion has its own way in; a converted lead stays what it is. */
static const struct stw_transition transitions[] = {
    {"new", "working"},
    {"working", "qualified"},
    {"new", "disqualified"},
    {"working", "disqualified"},
    {"qualified", "disqualified"},
    {"disqualified", "working"},
    {0},
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    enum stw_code code = stw_states_check(ctx, write, STW_LEAD_STATUS, transitions);
    const char *status = stw_write_text(write, STW_LEAD_STATUS);

    if (code != STW_OK)
        return code;
    if (strcmp(status, "disqualified") == 0 && !stw_write_text(write, STW_LEAD_DISQUALIFIED_REASON)) {
        stw_details_field(ctx->details, "disqualified_reason", STW_REQUIRED, NULL);
        return STW_VALIDATION_FAILED;
    }
    return STW_OK;
}

static const char *const wakes[] = {"status", "disqualified_reason", NULL};

const struct stw_resource stw_leads = {
    .path = "leads",
    .singular = "lead",
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
    .hooks = {.wakes = wakes, .needs_old = true, .check_write = check_write},
    .doc = "People who may become customers.",
};
