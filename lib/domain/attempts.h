#ifndef STW_DOMAIN_ATTEMPTS_H
#define STW_DOMAIN_ATTEMPTS_H

#include "core/context.h"

/* Failed sign-ins as all processes on the database count them, by windows of ten seconds. */

/* Adds `change` to the counts of `names` ("{a,b}": what it is called in the database, letters and digits);
 * *ret_failed is the greatest of them then. */
enum stw_code stw_attempts_count(struct stw_context *ctx, const char *names, int change,
                                 int *ret_failed) STW_MUST_CHECK;

#endif
