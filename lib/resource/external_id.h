#ifndef STW_RESOURCE_EXTERNAL_ID_H
#define STW_RESOURCE_EXTERNAL_ID_H

#include <stdbool.h>

#include "resource/store.h"

/* Keys by which other systems know a record: one per source, unique among the live records of a resource. */

/* 1 to 63 lower-case letters, digits, hyphens and underscores; the first is a letter or a digit. */
bool stw_external_source_valid(const char *source);
/* Id of the live record, whether or not the actor reaches it. STW_NOT_FOUND. With `take` (needs a
 * transaction) the key is held against others until its end, so that what is not there can be made. */
enum stw_code stw_external_id_find(struct stw_context *ctx, const struct stw_plan *plan, const char *source,
                                   const char *key, bool take, const char **ret_id) STW_MUST_CHECK;
/* The same for many: `keys` is an array literal, all of them held against others (needs a transaction), in
 * one order whoever asks. Columns: key, record_id, version; one row for each live record there is. */
enum stw_code stw_external_ids_hold(struct stw_context *ctx, const struct stw_plan *plan, const char *source,
                                    const char *keys, struct stw_rows **ret_rows) STW_MUST_CHECK;

#endif
