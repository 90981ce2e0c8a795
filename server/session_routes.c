#include "server/session_routes.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "domain/actor_load.h"
#include "domain/attempts.h"
#include "domain/sign_in.h"
#include "resource/engine.h"
#include "server/body.h"
#include "server/loop.h"
#include "server/negotiate.h"
#include "server/session_actions.h"
#include "server/sessions.h"
#include "server/throttle.h"
#include "server/token.h"

/* ---- small JSON ---- */

static void add_name(struct stw_buf *out, const char *name)
{
    int last = out->length ? out->data[out->length - 1] : '{';

    if (last != '{' && last != '[')
        stw_buf_add_char(out, ',');
    stw_buf_add_json(out, name, strlen(name));
    stw_buf_add_char(out, ':');
}

static void add_text(struct stw_buf *out, const char *name, const char *text)
{
    add_name(out, name);
    if (text)
        stw_buf_add_json(out, text, strlen(text));
    else
        stw_buf_add_text(out, "null");
}

/* True when the object is open; else it is null. */
static bool open_object(struct stw_buf *out, const char *name, bool there)
{
    add_name(out, name);
    stw_buf_add_text(out, there ? "{" : "null");
    return there;
}

static void close_object(struct stw_buf *out)
{
    stw_buf_add_char(out, '}');
}

/* ---- sign-in ---- */

static enum stw_code answer_tokens(struct srv_request *request, struct srv_reply *reply,
                                   struct stw_session *session)
{
    const struct srv_server *server = srv_loop_server(request->loop);
    struct srv_claims claims = {.session_version = session->session_version};
    struct stw_buf *out = &reply->body;
    char *token;
    enum stw_code code;

    memcpy(claims.org_id, session->org_id, sizeof(claims.org_id));
    memcpy(claims.user_id, session->user_id, sizeof(claims.user_id));
    memcpy(claims.role_key, session->role_key, sizeof(claims.role_key));
    claims.issued_at = request->ctx.now_us / 1000000;
    claims.expires_at = claims.issued_at + server->config->access_token_seconds;
    code = srv_token_make(request->ctx.arena, server->keys, server->config->issuer, &claims, &token);
    if (code == STW_OK) {
        stw_buf_add_char(out, '{');
        add_text(out, "access_token", token);
        add_text(out, "token_type", "Bearer");
        add_name(out, "expires_in");
        stw_buf_printf(out, "%d", server->config->access_token_seconds);
        add_text(out, "refresh_token", session->refresh_token);
        close_object(out);
        srv_reply_header(reply, "Cache-Control", "no-store");
        reply->status = 200;
        sodium_memzero(token, strlen(token));
    }
    sodium_memzero(session, sizeof(*session));
    return code;
}

/* One name for one account, however it is written. */
static char *account_name(struct stw_arena *arena, const char *organization, const char *email)
{
    char *name = stw_arena_printf(arena, "%s\n%s", organization, email);

    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return name;
}

/* What a sign-in is counted under; the unused ones are NULL. */
struct attempt {
    const char *names[SRV_THROTTLE_KIND_COUNT];
    bool is_local;                                                   /* not counted for all processes */
    char digests[4 + SRV_THROTTLE_KIND_COUNT * SRV_THROTTLE_DIGEST]; /* an array, as the database reads it */
};

static void each_name(const struct attempt *attempt, int64_t now_us,
                      void (*count)(enum srv_throttled kind, const char *name, int64_t now_us))
{
    for (int kind = 0; kind < SRV_THROTTLE_KIND_COUNT; kind++) {
        if (attempt->names[kind])
            count((enum srv_throttled)kind, attempt->names[kind], now_us);
    }
}

static void add_digests(struct attempt *attempt)
{
    char *end = attempt->digests;

    for (int kind = 0; kind < SRV_THROTTLE_KIND_COUNT; kind++) {
        if (!attempt->names[kind])
            continue;
        *end = end == attempt->digests ? '{' : ',';
        srv_throttle_digest((enum srv_throttled)kind, attempt->names[kind], end + 1);
        end += strlen(end);
    }
    memcpy(end, "}", 2);
}

