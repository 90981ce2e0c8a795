#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "core/uuid.h"
#include "core/value.h"
#include "resource/input_parts.h"

#define TEXT_MAX     200
#define NOTE_MAX     10000
#define TEXTS_MAX    20
#define WORD_MAX     100
#define DECIMAL_MOST "999999999999999.9999" /* numeric(19,4) */
/* JSON may be written longer than it was read, never much: the body's own limit has passed it. */
#define OBJECT_CAP ((size_t)32 * 1024 * 1024)

/* Where a value stands and how to name it when it is wrong. */
struct place {
    struct stw_context *ctx;
    enum stw_where where;
    const char *path;
    int element; /* of an array; -1: the value itself */
};

static bool refuse_among(const struct place *place, enum stw_code code, const char *argument,
                         const char *const *allowed)
{
    const char *path = place->path;

    if (place->element >= 0 && place->where == STW_AT_POINTER && !stw_input_full(place->ctx))
        path = stw_arena_printf(place->ctx->arena, "%s/%d", path, place->element);
    stw_details_add(place->ctx->details, place->where, path, code, argument, allowed);
    return false;
}

static bool refuse(const struct place *place, enum stw_code code, const char *argument)
{
    return refuse_among(place, code, argument, NULL);
}

static bool refuse_number(const struct place *place, enum stw_code code, int64_t bound)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, bound);
    return refuse(place, code, text);
}

/* Only white space, or nothing. */
static bool is_blank(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t next = at + 1;

        while (next < length && ((unsigned char)text[next] & 0xc0) == 0x80)
            next++;
        if (!stw_text_has_space(text + at, next - at))
            return false;
        at = next;
    }
    return true;
}

/* Notes may have tabs and line breaks, be they written LF or CR LF; a line has neither. */
static bool has_control(const char *text, size_t length, bool is_note)
{
    const char *end = text + length;

    if (!is_note)
        return memchr(text, '\t', length) || memchr(text, '\n', length) || stw_text_has_control(text, length);
    while (text < end) {
        const char *line_end = memchr(text, '\r', (size_t)(end - text));

        if (!line_end)
            line_end = end;
        if (stw_text_has_control(text, (size_t)(line_end - text)))
            return true;
        text = line_end + 1;
    }
    return false;
}

static bool check_line(const struct place *place, const char *text, size_t length, int min, int max,
                       bool is_note)
{
    size_t characters = stw_text_length(text, length);

    if (has_control(text, length, is_note))
        return refuse(place, STW_INVALID_FORMAT, NULL);
    if (min > 0 && (characters < (size_t)min || is_blank(text, length)))
        return refuse_number(place, STW_TOO_SHORT, min);
    if (characters > (size_t)max)
        return refuse_number(place, STW_TOO_LONG, max);
    return true;
}

static bool read_line(const struct place *place, const struct stw_field *field, const char *text,
                      size_t length, const char **ret_text)
{
    bool is_note = field->type == STW_TYPE_NOTE;
    int most = field->max ? field->max : is_note ? NOTE_MAX : TEXT_MAX;

    if (!check_line(place, text, length, field->min ? field->min : 1, most, is_note))
        return false;
    *ret_text = stw_arena_strndup(place->ctx->arena, text, length);
    return true;
}

/* An upper bound of 0 beside a positive lower one was left out of the table. */
static bool has_most(const struct stw_field *field)
{
    return field->max > 0 || (field->min <= 0 && field->min != field->max);
}

static bool read_int(const struct place *place, const struct stw_field *field, int64_t number,
                     const char **ret_text)
{
    bool bounded = field->min || field->max;
    int64_t least = bounded ? field->min : INT32_MIN;
    int64_t most = has_most(field) ? field->max : INT32_MAX;

    if (number < least)
        return refuse_number(place, STW_TOO_SMALL, least);
    if (number > most)
        return refuse_number(place, STW_TOO_LARGE, most);
    *ret_text = stw_arena_printf(place->ctx->arena, "%" PRId64, number);
    return true;
}

