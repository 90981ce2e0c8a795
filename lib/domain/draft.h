#ifndef STW_DOMAIN_DRAFT_H
#define STW_DOMAIN_DRAFT_H

#include <jansson.h>

#include "core/context.h"
#include "domain/secret.h"

/* Makes a record of `path` from a body as a client would send it, through the same reading and the same
 * store, so that what the command line and the demo make was checked like everything else. Takes the
 * reference to `body` (NULL: out of memory, STW_INTERNAL). Codes of stw_input_read and stw_store_create. */
enum stw_code stw_draft_create(struct stw_context *ctx, const char *path, json_t *body,
                               char ret_id[37]) STW_MUST_CHECK;
/* Changes a record in the same way, whatever its version. */
enum stw_code stw_draft_update(struct stw_context *ctx, const char *path, const char *id,
                               json_t *body) STW_MUST_CHECK;
/* The same as stw_draft_create for an API key, with its secret; both in one transaction. */
enum stw_code stw_draft_key(struct stw_context *ctx, json_t *body, char ret_id[37],
                            char ret_key[STW_SECRET_TEXT]) STW_MUST_CHECK;

#endif
