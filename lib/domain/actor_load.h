#ifndef STW_DOMAIN_ACTOR_LOAD_H
#define STW_DOMAIN_ACTOR_LOAD_H

#include "core/context.h"
#include "resource/actor.h"

/*
 * From an identity to an actor, in one point read each. Both set ctx->org_id to `org_id` first (the views
 * show that organisation alone) and leave ctx->actor to the caller. The actor lives in `arena`, which may
 * outlive the request's.
 */

/* STW_NOT_FOUND when there is no such user or he is deleted or disabled, or his role is deleted. */
enum stw_code stw_actor_load_user(struct stw_context *ctx, const char *org_id, const char *user_id,
                                  struct stw_arena *arena, const struct stw_actor **ret_actor) STW_MUST_CHECK;

/* `hash` is that of the key's secret (stw_secret_parse). STW_NOT_FOUND when there is no such key or it is
 * deleted, STW_TOKEN_EXPIRED. `ret_expires_us` is 0 for a key that does not expire. `ret_unused` is true when
 * no use was noted within the last minute. */
enum stw_code stw_actor_load_key(struct stw_context *ctx, const char *org_id, const char *hash,
                                 struct stw_arena *arena, const struct stw_actor **ret_actor,
                                 int64_t *ret_expires_us, bool *ret_unused) STW_MUST_CHECK;
/* Notes that the key is in use now. */
enum stw_code stw_actor_key_used(struct stw_context *ctx, const char *key_id) STW_MUST_CHECK;

/* Who the actor is, for people to read. Texts in ctx->arena; NULL is null. */
struct stw_profile {
    struct {
        const char *id, *email, *name, *title, *phone, *language; /* id NULL: an API key asks */
    } user;
    struct {
        const char *id, *name, *source, *expires_at; /* id NULL: a user asks */
    } key;
    struct {
        const char *id, *key, *name, *base;
    } role;
    struct {
        const char *id, *name;
    } team;
    struct {
        const char *id, *slug, *name, *zone, *currency;
    } organization;
};
/* Of ctx->actor. STW_NOT_FOUND when it has just gone. */
enum stw_code stw_actor_profile(struct stw_context *ctx, struct stw_profile *ret_profile) STW_MUST_CHECK;

#endif
