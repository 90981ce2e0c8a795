#ifndef STW_DOMAIN_SCOPES_H
#define STW_DOMAIN_SCOPES_H

#include "core/context.h"
#include "resource/actor.h"

/*
 * What an API key may do, in words "<resource>:<verb>" or "<resource>:<verb>:all". Verbs: create, read,
 * update, delete, and upsert for create, read and update. Without ":all" the key reaches only what bears its
 * source. A key never assigns. All words of one resource agree on ":all", since a grant has one bound for all
 * its verbs.
 *
 * `scopes` is the column's value as an array literal: {leads:create,"leads:read"}.
 */

/* Adds one violation per faulty word at #/scopes/<i>; STW_VALIDATION_FAILED then. With ctx->actor set, a word
 * is also refused (not_allowed) when the actor himself does not have that right without limits: nobody hands
 * out what he has not, so a key cannot make itself a larger one. */
enum stw_code stw_scopes_check(struct stw_context *ctx, const char *scopes) STW_MUST_CHECK;
/* Grants by resource index of the engine, in `arena`. Words that this process does not know are passed over.
 */
struct stw_grant *stw_scopes_grants(const struct stw_engine *engine, struct stw_arena *arena,
                                    const char *scopes);

#endif
