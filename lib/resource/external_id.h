#ifndef STW_RESOURCE_EXTERNAL_ID_H
#define STW_RESOURCE_EXTERNAL_ID_H

#include <stdbool.h>

#include "resource/store.h"

/* Keys by which other systems know a record: one per source, unique among the live records of a resource. */

/* 1 to 63 lower-case letters, digits, hyphens and underscores; the first is a letter or a digit. */
bool stw_external_source_valid(const char *source);
/* Id of the live record, whether or not the actor reaches it. STW_NOT_FOUND. With `take` (needs a transaction) the key is
 * held against others until its end, so that what is not there can be made. */
enum stw_code stw_external_id_find(struct stw_context *ctx, const struct stw_plan *plan, const char *source,
                                   const char *key, bool take, const char **ret_id) STW_MUST_CHECK;

#endif
