#include "domain/states.h"

#include <string.h>

#include "resource/plan.h"

static const char *const *allowed_from(struct stw_context *ctx, const struct stw_transition *table,
                                       const char *from)
{
    size_t count = 0, found = 0;
    while (table[count].from)
        count++;
    const char **words = STW_NEW_N(ctx->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].from, from) == 0)
            words[found++] = table[i].to;
    }
    return words;
}

enum stw_code stw_states_check(struct stw_context *ctx, const struct stw_write *write, int field,
                               const struct stw_transition *table)
{
    const struct stw_field *described = &write->plan->fields[field];
    const char *to = stw_write_text(write, field);
    const char *from = write->old ? stw_record_text(write->old, field) : described->initial;

    if (!stw_write_gives(write, field) || strcmp(from, to) == 0)
        return STW_OK;
    const char *const *allowed = allowed_from(ctx, table, from);
    for (const char *const *word = allowed; *word; word++) {
        if (strcmp(*word, to) == 0)
            return STW_OK;
    }
    stw_details_add(ctx->details, STW_AT_POINTER, stw_arena_printf(ctx->arena, "#/%s", described->name),
                    STW_INVALID_TRANSITION, from, allowed);
    return STW_INVALID_TRANSITION;
}
