#include "domain/import_options.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "resource/access.h"
#include "resource/engine.h"
#include "resource/external_id.h"
#include "resource/input_parts.h"

static const char *const modes[] = {"create", "update", "upsert", NULL};
static const char *const encodings[] = {"utf-8", "gb18030", NULL};
static const char *const delimiters[] = {",", ";", "\t", "|", NULL};
static const char *const ways[] = {"name", "external_id", "email", NULL};

enum { COLLECTION, MODE, SOURCE, KEY_COLUMN, ENCODING, DELIMITER, DRY_RUN, TOP_ROWS };
static const struct stw_field top_rows[TOP_ROWS] = {
    [COLLECTION] = {.name = "collection", .max = 63, .flags = STW_MANDATORY},
    [MODE] = {.name = "mode", .type = STW_TYPE_ENUM, .words = modes, .flags = STW_MANDATORY},
    [SOURCE] = {.name = "source", .max = 63},
    [KEY_COLUMN] = {.name = "key_column"},
    [ENCODING] = {.name = "encoding", .type = STW_TYPE_ENUM, .words = encodings},
    [DELIMITER] = {.name = "delimiter", .type = STW_TYPE_ENUM, .words = delimiters},
    [DRY_RUN] = {.name = "dry_run", .type = STW_TYPE_BOOL},
};
static const char *const top_more[] = {"columns", "defaults", NULL};

enum { COLUMN, FIELD, DATE_FORMAT, CURRENCY, UNIT, COLUMN_ROWS };
static const struct stw_field column_rows[COLUMN_ROWS] = {
    [COLUMN] = {.name = "column", .flags = STW_MANDATORY},
    [FIELD] = {.name = "field", .flags = STW_MANDATORY},
    [DATE_FORMAT] = {.name = "date_format", .max = 20},
    [CURRENCY] = {.name = "currency", .type = STW_TYPE_CURRENCY},
    [UNIT] = {.name = "unit", .type = STW_TYPE_INT, .min = 1, .max = 1000000000},
};
static const char *const column_more[] = {"aliases", "reference", NULL};

enum { BY, BY_SOURCE, REFERENCE_ROWS };
static const struct stw_field reference_rows[REFERENCE_ROWS] = {
    [BY] = {.name = "by", .type = STW_TYPE_ENUM, .words = ways, .flags = STW_MANDATORY},
    [BY_SOURCE] = {.name = "source", .max = 63},
};

static bool refuse(struct stw_context *ctx, const char *pointer, enum stw_code code, const char *argument)
{
    stw_details_add(ctx->details, STW_AT_POINTER, pointer, code, argument, NULL);
    return false;
}

/* NULL also when it is null. */
static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static int find(const struct stw_field *rows, int count, const char *name)
{
    int i = 0;
    while (i < count && strcmp(rows[i].name, name) != 0)
        i++;
    return i < count ? i : -1;
}

static bool is_among(const char *const *words, const char *word)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* An object by rows; members of `more` are left to the caller. */
static bool read_rows(struct stw_context *ctx, const json_t *json, const char *pointer,
                      const struct stw_field *rows, int count, const char *const *more,
                      struct stw_value *values)
{
    bool good = true;
    const char *name;
    json_t *value;

    memset(values, 0, sizeof *values * (size_t)count);
    if (!json_is_object(json))
        return refuse(ctx, pointer, STW_INVALID_TYPE, "object");
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        int row = find(rows, count, name);
        const char *names[TOP_ROWS + 3] = {NULL};
        size_t known = 0;

        if (row >= 0) {
            good = stw_input_value(ctx, &rows[row], value, stw_input_member(ctx->arena, pointer, name),
                                   &values[row]) &&
                   good;
            continue;
        }
        if (more && is_among(more, name))
            continue;
        for (int i = 0; i < count; i++)
            names[known++] = rows[i].name;
        for (int i = 0; more && more[i]; i++)
            names[known++] = more[i];
        stw_input_unknown(ctx, pointer, name, names, known);
        good = false;
    }
    for (int i = 0; i < count; i++) {
        if (rows[i].flags & STW_MANDATORY && !json_object_get(json, rows[i].name))
            good = refuse(ctx, stw_input_member(ctx->arena, pointer, rows[i].name), STW_REQUIRED, NULL);
    }
    return good;
}

static bool may_write(struct stw_context *ctx, const struct stw_plan *plan, int field)
{
    const struct stw_grant *grant = stw_access_grant(ctx, plan);
    return plan->writable >> field & 1 && !((grant->hidden | grant->locked) >> field & 1);
}

