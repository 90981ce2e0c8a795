#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "resource/external_id.h"
#include "resource/input_parts.h"

#define TEXTS_MAX 20
#define WORD_MAX  100
/* JSON may be written longer than it was read, never much: the body's own limit has passed it. */
#define OBJECT_CAP ((size_t)32 * 1024 * 1024)
#define KEYS_MAX   20  /* sources that know one record */
#define KEY_MAX    200 /* characters of a key */

/* Always quoted, so that NULL, commas and braces are only letters. */
static void add_element(struct stw_buf *array, const char *text, size_t length)
{
    stw_buf_add_text(array, array->length > 1 ? ",\"" : "\"");
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\')
            stw_buf_add_char(array, '\\');
        stw_buf_add_char(array, text[i]);
    }
    stw_buf_add_char(array, '"');
}

static void open_array(struct stw_buf *array, struct stw_context *ctx)
{
    /* Each character of at most four bytes, or two with its backslash. */
    stw_buf_init(array, ctx->arena, 256, (size_t)1 << 20);
    stw_buf_add_char(array, '{');
}

static bool close_array(const struct stw_place *place, struct stw_buf *array, const char **ret_text)
{
    stw_buf_add_char(array, '}');
    if (array->failed)
        return stw_place_refuse(place, STW_TOO_MANY, NULL);
    *ret_text = array->data;
    return true;
}

static bool read_texts(const struct stw_place *place, const struct stw_field *field, const json_t *json,
                       const char **ret_text)
{
    int most = field->max ? field->max : TEXTS_MAX;
    struct stw_place at = *place;
    struct stw_buf array;
    bool good = true;

    if (!json_is_array(json))
        return stw_place_refuse(place, STW_INVALID_TYPE, "array");
    if (json_array_size(json) > (size_t)most)
        return stw_place_refuse_number(place, STW_TOO_MANY, most);
    open_array(&array, place->ctx);
    for (at.element = 0; at.element < (int)json_array_size(json); at.element++) {
        const json_t *item = json_array_get(json, (size_t)at.element);

        if (!json_is_string(item))
            good = stw_place_refuse(&at, STW_INVALID_TYPE, "string");
        else if (!stw_place_check_line(&at, json_string_value(item), json_string_length(item), 1, WORD_MAX,
                                       false))
            good = false;
        else
            add_element(&array, json_string_value(item), json_string_length(item));
    }
    return good && close_array(place, &array, ret_text);
}

static bool read_texts_text(const struct stw_place *place, const struct stw_field *field, const char *text,
                            const char **ret_text)
{
    int most = field->max ? field->max : TEXTS_MAX;
    struct stw_buf array;
    int count = 0;

    open_array(&array, place->ctx);
    while (*text) {
        size_t length = strcspn(text, ";");

        if (++count > most)
            return stw_place_refuse_number(place, STW_TOO_MANY, most);
        if (!stw_place_check_line(place, text, length, 1, WORD_MAX, false))
            return false;
        add_element(&array, text, length);
        text += length + (text[length] == ';');
    }
    return close_array(place, &array, ret_text);
}

static bool read_money(const struct stw_place *place, const struct stw_field *field, const json_t *json,
                       struct stw_value *ret_value)
{
    static const char *const names[] = {"amount", "currency"};
    static const struct stw_field currency_field = {.name = "currency", .type = STW_TYPE_CURRENCY};
    const char *texts[2] = {NULL, NULL};
    bool good = true;
    const char *name;
    json_t *member;

    if (!json_is_object(json))
        return stw_place_refuse(place, STW_INVALID_TYPE, "object");
    json_object_foreach((json_t *)(uintptr_t)json, name, member)
    {
        if (strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0) {
            stw_input_unknown(place->ctx, place->path, name, names, 2);
            good = false;
        }
    }
    for (int i = 0; i < 2; i++) {
        struct stw_place at = *place;

        at.path = stw_input_member(place->ctx->arena, place->path, names[i]);
        member = json_object_get(json, names[i]);
        if (!member)
            good = stw_place_refuse(&at, STW_REQUIRED, NULL);
        else if (json_is_null(member))
            good = stw_place_refuse(&at, STW_NOT_NULLABLE, NULL);
        else if (!json_is_string(member))
            good = stw_place_refuse(&at, STW_INVALID_TYPE, "string");
        else if (!stw_place_string(&at, i ? &currency_field : field, json_string_value(member),
                                   json_string_length(member), &texts[i]))
            good = false;
    }
    if (good)
        *ret_value = (struct stw_value){.text = texts[0], .currency = texts[1]};
    return good;
}

