#ifndef STW_DOMAIN_SIGN_IN_H
#define STW_DOMAIN_SIGN_IN_H

#include "core/context.h"
#include "domain/secret.h"

/*
 * Sessions. A sign-in starts a family of refresh tokens, each good for one use. A used one that comes again
 * means that somebody else has it too: the family ends; except within ten seconds of its use, when it is a
 * client that sent twice. All functions set ctx->org_id themselves, from the slug or the token. Refused
 * people cannot tell why: wrong organisation, address or password, disabled and deleted are all
 * STW_INVALID_CREDENTIALS, and take the same time.
 */

/* What a session's tokens are made of. Wipe `refresh_token` after use. */
struct stw_session {
    char org_id[STW_UUID_TEXT];
    char user_id[STW_UUID_TEXT];
    char role_key[64];
    int session_version;
    char refresh_token[STW_SECRET_TEXT];
};

/* STW_INVALID_CREDENTIALS. `keep_seconds` is the life of the refresh token. */
enum stw_code stw_sign_in(struct stw_context *ctx, const char *organization, const char *email,
                          const char *password, int keep_seconds,
                          struct stw_session *ret_session) STW_MUST_CHECK;
/* STW_INVALID_TOKEN, STW_TOKEN_EXPIRED. */
enum stw_code stw_sign_in_refresh(struct stw_context *ctx, const char *token, int keep_seconds,
                                  struct stw_session *ret_session) STW_MUST_CHECK;
/* Ends the token's family. STW_OK as well when there is none (RFC 7009): what was asked for holds. */
enum stw_code stw_sign_out(struct stw_context *ctx, const char *token) STW_MUST_CHECK;
/* Ends all sessions of a user of ctx->org_id, access tokens included. */
enum stw_code stw_sign_out_everywhere(struct stw_context *ctx, const char *user_id) STW_MUST_CHECK;
/* ctx->actor, a user, gives himself another password; all his sessions end and a new one starts.
 * STW_VALIDATION_FAILED with violations at #/password and, when it is wrong, #/current_password. */
enum stw_code stw_sign_in_change_password(struct stw_context *ctx, const char *current, const char *password,
                                          int keep_seconds, struct stw_session *ret_session) STW_MUST_CHECK;

#endif
