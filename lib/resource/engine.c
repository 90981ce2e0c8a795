#include "resource/engine.h"

#include <stdlib.h>
#include <string.h>

#include "resource/engine_check.h"

#define ENGINE_CAP ((size_t)64 * 1024 * 1024)

static int find_index(const struct stw_engine *engine, const char *path)
{
    for (int i = 0; i < engine->count; i++) {
        if (strcmp(engine->resources[i]->path, path) == 0)
            return i;
    }
    return -1;
}

const struct stw_plan *stw_engine_find(const struct stw_engine *engine, const char *path)
{
    int index = find_index(engine, path);

    return index < 0 ? NULL : &engine->plans[index];
}

/* "owner" for owner_id; the checks have seen to it that the name ends so. */
static const char *reference_name(struct stw_engine *engine, const struct stw_field *field)
{
    return stw_arena_strndup(engine->arena, field->name, strlen(field->name) - strlen("_id"));
}

static void find_references(struct stw_engine *engine, struct stw_plan *plan)
{
    plan->references = STW_NEW_N(engine->arena, struct stw_reference, (size_t)plan->field_count);
    for (int i = 0; i < plan->field_count; i++) {
        const struct stw_field *field = &plan->fields[i];
        struct stw_reference *reference = &plan->references[plan->reference_count];

        if (field->type != STW_TYPE_REF)
            continue;
        reference->field = i;
        reference->from = plan->index;
        reference->to = find_index(engine, field->refers);
        reference->name = reference_name(engine, field);
        if (reference->to < 0)
            stw_engine_refuse(plan->resource, field->name,
                              "refers to a resource that is not in the registry");
        engine->plans[reference->to].referrer_count++;
        plan->reference_count++;
    }
}

/* The same references seen from the other end, in the registry's order. */
static void find_referrers(struct stw_engine *engine)
{
    for (int i = 0; i < engine->count; i++) {
        struct stw_plan *plan = &engine->plans[i];

        plan->referrers = STW_NEW_N(engine->arena, struct stw_reference, (size_t)plan->referrer_count);
        plan->referrer_count = 0;
    }
    for (int i = 0; i < engine->count; i++) {
        const struct stw_plan *plan = &engine->plans[i];

        for (int j = 0; j < plan->reference_count; j++) {
            struct stw_plan *target = &engine->plans[plan->references[j].to];
            struct stw_reference *referrer = &target->referrers[target->referrer_count++];

            *referrer = plan->references[j];
            referrer->name = plan->resource->path;
        }
    }
}

struct stw_engine *stw_engine_new(const struct stw_resource *const *resources, int count,
                                  const unsigned char cursor_key[32])
{
    struct stw_arena *arena = stw_arena_new(ENGINE_CAP);
    struct stw_engine *engine = STW_NEW(arena, struct stw_engine);

    engine->arena = arena;
    engine->resources = resources;
    engine->count = count;
    engine->plans = STW_NEW_N(arena, struct stw_plan, (size_t)count);
    memcpy(engine->cursor_key, cursor_key, sizeof(engine->cursor_key));

    for (int i = 0; i < count; i++) {
        stw_engine_check_table(resources[i]);
        if (find_index(engine, resources[i]->path) != i)
            stw_engine_refuse(resources[i], NULL, "two resources have this path");
        stw_plan_build(&engine->plans[i], arena, resources[i], i);
    }
    for (int i = 0; i < count; i++)
        find_references(engine, &engine->plans[i]);
    find_referrers(engine);
    stw_engine_check_plans(engine);
    return engine;
}

void stw_engine_free(struct stw_engine *engine)
{
    if (engine)
        stw_arena_free(engine->arena);
}
