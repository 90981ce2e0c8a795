#include "core/details.h"

#include <string.h>

void stw_details_init(struct stw_details *details, struct stw_arena *arena)
{
    memset(details, 0, sizeof(*details));
    details->arena = arena;
}

/* The next free row, or NULL when the list is full; then the violation is only counted. */
static struct stw_violation *next_violation(struct stw_details *details)
{
    if (details->violation_count == STW_VIOLATIONS_MAX) {
        details->violations_dropped++;
        return NULL;
    }
    return &details->violations[details->violation_count++];
}

void stw_details_add(struct stw_details *details, enum stw_where where, const char *path, enum stw_code code,
                     const char *argument, const char *const *allowed)
{
    struct stw_violation *violation = next_violation(details);

    if (!violation)
        return;
    *violation = (struct stw_violation){
        .where = where,
        .path = stw_arena_strdup(details->arena, path),
        .code = code,
        .argument = argument ? stw_arena_strdup(details->arena, argument) : NULL,
        .allowed = allowed,
    };
}

void stw_details_field(struct stw_details *details, const char *field, enum stw_code code,
                       const char *argument)
{
    struct stw_violation *violation = next_violation(details);

    if (!violation)
        return;
    *violation = (struct stw_violation){
        .where = STW_AT_POINTER,
        .path = stw_arena_printf(details->arena, "#/%s", field),
        .code = code,
        .argument = argument ? stw_arena_strdup(details->arena, argument) : NULL,
    };
}

void stw_details_parameter(struct stw_details *details, const char *name, enum stw_code code,
                           const char *argument)
{
    stw_details_add(details, STW_AT_PARAMETER, name, code, argument, NULL);
}
