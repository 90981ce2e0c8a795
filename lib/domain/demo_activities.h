#ifndef STW_DOMAIN_DEMO_ACTIVITIES_H
#define STW_DOMAIN_DEMO_ACTIVITIES_H

#include "core/context.h"
#include "domain/demo_names.h"

/* What the people of the demo organization did in the last year with the contacts and leads that are there
 * already, and what they have to do next. Ids bear the time at which it happened. */
enum stw_code stw_demo_activities(struct stw_context *ctx, struct stw_demo_random *random) STW_MUST_CHECK;

#endif
