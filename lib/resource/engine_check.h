#ifndef STW_RESOURCE_ENGINE_CHECK_H
#define STW_RESOURCE_ENGINE_CHECK_H

#include "resource/engine.h"

/* What a table may not say about itself, before its plan is built. Aborts with the resource, the field and
 * the reason. */
void stw_engine_check_table(const struct stw_resource *resource);
/* What plans may not say about each other, after references are resolved. */
void stw_engine_check_plans(const struct stw_engine *engine);
/* Says what is wrong and aborts; `field` may be NULL. */
_Noreturn void stw_engine_refuse(const struct stw_resource *resource, const char *field, const char *why);

#endif
