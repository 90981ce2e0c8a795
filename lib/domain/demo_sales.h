#ifndef STW_DOMAIN_DEMO_SALES_H
#define STW_DOMAIN_DEMO_SALES_H

#include "core/context.h"
#include "domain/demo_names.h"

/* The products of the demo organization and a year of opportunities with the accounts that are there already:
 * each goes through the stages in steps of equal length up to today, and their history is dated accordingly.
 */
enum stw_code stw_demo_sales(struct stw_context *ctx, struct stw_demo_random *random) STW_MUST_CHECK;

#endif
