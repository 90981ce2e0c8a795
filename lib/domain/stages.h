#ifndef STW_DOMAIN_STAGES_H
#define STW_DOMAIN_STAGES_H

#include "core/context.h"
#include "resource/resource.h"

enum stw_stage_field {
    STW_STAGE_PIPELINE_ID = 1,
    STW_STAGE_NAME,
    STW_STAGE_KIND,
    STW_STAGE_PROBABILITY,
    STW_STAGE_POSITION
};
extern const struct stw_resource stw_stages;

/* What entering a stage needs to know. */
struct stw_stage {
    const char *id; /* NULL: there is none */
    const char *kind;
    const char *probability;
    const char *today; /* in the organisation's zone */
};
/* The live stage of that id, or with NULL the first open one of the default pipeline; whether the caller may
 * use it is the write's own check. */
enum stw_code stw_stage_find(struct stw_context *ctx, const char *id,
                             struct stw_stage *ret_stage) STW_MUST_CHECK;

#endif
