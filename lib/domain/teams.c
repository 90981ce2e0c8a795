#include "domain/teams.h"

#include "domain/tree.h"

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "Its name, unique."},
    {.name = "parent_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_FILTER,
     .doc = "The team it belongs to; the tree decides what `tree` reaches."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "What it is for."},
    STW_EXTERNAL_IDS,
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    return stw_tree_check(ctx, write, STW_TEAM_PARENT_ID);
}

static const char *const wakes[] = {"parent_id", NULL};

const struct stw_resource stw_teams = {
    .path = "teams",
    .singular = "team",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .self = STW_TEAM,
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_READ(STW_IN_TEAM),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_READ(STW_IN_TEAM),
            [STW_TEAM_LEAD] = STW_MAY_READ(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_READ(STW_TREE),
            [STW_SERVICE_AGENT] = STW_MAY_READ(STW_IN_TEAM),
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes, .check_write = check_write},
    .doc = "The team tree. A record's team decides who reaches it by `team` and `tree`.",
};
