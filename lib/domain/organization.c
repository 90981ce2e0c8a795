#include "domain/organization.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "core/value.h"
#include "db/db.h"
#include "domain/draft.h"
#include "domain/pipelines.h"
#include "resource/engine.h"

#define NAME_MAX_LENGTH 200
#define SLUG_MAX_LENGTH 63

/* The one table without a view to write through: only the owner of the schema gets here. */
static const struct stw_stmt insert_stmt = {
    .name = "organization_insert",
    .sql = "insert into steward.organizations (id, slug, name, zone, currency) "
           "values ($1::uuid, $2, $3, $4, $5) on conflict (slug) do nothing returning id",
    .param_count = 5,
    .kind = STW_STMT_WRITE,
};

/* The list of zones is the database's: it is what computes with them. */
static const struct stw_stmt zone_stmt = {
    .name = "organization_zone",
    .sql = "select count(*) from pg_timezone_names where name = $1 and name !~ "
           "'^(posix/|right/|localtime$|Factory$)'",
    .param_count = 1,
    .kind = STW_STMT_READ,
};

static const struct stw_stmt open_stmt = {
    .name = "organization_open",
    .sql = "select id from organization_slugs where slug = $1",
    .param_count = 1,
    .kind = STW_STMT_READ,
};

static const struct stw_stmt role_stmt = {
    .name = "organization_role",
    .sql = "select id from roles where org_id = $1::uuid and key = $2 and deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_READ,
};

static void check_slug(struct stw_context *ctx, const char *slug)
{
    size_t length = slug ? strlen(slug) : 0;

    if (length == 0)
        stw_details_field(ctx->details, "slug", STW_REQUIRED, NULL);
    else if (length > SLUG_MAX_LENGTH)
        stw_details_field(ctx->details, "slug", STW_TOO_LONG, "63");
    else if (strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != length || slug[0] == '-' ||
             slug[length - 1] == '-')
        stw_details_field(ctx->details, "slug", STW_INVALID_FORMAT, "a-z, 0-9, -");
}

static void check_name(struct stw_context *ctx, const char *name)
{
    size_t length = name ? strlen(name) : 0;

    if (length == 0)
        stw_details_field(ctx->details, "name", STW_REQUIRED, NULL);
    else if (!stw_text_valid(name, length) || stw_text_has_control(name, length) || strpbrk(name, "\n\t"))
        stw_details_field(ctx->details, "name", STW_INVALID_FORMAT, NULL);
    else if (*stw_text_fold(ctx->arena, name, length) == '\0')
        stw_details_field(ctx->details, "name", STW_TOO_SHORT, "1");
    else if (stw_text_length(name, length) > NAME_MAX_LENGTH)
        stw_details_field(ctx->details, "name", STW_TOO_LONG, "200");
}

static enum stw_code check_zone(struct stw_context *ctx, const char *zone)
{
    const char *params[] = {zone};
    struct stw_rows *rows;
    enum stw_code code;

    if (stw_text_valid(zone, strlen(zone))) {
        code = stw_db_run(ctx, &zone_stmt, params, &rows);
        if (code != STW_OK)
            return code;
        if (strcmp(stw_rows_value(rows, 0, 0), "1") == 0)
            return STW_OK;
    }
    stw_details_field(ctx->details, "zone", STW_INVALID_FORMAT, "Asia/Shanghai");
    return STW_OK;
}

static enum stw_code check(struct stw_context *ctx, const struct stw_organization_input *input)
{
    char *currency;
    enum stw_code code = STW_OK;

    check_slug(ctx, input->slug);
    check_name(ctx, input->name);
    if (input->currency &&
        stw_value_currency(ctx->arena, input->currency, strlen(input->currency), &currency) != STW_OK)
        stw_details_field(ctx->details, "currency", STW_INVALID_FORMAT, "CNY");
    if (input->zone)
        code = check_zone(ctx, input->zone);
    if (code == STW_OK && ctx->details->violation_count > 0)
        code = STW_VALIDATION_FAILED;
    return code;
}

