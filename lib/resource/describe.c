#include "resource/describe.h"

#include "resource/access.h"
#include "resource/actor.h"
#include "resource/query_parts.h"

#define GRANTS_CAP ((size_t)1 << 20)

struct word {
    unsigned bit;
    const char *word;
};

static const struct word flag_words[] = {
    {STW_MANDATORY, "mandatory"},
    {STW_NOT_NULL, "not_null"},
    {STW_SERVER_KEPT, "server_kept"},
    {STW_CREATE_ONLY, "create_only"},
    {STW_WRITE_ONLY, "write_only"},
    {STW_FILTER, "filter"},
    {STW_SORT, "sort"},
    {STW_SEARCH, "search"},
    {STW_PERSONAL, "personal"},
    {STW_PART_OF, "part_of"},
    {STW_OWNER, "owner"},
    {STW_TEAM, "team"},
    {STW_DERIVED, "derived"},
    {STW_SOURCE, "source"},
    {STW_SEEN_WITH, "seen_with"},
};
static const struct word self_words[] = {{STW_OWNER, "owner"}, {STW_TEAM, "team"}};
static const struct word operation_words[] = {
    {STW_CAN_LIST, "list"},     {STW_CAN_GET, "get"},       {STW_CAN_CREATE, "create"},
    {STW_CAN_UPDATE, "update"}, {STW_CAN_DELETE, "delete"},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *stw_type_name(enum stw_type type)
{
    static const char *const names[STW_TYPE_COUNT] = {
        [STW_TYPE_TEXT] = "text",         [STW_TYPE_NOTE] = "note",
        [STW_TYPE_NAME] = "name",         [STW_TYPE_BOOL] = "bool",
        [STW_TYPE_INT] = "int",           [STW_TYPE_DECIMAL] = "decimal",
        [STW_TYPE_PERCENT] = "percent",   [STW_TYPE_MONEY] = "money",
        [STW_TYPE_DATE] = "date",         [STW_TYPE_TIMESTAMP] = "timestamp",
        [STW_TYPE_ENUM] = "enum",         [STW_TYPE_EMAIL] = "email",
        [STW_TYPE_PHONE] = "phone",       [STW_TYPE_URL] = "url",
        [STW_TYPE_COUNTRY] = "country",   [STW_TYPE_CURRENCY] = "currency",
        [STW_TYPE_LANGUAGE] = "language", [STW_TYPE_REF] = "ref",
        [STW_TYPE_TEXTS] = "texts",       [STW_TYPE_OBJECT] = "object",
        [STW_TYPE_KEYS] = "keys",         [STW_TYPE_ID] = "id",
    };

    return names[type];
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *words_of(const struct word *words, size_t count, unsigned bits)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (bits & words[i].bit)
            json_array_append_new(list, json_string(words[i].word));
    }
    return list;
}

static json_t *enum_words(const struct stw_field *field)
{
    json_t *list;

    if (field->type != STW_TYPE_ENUM)
        return json_null();
    list = json_array();
    for (const char *const *word = field->words; *word; word++)
        json_array_append_new(list, json_string(*word));
    return list;
}

static json_t *operators(const struct stw_field *field, bool masked)
{
    unsigned bits = field->flags & STW_FILTER ? stw_operators_of(field->type, masked) : 0;
    json_t *list = json_array();

    for (int op = 0; op < STW_OPERATOR_COUNT; op++) {
        if (bits >> op & 1)
            json_array_append_new(list, json_string(stw_operator_word((enum stw_operator)op)));
    }
    return list;
}

static json_t *describe_field(const struct stw_field *field, bool masked)
{
    /* What a mask hides can neither be ordered nor searched by. */
    unsigned flags = masked ? field->flags & ~(unsigned)(STW_SORT | STW_SEARCH) : field->flags;
    json_t *object = json_object();

    if (flags & STW_ITSELF)
        flags &= ~(unsigned)(STW_OWNER | STW_TEAM);
    json_object_set_new(object, "name", json_string(field->name));
    json_object_set_new(object, "type", json_string(stw_type_name(field->type)));
    json_object_set_new(object, "min", json_integer(field->min));
    json_object_set_new(object, "max", json_integer(field->max));
    json_object_set_new(object, "words", enum_words(field));
    json_object_set_new(object, "refers", text_or_null(field->type == STW_TYPE_REF ? field->refers : NULL));
    json_object_set_new(object, "flags", words_of(flag_words, COUNT(flag_words), flags));
    json_object_set_new(object, "initial", text_or_null(field->initial));
    json_object_set_new(object, "operators", operators(field, masked));
    json_object_set_new(object, "doc", text_or_null(field->doc));
    return object;
}

/* `ctx` NULL: whoever asks may follow every reference. */
static json_t *expandable(const struct stw_context *ctx, const struct stw_engine *engine,
                          const struct stw_plan *plan)
{
    json_t *list = json_array();

    for (int i = 0; i < plan->reference_count; i++) {
        if (!ctx || stw_may_follow(ctx, &plan->references[i]))
            json_array_append_new(list, json_string(plan->references[i].name));
    }
    for (int i = 0; i < plan->referrer_count; i++) {
        const struct stw_reference *referrer = &plan->referrers[i];

        if (!(engine->plans[referrer->from].fields[referrer->field].flags & STW_PART_OF))
            continue;
        if (!ctx || stw_may_follow(ctx, referrer))
            json_array_append_new(list, json_string(referrer->name));
    }
    return list;
}