static bool read_int_text(const struct place *place, const struct stw_field *field, const char *text,
                          size_t length, const char **ret_text)
{
    char *canonical;
    enum stw_code code = stw_value_decimal(place->ctx->arena, text, length, 19, 0, &canonical);
    long long number;

    if (code == STW_TOO_LARGE)
        return read_int(place, field, text[0] == '-' ? INT64_MIN : INT64_MAX, ret_text);
    if (code != STW_OK)
        return refuse(place, STW_INVALID_FORMAT, "integer");
    /* Nineteen digits may still not fit; strtoll then stops at the end of the range, which no field reaches.
     */
    number = strtoll(canonical, NULL, 10);
    return read_int(place, field, number, ret_text);
}

static bool check_decimal_bounds(const struct place *place, const struct stw_field *field,
                                 const char *decimal)
{
    char bound[16];

    if (!field->min && !field->max)
        return true;
    snprintf(bound, sizeof(bound), "%d", field->min);
    if (stw_value_decimal_compare(decimal, bound) < 0)
        return refuse(place, STW_TOO_SMALL, bound);
    snprintf(bound, sizeof(bound), "%d", field->max);
    if (has_most(field) && stw_value_decimal_compare(decimal, bound) > 0)
        return refuse(place, STW_TOO_LARGE, bound);
    return true;
}

static bool read_decimal(const struct place *place, const struct stw_field *field, const char *text,
                         size_t length, const char **ret_text)
{
    static const struct stw_field percent = {.max = 100};
    bool is_percent = field->type == STW_TYPE_PERCENT;
    char *decimal;
    enum stw_code code = stw_value_decimal(place->ctx->arena, text, length, is_percent ? 7 : 19, 4, &decimal);

    if (code == STW_TOO_LARGE && text[0] == '-')
        return refuse(place, STW_TOO_SMALL, is_percent ? "0" : "-" DECIMAL_MOST);
    if (code == STW_TOO_LARGE)
        return refuse(place, STW_TOO_LARGE, is_percent ? "100" : DECIMAL_MOST);
    if (code == STW_TOO_LONG)
        return refuse(place, STW_TOO_LONG, "4");
    if (code != STW_OK)
        return refuse(place, code, NULL);
    if (!check_decimal_bounds(place, is_percent ? &percent : field, decimal))
        return false;
    *ret_text = decimal;
    return true;
}

static bool read_word(const struct place *place, const struct stw_field *field, const char *text,
                      const char **ret_text)
{
    for (const char *const *word = field->words; *word; word++) {
        if (strcmp(*word, text) == 0) {
            *ret_text = *word;
            return true;
        }
    }
    return refuse_among(place, STW_NOT_ALLOWED, NULL, field->words);
}

static bool read_id(const struct place *place, const char *text, const char **ret_text)
{
    char id[STW_UUID_TEXT];

    if (!stw_uuid_parse(text, id))
        return refuse(place, STW_INVALID_FORMAT, NULL);
    *ret_text = stw_arena_strdup(place->ctx->arena, id);
    return true;
}

static bool read_format(const struct place *place, enum stw_type type, const char *text, size_t length,
                        const char **ret_text)
{
    typedef enum stw_code read_value(struct stw_arena *, const char *, size_t, char **);
    static read_value *const readers[STW_TYPE_COUNT] = {
        [STW_TYPE_DATE] = stw_value_date,         [STW_TYPE_TIMESTAMP] = stw_value_timestamp,
        [STW_TYPE_EMAIL] = stw_value_email,       [STW_TYPE_PHONE] = stw_value_phone,
        [STW_TYPE_URL] = stw_value_url,           [STW_TYPE_COUNTRY] = stw_value_country,
        [STW_TYPE_CURRENCY] = stw_value_currency, [STW_TYPE_LANGUAGE] = stw_value_language,
    };
    char *canonical;
    enum stw_code code = readers[type](place->ctx->arena, text, length, &canonical);

    if (code != STW_OK)
        return refuse(place, code, NULL);
    *ret_text = canonical;
    return true;
}

