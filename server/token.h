#ifndef SRV_TOKEN_H
#define SRV_TOKEN_H

#include <stdint.h>

#include "core/arena.h"
#include "core/code.h"
#include "core/uuid.h"
#include "server/keys.h"

/*
 * Access tokens: JWT by RS256. token.c alone includes jwt.h, and only to make them: libjwt takes the
 * algorithm from the token, checks no claim and takes the last of two equal ones, so what comes in is never
 * shown to it.
 */
#define SRV_TOKEN_MOST     4096 /* bytes */
#define SRV_TOKEN_AUDIENCE "steward"

struct srv_claims {
    char org_id[STW_UUID_TEXT];
    char user_id[STW_UUID_TEXT];
    char role_key[64];
    int session_version;
    int64_t issued_at, expires_at; /* seconds since 1970 */
};

/* Signs with keys->keys[0]; the text is in `arena`. STW_OVERLOADED without memory. */
enum stw_code srv_token_make(struct stw_arena *arena, const struct srv_keys *keys, const char *issuer,
                             const struct srv_claims *claims, char **ret_token) STW_MUST_CHECK;
/* STW_INVALID_TOKEN for whatever is not exactly what srv_token_make makes; STW_TOKEN_EXPIRED when nothing
 * else is wrong, STW_OVERLOADED without memory. */
enum stw_code srv_token_verify(struct stw_arena *arena, const struct srv_keys *keys, const char *issuer,
                               const char *token, size_t length, int64_t now_us,
                               struct srv_claims *ret_claims) STW_MUST_CHECK;

#endif
