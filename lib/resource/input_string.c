#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "core/value.h"
#include "resource/input_parts.h"

#define TEXT_MAX     200
#define NOTE_MAX     10000
#define DECIMAL_MOST "999999999999999.9999" /* numeric(19,4) */

bool stw_place_refuse_among(const struct stw_place *place, enum stw_code code, const char *argument,
                            const char *const *allowed)
{
    const char *path = place->path;

    if (place->element >= 0 && place->where == STW_AT_POINTER && !stw_input_full(place->ctx))
        path = stw_arena_printf(place->ctx->arena, "%s/%d", path, place->element);
    stw_details_add(place->ctx->details, place->where, path, code, argument, allowed);
    return false;
}

bool stw_place_refuse(const struct stw_place *place, enum stw_code code, const char *argument)
{
    return stw_place_refuse_among(place, code, argument, NULL);
}

bool stw_place_refuse_number(const struct stw_place *place, enum stw_code code, int64_t bound)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, bound);
    return stw_place_refuse(place, code, text);
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

bool stw_place_check_line(const struct stw_place *place, const char *text, size_t length, int min, int max,
                          bool is_note)
{
    size_t characters = stw_text_length(text, length);

    if (has_control(text, length, is_note))
        return stw_place_refuse(place, STW_INVALID_FORMAT, NULL);
    if (min > 0 && (characters < (size_t)min || is_blank(text, length)))
        return stw_place_refuse_number(place, STW_TOO_SHORT, min);
    if (characters > (size_t)max)
        return stw_place_refuse_number(place, STW_TOO_LONG, max);
    return true;
}

static bool read_line(const struct stw_place *place, const struct stw_field *field, const char *text,
                      size_t length, const char **ret_text)
{
    bool is_note = field->type == STW_TYPE_NOTE;
    int most = field->max ? field->max : is_note ? NOTE_MAX : TEXT_MAX;

    if (!stw_place_check_line(place, text, length, field->min ? field->min : 1, most, is_note))
        return false;
    *ret_text = stw_arena_strndup(place->ctx->arena, text, length);
    return true;
}

/* An upper bound of 0 beside a positive lower one was left out of the table. */
static bool has_most(const struct stw_field *field)
{
    return field->max || field->min < 0;
}

bool stw_place_int(const struct stw_place *place, const struct stw_field *field, int64_t number,
                   const char **ret_text)
{
    bool bounded = field->min || field->max;
    int64_t least = bounded ? field->min : INT32_MIN;
    int64_t most = has_most(field) ? field->max : INT32_MAX;

    if (number < least)
        return stw_place_refuse_number(place, STW_TOO_SMALL, least);
    if (number > most)
        return stw_place_refuse_number(place, STW_TOO_LARGE, most);
    *ret_text = stw_arena_printf(place->ctx->arena, "%" PRId64, number);
    return true;
}

bool stw_place_int_text(const struct stw_place *place, const struct stw_field *field, const char *text,
                        size_t length, const char **ret_text)
{
    char *canonical;
    enum stw_code code = stw_value_decimal(place->ctx->arena, text, length, 19, 0, &canonical);
    long long number;

    if (code == STW_TOO_LARGE)
        return stw_place_int(place, field, text[0] == '-' ? INT64_MIN : INT64_MAX, ret_text);
    if (code != STW_OK)
        return stw_place_refuse(place, STW_INVALID_FORMAT, "integer");
    /* Nineteen digits may still not fit; strtoll then stops at the end of the range, which no field reaches.
     */
    number = strtoll(canonical, NULL, 10);
    return stw_place_int(place, field, number, ret_text);
}

static bool check_decimal_bounds(const struct stw_place *place, const struct stw_field *field,
                                 const char *decimal)
{
    char bound[16];

    if (!field->min && !field->max)
        return true;
    snprintf(bound, sizeof(bound), "%d", field->min);
    if (stw_value_decimal_compare(decimal, bound) < 0)
        return stw_place_refuse(place, STW_TOO_SMALL, bound);
    snprintf(bound, sizeof(bound), "%d", field->max);
    if (has_most(field) && stw_value_decimal_compare(decimal, bound) > 0)
        return stw_place_refuse(place, STW_TOO_LARGE, bound);
    return true;
}

static bool read_decimal(const struct stw_place *place, const struct stw_field *field, const char *text,
                         size_t length, const char **ret_text)
{
    static const struct stw_field percent = {.max = 100};
    bool is_percent = field->type == STW_TYPE_PERCENT;
    char *decimal;
    enum stw_code code = stw_value_decimal(place->ctx->arena, text, length, is_percent ? 7 : 19, 4, &decimal);

    if (code == STW_TOO_LARGE && text[0] == '-')
        return stw_place_refuse(place, STW_TOO_SMALL, is_percent ? "0" : "-" DECIMAL_MOST);
    if (code == STW_TOO_LARGE)
        return stw_place_refuse(place, STW_TOO_LARGE, is_percent ? "100" : DECIMAL_MOST);
    if (code == STW_TOO_LONG)
        return stw_place_refuse(place, STW_TOO_LONG, "4");
    if (code != STW_OK)
        return stw_place_refuse(place, code, NULL);
    if (!check_decimal_bounds(place, is_percent ? &percent : field, decimal))
        return false;
    *ret_text = decimal;
    return true;
}

static bool read_word(const struct stw_place *place, const struct stw_field *field, const char *text,
                      const char **ret_text)
{
    for (const char *const *word = field->words; *word; word++) {
        if (strcmp(*word, text) == 0) {
            *ret_text = *word;
            return true;
        }
    }
    return stw_place_refuse_among(place, STW_NOT_ALLOWED, NULL, field->words);
}

static bool read_id(const struct stw_place *place, const char *text, const char **ret_text)
{
    char id[STW_UUID_TEXT];

    if (!stw_uuid_parse(text, id))
        return stw_place_refuse(place, STW_INVALID_FORMAT, NULL);
    *ret_text = stw_arena_strdup(place->ctx->arena, id);
    return true;
}

static bool read_format(const struct stw_place *place, enum stw_type type, const char *text, size_t length,
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
        return stw_place_refuse(place, code, NULL);
    *ret_text = canonical;
    return true;
}

/* All types that are a string in JSON. `text` is valid UTF-8 without NUL. */
bool stw_place_string(const struct stw_place *place, const struct stw_field *field, const char *text,
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
