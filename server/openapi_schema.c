#include <string.h>

#include "resource/aggregate.h"
#include "server/openapi_parts.h"

#define TEXT_MAX   200
#define NOTE_MAX   10000
#define TEXTS_MAX  20
#define TEXTS_EACH 100

/* Types whose values a client sends in a form that needs no more than a name. */
static const char *const input_names[STW_TYPE_COUNT] = {
    [STW_TYPE_DECIMAL] = "DecimalInput",
    [STW_TYPE_PERCENT] = "DecimalInput",
    [STW_TYPE_MONEY] = "MoneyInput",
    [STW_TYPE_DATE] = "Date",
    [STW_TYPE_TIMESTAMP] = "TimestampInput",
    [STW_TYPE_EMAIL] = "Email",
    [STW_TYPE_PHONE] = "Phone",
    [STW_TYPE_URL] = "Url",
    [STW_TYPE_COUNTRY] = "Country",
    [STW_TYPE_CURRENCY] = "Currency",
    [STW_TYPE_LANGUAGE] = "Language",
    [STW_TYPE_REF] = "Uuid",
    [STW_TYPE_ID] = "Uuid",
    [STW_TYPE_KEYS] = "ExternalIdsInput",
};

/* The same of answers. Addresses and numbers are plain text there: they may be masked. */
static const char *const output_names[STW_TYPE_COUNT] = {
    [STW_TYPE_DECIMAL] = "Decimal",   [STW_TYPE_PERCENT] = "Percent",     [STW_TYPE_MONEY] = "Money",
    [STW_TYPE_DATE] = "Date",         [STW_TYPE_TIMESTAMP] = "Timestamp", [STW_TYPE_COUNTRY] = "Country",
    [STW_TYPE_CURRENCY] = "Currency", [STW_TYPE_LANGUAGE] = "Language",   [STW_TYPE_REF] = "Uuid",
    [STW_TYPE_ID] = "Uuid",           [STW_TYPE_KEYS] = "ExternalIds",
};

static const char *const test_names[STW_TYPE_COUNT] = {
    [STW_TYPE_TEXT] = "TextTest",       [STW_TYPE_NOTE] = "TextTest",    [STW_TYPE_NAME] = "TextTest",
    [STW_TYPE_BOOL] = "BooleanTest",    [STW_TYPE_INT] = "IntegerTest",  [STW_TYPE_DECIMAL] = "OrderTest",
    [STW_TYPE_PERCENT] = "OrderTest",   [STW_TYPE_MONEY] = "OrderTest",  [STW_TYPE_DATE] = "OrderTest",
    [STW_TYPE_TIMESTAMP] = "OrderTest", [STW_TYPE_EMAIL] = "TextTest",   [STW_TYPE_PHONE] = "TextTest",
    [STW_TYPE_URL] = "TextTest",        [STW_TYPE_COUNTRY] = "WordTest", [STW_TYPE_CURRENCY] = "WordTest",
    [STW_TYPE_LANGUAGE] = "WordTest",   [STW_TYPE_REF] = "WordTest",     [STW_TYPE_ID] = "WordTest",
    [STW_TYPE_TEXTS] = "TextsTest",     [STW_TYPE_OBJECT] = "NullTest",  [STW_TYPE_KEYS] = "NullTest",
};

json_t *srv_openapi_nullable(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    json_t *words = json_object_get(schema, "enum");

    if (!type)
        return json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
    if (words)
        json_array_append_new(words, json_null());
    return schema;
}

json_t *srv_openapi_string(int min, int max)
{
    json_t *schema = json_pack("{s:s}", "type", "string");

    if (min > 0)
        json_object_set_new(schema, "minLength", json_integer(min));
    if (max > 0)
        json_object_set_new(schema, "maxLength", json_integer(max));
    return schema;
}

