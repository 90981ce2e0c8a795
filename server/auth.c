#include "server/auth.h"

#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "domain/actor_load.h"
#include "domain/secret.h"
#include "resource/engine.h"
#include "server/loop.h"
#include "server/sessions.h"
#include "server/throttle.h"
#include "server/token.h"
#include "server/token_cache.h"

/* Keys are read anew after a minute, so that their last use is known to the minute. */
#define KEY_KEPT_US INT64_C(60000000)
/* Noting it must not hold up the request for long. */
#define NOTE_LIMIT_US INT64_C(250000)

/* What a bearer proved. */
struct proof {
    const struct stw_actor *actor;
    int64_t expires_us;
    uint64_t stamp;
    bool genuine; /* made by us, even if it is good no longer */
};

/* The text behind "Bearer ", NULL when there is none (RFC 6750, 2.1; the scheme in any case). */
static const char *bearer_of(const struct srv_request *request)
{
    const char *value = srv_request_header(request, "Authorization");

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7;
    while (*value == ' ')
        value++;
    return *value ? value : NULL;
}

static void release_entry(void *entry)
{
    srv_token_cache_release(entry);
}

static void set_actor(struct stw_context *ctx, const struct stw_actor *actor)
{
    ctx->actor = actor;
    memcpy(ctx->org_id, actor->org_id, sizeof(ctx->org_id));
}

static bool use_cached(struct srv_request *request, const unsigned char *digest)
{
    const struct srv_server *server = srv_loop_server(request->loop);
    struct srv_token_cache *cache = srv_loop_tokens(request->loop);
    struct srv_token_entry *entry;

    if (!srv_sessions_fresh(server->sessions))
        return false;
    entry = srv_token_cache_find(cache, digest, request->ctx.now_us);
    if (!entry)
        return false;
    if (entry->stamp != srv_sessions_stamp(server->sessions, entry->actor->org_id)) {
        srv_token_cache_drop(entry);
        srv_token_cache_release(entry);
        return false;
    }
    stw_arena_defer(request->ctx.arena, release_entry, entry);
    set_actor(&request->ctx, entry->actor);
    return true;
}

/* Nothing of it, neither its failure nor its details, is the request's. */
static void note_key_use(const struct stw_context *ctx, const char *key_id)
{
    struct stw_context own = *ctx;
    struct stw_details details;
    int64_t limit_us = stw_clock_monotonic_us() + NOTE_LIMIT_US;
    enum stw_code code;

    stw_details_init(&details, ctx->arena);
    own.details = &details;
    if (!own.deadline_us || own.deadline_us > limit_us)
        own.deadline_us = limit_us;
    code = stw_actor_key_used(&own, key_id);
    (void)code;
}

static enum stw_code prove_key(struct srv_request *request, const char *bearer, struct proof *proof)
{
    const struct srv_server *server = srv_loop_server(request->loop);
    struct stw_context *ctx = &request->ctx;
    struct stw_secret secret;
    int64_t expires_us;
    bool unused;
    enum stw_code code;

    if (!stw_secret_parse(STW_SECRET_KEY, bearer, strlen(bearer), &secret))
        return STW_INVALID_TOKEN;
    proof->stamp = srv_sessions_stamp(server->sessions, secret.org_id);
    code =
        stw_actor_load_key(ctx, secret.org_id, secret.hash, ctx->arena, &proof->actor, &expires_us, &unused);
    if (code == STW_NOT_FOUND)
        return STW_INVALID_TOKEN;
    if (code != STW_OK)
        return code;
    if (unused)
        note_key_use(ctx, proof->actor->id);
    proof->expires_us = ctx->now_us + KEY_KEPT_US;
    if (expires_us && expires_us < proof->expires_us)
        proof->expires_us = expires_us;
    return STW_OK;
}

static enum stw_code prove_user(struct srv_request *request, const char *bearer, struct proof *proof)
{
    const struct srv_server *server = srv_loop_server(request->loop);
    struct stw_context *ctx = &request->ctx;
    struct srv_claims claims;
    enum stw_code code = srv_token_verify(ctx->arena, server->keys, server->config->issuer, bearer,
                                          strlen(bearer), ctx->now_us, &claims);

    if (code != STW_OK)
        return code;
    proof->genuine = true;
    proof->stamp = srv_sessions_stamp(server->sessions, claims.org_id);
    code = stw_actor_load_user(ctx, claims.org_id, claims.user_id, ctx->arena, &proof->actor);
    if (code == STW_NOT_FOUND)
        return STW_INVALID_TOKEN;
    if (code != STW_OK)
        return code;
    if (proof->actor->session_version != claims.session_version)
        return STW_INVALID_TOKEN;
    proof->expires_us = claims.expires_at * 1000000;
    return STW_OK;
}

enum stw_code srv_auth_bearer(struct srv_request *request)
{
    struct srv_token_cache *cache = srv_loop_tokens(request->loop);
    struct stw_context *ctx = &request->ctx;
    const char *bearer = bearer_of(request);
    unsigned char digest[SRV_TOKEN_DIGEST];
    struct proof proof = {0};
    enum stw_code code;

    if (!bearer)
        return STW_UNAUTHENTICATED;
    if (cache)
        srv_token_cache_digest(cache, request->memo, bearer, strlen(bearer), digest);
    if (cache && use_cached(request, digest))
        return STW_OK;
    if (srv_throttle_blocked(SRV_THROTTLE_TOKEN, request->client, ctx->now_us,
                             &ctx->details->retry_after_seconds))
        return STW_TOO_MANY_REQUESTS;
    code = stw_secret_looks_like(STW_SECRET_KEY, bearer) ? prove_key(request, bearer, &proof)
                                                         : prove_user(request, bearer, &proof);
    if (code != STW_OK) {
        ctx->org_id[0] = '\0';
        /* Who comes with a token that has expired or was revoked guesses nothing, and shall sign in without
         * delay. */
        if (code == STW_INVALID_TOKEN && !proof.genuine)
            srv_throttle_failed(SRV_THROTTLE_TOKEN, request->client, ctx->now_us);
        return code;
    }
    if (cache)
        srv_token_cache_put(cache, digest, proof.actor, ctx->engine->count, proof.expires_us, proof.stamp);
    set_actor(ctx, proof.actor);
    return STW_OK;
}
