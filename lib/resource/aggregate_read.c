#include <string.h>

#include "resource/access.h"
#include "resource/aggregate.h"
#include "resource/query_parts.h"

static const char *const op_words[] = {
#define WORD(id, word) word,
    STW_MEASURE_OPS(WORD)
#undef WORD
        NULL};
static const char *const units[] = {"day", "week", "month", "quarter", "year", NULL};

static int find_word(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

/* Fields that may be told in numbers: visible and not masked. */
static uint64_t open_fields(struct stw_reader *reader)
{
    return stw_access_visible(reader->ctx, reader->plan) &
           ~stw_access_grant(reader->ctx, reader->plan)->masked;
}

static bool takes(enum stw_measure_op op, enum stw_type type)
{
    bool number = type == STW_TYPE_INT || type == STW_TYPE_DECIMAL || type == STW_TYPE_PERCENT ||
                  type == STW_TYPE_MONEY;
    if (op == STW_COUNT)
        return true;
    return number ||
           ((op == STW_MIN || op == STW_MAX) && (type == STW_TYPE_DATE || type == STW_TYPE_TIMESTAMP));
}

static bool groups(enum stw_type type)
{
    return type != STW_TYPE_NOTE && type != STW_TYPE_TEXTS && type != STW_TYPE_OBJECT &&
           type != STW_TYPE_KEYS && type != STW_TYPE_ID && type != STW_TYPE_MONEY;
}

/* -1 with a violation. */
static int read_field(struct stw_reader *reader, const json_t *json, const char *path)
{
    const char *name = json_string_value(json);
    int field = name ? stw_plan_field(reader->plan, name) : -1;

    if (!name) {
        stw_reader_fault(reader, path, json ? STW_INVALID_TYPE : STW_REQUIRED, json ? "string" : NULL, NULL);
        return -1;
    }
    if (field < 0 || !(open_fields(reader) >> field & 1)) {
        const char *names[STW_FIELDS_MAX];
        int count = stw_plan_names(reader->plan, open_fields(reader), names);
        stw_reader_unknown(reader, path, STW_UNKNOWN_FIELD, name, names, count);
        return -1;
    }
    return field;
}

static void refuse_others(struct stw_reader *reader, json_t *json, const char *path, const char *const *known,
                          int count)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        if (find_word(known, name) < 0)
            stw_reader_unknown(reader, stw_reader_member(reader, path, name), STW_UNKNOWN_FIELD, name, known,
                               count);
    }
}

static bool is_name(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length >= 1 && length <= 40 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length &&
           strcmp(text, "key") != 0 && strcmp(text, "count") != 0;
}

static void read_measure(struct stw_reader *reader, json_t *json, const char *path,
                         struct stw_aggregate *aggregate)
{
    static const char *const known[] = {"as", "op", "field", NULL};
    struct stw_measure *measure = &aggregate->measures[aggregate->measure_count++];
    json_t *field = json_object_get(json, "field");

    *measure = (struct stw_measure){.name = json_string_value(json_object_get(json, "as")), .field = -1};
    if (!json_is_object(json)) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, "object", NULL);
        return;
    }
    refuse_others(reader, json, path, known, 3);
    if (!is_name(measure->name))
        stw_reader_fault(reader, stw_reader_member(reader, path, "as"), STW_INVALID_FORMAT, NULL, NULL);
    for (int i = 0; measure->name && i < aggregate->measure_count - 1; i++) {
        if (aggregate->measures[i].name && strcmp(aggregate->measures[i].name, measure->name) == 0)
            stw_reader_fault(reader, stw_reader_member(reader, path, "as"), STW_DUPLICATE, NULL, NULL);
    }
    int op = find_word(op_words, json_string_value(json_object_get(json, "op")));
    if (op < 0)
        stw_reader_fault(reader, stw_reader_member(reader, path, "op"), STW_NOT_ALLOWED, NULL, op_words);
    measure->op = op < 0 ? STW_COUNT : (enum stw_measure_op)op;
    if (op == STW_COUNT && !field)
        return;
    const char *field_path = stw_reader_member(reader, path, "field");
    measure->field = read_field(reader, field, field_path);
    if (measure->field >= 0 && !takes(measure->op, reader->plan->fields[measure->field].type))
        stw_reader_fault(reader, stw_reader_member(reader, path, "op"), STW_INVALID_OPERATOR,
                         reader->plan->fields[measure->field].name, NULL);
}