static json_t *enum_of(const char *const *words)
{
    json_t *list = json_array();

    for (; *words; words++)
        json_array_append_new(list, json_string(*words));
    return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static json_t *integer(const struct stw_field *field)
{
    json_t *schema = json_pack("{s:s, s:s}", "type", "integer", "format", "int32");

    if (field->min || field->max)
        json_object_set_new(schema, "minimum", json_integer(field->min));
    if (field->max || field->min < 0)
        json_object_set_new(schema, "maximum", json_integer(field->max));
    return schema;
}

static json_t *texts(const struct stw_field *field)
{
    return json_pack("{s:s, s:o, s:i}", "type", "array", "items", srv_openapi_string(1, TEXTS_EACH),
                     "maxItems", field->max ? field->max : TEXTS_MAX);
}

json_t *srv_openapi_input(const struct srv_openapi *openapi, const struct stw_field *field)
{
    if (input_names[field->type])
        return srv_openapi_ref(openapi, "schemas", input_names[field->type]);
    switch (field->type) {
    case STW_TYPE_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case STW_TYPE_INT:
        return integer(field);
    case STW_TYPE_ENUM:
        return enum_of(field->words);
    case STW_TYPE_TEXTS:
        return texts(field);
    case STW_TYPE_OBJECT:
        return json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 1);
    case STW_TYPE_NOTE:
        return srv_openapi_string(field->min ? field->min : 1, field->max ? field->max : NOTE_MAX);
    default:
        return srv_openapi_string(field->min ? field->min : 1, field->max ? field->max : TEXT_MAX);
    }
}

static json_t *output(const struct srv_openapi *openapi, const struct stw_field *field)
{
    if (output_names[field->type])
        return srv_openapi_ref(openapi, "schemas", output_names[field->type]);
    switch (field->type) {
    case STW_TYPE_BOOL:
    case STW_TYPE_ENUM:
    case STW_TYPE_OBJECT:
        return srv_openapi_input(openapi, field);
    case STW_TYPE_INT:
        return json_pack("{s:s, s:s}", "type", "integer", "format", "int32");
    case STW_TYPE_TEXTS:
        return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
    default:
        return srv_openapi_string(0, 0);
    }
}

/* An object of the resource's own shape, when it has been written down. */
static json_t *own_object(const struct srv_openapi *openapi, const struct stw_plan *plan,
                          const struct stw_field *field)
{
    const char *name = NULL;

    if (plan && field->type == STW_TYPE_OBJECT)
        name = srv_openapi_text(openapi, "objects",
                                stw_arena_printf(openapi->arena, "%s.%s", plan->resource->path, field->name));
    return name ? srv_openapi_ref(openapi, "schemas", name) : NULL;
}

/* The field's text, and with `input` what its type alone does not tell. */
static void describe(json_t *schema, const struct stw_field *field, bool input)
{
    bool number = field->type == STW_TYPE_MONEY || field->type == STW_TYPE_DECIMAL;
    json_t *text = json_string(field->doc ? field->doc : "");

    if (input && number && (field->min || field->max)) {
        json_t *bounded =
            field->max || field->min < 0
                ? json_sprintf("%s From %d to %d.", json_string_value(text), field->min, field->max)
                : json_sprintf("%s At least %d.", json_string_value(text), field->min);

        json_decref(text);
        text = bounded;
    }
    if (input && field->type == STW_TYPE_PERCENT) {
        json_t *bounded = json_sprintf("%s 0 to 100.", json_string_value(text));

        json_decref(text);
        text = bounded;
    }
    if (json_string_length(text) > 0)
        json_object_set(schema, "description", text);
    json_decref(text);
}

static json_t *property(const struct srv_openapi *openapi, const struct stw_plan *plan,
                        const struct stw_field *field, bool input, bool nullable)
{
    json_t *schema = own_object(openapi, plan, field);

    if (!schema)
        schema = input ? srv_openapi_input(openapi, field) : output(openapi, field);
    if (nullable)
        schema = srv_openapi_nullable(schema);
    describe(schema, field, input);
    if (input && field->flags & STW_WRITE_ONLY)
        json_object_set_new(schema, "writeOnly", json_true());
    return schema;
}

static void add_schema(const struct srv_openapi *openapi, const char *name, const char *suffix,
                       json_t *schema)
{
    json_object_set_new(openapi->schemas, stw_arena_printf(openapi->arena, "%s%s", name, suffix), schema);
}