/* All types that are a string in JSON. `text` is valid UTF-8 without NUL. */
static bool read_string(const struct place *place, const struct stw_field *field, const char *text,
                        size_t length, const char **ret_text)
{
    switch (field->type) {
    case STW_TYPE_TEXT:
    case STW_TYPE_NOTE:
    case STW_TYPE_NAME:
        return read_line(place, field, text, length, ret_text);
    case STW_TYPE_DECIMAL:
    case STW_TYPE_PERCENT:
    case STW_TYPE_MONEY:
        return read_decimal(place, field, text, length, ret_text);
    case STW_TYPE_ENUM:
        return read_word(place, field, text, ret_text);
    case STW_TYPE_REF:
    case STW_TYPE_ID:
        return read_id(place, text, ret_text);
    default:
        return read_format(place, field->type, text, length, ret_text);
    }
}

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

static bool close_array(const struct place *place, struct stw_buf *array, const char **ret_text)
{
    stw_buf_add_char(array, '}');
    if (array->failed)
        return refuse(place, STW_TOO_MANY, NULL);
    *ret_text = array->data;
    return true;
}

static bool read_texts(const struct place *place, const struct stw_field *field, const json_t *json,
                       const char **ret_text)
{
    int most = field->max ? field->max : TEXTS_MAX;
    struct place at = *place;
    struct stw_buf array;
    bool good = true;

    if (!json_is_array(json))
        return refuse(place, STW_INVALID_TYPE, "array");
    if (json_array_size(json) > (size_t)most)
        return refuse_number(place, STW_TOO_MANY, most);
    open_array(&array, place->ctx);
    for (at.element = 0; at.element < (int)json_array_size(json); at.element++) {
        const json_t *item = json_array_get(json, (size_t)at.element);

        if (!json_is_string(item))
            good = refuse(&at, STW_INVALID_TYPE, "string");
        else if (!check_line(&at, json_string_value(item), json_string_length(item), 1, WORD_MAX, false))
            good = false;
        else
            add_element(&array, json_string_value(item), json_string_length(item));
    }
    return good && close_array(place, &array, ret_text);
}

static bool read_texts_text(const struct place *place, const struct stw_field *field, const char *text,
                            const char **ret_text)
{
    int most = field->max ? field->max : TEXTS_MAX;
    struct stw_buf array;
    int count = 0;

    open_array(&array, place->ctx);
    while (*text) {
        size_t length = strcspn(text, ";");

        if (++count > most)
            return refuse_number(place, STW_TOO_MANY, most);
        if (!check_line(place, text, length, 1, WORD_MAX, false))
            return false;
        add_element(&array, text, length);
        text += length + (text[length] == ';');
    }
    return close_array(place, &array, ret_text);
}

static bool read_money(const struct place *place, const struct stw_field *field, const json_t *json,
                       struct stw_value *ret_value)
{
    static const char *const names[] = {"amount", "currency"};
    static const struct stw_field currency_field = {.name = "currency", .type = STW_TYPE_CURRENCY};
    const char *texts[2] = {NULL, NULL};
    bool good = true;
    const char *name;
    json_t *member;

    if (!json_is_object(json))
        return refuse(place, STW_INVALID_TYPE, "object");
    json_object_foreach((json_t *)(uintptr_t)json, name, member)
    {
        if (strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0) {
            stw_input_unknown(place->ctx, place->path, name, names, 2);
            good = false;
        }
    }
    for (int i = 0; i < 2; i++) {
        struct place at = *place;

        at.path = stw_input_member(place->ctx->arena, place->path, names[i]);
        member = json_object_get(json, names[i]);
        if (!member)
            good = refuse(&at, STW_REQUIRED, NULL);
        else if (json_is_null(member))
            good = refuse(&at, STW_NOT_NULLABLE, NULL);
        else if (!json_is_string(member))
            good = refuse(&at, STW_INVALID_TYPE, "string");
        else if (!read_string(&at, i ? &currency_field : field, json_string_value(member),
                              json_string_length(member), &texts[i]))
            good = false;
    }
    if (good)
        *ret_value = (struct stw_value){.text = texts[0], .currency = texts[1]};
    return good;
}

static int add_dump(const char *bytes, size_t length, void *buf)
{
    stw_buf_add(buf, bytes, length);
    return 0;
}

