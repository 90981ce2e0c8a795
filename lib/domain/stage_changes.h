#ifndef STW_DOMAIN_STAGE_CHANGES_H
#define STW_DOMAIN_STAGE_CHANGES_H

#include "core/context.h"
#include "resource/resource.h"

enum stw_stage_change_field {
    STW_STAGE_CHANGE_OPPORTUNITY_ID = 1,
    STW_STAGE_CHANGE_FROM_STAGE_ID,
    STW_STAGE_CHANGE_TO_STAGE_ID,
    STW_STAGE_CHANGE_AT,
    STW_STAGE_CHANGE_ACTOR_ID,
    STW_STAGE_CHANGE_REOPENED,
    STW_STAGE_CHANGE_SECONDS_IN_STAGE
};
extern const struct stw_resource stw_stage_changes;

/* A step to be recorded. */
struct stw_step {
    const char *opportunity_id;
    const char *from_stage_id; /* NULL: the first step */
    const char *since;         /* when it entered that stage; NULL with the first step */
    const char *to_stage_id;
    bool reopened;
};
/* Adds the row with its event, in the transaction of the opportunity's write; whoever may move an opportunity
 * leaves a trace, whatever else they may do. */
enum stw_code stw_stage_change_add(struct stw_context *ctx, const struct stw_step *step) STW_MUST_CHECK;

#endif