/* Names of hidden fields are no help to give, and none is looked for that nobody will read. */
static const char *nearest_field(const struct stw_context *ctx, const struct stw_plan *plan, const char *name)
{
    const char *names[STW_FIELDS_MAX];

    if (stw_input_full(ctx))
        return NULL;
    int count = stw_plan_names(plan, ~stw_access_grant(ctx, plan)->hidden, names);
    return stw_text_nearest(name, names, (size_t)count);
}

/* A field that a line can fill. Secrets do not belong in files, keys come by key_column. */
static bool find_field(struct stw_context *ctx, const struct stw_plan *plan, const char *name,
                       const char *pointer, int *ret_field)
{
    int field = stw_plan_field(plan, name);

    if (field < 0 || stw_access_grant(ctx, plan)->hidden >> field & 1)
        return refuse(ctx, pointer, STW_UNKNOWN_FIELD, nearest_field(ctx, plan, name));
    if (field == STW_PLAN_ID || plan->fields[field].type == STW_TYPE_KEYS || plan->write_only >> field & 1)
        return refuse(ctx, pointer, STW_NOT_ALLOWED, NULL);
    if (!may_write(ctx, plan, field))
        return refuse(ctx, pointer, STW_READ_ONLY, NULL);
    *ret_field = field;
    return true;
}

static bool read_aliases(struct stw_context *ctx, const json_t *aliases, const char *pointer)
{
    bool good = true;
    const char *word;
    json_t *value;

    if (!json_is_object(aliases))
        return refuse(ctx, pointer, STW_INVALID_TYPE, "object");
    if (json_object_size(aliases) > STW_IMPORT_ALIASES_MAX)
        return refuse(ctx, pointer, STW_TOO_MANY, "1000");
    json_object_foreach((json_t *)(uintptr_t)aliases, word, value)
    {
        if (!json_is_string(value) && !json_is_null(value))
            good = refuse(ctx, stw_input_member(ctx->arena, pointer, word), STW_INVALID_TYPE, "string");
    }
    return good;
}

/* Whether a reference's way of looking goes by what the caller sees. */
static bool may_look(struct stw_context *ctx, const struct stw_import_column *column)
{
    const struct stw_plan *target = column->target;
    const struct stw_grant *grant = stw_access_grant(ctx, target);
    int field = column->by == STW_IMPORT_BY_EXTERNAL_ID ? target->keys_field
                                                        : stw_plan_field(target, ways[column->by - 1]);
    /* what one sees masked one cannot look for piece by piece */
    return field >= 0 && !((grant->hidden | grant->masked) >> field & 1);
}

static bool read_reference(struct stw_context *ctx, const json_t *json, const char *pointer,
                           struct stw_import_column *column)
{
    struct stw_value values[REFERENCE_ROWS];
    const char *at_by = stw_input_member(ctx->arena, pointer, "by");
    const char *at_source = stw_input_member(ctx->arena, pointer, "source");

    if (!read_rows(ctx, json, pointer, reference_rows, REFERENCE_ROWS, NULL, values))
        return false;
    for (int way = 0; ways[way]; way++) {
        if (strcmp(ways[way], values[BY].text) == 0)
            column->by = (enum stw_import_by)(way + 1);
    }
    column->source = values[BY_SOURCE].text;
    if (column->by != STW_IMPORT_BY_EXTERNAL_ID && column->source)
        return refuse(ctx, at_source, STW_NOT_ALLOWED, NULL);
    if (!may_look(ctx, column))
        return refuse(ctx, at_by, STW_NOT_ALLOWED, NULL);
    if (column->by != STW_IMPORT_BY_EXTERNAL_ID)
        return true;
    if (!column->source)
        return refuse(ctx, at_source, STW_REQUIRED, NULL);
    return stw_external_source_valid(column->source) || refuse(ctx, at_source, STW_INVALID_FORMAT, NULL);
}

/* The power of ten, or -1. */
static int shift_of(const char *unit)
{
    int shift = (int)strlen(unit) - 1;
    return unit[0] == '1' && strspn(unit + 1, "0") == (size_t)shift ? shift : -1;
}

/* What only some types take. */
static bool read_manner(struct stw_context *ctx, const struct stw_field *field,
                        const struct stw_value *values, const json_t *json, const char *pointer,
                        struct stw_import_column *column)
{
    const json_t *reference = member(json, "reference");
    bool number =
        field->type == STW_TYPE_INT || field->type == STW_TYPE_DECIMAL || field->type == STW_TYPE_MONEY;
    bool good = true;

