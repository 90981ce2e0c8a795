#include "domain/users.h"

#include <string.h>

#include "domain/password.h"
#include "resource/store.h"

static const char *const statuses[] = {"active", "disabled", NULL};

static const struct stw_field fields[] = {
    {.name = "email",
     .type = STW_TYPE_EMAIL,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "What they sign in with, unique whatever its case."},
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "Their full name."},
    {.name = "role_id",
     .type = STW_TYPE_REF,
     .refers = "roles",
     .flags = STW_MANDATORY | STW_FILTER,
     .doc = "Their one role. A change takes effect within a second."},
    {.name = "team_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_FILTER | STW_TEAM,
     .doc = "Their team."},
    {.name = "status",
     .type = STW_TYPE_ENUM,
     .words = statuses,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "active",
     .doc = "Disabled people cannot sign in, and their sessions end within a second. People are disabled, "
            "not deleted."},
    {.name = "title", .doc = "Their position."},
    {.name = "phone", .type = STW_TYPE_PHONE, .doc = "E.164."},
    {.name = "language", .type = STW_TYPE_LANGUAGE, .doc = "BCP 47."},
    {.name = "password",
     .min = STW_PASSWORD_MIN,
     .max = STW_PASSWORD_MAX,
     .flags = STW_WRITE_ONLY,
     .doc = "Sets a password; their sessions end. Never shown."},
    STW_EXTERNAL_IDS,
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    if (!stw_write_gives(write, STW_USER_PASSWORD) || !stw_write_text(write, STW_USER_PASSWORD))
        return STW_OK;
    return stw_password_check(ctx, "password", stw_write_text(write, STW_USER_PASSWORD));
}

static enum stw_code after_write(struct stw_context *ctx, const struct stw_write *write)
{
    if (!stw_write_gives(write, STW_USER_PASSWORD) || !stw_write_text(write, STW_USER_PASSWORD))
        return STW_OK;
    return stw_password_set(ctx, write->id, stw_write_text(write, STW_USER_PASSWORD));
}

static const char *const wakes[] = {"password", NULL};

const struct stw_resource stw_users = {
    .path = "users",
    .singular = "user",
    .operations = STW_CAN_LIST | STW_CAN_GET | STW_CAN_CREATE | STW_CAN_UPDATE,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .self = STW_OWNER,
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_READ(STW_OWN),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_READ(STW_OWN),
            [STW_TEAM_LEAD] = STW_MAY_READ(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_READ(STW_TREE),
            [STW_SERVICE_AGENT] = STW_MAY_READ(STW_OWN),
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes, .check_write = check_write, .after_write = after_write},
    .needs_precondition = true,
    .doc = "The people who manage the accounts.",
};
