#ifndef TESTS_FUZZ_REGISTRY_CHECK_H
#define TESTS_FUZZ_REGISTRY_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "check.h"
#include "domain/registry.h"
#include "resource/actor.h"
#include "resource/engine.h"
#include "resource/input.h"

#define BIT(field) (UINT64_C(1) << (field))

/* A caller of what Steward really has. */
struct registry {
    struct stw_engine *engine;
    struct stw_arena *arena;
    struct stw_details details;
    struct stw_grant *grants;
    struct stw_actor actor;
    struct stw_context ctx;
};

/* What is kept from the caller; '@' as the first byte of an input: nothing. */
enum lack { LACK_MASKED = 1, LACK_HIDDEN = 2, LACK_LOCKED = 4, LACK_REACH = 8, LACK_OTHERS = 16 };

static inline void choose_lack(struct registry *r, uint8_t choice)
{
    for (int i = 0; i < r->engine->count; i++) {
        const struct stw_plan *plan = &r->engine->plans[i];
        struct stw_grant *grant = &r->grants[i];

        *grant = (struct stw_grant){.source_bound = choice & LACK_OTHERS};
        memset(grant->scope, STW_ALL, sizeof(grant->scope));
        if (choice & LACK_MASKED)
            grant->masked = plan->personal;
        for (int field = 1; field < plan->field_count; field++) {
            if (choice & LACK_HIDDEN && field % 3 == 0)
                grant->hidden |= BIT(field);
            if (choice & LACK_LOCKED && field % 4 == 0)
                grant->locked |= BIT(field);
        }
        if (choice & LACK_REACH) {
            grant->scope[STW_CREATE] = i % 2 ? STW_TREE : STW_NONE;
            grant->scope[STW_DELETE] = i % 2 ? STW_OWN : STW_ALL;
        }
    }
}

static inline void registry_init(struct registry *r)
{
    static const unsigned char key[32] = {1, 2, 3};

    memset(r, 0, sizeof(*r));
    r->engine = stw_engine_new(stw_registry, stw_registry_count, key);
    r->arena = stw_arena_new((size_t)64 << 20);
    r->grants = calloc((size_t)stw_registry_count, sizeof(*r->grants));
    CHECK(r->grants);
    snprintf(r->actor.org_id, sizeof(r->actor.org_id), "%s", "0190c0de-0000-7000-8000-000000000001");
    snprintf(r->actor.id, sizeof(r->actor.id), "%s", "0190c0de-0000-7000-8000-000000000002");
    r->actor.tree = "{}";
    r->actor.zone = "UTC";
    r->actor.grants = r->grants;
    r->ctx = (struct stw_context){.arena = r->arena,
                                  .actor = &r->actor,
                                  .engine = r->engine,
                                  .details = &r->details,
                                  .now_us = INT64_C(1760000000000000)};
}

/* Forgets what the last call left. */
static inline void registry_again(struct registry *r, uint8_t choice)
{
    stw_arena_clear(r->arena);
    stw_details_init(&r->details, r->arena);
    choose_lack(r, choice);
}

#endif
