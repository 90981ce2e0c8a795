#ifndef STW_RESOURCE_ACTION_H
#define STW_RESOURCE_ACTION_H

#include "resource/resource.h"

/*
 * What an endpoint that is no plain operation on a resource takes and gives, in the same rows that describe resources: the
 * body is read by them and the contract is generated from them. Of the flags of an input STW_MANDATORY, STW_NOT_NULL and
 * STW_WRITE_ONLY (a secret) have a meaning here, of an output STW_NOT_NULL (never null).
 */
struct stw_action {
    const char *name; /* operationId */
    const char *doc;
    const struct stw_field *in_fields; /* NULL: no body */
    int in_count;
    const struct stw_field *out_fields; /* NULL: no content */
    int out_count;
    int status; /* of success */
};

#endif
