#include <string.h>

#include "server/openapi_parts.h"

#define PATTERN_MAX 200 /* characters of contains and starts */
#define ITEM_MAX    100 /* characters of one of several texts */
#define SET_OPS     (1U << STW_ANY_OF | 1U << STW_ALL_OF | 1U << STW_NONE_OF)
#define LIST_OPS    (1U << STW_IN | 1U << STW_NIN | SET_OPS)
#define PATTERN_OPS (1U << STW_CONTAINS | 1U << STW_STARTS)
#define ORDER_OPS   (1U << STW_GT | 1U << STW_GTE | 1U << STW_LT | 1U << STW_LTE)

json_t *srv_openapi_field_names(const struct srv_openapi *openapi, const struct stw_plan *plan, uint64_t bits,
                                bool both)
{
    json_t *words = json_array();

    (void)openapi;
    for (int i = 0; i < plan->field_count; i++) {
        if (!(bits >> i & 1))
            continue;
        json_array_append_new(words, json_string(plan->fields[i].name));
        if (both)
            json_array_append_new(words, json_sprintf("-%s", plan->fields[i].name));
    }
    return json_pack("{s:s, s:o}", "type", "string", "enum", words);
}

json_t *srv_openapi_expandable(const struct srv_openapi *openapi, const struct stw_plan *plan)
{
    json_t *words = json_array();

    for (int i = 0; i < plan->reference_count; i++)
        json_array_append_new(words, json_string(plan->references[i].name));
    for (int i = 0; i < plan->referrer_count; i++) {
        if (openapi->engine->plans[plan->referrers[i].from].parent_field == plan->referrers[i].field)
            json_array_append_new(words, json_string(plan->referrers[i].name));
    }
    if (json_array_size(words) > 0)
        return json_pack("{s:s, s:o}", "type", "string", "enum", words);
    json_decref(words);
    return NULL;
}

/* A query parameter as a component "accounts.name.contains"; its list is separated by commas when the schema
 * is an array. */
static void add_parameter(const struct srv_openapi *openapi, const char *component, const char *name,
                          json_t *schema, json_t *description)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *parameter = json_pack("{s:s, s:s, s:o}", "name", name, "in", "query", "description", description);

    if (type && strcmp(type, "array") == 0) {
        json_object_set_new(parameter, "style", json_string("form"));
        json_object_set_new(parameter, "explode", json_false());
    }
    json_object_set_new(parameter, "schema", schema);
    json_object_set_new(openapi->parameters, component, parameter);
}

static json_t *list_of(json_t *item, int max)
{
    return json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", item, "minItems", 1, "maxItems", max);
}

/* Nothing is sorted by or expanded twice. */
static json_t *set_of(json_t *item, int max)
{
    json_t *list = list_of(item, max);

    json_object_set_new(list, "uniqueItems", json_true());
    return list;
}

static json_t *operand(const struct srv_openapi *openapi, const struct stw_field *field, enum stw_operator op)
{
    struct stw_field plain = *field;
    unsigned bit = 1U << op;
    json_t *one;

    if (op == STW_IS_NULL)
        return json_pack("{s:s}", "type", "boolean");
    if (bit & PATTERN_OPS)
        return srv_openapi_string(1, PATTERN_MAX);
    if (bit & SET_OPS)
        return list_of(srv_openapi_string(1, ITEM_MAX), STW_IN_MAX);
    if (bit & ORDER_OPS)
        plain.min = plain.max = 0;
    if (field->type == STW_TYPE_MONEY)
        plain.type = STW_TYPE_DECIMAL;
    one = srv_openapi_input(openapi, &plain);
    return bit & LIST_OPS ? list_of(one, STW_IN_MAX) : one;
}

/* Refers to the component of one filter. */
static const char *filter_component(const struct srv_openapi *openapi, const struct stw_plan *plan, int field,
                                    enum stw_operator op)
{
    return stw_arena_printf(openapi->arena, "%s.%s.%s", plan->resource->path, plan->fields[field].name,
                            stw_operator_word(op));
}

static void add_filters(const struct srv_openapi *openapi, const struct stw_plan *plan, int index)
{
    const struct stw_field *field = &plan->fields[index];
    unsigned operators = stw_operators_of(field->type, false);

    for (int i = 0; i < STW_OPERATOR_COUNT; i++) {
        enum stw_operator op = (enum stw_operator)i;
        const char *word = stw_operator_word(op);
        const char *name =
            op == STW_EQ ? field->name : stw_arena_printf(openapi->arena, "%s[%s]", field->name, word);

        if (!(operators >> i & 1))
            continue;
        add_parameter(openapi, filter_component(openapi, plan, index, op), name, operand(openapi, field, op),
                      json_sprintf("%s %s", field->doc ? field->doc : field->name,
                                   srv_openapi_text(openapi, "operators", word)));
    }
}

