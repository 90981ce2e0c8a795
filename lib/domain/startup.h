#ifndef STW_DOMAIN_STARTUP_H
#define STW_DOMAIN_STARTUP_H

#include <stddef.h>

#include "core/context.h"

/* What must hold before a process serves with this database connection. */

/* STW_FORBIDDEN when the role behind ctx->db could get at a table of schema steward past the views: by a
 * privilege, as its owner or as a superuser. `ret_error` says how, for the operator. */
enum stw_code stw_startup_check_role(struct stw_context *ctx, char *ret_error,
                                     size_t error_size) STW_MUST_CHECK;
/* As the owner of the schema, who made steward_app: lets it sign in. For databases of one's own (steward
 * dev); elsewhere the operator decides how it signs in. */
enum stw_code stw_startup_let_serve(struct stw_context *ctx) STW_MUST_CHECK;

#endif
