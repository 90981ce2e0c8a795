#ifndef STW_RESOURCE_ENGINE_H
#define STW_RESOURCE_ENGINE_H

#include <stddef.h>

#include "resource/plan.h"
#include "resource/resource.h"

/* The registry handed over at start, and the plan of each resource. Read-only afterwards, shared by all
 * threads. */
struct stw_engine {
    const struct stw_resource *const *resources;
    int count;
    struct stw_plan *plans; /* by resource index */
    struct stw_arena *arena;
    unsigned char cursor_key[32];
};

/* Aborts with a message when a table contradicts itself (unknown reference, two owners, more than 60 fields
 * ...): it is a programming error, found at the first start. `cursor_key`: of cursors and repeats. */
struct stw_engine *stw_engine_new(const struct stw_resource *const *resources, int count,
                                  const unsigned char cursor_key[32]);
void stw_engine_free(struct stw_engine *engine);
/* NULL when there is none of that path. */
const struct stw_plan *stw_engine_find(const struct stw_engine *engine, const char *path);

#endif