static json_t *scopes(const struct stw_grant *grant, bool masked)
{
    json_t *object = json_object();

    for (int verb = 0; verb < STW_VERB_COUNT; verb++)
        json_object_set_new(object, stw_verb_name((enum stw_verb)verb),
                            json_string(stw_scope_name((enum stw_scope)grant->scope[verb])));
    json_object_set_new(object, "masked", json_boolean(masked));
    return object;
}

static const struct stw_plan *outermost(const struct stw_engine *engine, const struct stw_plan *plan)
{
    while (plan->parent_field >= 0)
        plan = stw_engine_find(engine, plan->fields[plan->parent_field].refers);
    return plan;
}

static json_t *access_of_roles(const struct stw_engine *engine, const struct stw_plan *plan)
{
    const struct stw_resource *resource = outermost(engine, plan)->resource;
    struct stw_arena *arena = stw_arena_new(GRANTS_CAP);
    json_t *object = json_object();

    for (int role = 0; role < STW_ROLE_COUNT; role++) {
        const struct stw_grant *grants;

        if (stw_actor_grants(engine, arena, (enum stw_role)role, NULL, &grants) != STW_OK)
            continue; /* only overrides need memory */

        json_object_set_new(object, stw_role_name((enum stw_role)role),
                            scopes(&grants[plan->index], resource->access[role].masked));
    }
    stw_arena_free(arena);
    return object;
}

/* Everything in front of the fields. */
static json_t *describe_head(const struct stw_plan *plan, unsigned operations)
{
    const struct stw_resource *resource = plan->resource;
    json_t *object = json_object();

    json_object_set_new(object, "path", json_string(resource->path));
    json_object_set_new(object, "segment", json_string(plan->segment));
    json_object_set_new(object, "singular", json_string(resource->singular));
    json_object_set_new(object, "doc", text_or_null(resource->doc));
    json_object_set_new(object, "operations", words_of(operation_words, COUNT(operation_words), operations));
    json_object_set_new(
        object, "parent",
        text_or_null(plan->parent_field >= 0 ? plan->fields[plan->parent_field].refers : NULL));
    json_object_set_new(object, "needs_precondition", json_boolean(resource->needs_precondition));
    json_object_set_new(object, "self", words_of(self_words, COUNT(self_words), resource->self));
    return object;
}

json_t *stw_describe(const struct stw_engine *engine, const struct stw_plan *plan)
{
    json_t *object = describe_head(plan, plan->resource->operations);
    json_t *fields = json_array();

    for (int i = 0; i < plan->field_count; i++)
        json_array_append_new(fields, describe_field(&plan->fields[i], false));
    json_object_set_new(object, "fields", fields);
    json_object_set_new(object, "access", access_of_roles(engine, plan));
    json_object_set_new(object, "expand", expandable(NULL, engine, plan));
    return object;
}

static unsigned own_operations(const struct stw_grant *grant, unsigned operations)
{
    if (grant->scope[STW_READ] == STW_NONE)
        operations &= ~(unsigned)(STW_CAN_LIST | STW_CAN_GET);
    if (grant->scope[STW_CREATE] == STW_NONE)
        operations &= ~(unsigned)STW_CAN_CREATE;
    if (grant->scope[STW_UPDATE] == STW_NONE)
        operations &= ~(unsigned)STW_CAN_UPDATE;
    if (grant->scope[STW_DELETE] == STW_NONE)
        operations &= ~(unsigned)STW_CAN_DELETE;
    return operations;
}

json_t *stw_describe_own(const struct stw_context *ctx, const struct stw_plan *plan)
{
    const struct stw_grant *grant = stw_access_grant(ctx, plan);
    unsigned operations = own_operations(grant, plan->resource->operations);
    uint64_t writable = operations & (STW_CAN_CREATE | STW_CAN_UPDATE) ? plan->writable & ~grant->locked : 0;
    /* What is only ever written is nothing to one who does not write. */
    uint64_t shown = operations ? ~grant->hidden & ~(plan->write_only & ~writable) : 0;
    json_t *object = describe_head(plan, operations);
    json_t *fields = json_array();

    for (int i = 0; i < plan->field_count; i++) {
        bool masked = grant->masked >> i & 1;
        json_t *field;

        if (!(shown >> i & 1))
            continue;
        field = describe_field(&plan->fields[i], masked);
        json_object_set_new(field, "access",
                            json_string(masked              ? "mask"
                                        : writable >> i & 1 ? "write"
                                                            : "read"));
        json_array_append_new(fields, field);
    }
    json_object_set_new(object, "fields", fields);
    json_object_set_new(object, "access", scopes(grant, grant->masked != 0));
    json_object_set_new(object, "expand", expandable(ctx, ctx->engine, plan));
    return object;
}