    column->currency = values[CURRENCY].text;
    if ((field->type == STW_TYPE_MONEY) != (column->currency != NULL))
        good = refuse(ctx, stw_input_member(ctx->arena, pointer, "currency"),
                      column->currency ? STW_NOT_ALLOWED : STW_REQUIRED, NULL);
    column->date_format = values[DATE_FORMAT].text;
    if (column->date_format && field->type != STW_TYPE_DATE)
        good = refuse(ctx, stw_input_member(ctx->arena, pointer, "date_format"), STW_NOT_ALLOWED, NULL);
    else if (column->date_format && !stw_import_date_format_valid(column->date_format))
        good = refuse(ctx, stw_input_member(ctx->arena, pointer, "date_format"), STW_INVALID_FORMAT,
                      "YYYY, MM or M, DD or D");
    column->shift = values[UNIT].text ? shift_of(values[UNIT].text) : 0;
    if (values[UNIT].text && (!number || column->shift < 0))
        good = refuse(ctx, stw_input_member(ctx->arena, pointer, "unit"),
                      number ? STW_INVALID_FORMAT : STW_NOT_ALLOWED, number ? "1000000" : NULL);
    if (!reference)
        return good;
    pointer = stw_input_member(ctx->arena, pointer, "reference");
    if (field->type != STW_TYPE_REF)
        return refuse(ctx, pointer, STW_NOT_ALLOWED, NULL);
    column->target = stw_engine_find(ctx->engine, field->refers);
    return read_reference(ctx, reference, pointer, column) && good;
}

static bool read_column(struct stw_context *ctx, const struct stw_import_options *options, const json_t *json,
                        const char *pointer, struct stw_import_column *column)
{
    struct stw_value values[COLUMN_ROWS];
    const json_t *aliases = member(json, "aliases");
    const char *at_field = stw_input_member(ctx->arena, pointer, "field");

    if (!read_rows(ctx, json, pointer, column_rows, COLUMN_ROWS, column_more, values))
        return false;
    column->name = values[COLUMN].text;
    if (!find_field(ctx, options->plan, values[FIELD].text, at_field, &column->field))
        return false;
    for (const struct stw_import_column *other = options->columns; other < column; other++) {
        if (other->field == column->field)
            return refuse(ctx, at_field, STW_DUPLICATE, NULL);
    }
    if (aliases && !read_aliases(ctx, aliases, stw_input_member(ctx->arena, pointer, "aliases")))
        return false;
    column->aliases = aliases;
    return read_manner(ctx, &options->plan->fields[column->field], values, json, pointer, column);
}

static bool read_columns(struct stw_context *ctx, const json_t *json, struct stw_import_options *options)
{
    bool good = true;
    size_t i;
    json_t *item;

    if (!json)
        return refuse(ctx, "#/columns", STW_REQUIRED, NULL);
    if (!json_is_array(json))
        return refuse(ctx, "#/columns", STW_INVALID_TYPE, "array");
    if (json_array_size(json) == 0)
        return refuse(ctx, "#/columns", STW_REQUIRED, NULL);
    if (json_array_size(json) > STW_IMPORT_COLUMNS_MAX)
        return refuse(ctx, "#/columns", STW_TOO_MANY, "100");
    options->columns = STW_NEW_N(ctx->arena, struct stw_import_column, json_array_size(json));
    json_array_foreach((json_t *)(uintptr_t)json, i, item)
    {
        const char *pointer = stw_arena_printf(ctx->arena, "#/columns/%zu", i);
        options->columns[i].field = -1;
        good = read_column(ctx, options, item, pointer, &options->columns[i]) && good;
    }
    options->column_count = (int)json_array_size(json);
    return good;
}

static bool read_defaults(struct stw_context *ctx, const json_t *json, struct stw_import_options *options)
{
    bool good = true;
    const char *name;
    json_t *value;

    options->defaults.plan = options->plan;
    options->defaults.values = STW_NEW_N(ctx->arena, struct stw_value, (size_t)options->plan->field_count);
    if (!json)
        return true;
    if (!json_is_object(json))
        return refuse(ctx, "#/defaults", STW_INVALID_TYPE, "object");
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        const char *pointer = stw_input_member(ctx->arena, "#/defaults", name);
        int field;

        if (!find_field(ctx, options->plan, name, pointer, &field) ||
            !stw_input_value(ctx, &options->plan->fields[field], value, pointer,
                             &options->defaults.values[field]))
            good = false;
        else
            options->defaults.given |= UINT64_C(1) << field;
    }
    return good;
}

/* A new record needs its mandatory fields from somewhere. */
static bool check_mandatory(struct stw_context *ctx, const struct stw_import_options *options)
{
    uint64_t given = options->defaults.given;
    bool good = true;

    for (int i = 0; i < options->column_count; i++)
        given |= options->columns[i].field >= 0 ? UINT64_C(1) << options->columns[i].field : 0;
    for (int i = 0; i < options->plan->field_count && options->mode != STW_IMPORT_UPDATE; i++) {
        if (options->plan->fields[i].flags & STW_MANDATORY && !(given >> i & 1))
            good = refuse(ctx, stw_input_member(ctx->arena, "#/defaults", options->plan->fields[i].name),
                          STW_REQUIRED, NULL);
    }
    return good;
}

