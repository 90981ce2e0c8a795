#ifndef STW_RESOURCE_REPEAT_H
#define STW_RESOURCE_REPEAT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/context.h"

/*
 * Idempotency keys: the rendered answer of a write's first success, stored in the transaction of its effect
 * and kept for 24 hours. Both calls need a transaction in ctx.
 */
struct stw_repeat {
    const char *scope; /* method and route template */
    const char *key;
    char hash[65]; /* of the request */
};

struct stw_answer {
    int status;
    const char *location; /* may be NULL */
    const char *etag;     /* may be NULL */
    const char *body;
};

/* The pieces of the request are hashed in order, with the key of ctx's engine: a request may hold a password,
 * and whoever reads the table must not be able to try some. */
void stw_repeat_hash(const struct stw_context *ctx, struct stw_repeat *repeat, const char *const *pieces,
                     const size_t *lengths, int count);
/* Takes the key for this transaction and looks it up. STW_OK with `ret_found` and the stored answer;
 * STW_IDEMPOTENCY_IN_PROGRESS while another transaction holds it; STW_IDEMPOTENCY_MISMATCH for another
 * request. */
enum stw_code stw_repeat_find(struct stw_context *ctx, const struct stw_repeat *repeat,
                              struct stw_answer *ret_answer, bool *ret_found) STW_MUST_CHECK;
enum stw_code stw_repeat_store(struct stw_context *ctx, const struct stw_repeat *repeat,
                               const struct stw_answer *answer) STW_MUST_CHECK;

#endif
