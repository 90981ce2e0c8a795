#include "domain/roles.h"

#include <string.h>

#include "domain/registry.h"
#include "resource/actor.h"
#include "resource/store.h"

static const char *const bases[] = {"account_manager", "key_account_manager", "team_lead",
                                    "director",        "service_agent",       "analyst",
                                    "admin",           "integration",         NULL};

static const struct stw_field fields[] = {
    {.name = "key",
     .max = 63,
     .flags = STW_MANDATORY | STW_CREATE_ONLY | STW_FILTER | STW_SORT,
     .doc = "Its stable word: lower-case letters, digits and underscores."},
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "Its name."},
    {.name = "base",
     .type = STW_TYPE_ENUM,
     .words = bases,
     .flags = STW_MANDATORY | STW_CREATE_ONLY | STW_FILTER,
     .doc = "The shipped role whose rights it starts from."},
    {.name = "permissions",
     .type = STW_TYPE_OBJECT,
     .flags = STW_NOT_NULL,
     .initial = "{}",
     .doc = "What differs from the base: "
            "{\"accounts\":{\"read\":\"tree\",\"fields\":{\"annual_revenue\":\"hide\"}}}. Scopes: "
            "none, own, team, tree, all. Fields: hide, mask, read, write."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "Who has it."},
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    enum stw_code code = STW_OK;
    if (stw_write_gives(write, STW_ROLE_PERMISSIONS))
        code = stw_actor_permissions_check(ctx, stw_write_text(write, STW_ROLE_PERMISSIONS));
    if (stw_write_gives(write, STW_ROLE_KEY)) {
        const char *key = stw_write_text(write, STW_ROLE_KEY);
        if (key[0] < 'a' || key[0] > 'z' ||
            strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(key)) {
            stw_details_field(ctx->details, "key", STW_INVALID_FORMAT, NULL);
            code = STW_VALIDATION_FAILED;
        }
    }
    return code;
}

static const char *const wakes[] = {"permissions", "key", NULL};

const struct stw_resource stw_roles = {
    .path = "roles",
    .singular = "role",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_TEAM_LEAD] = STW_MAY_READ(STW_ALL),
            [STW_DIRECTOR] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_WRITE(STW_ALL),
        },
    .hooks = {.wakes = wakes, .check_write = check_write},
    .needs_precondition = true,
    .doc = "What people may do: a shipped role and what an organisation changed about it.",
};
