#ifndef STW_RESOURCE_CONSTRAINT_H
#define STW_RESOURCE_CONSTRAINT_H

#include "resource/plan.h"

/* Turns STW_CONSTRAINT into what the client did: the table's own line for that constraint, else what its name
 * says
 * (<table>_<field>_<key|fkey|check>, <table>_pkey). Other codes pass. A constraint that names no field of the
 * plan is STW_CONFLICT. */
enum stw_code stw_constraint_translate(struct stw_context *ctx, const struct stw_plan *plan,
                                       enum stw_code code);

#endif
