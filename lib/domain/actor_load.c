#include "domain/actor_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/uuid.h"
#include "core/value.h"
#include "db/db.h"
#include "domain/scopes.h"

/* "union" without "all" ends the walk even if the tree had a cycle. */
static const struct stw_stmt user_stmt = {
    .name = "actor_user",
    .sql = "with recursive tree (id) as ("
           "select t.id from users u join teams t on t.org_id = u.org_id and t.id = u.team_id and "
           "t.deleted_at is null "
           "where u.org_id = $1::uuid and u.id = $2::uuid "
           "union select t.id from tree join teams t on t.org_id = $1::uuid and t.parent_id = tree.id "
           "and t.deleted_at is null) "
           "select u.id, t.id, r.id, r.key, r.base, r.permissions, "
           "(select coalesce(array_agg(tree.id), '{}') from tree), o.zone, coalesce(c.session_version, 0) "
           "from users u "
           "join roles r on r.org_id = u.org_id and r.id = u.role_id and r.deleted_at is null "
           "join organizations o on o.id = u.org_id "
           "left join teams t on t.org_id = u.org_id and t.id = u.team_id and t.deleted_at is null "
           "left join credentials c on c.org_id = u.org_id and c.user_id = u.id "
           "where u.org_id = $1::uuid and u.id = $2::uuid and u.status = 'active' and u.deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

static const struct stw_stmt key_stmt = {
    .name = "actor_key",
    .sql = "select k.id, k.source, k.scopes, o.zone, "
           "coalesce((extract(epoch from k.expires_at) * 1000000)::bigint, 0), coalesce(k.expires_at <= "
           "now(), false), "
           "coalesce(s.last_used_at < now() - interval '1 minute', true) "
           "from api_key_secrets s "
           "join api_keys k on k.org_id = s.org_id and k.id = s.api_key_id and k.deleted_at is null "
           "join organizations o on o.id = s.org_id "
           "where s.org_id = $1::uuid and s.hash = $2",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

/* The condition again: of many processes that noticed, one writes. */
static const struct stw_stmt key_used_stmt = {
    .name = "actor_key_used",
    .sql =
        "update api_key_secrets set last_used_at = now() where org_id = $1::uuid and api_key_id = $2::uuid "
        "and (last_used_at is null or last_used_at < now() - interval '1 minute')",
    .param_count = 2,
    .kind = STW_STMT_WRITE,
};

static const struct stw_stmt user_profile_stmt = {
    .name = "actor_user_profile",
    .sql = "select o.id, o.slug, o.name, o.zone, o.currency, u.id, u.email, u.name, u.title, u.phone, "
           "u.language, "
           "r.id, r.key, r.name, r.base, t.id, t.name "
           "from users u "
           "join organizations o on o.id = u.org_id "
           "join roles r on r.org_id = u.org_id and r.id = u.role_id "
           "left join teams t on t.org_id = u.org_id and t.id = u.team_id and t.deleted_at is null "
           "where u.org_id = $1::uuid and u.id = $2::uuid and u.deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

static const struct stw_stmt key_profile_stmt = {
    .name = "actor_key_profile",
    .sql = "select o.id, o.slug, o.name, o.zone, o.currency, k.id, k.name, k.source, k.expires_at "
           "from api_keys k join organizations o on o.id = k.org_id "
           "where k.org_id = $1::uuid and k.id = $2::uuid and k.deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

static void put_id(char to[STW_UUID_TEXT], const char *text)
{
    /* A caller may pass ctx->org_id itself. */
    if (to != text)
        snprintf(to, STW_UUID_TEXT, "%s", text ? text : "");
}

static const char *copy(struct stw_arena *arena, const struct stw_rows *rows, int column)
{
    const char *text = stw_rows_text(rows, 0, column);

    return text ? stw_arena_strdup(arena, text) : NULL;
}

enum stw_code stw_actor_load_user(struct stw_context *ctx, const char *org_id, const char *user_id,
                                  struct stw_arena *arena, const struct stw_actor **ret_actor)
{
    const char *params[] = {ctx->org_id, user_id};
    struct stw_rows *rows;
    struct stw_actor *actor;
    enum stw_code code;
    int base;

    put_id(ctx->org_id, org_id);
    code = stw_db_run(ctx, &user_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) != 1)
        return STW_NOT_FOUND;
    base = stw_role_find(stw_rows_value(rows, 0, 4));
    if (base < 0)
        return STW_NOT_FOUND; /* a role that a newer process made */
    actor = STW_NEW(arena, struct stw_actor);
    actor->kind = STW_ACTOR_USER;
    put_id(actor->org_id, org_id);
    put_id(actor->id, stw_rows_text(rows, 0, 0));
    put_id(actor->team_id, stw_rows_text(rows, 0, 1));
    put_id(actor->role_id, stw_rows_text(rows, 0, 2));
    actor->role = (enum stw_role)base;
    actor->role_key = copy(arena, rows, 3);
    actor->tree = copy(arena, rows, 6);
    actor->zone = copy(arena, rows, 7);
    actor->session_version = (int)stw_rows_number(rows, 0, 8);
    code = stw_actor_grants(ctx->engine, arena, actor->role, stw_rows_text(rows, 0, 5), &actor->grants);
    if (code == STW_OK)
        *ret_actor = actor;
    return code;
}

enum stw_code stw_actor_load_key(struct stw_context *ctx, const char *org_id, const char *hash,
                                 struct stw_arena *arena, const struct stw_actor **ret_actor,
                                 int64_t *ret_expires_us, bool *ret_unused)
{
    const char *params[] = {ctx->org_id, hash};
    struct stw_rows *rows;
    struct stw_actor *actor;
    enum stw_code code;

    put_id(ctx->org_id, org_id);
    code = stw_db_run(ctx, &key_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) != 1)
        return STW_NOT_FOUND;
    if (*stw_rows_value(rows, 0, 5) == 't')
        return STW_TOKEN_EXPIRED;
    actor = STW_NEW(arena, struct stw_actor);
    actor->kind = STW_ACTOR_KEY;
    put_id(actor->org_id, org_id);
    put_id(actor->id, stw_rows_text(rows, 0, 0));
    actor->role = STW_INTEGRATION;
    actor->role_key = stw_role_name(STW_INTEGRATION);
    actor->tree = "{}";
    actor->zone = copy(arena, rows, 3);
    actor->source = copy(arena, rows, 1);
    actor->grants = stw_scopes_grants(ctx->engine, arena, stw_rows_text(rows, 0, 2));
    *ret_actor = actor;
    *ret_expires_us = stw_rows_number(rows, 0, 4);
    *ret_unused = *stw_rows_value(rows, 0, 6) == 't';
    return STW_OK;
}

enum stw_code stw_actor_key_used(struct stw_context *ctx, const char *key_id)
{
    const char *params[] = {ctx->org_id, key_id};

    return stw_db_run(ctx, &key_used_stmt, params, NULL);
}

static void read_user(const struct stw_rows *rows, struct stw_profile *profile)
{
    profile->user.id = stw_rows_text(rows, 0, 5);
    profile->user.email = stw_rows_text(rows, 0, 6);
    profile->user.name = stw_rows_text(rows, 0, 7);
    profile->user.title = stw_rows_text(rows, 0, 8);
    profile->user.phone = stw_rows_text(rows, 0, 9);
    profile->user.language = stw_rows_text(rows, 0, 10);
    profile->role.id = stw_rows_text(rows, 0, 11);
    profile->role.key = stw_rows_text(rows, 0, 12);
    profile->role.name = stw_rows_text(rows, 0, 13);
    profile->role.base = stw_rows_text(rows, 0, 14);
    profile->team.id = stw_rows_text(rows, 0, 15);
    profile->team.name = stw_rows_text(rows, 0, 16);
}

static void read_key(struct stw_arena *arena, const struct stw_rows *rows, struct stw_profile *profile)
{
    const char *expires = stw_rows_text(rows, 0, 8);
    char text[32];

    profile->key.id = stw_rows_text(rows, 0, 5);
    profile->key.name = stw_rows_text(rows, 0, 6);
    profile->key.source = stw_rows_text(rows, 0, 7);
    if (expires && stw_value_timestamp_render(expires, stw_rows_length(rows, 0, 8), text))
        profile->key.expires_at = stw_arena_strdup(arena, text);
}

enum stw_code stw_actor_profile(struct stw_context *ctx, struct stw_profile *ret_profile)
{
    bool is_key = ctx->actor->kind == STW_ACTOR_KEY;
    const char *params[] = {ctx->org_id, ctx->actor->id};
    struct stw_profile profile = {0};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, is_key ? &key_profile_stmt : &user_profile_stmt, params, &rows);

    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) != 1)
        return STW_NOT_FOUND;
    profile.organization.id = stw_rows_text(rows, 0, 0);
    profile.organization.slug = stw_rows_text(rows, 0, 1);
    profile.organization.name = stw_rows_text(rows, 0, 2);
    profile.organization.zone = stw_rows_text(rows, 0, 3);
    profile.organization.currency = stw_rows_text(rows, 0, 4);
    if (is_key)
        read_key(ctx->arena, rows, &profile);
    else
        read_user(rows, &profile);
    *ret_profile = profile;
    return STW_OK;
}