static const char *component_of(const struct srv_openapi *openapi, const struct stw_plan *plan,
                                const char *name)
{
    return stw_arena_printf(openapi->arena, "%s.%s", plan->resource->path, name);
}

/* One hop into related records: the names are too many to list, and all of them are put together in the same
 * way. An object in form style is sent as one parameter per member. */
static void add_hops(const struct srv_openapi *openapi, const struct stw_plan *plan)
{
    struct stw_buf pattern;
    json_t *schema;
    json_t *parameter;

    stw_buf_init(&pattern, openapi->arena, 256, 8192);
    for (int i = 0; i < plan->reference_count; i++)
        stw_buf_printf(&pattern, "%s%s", i ? "|" : "^(", plan->references[i].name);
    stw_buf_add_text(&pattern, ")\\.[a-z0-9_]+(\\[");
    for (int i = STW_NE; i < STW_OPERATOR_COUNT; i++)
        stw_buf_printf(&pattern, "%s%s", i == STW_NE ? "(" : "|", stw_operator_word((enum stw_operator)i));
    stw_buf_add_text(&pattern, ")\\])?$");
    schema = json_pack("{s:s, s:{s:s}, s:{s:s}}", "type", "object", "propertyNames", "pattern", pattern.data,
                       "additionalProperties", "type", "string");
    parameter = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:o}", "name", "related", "in", "query", "description",
        "Filters on related records, one parameter each: `reference.field` or `reference.field[op]` with "
        "the fields and operators of the resource that is referred to.",
        "style", "form", "explode", 1, "schema", schema);
    json_object_set_new(openapi->parameters, component_of(openapi, plan, "related"), parameter);
}

void srv_openapi_query_components(const struct srv_openapi *openapi, const struct stw_plan *plan)
{
    uint64_t readable = ((UINT64_C(1) << plan->field_count) - 1) & ~plan->write_only;
    json_t *expandable = srv_openapi_expandable(openapi, plan);

    add_parameter(openapi, component_of(openapi, plan, "sort"), "sort",
                  set_of(srv_openapi_field_names(openapi, plan, plan->sortable | 1, true), STW_SORT_MAX),
                  json_string("The order, most significant field first; a hyphen turns it round."));
    add_parameter(openapi, component_of(openapi, plan, "fields"), "fields",
                  list_of(srv_openapi_field_names(openapi, plan, readable, false), STW_FIELDS_MAX),
                  json_string("Only these fields, and the id."));
    if (expandable)
        add_parameter(openapi, component_of(openapi, plan, "expand"), "expand",
                      set_of(expandable, STW_EXPAND_MAX), json_string("Related records to add."));
    if (plan->reference_count > 0)
        add_hops(openapi, plan);
    for (int i = 0; i < plan->field_count; i++) {
        if (plan->filterable >> i & 1)
            add_filters(openapi, plan, i);
    }
}

static void refer(const struct srv_openapi *openapi, json_t *parameters, const char *component)
{
    if (json_object_get(openapi->parameters, component))
        json_array_append_new(parameters, srv_openapi_ref(openapi, "parameters", component));
}

void srv_openapi_query(const struct srv_openapi *openapi, const struct stw_plan *plan, bool single,
                       json_t *parameters)
{
    if (!single) {
        refer(openapi, parameters, "Limit");
        refer(openapi, parameters, "Cursor");
        refer(openapi, parameters, component_of(openapi, plan, "sort"));
    }
    refer(openapi, parameters, component_of(openapi, plan, "fields"));
    refer(openapi, parameters, component_of(openapi, plan, "expand"));
    if (single)
        return;
    if (plan->searchable)
        refer(openapi, parameters, "Q");
    refer(openapi, parameters, "Count");
    refer(openapi, parameters, "Deleted");
    refer(openapi, parameters, component_of(openapi, plan, "related"));
    for (int field = 0; field < plan->field_count; field++) {
        for (int op = 0; plan->filterable >> field & 1 && op < STW_OPERATOR_COUNT; op++)
            refer(openapi, parameters, filter_component(openapi, plan, field, (enum stw_operator)op));
    }
}
