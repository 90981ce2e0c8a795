#ifndef STW_DOMAIN_STATES_H
#define STW_DOMAIN_STATES_H

#include "resource/store.h"

/* One allowed step of a state machine; a table of them ends with an empty line. */
struct stw_transition {
    const char *from, *to;
};

/* A created record must start in the field's `initial` state or in one that is a single step from it; a
 * changed one may stay or take a step of the table. STW_INVALID_TRANSITION with the states allowed from here.
 * Needs the old row. */
enum stw_code stw_states_check(struct stw_context *ctx, const struct stw_write *write, int field,
                               const struct stw_transition *table) STW_MUST_CHECK;

#endif
