#include "resource/engine_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL cuts identifiers at 63 bytes; money adds "_currency". */
#define NAME_MAX_LENGTH 54
#define SYSTEM_FIELDS   5

_Noreturn void stw_engine_refuse(const struct stw_resource *resource, const char *field, const char *why)
{
    const char *path = resource && resource->path ? resource->path : "(resource without a path)";

    if (field)
        fprintf(stderr, "steward: table %s, field %s: %s\n", path, field, why);
    else
        fprintf(stderr, "steward: table %s: %s\n", path, why);
    abort();
}

/* Lower-case words joined by underscores (in paths by hyphens too): they go into SQL and JSON as they are. */
static bool is_name(const char *name, const char *joints)
{
    size_t length;

    if (!name || name[0] < 'a' || name[0] > 'z')
        return false;
    length = strlen(name);
    for (const char *c = name; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr(joints, *c)))
            return false;
    }
    return length <= NAME_MAX_LENGTH;
}

static bool is_system_name(const char *name)
{
    static const char *const names[] = {"id", "version", "created_at", "updated_at", "deleted_at", "org_id"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool ends_in_id(const char *name)
{
    size_t length = strlen(name);

    return length > 3 && strcmp(name + length - 3, "_id") == 0;
}

static bool has_word(const char *const *words, const char *word)
{
    for (; *words; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

static bool is_searchable_type(enum stw_type type)
{
    return type == STW_TYPE_TEXT || type == STW_TYPE_NOTE || type == STW_TYPE_NAME ||
           type == STW_TYPE_EMAIL || type == STW_TYPE_PHONE || type == STW_TYPE_URL || type == STW_TYPE_TEXTS;
}

static bool is_list_or_object(enum stw_type type)
{
    return type == STW_TYPE_TEXTS || type == STW_TYPE_OBJECT || type == STW_TYPE_KEYS;
}

/* Words of the query string and of the search body, which a filter of the same name could never be told from.
 */
static bool is_query_word(const char *name)
{
    static const char *const words[] = {"limit",  "cursor",  "sort",    "fields", "expand", "q",   "count",
                                        "filter", "deleted", "dry_run", "and",    "or",     "not", NULL};
    return has_word(words, name);
}

/* Why this line contradicts itself, or NULL. */
static const char *field_fault(const struct stw_field *field)
{
    unsigned flags = field->flags;

    if (is_system_name(field->name))
        return "the engine keeps a column of this name by itself";
    if (is_query_word(field->name))
        return "a list's query has a parameter of this name";
    if ((unsigned)field->type >= STW_TYPE_COUNT || field->type == STW_TYPE_ID)
        return "it has no type of its own";
    if ((field->type == STW_TYPE_ENUM) != (field->words != NULL))
        return "words belong to an enum, and each enum needs them";
    if (field->words && !field->words[0])
        return "an enum needs at least one word";
    if (field->words && field->initial && !has_word(field->words, field->initial))
        return "the initial value is none of the words";
    if ((field->type == STW_TYPE_REF) != (field->refers != NULL))
        return "`refers` belongs to a reference, and each reference needs it";
    if (field->type == STW_TYPE_REF && !ends_in_id(field->name))
        return "the name of a reference ends in _id";
    if (field->type != STW_TYPE_REF && (flags & (STW_PART_OF | STW_OWNER | STW_TEAM | STW_SEEN_WITH)))
        return "only a reference can be a parent, an owner or a team";
    if (flags & STW_ITSELF)
        return "STW_ITSELF is the engine's: say it with `self` of the resource";
    if ((flags & STW_MANDATORY) && (flags & STW_SERVER_KEPT))
        return "nobody could give it: mandatory, but kept by the server";
    if ((flags & STW_MANDATORY) && field->initial)
        return "a mandatory field has no use for an initial value";
    if ((flags & STW_WRITE_ONLY) && (flags & (STW_FILTER | STW_SORT | STW_SEARCH)))
        return "a write-only field would be told by filtering, sorting or searching";
    if ((flags & STW_SORT) && is_list_or_object(field->type))
        return "lists and objects have no order";
    if ((flags & STW_FILTER) && (field->type == STW_TYPE_OBJECT || field->type == STW_TYPE_KEYS))
        return "objects have no filter";
    if ((flags & STW_SEARCH) && !is_searchable_type(field->type))
        return "only text can be searched";
    if (field->max && field->min > field->max)
        return "min is above max";
    return NULL;
}

/* Each name once, with the second columns of money among them. */
static void check_names(const struct stw_resource *resource)
{
    for (int i = 0; i < resource->field_count; i++) {
        if (!is_name(resource->fields[i].name, "_"))
            stw_engine_refuse(resource, resource->fields[i].name,
                              "a name is lower-case words joined by underscores");
    }
    for (int i = 0; i < resource->field_count; i++) {
        const struct stw_field *field = &resource->fields[i];
        size_t length = strlen(field->name);

        for (int j = 0; j < resource->field_count; j++) {
            const struct stw_field *other = &resource->fields[j];

            if (j < i && strcmp(field->name, other->name) == 0)
                stw_engine_refuse(resource, field->name, "two fields have this name");
            if (field->type == STW_TYPE_MONEY && strncmp(other->name, field->name, length) == 0 &&
                strcmp(other->name + length, "_currency") == 0)
                stw_engine_refuse(resource, other->name, "the second column of a money field has this name");
        }
    }
}

static void check_at_most_one(const struct stw_resource *resource, unsigned flag, const char *why)
{
    int count = (resource->self & flag) ? 1 : 0;

    for (int i = 0; i < resource->field_count; i++) {
        if ((resource->fields[i].flags & flag) && ++count > 1)
            stw_engine_refuse(resource, resource->fields[i].name, why);
    }
}

void stw_engine_check_table(const struct stw_resource *resource)
{
    if (!resource || !resource->path || !resource->path[0])
        stw_engine_refuse(resource, NULL, "it has no path");
    if (!is_name(resource->path, "_-") || !is_name(resource->singular, "_-"))
        stw_engine_refuse(resource, NULL, "path and singular are lower-case words");
    if (resource->field_count < 0 || (resource->field_count > 0 && !resource->fields))
        stw_engine_refuse(resource, NULL, "it has no fields");
    if (resource->field_count + SYSTEM_FIELDS > STW_FIELDS_MAX)
        stw_engine_refuse(resource, NULL, "more than 60 fields, the five system fields included");
    if (resource->self & ~(unsigned)(STW_OWNER | STW_TEAM))
        stw_engine_refuse(resource, NULL, "`self` is STW_OWNER, STW_TEAM or both");
    check_names(resource);
    for (int i = 0; i < resource->field_count; i++) {
        const char *fault = field_fault(&resource->fields[i]);

        if (fault)
            stw_engine_refuse(resource, resource->fields[i].name, fault);
    }
    check_at_most_one(resource, STW_OWNER, "a second owner");
    check_at_most_one(resource, STW_TEAM, "a second team");
    check_at_most_one(resource, STW_PART_OF, "a second parent");
    check_at_most_one(resource, STW_SEEN_WITH, "a second record to be seen with");
}

/* What an owner or team column points at must be a user or a team: scopes compare it with the actor's own
 * ids. */
static void check_reference(const struct stw_engine *engine, const struct stw_plan *plan,
                            const struct stw_reference *reference)
{
    const struct stw_field *field = &plan->fields[reference->field];
    const struct stw_resource *target = engine->resources[reference->to];

    if ((field->flags & STW_OWNER) && !(target->self & STW_OWNER))
        stw_engine_refuse(plan->resource, field->name,
                          "an owner refers to a resource whose `self` is STW_OWNER");
    if ((field->flags & STW_TEAM) && !(target->self & STW_TEAM))
        stw_engine_refuse(plan->resource, field->name,
                          "a team refers to a resource whose `self` is STW_TEAM");
    if (stw_plan_field(plan, reference->name) >= 0)
        stw_engine_refuse(plan->resource, reference->name,
                          "an expanded reference would take this field's place");
    if ((field->flags & STW_PART_OF) &&
        stw_plan_field(&engine->plans[reference->to], plan->resource->path) >= 0)
        stw_engine_refuse(target, plan->resource->path,
                          "the parts of this name would take this field's place");
}

/* A record whose parent is a part of it could never be reached. */
static void check_parents_end(const struct stw_engine *engine, const struct stw_plan *plan)
{
    const struct stw_plan *at = plan;

    for (int steps = 0; at->parent_field >= 0; steps++) {
        if (steps == engine->count)
            stw_engine_refuse(plan->resource, plan->fields[plan->parent_field].name,
                              "the parents make a circle");
        at = stw_engine_find(engine, at->fields[at->parent_field].refers);
    }
}

static void check_named_fields(const struct stw_plan *plan)
{
    const struct stw_resource *resource = plan->resource;

    for (const struct stw_constraint *constraint = resource->constraints; constraint && constraint->name;
         constraint++) {
        if (constraint->field && stw_plan_field(plan, constraint->field) < 0)
            stw_engine_refuse(resource, constraint->field, "a constraint names a field that is not there");
    }
    for (const char *const *name = resource->hooks.wakes; name && *name; name++) {
        if (stw_plan_field(plan, *name) < 0)
            stw_engine_refuse(resource, *name, "a hook wakes by a field that is not there");
    }
}

void stw_engine_check_plans(const struct stw_engine *engine)
{
    for (int i = 0; i < engine->count; i++) {
        const struct stw_plan *plan = &engine->plans[i];

        for (int j = 0; j < plan->reference_count; j++)
            check_reference(engine, plan, &plan->references[j]);
        check_parents_end(engine, plan);
        check_named_fields(plan);
    }
}
