#ifndef STW_RESOURCE_ACTION_H
#define STW_RESOURCE_ACTION_H

#include "resource/input.h"

/*
 * What an endpoint that is no plain operation on a resource takes and gives, in the same rows that describe
 * resources: the body is read by them and the contract is generated from them. Of the flags of an input
 * STW_MANDATORY, STW_NOT_NULL and STW_WRITE_ONLY (a secret) have a meaning here, of an output STW_NOT_NULL
 * (never null).
 */
struct stw_action {
    const char *name; /* operationId */
    const char *doc;
    const struct stw_field *in_fields; /* NULL: no body */
    int in_count;
    const struct stw_field *out_fields; /* NULL: no content */
    int out_count;
    int status; /* of success */

    /* The rest only for actions on a record, POST /v1/{resource}/{id}/{suffix}; they run in one transaction.
     */
    const char *resource; /* its path */
    const char *suffix;
    enum stw_verb verb; /* what the caller must be allowed to do with that record */
    bool keeps_secret;  /* its answer must not be stored: no Idempotency-Key, no dry run */
    /* `in` by input row, `out` by output row (all null at first). May run twice. The record's existence and
     * the caller's right have not been looked at yet: that is the lock's or the statement's business, in the
     * same transaction. */
    enum stw_code (*run)(struct stw_context *ctx, const char *id, const struct stw_value *in,
                         struct stw_value *out);
};

#endif