static enum stw_code create_role(struct stw_context *ctx, enum stw_role role)
{
    const char *key = stw_role_name(role);
    char id[STW_UUID_TEXT];

    return stw_draft_create(
        ctx, "roles",
        json_pack("{s:s, s:s, s:s}", "key", key, "name", stw_text_humanize(ctx->arena, key), "base", key),
        id);
}

struct creation {
    const struct stw_organization_input *input;
    char id[STW_UUID_TEXT];
};

static enum stw_code create(struct stw_context *ctx, void *argument)
{
    struct creation *creation = argument;
    const struct stw_organization_input *input = creation->input;
    const char *params[] = {creation->id, input->slug, input->name,
                            input->zone ? input->zone : "Asia/Shanghai",
                            input->currency ? input->currency : "CNY"};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, &insert_stmt, params, &rows);

    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0) {
        stw_details_field(ctx->details, "slug", STW_DUPLICATE, NULL);
        return STW_DUPLICATE;
    }
    snprintf(ctx->org_id, sizeof(ctx->org_id), "%s", creation->id);
    ctx->actor = stw_actor_system(ctx);
    for (enum stw_role role = 0; role < STW_ROLE_COUNT && code == STW_OK; role++)
        code = create_role(ctx, role);
    return code == STW_OK ? stw_pipeline_found(ctx) : code;
}

enum stw_code stw_organization_create(struct stw_context *ctx, const struct stw_organization_input *input,
                                      char ret_id[37])
{
    const struct stw_actor *actor = ctx->actor;
    struct creation creation = {.input = input};
    char before[sizeof(ctx->org_id)];
    enum stw_code code = check(ctx, input);

    if (code != STW_OK)
        return code;
    memcpy(before, ctx->org_id, sizeof(before));
    stw_uuid_v7(ctx->now_us, creation.id);
    code = stw_tx_run(ctx, create, &creation, false);
    ctx->actor = actor;
    if (code != STW_OK) {
        memcpy(ctx->org_id, before, sizeof(before));
        return code;
    }
    memcpy(ret_id, creation.id, sizeof(creation.id));
    return STW_OK;
}

enum stw_code stw_organization_open(struct stw_context *ctx, const char *slug)
{
    const char *params[] = {slug};
    struct stw_rows *rows;
    enum stw_code code;

    if (!stw_text_valid(slug, strlen(slug)))
        return STW_NOT_FOUND;
    code = stw_db_run(ctx, &open_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0)
        return STW_NOT_FOUND;
    snprintf(ctx->org_id, sizeof(ctx->org_id), "%s", stw_rows_text(rows, 0, 0));
    return STW_OK;
}

const struct stw_actor *stw_actor_system(struct stw_context *ctx)
{
    struct stw_actor *actor = STW_NEW(ctx->arena, struct stw_actor);
    struct stw_grant *grants = STW_NEW_N(ctx->arena, struct stw_grant, (size_t)ctx->engine->count);

    for (int i = 0; i < ctx->engine->count; i++)
        memset(grants[i].scope, STW_ALL, sizeof(grants[i].scope));
    actor->kind = STW_ACTOR_SYSTEM;
    memcpy(actor->org_id, ctx->org_id, sizeof(actor->org_id));
    actor->role = STW_ADMIN;
    actor->role_key = stw_role_name(STW_ADMIN);
    actor->tree = "{}";
    actor->zone = "UTC";
    actor->grants = grants;
    return actor;
}

enum stw_code stw_role_id_find(struct stw_context *ctx, const char *key, char ret_id[37])
{
    const char *params[] = {ctx->org_id, key};
    struct stw_rows *rows;
    enum stw_code code;

    if (!stw_text_valid(key, strlen(key)))
        return STW_NOT_FOUND;
    code = stw_db_run(ctx, &role_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0)
        return STW_NOT_FOUND;
    snprintf(ret_id, 37, "%s", stw_rows_text(rows, 0, 0));
    return STW_OK;
}
