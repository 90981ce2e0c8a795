#ifndef STW_DOMAIN_ORGANIZATION_H
#define STW_DOMAIN_ORGANIZATION_H

#include "core/context.h"
#include "resource/actor.h"

/* Organisations are made from the command line only, by the owner of the schema; no HTTP principal crosses
 * them. */

struct stw_organization_input {
    const char *slug; /* lower-case letters, digits, hyphens; 1..63 */
    const char *name;
    const char *zone;     /* IANA name; NULL: Asia/Shanghai */
    const char *currency; /* ISO 4217; NULL: CNY */
};

/* Makes the organisation, its eight shipped roles and its first pipeline in one transaction. Afterwards
 * ctx->org_id is set to it. STW_VALIDATION_FAILED with details, STW_DUPLICATE when the slug is taken. */
enum stw_code stw_organization_create(struct stw_context *ctx, const struct stw_organization_input *input,
                                      char ret_id[37]) STW_MUST_CHECK;
/* Finds it by its slug and sets ctx->org_id. STW_NOT_FOUND. */
enum stw_code stw_organization_open(struct stw_context *ctx, const char *slug) STW_MUST_CHECK;
/* The actor of the command line and of jobs: may do everything in ctx->org_id. */
const struct stw_actor *stw_actor_system(struct stw_context *ctx);
/* Id of the organisation's role with that key. STW_NOT_FOUND. */
enum stw_code stw_role_id_find(struct stw_context *ctx, const char *key, char ret_id[37]) STW_MUST_CHECK;

#endif
