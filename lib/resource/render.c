#include "resource/render.h"

#include <string.h>

#include "core/uuid.h"
#include "core/value.h"

/* numeric(19,4) comes with all its zeros: "12.5000" -> "12.5", money at least two digits behind the point. */
static size_t trimmed_length(const char *text, size_t length, const char *point, size_t keep)
{
    size_t least = (size_t)(point - text) + (keep ? 1 + keep : 0);
    while (length > least && (text[length - 1] == '0' || text[length - 1] == '.'))
        length--;
    return length;
}

/* Writes at most `length` and five bytes. */
static char *put_decimal(char *at, const char *text, size_t length, size_t keep)
{
    const char *point = memchr(text, '.', length);

    *at = '"';
    at = stw_buf_put(at + 1, text, point ? trimmed_length(text, length, point, keep) : length);
    /* an amount without a point in its text still shows two digits */
    if (keep == 2 && !point)
        at = stw_buf_put(at, ".00", 3);
    *at = '"';
    return at + 1;
}

static void add_decimal(struct stw_buf *out, const char *text, size_t length, size_t keep)
{
    char *at = stw_buf_reserve(out, length + 5);
    if (at)
        stw_buf_end(out, put_decimal(at, text, length, keep));
}

static void add_timestamp(struct stw_buf *out, const char *text, size_t length)
{
    char rendered[32];
    size_t written = stw_value_timestamp_render(text, length, rendered);
    stw_buf_add_char(out, '"');
    stw_buf_add(out, rendered, written);
    stw_buf_add_char(out, '"');
}

/* Of an array's text form, as {plain,"with \"signs\"",NULL}: what follows the element that starts at `at`. */
static const char *element_end(const char *at)
{
    if (*at != '"')
        return at + strcspn(at, ",}");
    for (at++; *at && *at != '"'; at++)
        at += at[0] == '\\' && at[1];
    return at + (*at == '"');
}

static void add_element(struct stw_buf *out, const char *at, const char *end)
{
    if (*at != '"') {
        if (end - at == 4 && memcmp(at, "NULL", 4) == 0)
            stw_buf_add(out, "null", 4);
        else
            stw_buf_add_json(out, at, (size_t)(end - at));
        return;
    }
    stw_buf_add_char(out, '"');
    for (at++, end--; at < end;) {
        at += *at == '\\';
        size_t plain = 1 + strcspn(at + 1, "\"\\");
        stw_buf_add_escaped(out, at, plain);
        at += plain;
    }
    stw_buf_add_char(out, '"');
}

static void add_texts(struct stw_buf *out, const char *text)
{
    const char *at = text + 1;

    stw_buf_add_char(out, '[');
    while (*at && *at != '}') {
        const char *end = element_end(at);
        add_element(out, at, end);
        if (*end == ',')
            stw_buf_add_char(out, *end++);
        at = end;
    }
    stw_buf_add_char(out, ']');
}

void stw_render_value(struct stw_buf *out, enum stw_type type, const char *text, size_t length,
                      const char *currency)
{
    if (!text) {
        stw_buf_add(out, "null", 4);
        return;
    }
    switch (type) {
    case STW_TYPE_BOOL:
        stw_buf_add_text(out, text[0] == 't' ? "true" : "false");
        return;
    case STW_TYPE_INT:
    case STW_TYPE_OBJECT:
    case STW_TYPE_KEYS:
        stw_buf_add(out, text, length);
        return;
    case STW_TYPE_TEXTS:
        if (text[0] == '{')
            add_texts(out, text);
        else
            stw_buf_add(out, text, length);
        return;
    case STW_TYPE_DECIMAL:
    case STW_TYPE_PERCENT:
        add_decimal(out, text, length, 0);
        return;
    case STW_TYPE_MONEY:
        if (!currency) {
            add_decimal(out, text, length, 2);
            return;
        }
        stw_buf_add_text(out, "{\"amount\":");
        add_decimal(out, text, length, 2);
        stw_buf_add_text(out, ",\"currency\":");
        stw_render_value(out, STW_TYPE_CURRENCY, currency, strlen(currency), NULL);
        stw_buf_add_char(out, '}');
        return;
    case STW_TYPE_TIMESTAMP:
        add_timestamp(out, text, length);
        return;
    case STW_TYPE_ID:
    case STW_TYPE_REF:
    case STW_TYPE_DATE:
    case STW_TYPE_ENUM:
        stw_buf_add_char(out, '"');
        stw_buf_add(out, text, length);
        stw_buf_add_char(out, '"');
        return;
    default:
        stw_buf_add_json(out, text, length);
    }
}

static size_t first_character(const char *text, size_t length)
{
    size_t size = 1;
    while (size < length && ((unsigned char)text[size] & 0xc0) == 0x80)
        size++;
    return size;
}

void stw_render_masked(struct stw_buf *out, enum stw_type type, const char *text, size_t length)
{
    const char *at = type == STW_TYPE_EMAIL ? memrchr(text, '@', length) : NULL;
    size_t head = length ? first_character(text, length) : 0;
    size_t tail = at ? (size_t)(text + length - at) : 0;

    if (type == STW_TYPE_PHONE && length >= 11) {
        head = length - 8;
        tail = 4;
    }
    stw_buf_add_char(out, '"');
    stw_buf_add_escaped(out, text, head);
    stw_buf_add_text(out, "****");
    stw_buf_add_escaped(out, text + length - tail, tail);
    stw_buf_add_char(out, '"');
}