static void read_dimension(struct stw_reader *reader, json_t *json, const char *path,
                           struct stw_aggregate *aggregate)
{
    static const char *const known[] = {"field", "unit", NULL};
    struct stw_dimension *by = &aggregate->by[aggregate->by_count++];
    bool object = json_is_object(json);
    json_t *unit = object ? json_object_get(json, "unit") : NULL;
    const char *field_path = object ? stw_reader_member(reader, path, "field") : path;

    *by = (struct stw_dimension){
        .field = read_field(reader, object ? json_object_get(json, "field") : json, field_path)};
    if (object)
        refuse_others(reader, json, path, known, 2);
    if (by->field < 0)
        return;
    /* A group's key has each field once. */
    for (const struct stw_dimension *other = aggregate->by; other < by; other++) {
        if (other->field == by->field)
            stw_reader_fault(reader, field_path, STW_DUPLICATE, NULL, NULL);
    }
    enum stw_type type = reader->plan->fields[by->field].type;
    bool dated = type == STW_TYPE_DATE || type == STW_TYPE_TIMESTAMP;
    if (!groups(type) || (type == STW_TYPE_TIMESTAMP && !unit)) {
        stw_reader_fault(reader, field_path, STW_NOT_ALLOWED, NULL, NULL);
        return;
    }
    if (!unit)
        return;
    int found = find_word(units, json_string_value(unit));
    if (found < 0 || !dated)
        stw_reader_fault(reader, stw_reader_member(reader, path, "unit"), STW_NOT_ALLOWED, NULL,
                         dated ? units : NULL);
    else
        by->unit = units[found];
}

static void read_list(struct stw_reader *reader, json_t *json, const char *path, int max,
                      struct stw_aggregate *aggregate,
                      void (*read)(struct stw_reader *, json_t *, const char *, struct stw_aggregate *))
{
    if (!json_is_array(json)) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, "array", NULL);
        return;
    }
    if (json_array_size(json) > (size_t)max) {
        stw_reader_fault(reader, path, STW_TOO_MANY, stw_arena_printf(reader->ctx->arena, "%d", max), NULL);
        return;
    }
    for (size_t i = 0; i < json_array_size(json); i++)
        read(reader, json_array_get(json, i), stw_reader_element(reader, path, i), aggregate);
}

/* Sums of different currencies are no sum: each money measure groups by its currency. */
static void find_currencies(struct stw_aggregate *aggregate)
{
    for (int i = 0; i < aggregate->measure_count; i++) {
        int field = aggregate->measures[i].field;
        bool known = field < 0 || aggregate->plan->fields[field].type != STW_TYPE_MONEY;
        for (int j = 0; j < aggregate->currency_count; j++)
            known = known || aggregate->currencies[j] == field;
        if (!known && aggregate->measures[i].op != STW_COUNT)
            aggregate->currencies[aggregate->currency_count++] = field;
    }
}

enum stw_code stw_aggregate_read(struct stw_context *ctx, const struct stw_plan *plan, json_t *body,
                                 struct stw_aggregate *ret_aggregate)
{
    static const char *const known[] = {"filter", "measures", "by", NULL};
    struct stw_reader reader = {.ctx = ctx, .plan = plan, .where = STW_AT_POINTER};
    struct stw_aggregate aggregate = {.plan = plan};
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value)
    {
        const char *path = stw_reader_member(&reader, "#", name);
        if (strcmp(name, "filter") == 0)
            aggregate.filter = stw_filter_tree(&reader, value, path);
        else if (strcmp(name, "measures") == 0)
            read_list(&reader, value, path, STW_MEASURES_MAX, &aggregate, read_measure);
        else if (strcmp(name, "by") == 0)
            read_list(&reader, value, path, STW_DIMENSIONS_MAX, &aggregate, read_dimension);
        else
            stw_reader_unknown(&reader, path, STW_UNKNOWN_FIELD, name, known, 3);
    }
    if (reader.failed)
        return STW_VALIDATION_FAILED;
    find_currencies(&aggregate);
    *ret_aggregate = aggregate;
    return STW_OK;
}
