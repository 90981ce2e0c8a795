#include <string.h>

#include "resource/query_parts.h"

static void fault_unknown(struct stw_reader *reader, const char *name, const char *path)
{
    const char *known[STW_PART_COUNT + 1] = {"filter"};
    int count = 1;

    for (int i = 0; i < STW_PART_COUNT; i++) {
        if (stw_part_known(reader, &stw_query_parts[i], false))
            known[count++] = stw_query_parts[i].name;
    }
    stw_reader_unknown(reader, path, STW_UNKNOWN_FIELD, name, known, count);
}

static const struct stw_part *find_part(const struct stw_reader *reader, const char *name)
{
    for (int i = 0; i < STW_PART_COUNT; i++) {
        if (strcmp(stw_query_parts[i].name, name) == 0)
            return stw_part_known(reader, &stw_query_parts[i], false) ? &stw_query_parts[i] : NULL;
    }
    return NULL;
}

/* The names of an array of strings; false with violations. */
static bool read_names(struct stw_reader *reader, const struct stw_part *part, const json_t *json,
                       const char *path, struct stw_item **ret_items, int *ret_count)
{
    size_t count = json_array_size(json);
    struct stw_item *items;
    bool good = true;

    if (count == 0 || count > (size_t)part->max) {
        stw_reader_fault(reader, path, count ? STW_TOO_MANY : STW_REQUIRED,
                         count ? stw_arena_printf(reader->ctx->arena, "%d", part->max) : NULL, NULL);
        return false;
    }
    items = STW_NEW_N(reader->ctx->arena, struct stw_item, count);
    for (size_t i = 0; i < count; i++) {
        items[i].path = stw_reader_element(reader, path, i);
        items[i].text = json_string_value(json_array_get(json, i));
        if (!items[i].text || !items[i].text[0]) {
            stw_reader_fault(reader, items[i].path, items[i].text ? STW_INVALID_FORMAT : STW_INVALID_TYPE,
                             items[i].text ? NULL : "string", NULL);
            good = false;
        }
    }
    *ret_items = items;
    *ret_count = (int)count;
    return good;
}

static void read_part(struct stw_reader *reader, const struct stw_part *part, const json_t *json,
                      const char *path, struct stw_query *query)
{
    struct stw_item item = {.text = json_string_value(json), .path = path};
    struct stw_item *items = &item;
    int count = 1;

    if (part->kind == STW_PART_NUMBER) {
        if (json_is_integer(json))
            item.text =
                stw_arena_printf(reader->ctx->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        else
            item.text = NULL;
    }
    if (part->kind == STW_PART_NAMES && json_is_array(json)) {
        if (!read_names(reader, part, json, path, &items, &count))
            return;
    } else if (!item.text) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, part->kind == STW_PART_NUMBER ? "integer" : "string",
                         NULL);
        return;
    } else if (!item.text[0]) {
        stw_reader_fault(reader, path, STW_INVALID_FORMAT, NULL, NULL);
        return;
    } else if (part->kind == STW_PART_NAMES && !stw_reader_split(reader, &item, part->max, &items, &count)) {
        return;
    }
    part->take(reader, query, items, count);
}

enum stw_code stw_query_read_json(struct stw_context *ctx, const struct stw_plan *plan, json_t *body,
                                  struct stw_query *ret_query)
{
    struct stw_reader reader = {.ctx = ctx, .plan = plan, .where = STW_AT_POINTER};
    struct stw_query query;
    enum stw_code code;
    const char *name;
    json_t *value;

    stw_query_init(&reader, &query);
    if (!json_is_object(body))
        stw_reader_fault(&reader, "#", STW_INVALID_TYPE, "object", NULL);
    json_object_foreach(body, name, value)
    {
        const char *path = stw_reader_member(&reader, "#", name);
        const struct stw_part *part = find_part(&reader, name);

        if (strcmp(name, "filter") == 0)
            query.filter = stw_filter_tree(&reader, value, path);
        else if (part)
            read_part(&reader, part, value, path, &query);
        else
            fault_unknown(&reader, name, path);
    }
    code = stw_query_finish(&reader, &query);
    if (code == STW_OK)
        *ret_query = query;
    return code;
}