/* As JSON, in the arena: jansson would need memory of its own to write. Reals were refused before. */
static void add_json(struct stw_buf *buf, const json_t *json)
{
    const char *name, *comma = "";
    json_t *value;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        stw_buf_add_char(buf, '{');
        json_object_foreach((json_t *)(uintptr_t)json, name, value)
        {
            stw_buf_add_text(buf, comma);
            stw_buf_add_json(buf, name, strlen(name));
            stw_buf_add_char(buf, ':');
            add_json(buf, value);
            comma = ",";
        }
        stw_buf_add_char(buf, '}');
        break;
    case JSON_ARRAY:
        stw_buf_add_char(buf, '[');
        json_array_foreach((json_t *)(uintptr_t)json, i, value)
        {
            stw_buf_add_text(buf, comma);
            add_json(buf, value);
            comma = ",";
        }
        stw_buf_add_char(buf, ']');
        break;
    case JSON_STRING:
        stw_buf_add_json(buf, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        stw_buf_printf(buf, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    default:
        stw_buf_add_text(buf, json_is_true(json) ? "true" : json_is_false(json) ? "false" : "null");
        break;
    }
}

static bool read_object(const struct stw_place *place, const json_t *json, const char **ret_text)
{
    struct stw_buf dump;

    if (!json_is_object(json))
        return stw_place_refuse(place, STW_INVALID_TYPE, "object");
    if (!stw_input_no_reals(place->ctx, json, place->path))
        return false;
    stw_buf_init(&dump, place->ctx->arena, 256, OBJECT_CAP);
    add_json(&dump, json);
    if (dump.failed)
        return stw_place_refuse(place, STW_TOO_LARGE, NULL);
    *ret_text = dump.data;
    return true;
}

/* {"erp":"C-1001"}: a word for the source, a short text (or null, which takes it away) for the key. */
static bool check_keys(const struct stw_place *place, const json_t *json)
{
    static const struct stw_field key = {.name = "key", .max = KEY_MAX};
    bool good = true;
    const char *source, *text;
    json_t *value;

    if (json_object_size(json) > KEYS_MAX)
        return stw_place_refuse(place, STW_TOO_MANY, "20");
    json_object_foreach((json_t *)(uintptr_t)json, source, value)
    {
        struct stw_place at = *place;
        at.path = stw_input_member(place->ctx->arena, place->path, source);
        if (!stw_external_source_valid(source))
            good = stw_place_refuse(&at, STW_INVALID_FORMAT, NULL);
        else if (json_is_string(value))
            good = stw_place_string(&at, &key, json_string_value(value), json_string_length(value), &text) &&
                   good;
        else if (!json_is_null(value))
            good = stw_place_refuse(&at, STW_INVALID_TYPE, "string");
    }
    return good;
}

static bool read_json(const struct stw_place *place, const struct stw_field *field, const json_t *json,
                      struct stw_value *ret_value)
{
    struct stw_value value = {NULL, NULL};
    bool good;

    switch (field->type) {
    case STW_TYPE_BOOL:
        good = json_is_boolean(json) || stw_place_refuse(place, STW_INVALID_TYPE, "boolean");
        value.text = json_is_true(json) ? "true" : "false";
        break;
    case STW_TYPE_INT:
        good = json_is_integer(json) ? stw_place_int(place, field, json_integer_value(json), &value.text)
                                     : stw_place_refuse(place, STW_INVALID_TYPE, "integer");
        break;
    case STW_TYPE_MONEY:
        good = read_money(place, field, json, &value);
        break;
    case STW_TYPE_TEXTS:
        good = read_texts(place, field, json, &value.text);
        break;
    case STW_TYPE_KEYS:
        good = read_object(place, json, &value.text) && check_keys(place, json);
        break;
    case STW_TYPE_OBJECT:
        good = read_object(place, json, &value.text);
        break;
    default:
        good = json_is_string(json) ? stw_place_string(place, field, json_string_value(json),
                                                       json_string_length(json), &value.text)
                                    : stw_place_refuse(place, STW_INVALID_TYPE, "string");
    }
    if (good)
        *ret_value = value;
    return good;
}

/* A cell that holds JSON has the faults of a body, told at the cell. */
static bool read_json_text(const struct stw_place *place, const struct stw_field *field, const char *text,
                           size_t length, struct stw_value *ret_value)
{
    struct stw_details inner;
    struct stw_context ctx = *place->ctx;
    struct stw_place at = *place;
    json_t *root;

    stw_details_init(&inner, ctx.arena);
    ctx.details = &inner;
    at.ctx = &ctx;
    if (stw_input_json(&ctx, text, length, &root) != STW_OK || !read_json(&at, field, root, ret_value))
        return stw_place_refuse(place, STW_INVALID_FORMAT, "object");
    return true;
}

bool stw_input_value(struct stw_context *ctx, const struct stw_field *field, const json_t *json,
                     const char *pointer, struct stw_value *ret_value)
{
    struct stw_place place = {.ctx = ctx, .where = STW_AT_POINTER, .path = pointer, .element = -1};

    if (!json_is_null(json))
        return read_json(&place, field, json, ret_value);
    if (field->flags & (STW_MANDATORY | STW_NOT_NULL))
        return stw_place_refuse(&place, STW_NOT_NULLABLE, NULL);
    *ret_value = (struct stw_value){NULL, NULL};
    return true;
}

bool stw_input_text(struct stw_context *ctx, const struct stw_field *field, const char *text,
                    enum stw_where where, const char *path, struct stw_value *ret_value)
{
    struct stw_place place = {.ctx = ctx, .where = where, .path = path, .element = -1};
    struct stw_value value = {NULL, NULL};
    size_t length = strlen(text);
    bool good;

    if (!stw_text_valid(text, length))
        return stw_place_refuse(&place, STW_INVALID_FORMAT, NULL);
    switch (field->type) {
    case STW_TYPE_BOOL:
        value.text = strcmp(text, "true") == 0 ? "true" : "false";
        good = strcmp(text, value.text) == 0 || stw_place_refuse(&place, STW_INVALID_FORMAT, "true or false");
        break;
    case STW_TYPE_INT:
        good = stw_place_int_text(&place, field, text, length, &value.text);
        break;
    case STW_TYPE_TEXTS:
        good = read_texts_text(&place, field, text, &value.text);
        break;
    case STW_TYPE_KEYS:
    case STW_TYPE_OBJECT:
        good = read_json_text(&place, field, text, length, &value);
        break;
    default:
        good = stw_place_string(&place, field, text, length, &value.text);
    }
    if (good)
        *ret_value = value;
    return good;
}