/* Counts the attempt before it runs, so that many at once cannot all pass below the limit: first here, where
 * a flood is refused at no cost, then for all processes. */
static enum stw_code begin_attempt(struct srv_request *request, struct attempt *attempt)
{
    struct stw_context *ctx = &request->ctx;
    int *wait = &ctx->details->retry_after_seconds;
    int failed = 0;
    enum stw_code code;

    for (int kind = 0; kind < SRV_THROTTLE_KIND_COUNT; kind++) {
        if (attempt->names[kind] &&
            srv_throttle_blocked((enum srv_throttled)kind, attempt->names[kind], ctx->now_us, wait))
            return STW_TOO_MANY_REQUESTS;
    }
    each_name(attempt, ctx->now_us, srv_throttle_failed);
    if (attempt->is_local)
        return STW_OK;
    add_digests(attempt);
    code = stw_attempts_count(ctx, attempt->digests, 1, &failed);
    if (code != STW_OK)
        each_name(attempt, ctx->now_us, srv_throttle_forgive);
    else if (srv_throttle_too_many(failed - 1, ctx->now_us, wait))
        code = STW_TOO_MANY_REQUESTS;
    return code;
}

/* Nobody has guessed. */
static void forgive_attempt(struct srv_request *request, const struct attempt *attempt)
{
    struct stw_context own = request->ctx;
    struct stw_details details;
    int failed;
    enum stw_code code;

    each_name(attempt, own.now_us, srv_throttle_forgive);
    if (attempt->is_local)
        return;
    /* Neither its failure nor its details are the request's. */
    stw_details_init(&details, own.arena);
    own.details = &details;
    code = stw_attempts_count(&own, attempt->digests, -1, &failed);
    (void)code;
}

static enum stw_code login(struct srv_request *request, struct srv_reply *reply)
{
    int keep_seconds = srv_loop_server(request->loop)->config->refresh_token_seconds;
    struct stw_context *ctx = &request->ctx;
    struct stw_value in[LOGIN_FIELDS];
    struct stw_session session;
    struct attempt attempt = {.names[SRV_THROTTLE_LOGIN] = request->client};
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = srv_body_read(request, srv_action_login.in_fields, LOGIN_FIELDS, in);
    if (code != STW_OK)
        return code;
    attempt.names[SRV_THROTTLE_ACCOUNT] =
        account_name(ctx->arena, in[LOGIN_ORGANIZATION].text, in[LOGIN_EMAIL].text);
    code = begin_attempt(request, &attempt);
    if (code != STW_OK)
        return code;
    code = stw_sign_in(ctx, in[LOGIN_ORGANIZATION].text, in[LOGIN_EMAIL].text, in[LOGIN_PASSWORD].text,
                       keep_seconds, &session);
    if (code != STW_INVALID_CREDENTIALS)
        forgive_attempt(request, &attempt);
    return code == STW_OK ? answer_tokens(request, reply, &session) : code;
}

static enum stw_code refresh(struct srv_request *request, struct srv_reply *reply)
{
    int keep_seconds = srv_loop_server(request->loop)->config->refresh_token_seconds;
    struct stw_value in[REFRESH_FIELDS];
    struct stw_session session;
    /* Nobody guesses a refresh token; this is against a flood, which each process can stop by itself. */
    struct attempt attempt = {.names[SRV_THROTTLE_LOGIN] = request->client, .is_local = true};
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = srv_body_read(request, srv_action_refresh.in_fields, REFRESH_FIELDS, in);
    if (code == STW_OK)
        code = begin_attempt(request, &attempt);
    if (code != STW_OK)
        return code;
    code = stw_sign_in_refresh(&request->ctx, in[REFRESH_TOKEN].text, keep_seconds, &session);
    if (code != STW_INVALID_TOKEN)
        forgive_attempt(request, &attempt);
    return code == STW_OK ? answer_tokens(request, reply, &session) : code;
}