/* A new record bears its line's key; to find one by it the key need only be seen. */
static bool may_use_key(struct stw_context *ctx, const struct stw_import_options *options)
{
    int keys = options->plan->keys_field;

    if (!options->key_column)
        return true;
    if (keys < 0 || stw_access_grant(ctx, options->plan)->hidden >> keys & 1)
        return false;
    return options->mode == STW_IMPORT_UPDATE || may_write(ctx, options->plan, keys);
}

static bool check_key(struct stw_context *ctx, const struct stw_import_options *options)
{
    bool needed = options->mode != STW_IMPORT_CREATE;

    if (!may_use_key(ctx, options))
        return refuse(ctx, "#/key_column", STW_NOT_ALLOWED, NULL);
    if (needed && !options->key_column)
        return refuse(ctx, "#/key_column", STW_REQUIRED, NULL);
    if ((options->key_column != NULL) != (options->source != NULL))
        return refuse(ctx, options->source ? "#/key_column" : "#/source", STW_REQUIRED, NULL);
    if (options->source && !stw_external_source_valid(options->source))
        return refuse(ctx, "#/source", STW_INVALID_FORMAT, NULL);
    return true;
}

static unsigned operations_of(enum stw_import_mode mode)
{
    static const unsigned needed[] = {STW_CAN_CREATE, STW_CAN_UPDATE, STW_CAN_CREATE | STW_CAN_UPDATE};
    return needed[mode];
}

static enum stw_code demand(struct stw_context *ctx, const struct stw_import_options *options)
{
    enum stw_code code = STW_OK;

    if (options->mode != STW_IMPORT_UPDATE)
        code = stw_access_demand(ctx, options->plan, STW_CREATE);
    if (code == STW_OK && options->mode != STW_IMPORT_CREATE)
        code = stw_access_demand(ctx, options->plan, STW_UPDATE);
    return code;
}

bool stw_import_options_allowed(struct stw_context *ctx, const struct stw_import_options *options)
{
    bool allowed = demand(ctx, options) == STW_OK && may_use_key(ctx, options);

    for (int i = 0; i < options->column_count; i++) {
        const struct stw_import_column *column = &options->columns[i];
        allowed = allowed && may_write(ctx, options->plan, column->field) &&
                  (!column->target || may_look(ctx, column));
    }
    for (int i = 0; i < options->plan->field_count; i++)
        allowed = allowed && (!(options->defaults.given >> i & 1) || may_write(ctx, options->plan, i));
    return allowed;
}

enum stw_code stw_import_options_read(struct stw_context *ctx, json_t *body,
                                      struct stw_import_options *ret_options)
{
    struct stw_import_options options = {.delimiter = ','};
    struct stw_value values[TOP_ROWS];
    bool good = read_rows(ctx, body, "#", top_rows, TOP_ROWS, top_more, values);

    if (!values[COLLECTION].text || !values[MODE].text)
        return STW_VALIDATION_FAILED;
    while (options.mode < STW_IMPORT_UPSERT && strcmp(modes[options.mode], values[MODE].text) != 0)
        options.mode++;
    options.plan = stw_engine_find(ctx->engine, values[COLLECTION].text);
    if (!options.plan ||
        (options.plan->resource->operations & operations_of(options.mode)) != operations_of(options.mode)) {
        refuse(ctx, options.plan ? "#/mode" : "#/collection", STW_NOT_ALLOWED, NULL);
        return STW_VALIDATION_FAILED;
    }
    enum stw_code code = demand(ctx, &options);
    if (code != STW_OK)
        return code;
    options.source = values[SOURCE].text;
    options.key_column = values[KEY_COLUMN].text;
    options.gb18030 = values[ENCODING].text && strcmp(values[ENCODING].text, "gb18030") == 0;
    if (values[DELIMITER].text)
        options.delimiter = values[DELIMITER].text[0];
    options.dry_run = values[DRY_RUN].text && values[DRY_RUN].text[0] == 't';
    good = check_key(ctx, &options) && good;
    good = read_defaults(ctx, member(body, "defaults"), &options) && good;
    if (!read_columns(ctx, json_object_get(body, "columns"), &options))
        good = false;
    else
        good = check_mandatory(ctx, &options) && good;
    if (!good)
        return STW_VALIDATION_FAILED;
    *ret_options = options;
    return STW_OK;
}