#define AMOUNT      "{\"amount\":"
#define CURRENCY    ",\"currency\":"
#define VALUE_SLACK 64 /* what a value may take besides its length */

/* NULL unless the currency is three letters that stand for themselves. */
static char *put_money(char *at, const char *text, size_t length, const char *currency)
{
    if (!currency || strnlen(currency, 4) != 3)
        return NULL;
    at = stw_buf_put(at, AMOUNT, sizeof(AMOUNT) - 1);
    at = put_decimal(at, text, length, 2);
    at = stw_buf_put(at, CURRENCY, sizeof(CURRENCY) - 1);
    at = stw_buf_put_json(at, currency, 3);
    if (at)
        *at++ = '}';
    return at;
}

/* The value behind the key, where little is to be done for it: most of a page. NULL: stw_render_value knows.
 */
static char *put_value(char *at, const struct stw_member *member, const char *text, size_t length,
                       const struct stw_rows *rows, int row)
{
    switch (member->type) {
    case STW_TYPE_ID:
    case STW_TYPE_REF:
        *at = '"';
        memcpy(at + 1, text, STW_UUID_TEXT - 1);
        at[STW_UUID_TEXT] = '"';
        return at + STW_UUID_TEXT + 1;
    case STW_TYPE_TIMESTAMP:
        *at = '"';
        at += 1 + stw_value_timestamp_render(text, length, at + 1);
        *at = '"';
        return at + 1;
    case STW_TYPE_DATE:
    case STW_TYPE_ENUM:
        *at = '"';
        at = stw_buf_put(at + 1, text, length);
        *at = '"';
        return at + 1;
    case STW_TYPE_INT:
    case STW_TYPE_OBJECT:
    case STW_TYPE_KEYS:
        return stw_buf_put(at, text, length);
    case STW_TYPE_TEXTS:
        return length == 2 ? stw_buf_put(at, "[]", 2) : NULL;
    case STW_TYPE_DECIMAL:
    case STW_TYPE_PERCENT:
        return put_decimal(at, text, length, 0);
    case STW_TYPE_MONEY:
        return put_money(at, text, length, stw_rows_text(rows, row, member->column + 1));
    case STW_TYPE_BOOL:
        return text[0] == 't' ? stw_buf_put(at, "true", 4) : stw_buf_put(at, "false", 5);
    default:
        return stw_buf_put_json(at, text, length);
    }
}

/* Names are short: a piece of fixed size is copied, whatever of it counts. */
static char *put_key(char *at, const struct stw_member *member)
{
    int length = member->key_length;

    memcpy(at, member->key, STW_KEY_PIECE);
    if (length > STW_KEY_PIECE)
        memcpy(at + STW_KEY_PIECE, member->key + STW_KEY_PIECE, (size_t)(length - STW_KEY_PIECE));
    return at + length;
}

/* The long way, for what takes work. */
static void add_value(struct stw_buf *out, const struct stw_member *member, bool masked,
                      const struct stw_rows *rows, int row)
{
    char scratch[STW_CELL_SCRATCH];
    size_t length = 0;
    const char *text = stw_rows_cell(rows, row, member->column, scratch, &length);

    if (text && masked)
        stw_render_masked(out, member->type, text, length);
    else
        stw_render_value(out, member->type, text, length,
                         member->type == STW_TYPE_MONEY ? stw_rows_text(rows, row, member->column + 1)
                                                        : NULL);
}

/* Near the cap, where every byte counts. */
static void add_member(struct stw_buf *out, const struct stw_member *member, bool masked,
                       const struct stw_rows *rows, int row)
{
    stw_buf_add(out, member->key, (size_t)member->key_length);
    add_value(out, member, masked, rows, row);
}

/* Where to write, and where the room ends. */
struct pen {
    char *at, *limit;
};

static struct pen pen_at_end(const struct stw_buf *out)
{
    return (struct pen){out->data + out->length, out->data + out->room};
}

void stw_render_open(struct stw_buf *out, const struct stw_plan *plan, const struct stw_grant *grant,
                     uint64_t fields, const struct stw_rows *rows, int row)
{
    const struct stw_member *member = plan->members;
    size_t start = out->length;
    struct pen pen = pen_at_end(out);
    char scratch[STW_CELL_SCRATCH];

    if (fields == 0)
        stw_buf_add_char(out, '{');
    if (fields == 0 || out->failed)
        return;
    for (uint64_t left = fields, masks = grant->masked; left; left >>= 1, masks >>= 1, member++) {
        if (!(left & 1))
            continue;
        size_t length = 0;
        const char *text = stw_rows_cell(rows, row, member->column, scratch, &length);
        char *end = NULL;

        size_t bound = (size_t)member->key_length + STW_KEY_PIECE + length + VALUE_SLACK;
        if (bound >= (size_t)(pen.limit - pen.at)) {
            stw_buf_end(out, pen.at);
            if (!stw_buf_try(out, bound)) {
                add_member(out, member, masks & 1, rows, row);
                pen = pen_at_end(out);
                continue;
            }
            pen = pen_at_end(out);
        }
        pen.at = put_key(pen.at, member);
        if (!text)
            end = stw_buf_put(pen.at, "null", 4);
        else if (!(masks & 1))
            end = put_value(pen.at, member, text, length, rows, row);
        if (end) {
            pen.at = end;
            continue;
        }
        stw_buf_end(out, pen.at);
        add_value(out, member, masks & 1, rows, row);
        pen = pen_at_end(out);
    }
    stw_buf_end(out, pen.at);
    /* in place of the first comma */
    if (out->length > start)
        out->data[start] = '{';
}