static enum stw_code logout(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_value in[REFRESH_FIELDS];
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = srv_body_read(request, srv_action_logout.in_fields, REFRESH_FIELDS, in);
    if (code == STW_OK)
        code = stw_sign_out(&request->ctx, in[REFRESH_TOKEN].text);
    if (code == STW_OK)
        reply->status = 204;
    return code;
}

/* Keys have no sessions and no password. */
static enum stw_code demand_user(struct srv_request *request, const char *rule)
{
    if (request->ctx.actor->kind == STW_ACTOR_USER)
        return STW_OK;
    request->ctx.details->rule = rule;
    return STW_FORBIDDEN;
}

static enum stw_code logout_all(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = demand_user(request, "users.logout_all");
    if (code == STW_OK)
        code = stw_sign_out_everywhere(ctx, ctx->actor->id);
    if (code != STW_OK)
        return code;
    srv_sessions_changed(srv_loop_server(request->loop)->sessions, ctx->org_id);
    reply->status = 204;
    return STW_OK;
}

static enum stw_code change_password(struct srv_request *request, struct srv_reply *reply)
{
    const struct srv_server *server = srv_loop_server(request->loop);
    struct stw_context *ctx = &request->ctx;
    struct stw_value in[PASSWORD_FIELDS];
    struct stw_session session;
    struct attempt attempt = {0};
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = demand_user(request, "users.password");
    if (code == STW_OK)
        code = srv_body_read(request, srv_action_password.in_fields, PASSWORD_FIELDS, in);
    if (code != STW_OK)
        return code;
    attempt.names[SRV_THROTTLE_ACCOUNT] = ctx->actor->id;
    code = begin_attempt(request, &attempt);
    if (code != STW_OK)
        return code;
    code = stw_sign_in_change_password(ctx, in[PASSWORD_CURRENT].text, in[PASSWORD_NEW].text,
                                       server->config->refresh_token_seconds, &session);
    if (code != STW_VALIDATION_FAILED)
        forgive_attempt(request, &attempt);
    if (code != STW_OK)
        return code;
    srv_sessions_changed(server->sessions, ctx->org_id);
    return answer_tokens(request, reply, &session);
}

static enum stw_code jwks(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    stw_buf_add_text(&reply->body, srv_loop_server(request->loop)->keys->jwks);
    srv_reply_header(reply, "Cache-Control", "public, max-age=300");
    reply->status = 200;
    return STW_OK;
}

/* ---- the caller ---- */

static void write_profile(struct stw_buf *out, const struct stw_profile *profile)
{
    stw_buf_add_char(out, '{');
    if (open_object(out, "user", profile->user.id)) {
        add_text(out, "id", profile->user.id);
        add_text(out, "email", profile->user.email);
        add_text(out, "name", profile->user.name);
        add_text(out, "title", profile->user.title);
        add_text(out, "phone", profile->user.phone);
        add_text(out, "language", profile->user.language);
        close_object(out);
    }
    if (open_object(out, "api_key", profile->key.id)) {
        add_text(out, "id", profile->key.id);
        add_text(out, "name", profile->key.name);
        add_text(out, "source", profile->key.source);
        add_text(out, "expires_at", profile->key.expires_at);
        close_object(out);
    }
    if (open_object(out, "role", profile->role.id)) {
        add_text(out, "id", profile->role.id);
        add_text(out, "key", profile->role.key);
        add_text(out, "name", profile->role.name);
        add_text(out, "base", profile->role.base);
        close_object(out);
    }
    if (open_object(out, "team", profile->team.id)) {
        add_text(out, "id", profile->team.id);
        add_text(out, "name", profile->team.name);
        close_object(out);
    }
    open_object(out, "organization", true);
    add_text(out, "id", profile->organization.id);
    add_text(out, "slug", profile->organization.slug);
    add_text(out, "name", profile->organization.name);
    add_text(out, "zone", profile->organization.zone);
    add_text(out, "currency", profile->organization.currency);
    close_object(out);
    close_object(out);
}

