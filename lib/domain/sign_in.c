#include "domain/sign_in.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "domain/password.h"
#include "resource/actor.h"

/* No organisation has it: looking into it takes the time that looking into a real one takes. */
#define NO_ORGANIZATION "00000000-0000-0000-0000-000000000000"

static const struct stw_stmt organization_stmt = {
    .name = "sign_in_organization",
    .sql = "select id from organization_slugs where slug = $1",
    .param_count = 1,
    .kind = STW_STMT_POINT,
};

#define USER_COLUMNS                                                                                         \
    "select u.id, u.status = 'active', c.password_hash, coalesce(c.session_version, 0), r.key "
#define USER_TABLES                                                                                          \
    "from users u join roles r on r.org_id = u.org_id and r.id = u.role_id and r.deleted_at is null "        \
    "left join credentials c on c.org_id = u.org_id and c.user_id = u.id "

static const struct stw_stmt user_by_email_stmt = {
    .name = "sign_in_user_by_email",
    .sql = USER_COLUMNS USER_TABLES
    "where u.org_id = $1::uuid and lower(u.email) = lower($2::text collate \"C\") and u.deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

static const struct stw_stmt user_by_id_stmt = {
    .name = "sign_in_user_by_id",
    .sql = USER_COLUMNS USER_TABLES "where u.org_id = $1::uuid and u.id = $2::uuid and u.deleted_at is null",
    .param_count = 2,
    .kind = STW_STMT_POINT,
};

#define NEW_TOKEN                                                                                            \
    "insert into refresh_tokens (org_id, hash, user_id, family_id, session_version, expires_at) "            \
    "values ($1::uuid, $2, $3::uuid, $4::uuid, $5::integer, now() + make_interval(secs => $6::integer))"

/* Each sign-in sweeps what has expired of the same user; "skip locked" so that two of them cannot get into a
 * deadlock. */
static const struct stw_stmt start_stmt = {
    .name = "sign_in_start",
    .sql = "with swept as (delete from refresh_tokens where org_id = $1::uuid and hash in ("
           "select hash from refresh_tokens where org_id = $1::uuid and user_id = $3::uuid and expires_at < "
           "now() "
           "limit 1000 for update skip locked)) " NEW_TOKEN,
    .param_count = 6,
    .kind = STW_STMT_WRITE,
};

static const struct stw_stmt rotate_stmt = {
    .name = "sign_in_rotate",
    .sql = "with spent as (update refresh_tokens set used_at = now() where org_id = $1::uuid and hash = $7 "
           "and used_at is null) " NEW_TOKEN,
    .param_count = 7,
    .kind = STW_STMT_WRITE,
};

/* Rotation and sign-out of a family go one after the other: locking the rows alone would miss the token which
 * the other one is just adding. Whatever is read later in the transaction has its own, newer snapshot. */
static const struct stw_stmt lock_family_stmt = {
    .name = "sign_in_lock_family",
    .sql = "select pg_advisory_xact_lock(hashtextextended('refresh_tokens:' || family_id::text, 0)) "
           "from refresh_tokens where org_id = $1::uuid and hash = $2",
    .param_count = 2,
    .kind = STW_STMT_WRITE,
};

static const struct stw_stmt token_stmt = {
    .name = "sign_in_token",
    .sql = "select t.user_id, t.family_id, t.session_version, r.key, t.revoked_at is not null, t.expires_at "
           "<= now(), "
           "t.used_at is not null, coalesce(t.used_at > now() - interval '10 seconds', false), "
           "coalesce(u.status = 'active' and u.deleted_at is null and c.session_version = t.session_version, "
           "false) "
           "from refresh_tokens t join users u on u.org_id = t.org_id and u.id = t.user_id "
           "join roles r on r.org_id = u.org_id and r.id = u.role_id and r.deleted_at is null "
           "left join credentials c on c.org_id = t.org_id and c.user_id = t.user_id "
           "where t.org_id = $1::uuid and t.hash = $2",
    .param_count = 2,
    .kind = STW_STMT_READ,
};

static const struct stw_stmt end_family_stmt = {
    .name = "sign_in_end_family",
    .sql = "update refresh_tokens set revoked_at = now() where org_id = $1::uuid and revoked_at is null and "
           "family_id = "
           "(select t.family_id from refresh_tokens t where t.org_id = $1::uuid and t.hash = $2)",
    .param_count = 2,
    .kind = STW_STMT_WRITE,
};

static const struct stw_stmt end_all_stmt = {
    .name = "sign_in_end_all",
    .sql = "with ended as (update refresh_tokens set revoked_at = now() "
           "where org_id = $1::uuid and user_id = $2::uuid and revoked_at is null) "
           "update credentials set session_version = session_version + 1 "
           "where org_id = $1::uuid and user_id = $2::uuid",
    .param_count = 2,
    .kind = STW_STMT_WRITE,
};

static bool is_true(const struct stw_rows *rows, int column)
{
    return *stw_rows_value(rows, 0, column) == 't';
}

static void set_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text);
}