static json_t *object(json_t *required, json_t *properties, bool closed)
{
    json_t *schema = json_pack("{s:s}", "type", "object");

    if (closed)
        json_object_set_new(schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    json_object_set_new(schema, "properties", properties);
    return schema;
}

void srv_openapi_rows(const struct srv_openapi *openapi, const char *name, const struct stw_field *fields,
                      int count, bool input)
{
    json_t *required = json_array();
    json_t *properties = json_object();

    for (int i = 0; i < count; i++) {
        bool nullable = !(fields[i].flags & (STW_MANDATORY | STW_NOT_NULL));

        if (!input || fields[i].flags & STW_MANDATORY)
            json_array_append_new(required, json_string(fields[i].name));
        json_object_set_new(properties, fields[i].name, property(openapi, NULL, &fields[i], input, nullable));
    }
    add_schema(openapi, name, "", object(required, properties, input));
}

/* ---- records ---- */

static bool is_always_set(const struct stw_plan *plan, int field)
{
    return field == STW_PLAN_ID || field == plan->version_field || field == plan->created_at_field ||
           field == plan->updated_at_field || plan->fields[field].flags & (STW_MANDATORY | STW_NOT_NULL);
}

/* Related records, there when `expand` names them. */
static void add_related(const struct srv_openapi *openapi, const struct stw_plan *plan, json_t *properties)
{
    for (int i = 0; i < plan->reference_count; i++) {
        const struct stw_plan *to = &openapi->engine->plans[plan->references[i].to];
        const char *name = srv_openapi_pascal(openapi, to->resource->singular);
        json_t *schema = srv_openapi_nullable(srv_openapi_ref(openapi, "schemas", name));

        json_object_set_new(
            schema, "description",
            json_string("There when `expand` asks for it; null as well when the caller does not reach it."));
        json_object_set_new(properties, plan->references[i].name, schema);
    }
    for (int i = 0; i < plan->referrer_count; i++) {
        const struct stw_plan *from = &openapi->engine->plans[plan->referrers[i].from];
        const char *name = srv_openapi_pascal(openapi, from->resource->singular);

        if (from->parent_field != plan->referrers[i].field)
            continue;
        json_object_set_new(properties, plan->referrers[i].name,
                            json_pack("{s:s, s:o, s:s}", "type", "array", "items",
                                      srv_openapi_ref(openapi, "schemas", name), "description",
                                      "There when `expand` asks for them."));
    }
}

/* Only the id is in every answer: `fields` and the rules of the caller's role leave others out. */
static void add_record(const struct srv_openapi *openapi, const struct stw_plan *plan, const char *name)
{
    json_t *properties = json_object();
    json_t *schema;

    for (int i = 0; i < plan->field_count; i++) {
        if (plan->fields[i].flags & STW_WRITE_ONLY)
            continue;
        json_object_set_new(properties, plan->fields[i].name,
                            property(openapi, plan, &plan->fields[i], false, !is_always_set(plan, i)));
    }
    add_related(openapi, plan, properties);
    schema = object(json_pack("[s]", "id"), properties, false);
    json_object_set_new(
        schema, "description",
        json_sprintf("%s A field is absent when `fields` does not name it or the caller's role hides it; "
                     "otherwise it is there, null when empty.",
                     plan->resource->doc ? plan->resource->doc : plan->resource->singular));
    add_schema(openapi, name, "", schema);
    add_schema(openapi, name, "List",
               json_pack("{s:s, s:[s, s], s:{s:{s:s, s:o}, s:{s:[s, s], s:s}, s:{s:s, s:i, s:s}}}", "type",
                         "object", "required", "data", "next_cursor", "properties", "data", "type", "array",
                         "items", srv_openapi_ref(openapi, "schemas", name), "next_cursor", "type", "string",
                         "null", "description", "null on the last page.", "total", "type", "integer",
                         "minimum", 0, "description",
                         "How many match on all pages, when `count` asks for it."));
    add_schema(openapi, name, "Upserted",
               json_pack("{s:[o, {s:s, s:[s], s:{s:{s:s, s:[s, s, s]}}}]}", "allOf",
                         srv_openapi_ref(openapi, "schemas", name), "type", "object", "required", "result",
                         "properties", "result", "type", "string", "enum", "created", "updated",
                         "unchanged"));
}

static void add_default(json_t *schema, const struct stw_field *field)
{
    const char *doc = json_string_value(json_object_get(schema, "description"));
    const char *value = strcmp(field->initial, "{}") != 0 ? field->initial
                        : field->type == STW_TYPE_TEXTS   ? "[]"
                                                          : "{}";

    json_object_set_new(schema, "description",
                        json_sprintf("%s%sLeft out: %s.", doc ? doc : "", doc ? " " : "", value));
}

/* What a write may say: `creates` on create, `changes` on a patch, both for an upsert, where nothing is
 * required. */
static void add_write(const struct srv_openapi *openapi, const struct stw_plan *plan, const char *name,
                      const char *suffix, bool creates, bool changes)
{
    json_t *required = json_array();
    json_t *properties = json_object();

    for (int i = 0; i < plan->field_count; i++) {
        const struct stw_field *field = &plan->fields[i];
        bool own_id = creates && i == STW_PLAN_ID;
        json_t *schema;

        if ((field->flags & STW_SERVER_KEPT && !own_id) || (field->flags & STW_CREATE_ONLY && !creates))
            continue;
        schema =
            property(openapi, plan, field, true, !own_id && !(field->flags & (STW_MANDATORY | STW_NOT_NULL)));
        if (own_id)
            json_object_set_new(schema, "description",
                                json_string("A UUIDv7 of the client's choice, not from the future."));
        if (creates && field->initial)
            add_default(schema, field);
        if (creates && !changes && field->flags & STW_MANDATORY)
            json_array_append_new(required, json_string(field->name));
        json_object_set_new(properties, field->name, schema);
    }
    add_schema(openapi, name, suffix, object(required, properties, true));
}

/* ---- filters ---- */

static json_t *enum_test(const struct stw_field *field)
{
    json_t *word = enum_of(field->words);
    json_t *list = json_pack("{s:s, s:O, s:i, s:i}", "type", "array", "items", word, "minItems", 1,
                             "maxItems", STW_IN_MAX);
    json_t *test =
        json_pack("{s:[O, {s:s, s:b, s:i, s:{s:O, s:O, s:o, s:o, s:{s:s}}}]}", "anyOf", word, "type",
                  "object", "additionalProperties", 0, "minProperties", 1, "properties", "eq", word, "ne",
                  word, "in", list, "nin", json_deep_copy(list), "null", "type", "boolean");

    json_decref(word);
    return test;
}

static const char *test_of(const struct srv_openapi *openapi, const struct stw_plan *plan,
                           const struct stw_field *field)
{
    const char *name;

    if (field->type != STW_TYPE_ENUM)
        return test_names[field->type];
    name = stw_arena_printf(openapi->arena, "%s%sTest", srv_openapi_pascal(openapi, plan->resource->singular),
                            srv_openapi_pascal(openapi, field->name));
    if (!json_object_get(openapi->schemas, name))
        json_object_set_new(openapi->schemas, name, enum_test(field));
    return name;
}

static void add_tests(const struct srv_openapi *openapi, const struct stw_plan *plan, const char *hop,
                      json_t *properties)
{
    for (int i = 0; i < plan->field_count; i++) {
        const char *name = plan->fields[i].name;

        if (!(plan->filterable >> i & 1))
            continue;
        if (hop)
            name = stw_arena_printf(openapi->arena, "%s.%s", hop, name);
        json_object_set_new(properties, name,
                            srv_openapi_ref(openapi, "schemas", test_of(openapi, plan, &plan->fields[i])));
    }
}

/* Only the outermost may be empty and mean everything. */
static json_t *inner_filter(const struct srv_openapi *openapi, const char *name)
{
    json_t *schema = srv_openapi_ref(openapi, "schemas", name);

    json_object_set_new(schema, "minProperties", json_integer(1));
    return schema;
}

static void add_filter(const struct srv_openapi *openapi, const struct stw_plan *plan, const char *name)
{
    const char *self = stw_arena_printf(openapi->arena, "%sFilter", name);
    json_t *properties = json_object();
    json_t *schema;

    for (int i = 0; i < 2; i++)
        json_object_set_new(properties, i ? "or" : "and",
                            json_pack("{s:s, s:o, s:i}", "type", "array", "items",
                                      inner_filter(openapi, self), "minItems", 1));
    json_object_set_new(properties, "not", inner_filter(openapi, self));
    add_tests(openapi, plan, NULL, properties);
    for (int i = 0; i < plan->reference_count; i++)
        add_tests(openapi, &openapi->engine->plans[plan->references[i].to], plan->references[i].name,
                  properties);
    schema = object(json_array(), properties, true);
    json_object_set_new(
        schema, "description",
        json_sprintf("Its members are joined by AND. At most %d terms; at most %d of `and`, `or`, `not` "
                     "inside one another.",
                     STW_FILTER_TERMS, STW_FILTER_DEPTH));
    add_schema(openapi, name, "Filter", schema);
}

/* Names as in the query, separated by commas, or as an array. */
static json_t *names_or_text(json_t *word, int max, bool once)
{
    json_t *list =
        json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", word, "minItems", 1, "maxItems", max);

    if (once)
        json_object_set_new(list, "uniqueItems", json_true());
    return json_pack("{s:[{s:s, s:i}, o]}", "anyOf", "type", "string", "minLength", 1, list);
}

static void add_requests(const struct srv_openapi *openapi, const struct stw_plan *plan, const char *name)
{
    const char *filter = stw_arena_printf(openapi->arena, "%sFilter", name);
    uint64_t readable = ((UINT64_C(1) << plan->field_count) - 1) & ~plan->write_only;
    json_t *properties = json_object();
    json_t *expandable = srv_openapi_expandable(openapi, plan);

    json_object_set_new(properties, "filter", srv_openapi_ref(openapi, "schemas", filter));
    json_object_set_new(
        properties, "sort",
        names_or_text(srv_openapi_field_names(openapi, plan, plan->sortable | 1, true), STW_SORT_MAX, true));
    json_object_set_new(
        properties, "limit",
        json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", STW_LIMIT_MAX));
    json_object_set_new(properties, "cursor", srv_openapi_string(1, 0));
    if (plan->searchable)
        json_object_set_new(properties, "q", srv_openapi_string(1, TEXT_MAX));
    json_object_set_new(
        properties, "fields",
        names_or_text(srv_openapi_field_names(openapi, plan, readable, false), STW_FIELDS_MAX, false));
    if (expandable)
        json_object_set_new(properties, "expand", names_or_text(expandable, STW_EXPAND_MAX, true));
    json_object_set_new(properties, "count",
                        json_pack("{s:s, s:[s, s]}", "type", "string", "enum", "exact", "estimated"));
    add_schema(openapi, name, "Search", object(json_array(), properties, true));

    properties = json_object();
    json_object_set_new(properties, "filter", srv_openapi_ref(openapi, "schemas", filter));
    json_object_set_new(properties, "measures",
                        json_pack("{s:s, s:o, s:i}", "type", "array", "items",
                                  srv_openapi_ref(openapi, "schemas", "Measure"), "maxItems",
                                  STW_MEASURES_MAX));
    json_object_set_new(properties, "by",
                        json_pack("{s:s, s:o, s:i, s:b, s:s}", "type", "array", "items",
                                  srv_openapi_ref(openapi, "schemas", "Dimension"), "maxItems",
                                  STW_DIMENSIONS_MAX, "uniqueItems", true, "description",
                                  "Each field once, whatever its unit."));
    add_schema(openapi, name, "Aggregate", object(json_array(), properties, true));
}

void srv_openapi_resource_schemas(const struct srv_openapi *openapi, const struct stw_plan *plan)
{
    const char *name = srv_openapi_pascal(openapi, plan->resource->singular);

    add_record(openapi, plan, name);
    add_write(openapi, plan, name, "Create", true, false);
    add_write(openapi, plan, name, "Update", false, true);
    add_write(openapi, plan, name, "Upsert", true, true);
    add_filter(openapi, plan, name);
    add_requests(openapi, plan, name);
}
