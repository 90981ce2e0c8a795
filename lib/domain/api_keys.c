#include "domain/api_keys.h"

#include <sodium.h>
#include <string.h>

#include "domain/scopes.h"
#include "domain/secret.h"
#include "resource/engine.h"
#include "resource/store.h"

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT,
     .doc = "What it is for, unique."},
    {.name = "source",
     .max = 63,
     .flags = STW_MANDATORY | STW_CREATE_ONLY | STW_FILTER,
     .doc = "What its records bear as their source: lower-case letters, digits, hyphens, underscores."},
    {.name = "scopes",
     .type = STW_TYPE_TEXTS,
     .max = 50,
     .flags = STW_MANDATORY,
     .doc = "What it may do: leads:create, accounts:upsert, leads:read:all."},
    {.name = "prefix", .max = 20, .flags = STW_SERVER_KEPT, .doc = "How its secret starts, to recognise it."},
    {.name = "expires_at", .type = STW_TYPE_TIMESTAMP, .doc = "When it stops working; null: never."},
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    enum stw_code code = STW_OK;
    if (stw_write_gives(write, STW_API_KEY_SCOPES))
        code = stw_scopes_check(ctx, stw_write_text(write, STW_API_KEY_SCOPES));
    if (stw_write_gives(write, STW_API_KEY_SOURCE)) {
        const char *source = stw_write_text(write, STW_API_KEY_SOURCE);
        if (strspn(source, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(source) ||
            strchr("_-", source[0])) {
            stw_details_field(ctx->details, "source", STW_INVALID_FORMAT, NULL);
            code = STW_VALIDATION_FAILED;
        }
    }
    if (write->verb == STW_CREATE)
        stw_write_set(write, STW_API_KEY_PREFIX, "stwk_");
    return code;
}

const struct stw_resource stw_api_keys = {
    .path = "api_keys",
    .singular = "api_key",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access = {[STW_ADMIN] = STW_MAY_WRITE(STW_ALL)},
    .hooks = {.check_write = check_write},
    .doc = "Keys of integrations. A new one has no secret: ask for it by its action.",
};

enum { OUT_KEY };
static const struct stw_field out_fields[] = {
    [OUT_KEY] = {.name = "key", .flags = STW_NOT_NULL, .doc = "The bearer token. Shown this once."},
};

static enum stw_code make_secret(struct stw_context *ctx, const char *id, const struct stw_value *in,
                                 struct stw_value *out)
{
    static const struct stw_stmt store = {
        .name = "api_key_secret_store",
        .sql = "insert into api_key_secrets (org_id, api_key_id, hash) values ($1::uuid, $2::uuid, $3) "
               "on conflict (org_id, api_key_id) do update set hash = excluded.hash, last_used_at = null",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "api_keys");
    struct stw_record record;
    char token[STW_SECRET_TEXT], hash[STW_SECRET_HASH_TEXT];

    (void)in;
    enum stw_code code = stw_store_lock(ctx, plan, STW_UPDATE, id, NULL, &record);
    if (code != STW_OK)
        return code;
    stw_secret_make(STW_SECRET_KEY, ctx->org_id, token, hash);
    const char *const params[] = {ctx->org_id, id, hash};
    code = stw_db_run(ctx, &store, params, NULL);
    if (code == STW_OK)
        out[OUT_KEY].text = stw_arena_strdup(ctx->arena, token);
    sodium_memzero(token, sizeof token);
    return code;
}

const struct stw_action stw_api_key_secret = {
    .name = "create_api_key_secret",
    .doc = "Gives the key a new secret and shows it once; the former one stops working within a second.",
    .out_fields = out_fields,
    .out_count = sizeof out_fields / sizeof out_fields[0],
    .status = 201,
    .resource = "api_keys",
    .suffix = "secret",
    .verb = STW_UPDATE,
    .keeps_secret = true,
    .run = make_secret,
};