/* Adds a refresh token for `session`, whose other members are set; `spent_hash` NULL starts a new family. */
static enum stw_code add_token(struct stw_context *ctx, const char *family_id, const char *spent_hash,
                               int keep_seconds, struct stw_session *session)
{
    char hash[STW_SECRET_HASH_TEXT], version[16], seconds[16];
    const char *params[] = {ctx->org_id, hash, session->user_id, family_id, version, seconds, spent_hash};

    stw_secret_make(STW_SECRET_REFRESH, ctx->org_id, session->refresh_token, hash);
    snprintf(version, sizeof(version), "%d", session->session_version);
    snprintf(seconds, sizeof(seconds), "%d", keep_seconds);
    return stw_db_run(ctx, spent_hash ? &rotate_stmt : &start_stmt, params, NULL);
}

static enum stw_code start_session(struct stw_context *ctx, const struct stw_rows *user, int keep_seconds,
                                   struct stw_session *ret_session)
{
    struct stw_session session = {0};
    char family_id[STW_UUID_TEXT];
    enum stw_code code;

    set_text(session.org_id, sizeof(session.org_id), ctx->org_id);
    set_text(session.user_id, sizeof(session.user_id), stw_rows_value(user, 0, 0));
    set_text(session.role_key, sizeof(session.role_key), stw_rows_value(user, 0, 4));
    session.session_version = (int)stw_rows_number(user, 0, 3);
    stw_uuid_v7(ctx->now_us, family_id);
    code = add_token(ctx, family_id, NULL, keep_seconds, &session);
    if (code == STW_OK)
        *ret_session = session;
    sodium_memzero(&session, sizeof(session));
    return code;
}

enum stw_code stw_sign_in(struct stw_context *ctx, const char *organization, const char *email,
                          const char *password, int keep_seconds, struct stw_session *ret_session)
{
    struct stw_rows *rows;
    bool known, matches;
    enum stw_code code;

    ctx->org_id[0] = '\0';
    code = stw_db_run(ctx, &organization_stmt, (const char *[]){organization}, &rows);
    if (code != STW_OK)
        return code;
    set_text(ctx->org_id, sizeof(ctx->org_id),
             stw_rows_count(rows) == 1 ? stw_rows_text(rows, 0, 0) : NO_ORGANIZATION);
    code = stw_db_run(ctx, &user_by_email_stmt, (const char *[]){ctx->org_id, email}, &rows);
    if (code != STW_OK)
        return code;
    known = stw_rows_count(rows) == 1;
    code = stw_password_verify(ctx, known ? stw_rows_text(rows, 0, 2) : NULL, password, &matches);
    if (code != STW_OK)
        return code;
    if (!known || !matches || !is_true(rows, 1)) {
        ctx->org_id[0] = '\0';
        return STW_INVALID_CREDENTIALS;
    }
    return start_session(ctx, rows, keep_seconds, ret_session);
}

struct refresh {
    struct stw_secret secret;
    int keep_seconds;
    struct stw_session session;
    enum stw_code verdict; /* the transaction commits whatever it is: a family that ends must stay ended */
};

static enum stw_code judge_token(struct stw_context *ctx, const struct stw_rows *rows,
                                 struct refresh *refresh)
{
    if (is_true(rows, 4))
        return STW_INVALID_TOKEN;
    if (is_true(rows, 5))
        return STW_TOKEN_EXPIRED;
    if (is_true(rows, 6) && !is_true(rows, 7)) {
        enum stw_code code =
            stw_db_run(ctx, &end_family_stmt, (const char *[]){ctx->org_id, refresh->secret.hash}, NULL);

        return code == STW_OK ? STW_INVALID_TOKEN : code;
    }
    return is_true(rows, 8) ? STW_OK : STW_INVALID_TOKEN;
}

