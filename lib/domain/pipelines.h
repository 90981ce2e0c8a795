#ifndef STW_DOMAIN_PIPELINES_H
#define STW_DOMAIN_PIPELINES_H

#include "core/context.h"
#include "resource/resource.h"

enum stw_pipeline_field {
    STW_PIPELINE_NAME = 1,
    STW_PIPELINE_IS_DEFAULT,
    STW_PIPELINE_POSITION,
    STW_PIPELINE_DESCRIPTION
};
extern const struct stw_resource stw_pipelines;

/* The default pipeline and its stages, which a new organisation starts with. Part of the transaction in ctx.
 */
enum stw_code stw_pipeline_found(struct stw_context *ctx) STW_MUST_CHECK;

#endif
