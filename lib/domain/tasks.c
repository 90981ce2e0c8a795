#include "domain/tasks.h"

#include <string.h>

#include "domain/account_link.h"
#include "domain/states.h"

static const char *const statuses[] = {"open", "in_progress", "done", "cancelled", NULL};
static const char *const priorities[] = {"low", "normal", "high", "urgent", NULL};

static const struct stw_field fields[] = {
    {.name = "subject",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "What is to be done, in a line."},
    {.name = "notes", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    {.name = "status",
     .type = STW_TYPE_ENUM,
     .words = statuses,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "open",
     .doc = "open, in_progress, done or cancelled; what was done or cancelled can be opened again."},
    {.name = "priority",
     .type = STW_TYPE_ENUM,
     .words = priorities,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "normal",
     .doc = "How urgent it is."},
    {.name = "due_at", .type = STW_TYPE_TIMESTAMP, .flags = STW_FILTER | STW_SORT, .doc = "Until when."},
    {.name = "contact_id",
     .type = STW_TYPE_REF,
     .refers = "contacts",
     .flags = STW_FILTER,
     .doc = "With whom; one of the account's."},
    {.name = "opportunity_id",
     .type = STW_TYPE_REF,
     .refers = "opportunities",
     .flags = STW_FILTER,
     .doc = "The opportunity it serves; of the same account, if it has one."},
    {.name = "lead_id",
     .type = STW_TYPE_REF,
     .refers = "leads",
     .flags = STW_FILTER,
     .doc = "The lead it is about."},
    {.name = "account_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_SEEN_WITH | STW_FILTER,
     .doc = "The account; without it that of the contact or of the opportunity. Whoever owns it reads this "
            "too."},
    {.name = "assignee_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = STW_OWNER | STW_FILTER,
     .doc = "Who is to do it. Given alone, the team follows."},
    {.name = "team_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_TEAM | STW_FILTER,
     .doc = "The team it belongs to."},
    {.name = "completed_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_DERIVED | STW_FILTER | STW_SORT,
     .doc = "When it was done, as long as it is."},
    STW_EXTERNAL_IDS,
};

static const struct stw_transition transitions[] = {
    {"open", "in_progress"},      {"open", "done"}, {"open", "cancelled"}, {"in_progress", "done"},
    {"in_progress", "cancelled"}, {"done", "open"}, {"cancelled", "open"}, {0},
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    static const struct stw_account_link link = {.account = STW_TASK_ACCOUNT_ID,
                                                 .contact = STW_TASK_CONTACT_ID,
                                                 .opportunity = STW_TASK_OPPORTUNITY_ID};
    enum stw_code code = stw_states_check(ctx, write, STW_TASK_STATUS, transitions);
    bool was_done = write->old && stw_record_text(write->old, STW_TASK_COMPLETED_AT);

    if (code == STW_OK)
        code = stw_account_link_check(ctx, write, &link);
    if (code != STW_OK)
        return code;
    bool is_done = strcmp(stw_write_text(write, STW_TASK_STATUS), "done") == 0;
    if (is_done != was_done)
        stw_write_set(write, STW_TASK_COMPLETED_AT, is_done ? "now" : NULL);
    return STW_OK;
}

static const char *const wakes[] = {"status", "account_id", "contact_id", "opportunity_id", NULL};

const struct stw_resource stw_tasks = {
    .path = "tasks",
    .singular = "task",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_TEAM_LEAD] = STW_MAY_ASSIGN(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_ASSIGN(STW_ALL),
            [STW_SERVICE_AGENT] = STW_MAY_WRITE(STW_OWN),
            [STW_ANALYST] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes, .needs_old = true, .check_write = check_write},
    .doc = "What is to be done, by whom and until when.",
};
