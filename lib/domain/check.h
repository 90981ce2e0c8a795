#ifndef STW_DOMAIN_CHECK_H
#define STW_DOMAIN_CHECK_H

#include <stdint.h>

#include "core/context.h"

/*
 * Invariants that no constraint can hold, looked for in the whole database. As the owner of the schema; reads
 * only.
 *
 * `tell` is called once for each thing looked at, in a fixed order, with the number of breaches (0: all is
 * well). `where` is the resource it was looked for in, or "".
 */
enum stw_code stw_check_run(struct stw_context *ctx,
                            void (*tell)(void *self, const char *invariant, const char *where, int64_t count),
                            void *self) STW_MUST_CHECK;

#endif