static bool read_object(const struct place *place, const json_t *json, const char **ret_text)
{
    struct stw_buf dump;

    if (!json_is_object(json))
        return refuse(place, STW_INVALID_TYPE, "object");
    if (!stw_input_no_reals(place->ctx, json, place->path))
        return false;
    stw_buf_init(&dump, place->ctx->arena, 256, OBJECT_CAP);
    if (json_dump_callback(json, add_dump, &dump, JSON_COMPACT) || dump.failed)
        return refuse(place, STW_TOO_LARGE, NULL);
    *ret_text = dump.data;
    return true;
}

/* A cell that holds JSON has the faults of a body, told at the cell. */
static bool read_object_text(const struct place *place, const char *text, size_t length,
                             const char **ret_text)
{
    struct stw_details inner;
    struct stw_context ctx = *place->ctx;
    struct place at = *place;
    json_t *root;

    stw_details_init(&inner, ctx.arena);
    ctx.details = &inner;
    at.ctx = &ctx;
    if (stw_input_json(&ctx, text, length, &root) != STW_OK || !read_object(&at, root, ret_text))
        return refuse(place, STW_INVALID_FORMAT, "object");
    return true;
}

static bool read_json(const struct place *place, const struct stw_field *field, const json_t *json,
                      struct stw_value *ret_value)
{
    struct stw_value value = {NULL, NULL};
    bool good;

    switch (field->type) {
    case STW_TYPE_BOOL:
        good = json_is_boolean(json) || refuse(place, STW_INVALID_TYPE, "boolean");
        value.text = json_is_true(json) ? "true" : "false";
        break;
    case STW_TYPE_INT:
        good = json_is_integer(json) ? read_int(place, field, json_integer_value(json), &value.text)
                                     : refuse(place, STW_INVALID_TYPE, "integer");
        break;
    case STW_TYPE_MONEY:
        good = read_money(place, field, json, &value);
        break;
    case STW_TYPE_TEXTS:
        good = read_texts(place, field, json, &value.text);
        break;
    case STW_TYPE_OBJECT:
        good = read_object(place, json, &value.text);
        break;
    default:
        good = json_is_string(json)
                   ? read_string(place, field, json_string_value(json), json_string_length(json), &value.text)
                   : refuse(place, STW_INVALID_TYPE, "string");
    }
    if (good)
        *ret_value = value;
    return good;
}

bool stw_input_value(struct stw_context *ctx, const struct stw_field *field, const json_t *json,
                     const char *pointer, struct stw_value *ret_value)
{
    struct place place = {.ctx = ctx, .where = STW_AT_POINTER, .path = pointer, .element = -1};

    if (!json_is_null(json))
        return read_json(&place, field, json, ret_value);
    if (field->flags & (STW_MANDATORY | STW_NOT_NULL))
        return refuse(&place, STW_NOT_NULLABLE, NULL);
    *ret_value = (struct stw_value){NULL, NULL};
    return true;
}

bool stw_input_text(struct stw_context *ctx, const struct stw_field *field, const char *text,
                    enum stw_where where, const char *path, struct stw_value *ret_value)
{
    struct place place = {.ctx = ctx, .where = where, .path = path, .element = -1};
    struct stw_value value = {NULL, NULL};
    size_t length = strlen(text);
    bool good;

    if (!stw_text_valid(text, length))
        return refuse(&place, STW_INVALID_FORMAT, NULL);
    switch (field->type) {
    case STW_TYPE_BOOL:
        value.text = strcmp(text, "true") == 0 ? "true" : "false";
        good = strcmp(text, value.text) == 0 || refuse(&place, STW_INVALID_FORMAT, "true or false");
        break;
    case STW_TYPE_INT:
        good = read_int_text(&place, field, text, length, &value.text);
        break;
    case STW_TYPE_TEXTS:
        good = read_texts_text(&place, field, text, &value.text);
        break;
    case STW_TYPE_OBJECT:
        good = read_object_text(&place, text, length, &value.text);
        break;
    default:
        good = read_string(&place, field, text, length, &value.text);
    }
    if (good)
        *ret_value = value;
    return good;
}