static enum stw_code me(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_profile profile;
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = stw_actor_profile(&request->ctx, &profile);
    if (code != STW_OK)
        return code == STW_NOT_FOUND ? STW_INVALID_TOKEN : code;
    write_profile(&reply->body, &profile);
    reply->status = 200;
    return STW_OK;
}

static void add_fields(struct stw_buf *out, const char *name, const struct stw_plan *plan, uint64_t bits)
{
    const char *comma = "";

    add_name(out, name);
    stw_buf_add_char(out, '[');
    for (int i = 0; i < plan->field_count; i++) {
        if (bits & UINT64_C(1) << i) {
            stw_buf_printf(out, "%s\"%s\"", comma, plan->fields[i].name);
            comma = ",";
        }
    }
    stw_buf_add_char(out, ']');
}

static enum stw_code my_access(struct srv_request *request, struct srv_reply *reply)
{
    const struct stw_engine *engine = request->ctx.engine;
    const struct stw_actor *actor = request->ctx.actor;
    struct stw_buf *out = &reply->body;
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    stw_buf_add_text(out, "{\"resources\":{");
    for (int i = 0; i < engine->count; i++) {
        const struct stw_plan *plan = &engine->plans[i];
        const struct stw_grant *grant = &actor->grants[i];

        open_object(out, plan->resource->path, true);
        for (int verb = 0; verb < STW_VERB_COUNT; verb++)
            add_text(out, stw_verb_name((enum stw_verb)verb),
                     stw_scope_name((enum stw_scope)grant->scope[verb]));
        add_name(out, "source_bound");
        stw_buf_add_text(out, grant->source_bound ? "true" : "false");
        open_object(out, "fields", true);
        add_fields(out, "hidden", plan, grant->hidden);
        add_fields(out, "masked", plan, grant->masked);
        add_fields(out, "locked", plan, grant->locked);
        close_object(out);
        close_object(out);
    }
    stw_buf_add_text(out, "}}");
    reply->status = 200;
    return STW_OK;
}

const struct srv_route srv_session_routes[] = {
    {SRV_POST, "/v1/auth/login", SRV_AUTH_NONE, SRV_ROUTE_BODY, login, &srv_action_login, "login",
     "Signs in with a password."},
    {SRV_POST, "/v1/auth/refresh", SRV_AUTH_NONE, SRV_ROUTE_BODY, refresh, &srv_action_refresh, "refresh",
     "Exchanges a refresh token for new tokens."},
    {SRV_POST, "/v1/auth/logout", SRV_AUTH_NONE, SRV_ROUTE_BODY, logout, &srv_action_logout, "logout",
     "Ends the session that a refresh token belongs to."},
    {SRV_POST, "/v1/auth/logout-all", SRV_AUTH_BEARER, 0, logout_all, &srv_action_logout_all, "logoutAll",
     "Ends all sessions of the caller."},
    {SRV_GET, "/.well-known/jwks.json", SRV_AUTH_NONE, 0, jwks, &srv_action_jwks, "getKeys",
     "The public keys that access tokens are verified with."},
    {SRV_GET, "/v1/me", SRV_AUTH_BEARER, 0, me, &srv_action_me, "getMe", "Who the caller is."},
    {SRV_GET, "/v1/me/access", SRV_AUTH_BEARER, 0, my_access, &srv_action_access, "getMyAccess",
     "What the caller may do, by resource."},
    {SRV_POST, "/v1/me/password", SRV_AUTH_BEARER, SRV_ROUTE_BODY, change_password, &srv_action_password,
     "changeMyPassword", "Gives the caller another password and ends the other sessions."},
};
const size_t srv_session_route_count = sizeof(srv_session_routes) / sizeof(srv_session_routes[0]);
