#ifndef STW_DOMAIN_PASSWORD_H
#define STW_DOMAIN_PASSWORD_H

#include <stdbool.h>

#include "core/context.h"

/*
 * Passwords: Argon2id with t=2 and 19 MiB (16 ms), always through stw_offload_run. That set is bounded, so a
 * flood of sign-ins ends in STW_OVERLOADED instead of taking the process along.
 */
#define STW_PASSWORD_MIN       8 /* characters */
#define STW_PASSWORD_MAX       200
#define STW_PASSWORD_HASH_TEXT 128 /* with terminator */

/* Adds a violation at "#/<field>" unless `plain` is of 8 to 200 characters; STW_VALIDATION_FAILED then. */
enum stw_code stw_password_check(struct stw_context *ctx, const char *field,
                                 const char *plain) STW_MUST_CHECK;
/* STW_OVERLOADED; STW_UNAVAILABLE without memory. */
enum stw_code stw_password_hash(struct stw_context *ctx, const char *plain,
                                char ret_hash[STW_PASSWORD_HASH_TEXT]) STW_MUST_CHECK;
/* With `hash` NULL (nobody of that name, no password set) it takes the same time and says no. */
enum stw_code stw_password_verify(struct stw_context *ctx, const char *hash, const char *plain,
                                  bool *ret_matches) STW_MUST_CHECK;
/* Gives a user of ctx->org_id a password, without looking at its length. A user who had one gets a new
 * session version: all sessions end. Hashes first, so call it before a transaction holds locks. STW_NOT_FOUND
 * without such a user. */
enum stw_code stw_password_set(struct stw_context *ctx, const char *user_id,
                               const char *plain) STW_MUST_CHECK;

#endif