static enum stw_code refresh_body(struct stw_context *ctx, void *argument)
{
    struct refresh *refresh = argument;
    struct stw_session *session = &refresh->session;
    const char *params[] = {ctx->org_id, refresh->secret.hash};
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, &lock_family_stmt, params, NULL);

    if (code == STW_OK)
        code = stw_db_run(ctx, &token_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    code = stw_rows_count(rows) == 1 ? judge_token(ctx, rows, refresh) : STW_INVALID_TOKEN;
    refresh->verdict = code;
    if (code == STW_INVALID_TOKEN || code == STW_TOKEN_EXPIRED)
        return STW_OK;
    if (code != STW_OK)
        return code;
    set_text(session->org_id, sizeof(session->org_id), ctx->org_id);
    set_text(session->user_id, sizeof(session->user_id), stw_rows_value(rows, 0, 0));
    set_text(session->role_key, sizeof(session->role_key), stw_rows_value(rows, 0, 3));
    session->session_version = (int)stw_rows_number(rows, 0, 2);
    return add_token(ctx, stw_rows_text(rows, 0, 1), refresh->secret.hash, refresh->keep_seconds, session);
}

enum stw_code stw_sign_in_refresh(struct stw_context *ctx, const char *token, int keep_seconds,
                                  struct stw_session *ret_session)
{
    struct refresh refresh = {.keep_seconds = keep_seconds};
    enum stw_code code;

    if (!stw_secret_parse(STW_SECRET_REFRESH, token, strlen(token), &refresh.secret))
        return STW_INVALID_TOKEN;
    set_text(ctx->org_id, sizeof(ctx->org_id), refresh.secret.org_id);
    code = stw_tx_run(ctx, refresh_body, &refresh, false);
    if (code == STW_OK)
        code = refresh.verdict;
    if (code == STW_OK)
        *ret_session = refresh.session;
    sodium_memzero(&refresh, sizeof(refresh));
    return code;
}

static enum stw_code sign_out_body(struct stw_context *ctx, void *argument)
{
    const struct stw_secret *secret = argument;
    const char *params[] = {ctx->org_id, secret->hash};
    enum stw_code code = stw_db_run(ctx, &lock_family_stmt, params, NULL);

    return code == STW_OK ? stw_db_run(ctx, &end_family_stmt, params, NULL) : code;
}

enum stw_code stw_sign_out(struct stw_context *ctx, const char *token)
{
    struct stw_secret secret;

    if (!stw_secret_parse(STW_SECRET_REFRESH, token, strlen(token), &secret))
        return STW_OK;
    set_text(ctx->org_id, sizeof(ctx->org_id), secret.org_id);
    return stw_tx_run(ctx, sign_out_body, &secret, false);
}

enum stw_code stw_sign_out_everywhere(struct stw_context *ctx, const char *user_id)
{
    return stw_db_run(ctx, &end_all_stmt, (const char *[]){ctx->org_id, user_id}, NULL);
}

enum stw_code stw_sign_in_change_password(struct stw_context *ctx, const char *current, const char *password,
                                          int keep_seconds, struct stw_session *ret_session)
{
    const char *params[] = {ctx->org_id, ctx->actor->id};
    struct stw_rows *rows;
    bool matches;
    enum stw_code code = stw_password_check(ctx, "password", password);

    if (code != STW_OK)
        return code;
    code = stw_db_run(ctx, &user_by_id_stmt, params, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) != 1)
        return STW_INVALID_TOKEN;
    code = stw_password_verify(ctx, stw_rows_text(rows, 0, 2), current, &matches);
    if (code != STW_OK)
        return code;
    if (!matches) {
        stw_details_field(ctx->details, "current_password", STW_NOT_ALLOWED, NULL);
        return STW_VALIDATION_FAILED;
    }
    code = stw_password_set(ctx, ctx->actor->id, password);
    if (code == STW_OK)
        code = stw_db_run(ctx, &user_by_id_stmt, params, &rows); /* the session version has moved */
    if (code != STW_OK)
        return code;
    return stw_rows_count(rows) == 1 ? start_session(ctx, rows, keep_seconds, ret_session)
                                     : STW_INVALID_TOKEN;
}
