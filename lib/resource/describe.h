#ifndef STW_RESOURCE_DESCRIBE_H
#define STW_RESOURCE_DESCRIBE_H

#include <jansson.h>

#include "core/context.h"
#include "resource/engine.h"

/* A resource's table as JSON, for programs that build on it: generic tests, the command line, clients. */

/* The lower-case word of a type: "text", "ref", ... */
const char *stw_type_name(enum stw_type type);
/* All of it, with the scopes of every shipped role (a part's are those that follow from its parent). A new
 * reference. */
json_t *stw_describe(const struct stw_engine *engine, const struct stw_plan *plan);
/* The same as ctx->actor meets it: its own scopes in `access`, the operations it has a scope for, the fields
 * that it sees, each with `access` as in a role's permissions (mask, read, write) and only the operators left
 * to it. */
json_t *stw_describe_own(const struct stw_context *ctx, const struct stw_plan *plan);

#endif
