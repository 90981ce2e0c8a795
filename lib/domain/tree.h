#ifndef STW_DOMAIN_TREE_H
#define STW_DOMAIN_TREE_H

#include "resource/store.h"

/* For tables with a parent of their own kind. Refuses (STW_CYCLE at the field) a parent that is the record
 * itself or below it. Takes the organisation's lock for that tree first, so that two moves cannot make a
 * cycle together; needs a transaction. */
enum stw_code stw_tree_check(struct stw_context *ctx, const struct stw_write *write,
                             int parent_field) STW_MUST_CHECK;

#endif
