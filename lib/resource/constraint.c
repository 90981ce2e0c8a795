#include "resource/constraint.h"

#include <string.h>

/* The longest field name that the constraint's name has behind its table's: "accounts_parent_id_fkey" ->
 * parent_id. */
static const struct stw_field *field_of(const struct stw_plan *plan, const char *constraint)
{
    const struct stw_field *best = NULL;
    size_t table = strlen(plan->resource->path), longest = 0;

    if (strncmp(constraint, plan->resource->path, table) != 0 || constraint[table] != '_')
        return NULL;
    constraint += table + 1;
    for (int i = 0; i < plan->field_count; i++) {
        size_t length = strlen(plan->fields[i].name);
        if (length > longest && strncmp(constraint, plan->fields[i].name, length) == 0 &&
            constraint[length] == '_') {
            best = &plan->fields[i];
            longest = length;
        }
    }
    return best;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

enum stw_code stw_constraint_translate(struct stw_context *ctx, const struct stw_plan *plan,
                                       enum stw_code code)
{
    const char *name = ctx->details->constraint;
    enum stw_code violation;

    if (code != STW_CONSTRAINT)
        return code;
    for (const struct stw_constraint *line = plan->resource->constraints; line && line->name; line++) {
        if (strcmp(line->name, name) != 0)
            continue;
        if (line->field)
            stw_details_field(ctx->details, line->field, line->code, NULL);
        return line->code == STW_DUPLICATE ? STW_DUPLICATE : STW_VALIDATION_FAILED;
    }
    const struct stw_field *field =
        ends_with(name, "_pkey") ? &plan->fields[STW_PLAN_ID] : field_of(plan, name);
    if (plan->keys_field >= 0 && strcmp(name, "external_ids_pkey") == 0)
        field = &plan->fields[plan->keys_field]; /* kept by the table's trigger */
    if (!field)
        return STW_CONFLICT;
    if (ends_with(name, "key") && !ends_with(name, "_fkey"))
        violation = STW_DUPLICATE;
    else
        violation = ends_with(name, "_fkey") ? STW_UNKNOWN_REFERENCE : STW_INVALID_FORMAT;
    stw_details_field(ctx->details, field->name, violation, NULL);
    return violation == STW_DUPLICATE ? STW_DUPLICATE : STW_VALIDATION_FAILED;
}
