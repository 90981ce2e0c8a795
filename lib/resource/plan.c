#include "resource/plan.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"

#define COLUMNS_MAX 16384

/* The columns that every table has, before and after the descriptor's own. */
static const struct stw_field id_field = {
    .name = "id",
    .type = STW_TYPE_ID,
    .flags = STW_SERVER_KEPT | STW_FILTER | STW_SORT,
    .doc = "The record's id, a UUIDv7.",
};

static const struct stw_field last_fields[] = {
    {.name = "version",
     .type = STW_TYPE_INT,
     .flags = STW_SERVER_KEPT,
     .doc = "Counts the record's changes."},
    {.name = "created_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_FILTER | STW_SORT,
     .doc = "When it was made."},
    {.name = "updated_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_FILTER | STW_SORT,
     .doc = "When it last changed."},
    {.name = "deleted_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT,
     .doc = "When it was deleted, null while it lives."},
};
#define LAST_COUNT ((int)(sizeof(last_fields) / sizeof(last_fields[0])))

int stw_plan_field(const struct stw_plan *plan, const char *name)
{
    for (int i = 0; i < plan->field_count; i++) {
        if (strcmp(plan->fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

int stw_plan_names(const struct stw_plan *plan, uint64_t bits, const char *ret_names[STW_FIELDS_MAX])
{
    int count = 0;

    for (int i = 0; i < plan->field_count; i++) {
        if (bits >> i & 1)
            ret_names[count++] = plan->fields[i].name;
    }
    return count;
}

static void copy_fields(struct stw_plan *plan, struct stw_arena *arena)
{
    const struct stw_resource *resource = plan->resource;
    int last = STW_PLAN_FIELD(resource->field_count);
    const char **names;

    plan->field_count = last + LAST_COUNT;
    plan->fields = STW_NEW_N(arena, struct stw_field, (size_t)plan->field_count);
    plan->fields[STW_PLAN_ID] = id_field;
    if (resource->self)
        plan->fields[STW_PLAN_ID].flags |= resource->self | STW_ITSELF;
    for (int i = 0; i < resource->field_count; i++)
        plan->fields[STW_PLAN_FIELD(i)] = resource->fields[i];
    memcpy(plan->fields + last, last_fields, sizeof(last_fields));

    plan->version_field = last;
    plan->created_at_field = last + 1;
    plan->updated_at_field = last + 2;
    plan->deleted_at_field = last + 3;

    names = STW_NEW_N(arena, const char *, (size_t)plan->field_count + 1);
    for (int i = 0; i < plan->field_count; i++)
        names[i] = plan->fields[i].name;
    plan->field_names = names;
}

static uint64_t fields_with(const struct stw_plan *plan, unsigned flag)
{
    uint64_t bits = 0;

    for (int i = 0; i < plan->field_count; i++) {
        if (plan->fields[i].flags & flag)
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static int only_field_with(const struct stw_plan *plan, unsigned flag)
{
    uint64_t bits = fields_with(plan, flag);

    return bits ? __builtin_ctzll(bits) : -1;
}

static void sort_by_flags(struct stw_plan *plan)
{
    uint64_t all = (UINT64_C(1) << plan->field_count) - 1;

    plan->owner_field = only_field_with(plan, STW_OWNER);
    plan->team_field = only_field_with(plan, STW_TEAM);
    plan->parent_field = only_field_with(plan, STW_PART_OF);
    plan->source_field = only_field_with(plan, STW_SOURCE);
    plan->seen_with_field = only_field_with(plan, STW_SEEN_WITH);
    plan->keys_field = -1;
    for (int i = 0; i < plan->field_count; i++) {
        if (plan->fields[i].type == STW_TYPE_KEYS)
            plan->keys_field = i;
    }
    plan->filterable = fields_with(plan, STW_FILTER);
    plan->sortable = fields_with(plan, STW_SORT);
    plan->searchable = fields_with(plan, STW_SEARCH);
    plan->personal = fields_with(plan, STW_PERSONAL);
    plan->write_only = fields_with(plan, STW_WRITE_ONLY);
    plan->writable = all & ~fields_with(plan, STW_SERVER_KEPT);
}

static struct stw_member member_of(struct stw_arena *arena, const struct stw_field *field, int column)
{
    int length = (int)strlen(field->name) + 4;
    char *key = STW_NEW_N(arena, char, (size_t)length + STW_KEY_PIECE);

    snprintf(key, (size_t)length + 1, ",\"%s\":", field->name);
    return (struct stw_member){.key = key, .key_length = length, .column = column, .type = field->type};
}

static void lay_out_columns(struct stw_plan *plan, struct stw_arena *arena)
{
    struct stw_buf columns;

    stw_buf_init(&columns, arena, 1024, COLUMNS_MAX);
    for (int i = 0; i < plan->field_count; i++) {
        const struct stw_field *field = &plan->fields[i];

        bool has_column = !(field->flags & STW_WRITE_ONLY);

        plan->first_column[i] = has_column ? plan->column_count++ : -1;
        plan->members[i] = member_of(arena, field, plan->first_column[i]);
        if (!has_column)
            continue;
        stw_buf_printf(&columns, "%st.%s%s", i ? ", " : "", field->name,
                       field->type == STW_TYPE_TEXTS ? "::text" : "");
        if (field->type == STW_TYPE_MONEY) {
            plan->column_count++;
            stw_buf_printf(&columns, ", t.%s_currency", field->name);
        }
    }
    plan->columns = stw_arena_strndup(arena, columns.data, columns.length);
}

static const char *kebab(struct stw_arena *arena, const char *snake)
{
    char *text = stw_arena_strdup(arena, snake);
    for (char *c = strchr(text, '_'); c; c = strchr(c, '_'))
        *c = '-';
    return text;
}

void stw_plan_build(struct stw_plan *plan, struct stw_arena *arena, const struct stw_resource *resource,
                    int index)
{
    memset(plan, 0, sizeof(*plan));
    plan->resource = resource;
    plan->index = index;
    plan->segment = kebab(arena, resource->path);
    copy_fields(plan, arena);
    sort_by_flags(plan);
    lay_out_columns(plan, arena);
}
