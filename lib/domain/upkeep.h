#ifndef STW_DOMAIN_UPKEEP_H
#define STW_DOMAIN_UPKEEP_H

#include "db/db.h"

/* What a serving process asks of the database for itself, in no organisation. */

/* Organisations whose rights changed in transactions from `since` (an xid8; NULL: from now on). Columns:
 * org_id, next; one row has no org_id but the next `since`. Whatever was committed by transactions below it
 * has been seen by then, so reading on from it misses none, in whatever order they commit; some are seen
 * twice. */
enum stw_code stw_upkeep_auth_changes(struct stw_context *ctx, const char *since,
                                      struct stw_rows **ret_rows) STW_MUST_CHECK;
/* Drops such changes older than an hour, uploads that were broken off a day ago, and counts of failed
 * sign-ins whose time is over. */
enum stw_code stw_upkeep_forget(struct stw_context *ctx) STW_MUST_CHECK;
/* Drops answers kept for repeats once no repeat gets them any more, the oldest two thousand. */
enum stw_code stw_upkeep_forget_answers(struct stw_context *ctx) STW_MUST_CHECK;
/* Makes the partitions of events for the months ahead. */
enum stw_code stw_upkeep_extend(struct stw_context *ctx) STW_MUST_CHECK;
/* The database answers. */
enum stw_code stw_upkeep_ping(struct stw_context *ctx) STW_MUST_CHECK;

#endif
