#include "resource/render.h"

#include <string.h>

#include "core/text.h"
#include "core/value.h"

/* numeric(19,4) comes with all its zeros: "12.5000" -> "12.5", money at least two digits behind the point. */
static size_t trimmed_length(const char *text, size_t length, size_t keep)
{
    const char *point = memchr(text, '.', length);
    if (!point)
        return length;
    size_t least = (size_t)(point - text) + (keep ? 1 + keep : 0);
    while (length > least && (text[length - 1] == '0' || text[length - 1] == '.'))
        length--;
    return length;
}

static void add_decimal(struct stw_buf *out, const char *text, size_t length, size_t keep)
{
    stw_buf_add_char(out, '"');
    stw_buf_add(out, text, trimmed_length(text, length, keep));
    /* an amount without a point in its text still shows two digits */
    if (keep == 2 && !memchr(text, '.', length))
        stw_buf_add(out, ".00", 3);
    stw_buf_add_char(out, '"');
}

static void add_timestamp(struct stw_buf *out, const char *text)
{
    char rendered[32];
    size_t length = stw_value_timestamp_render(text, rendered);
    stw_buf_add_char(out, '"');
    stw_buf_add(out, rendered, length);
    stw_buf_add_char(out, '"');
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
    case STW_TYPE_TEXTS:
    case STW_TYPE_OBJECT:
    case STW_TYPE_KEYS:
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
        stw_render_value(out, STW_TYPE_CURRENCY, currency, currency ? strlen(currency) : 0, NULL);
        stw_buf_add_char(out, '}');
        return;
    case STW_TYPE_TIMESTAMP:
        add_timestamp(out, text);
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
    struct stw_buf *buf = out;
    stw_buf_add_char(buf, '"');
    /* the kept pieces may need escapes; each goes through the writer and loses its quotes */
    const char *const pieces[] = {text, "****", text + length - tail};
    const size_t sizes[] = {head, 4, tail};
    for (int i = 0; i < 3; i++) {
        struct stw_buf piece;
        stw_buf_init(&piece, buf->arena, 64, 4096);
        stw_buf_add_json(&piece, pieces[i], sizes[i]);
        if (!piece.failed)
            stw_buf_add(buf, piece.data + 1, piece.length - 2);
    }
    stw_buf_add_char(buf, '"');
}

/* Types whose text goes out as it came: with quotes around it, without, or not at all so. */
static bool is_verbatim(enum stw_type type, size_t *ret_quotes)
{
    switch (type) {
    case STW_TYPE_INT:
    case STW_TYPE_TEXTS:
    case STW_TYPE_OBJECT:
    case STW_TYPE_KEYS:
        *ret_quotes = 0;
        return true;
    case STW_TYPE_ID:
    case STW_TYPE_REF:
    case STW_TYPE_DATE:
    case STW_TYPE_ENUM:
        *ret_quotes = 1;
        return true;
    default:
        return false;
    }
}

static char *put(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

/* `,"name":` and a value that needs no work, in one piece: most of a page is made of them. */
static void add_member(struct stw_buf *out, const char *prefix, const char *value, size_t length,
                       size_t quotes, bool first)
{
    size_t name = strlen(prefix);
    size_t size = name + length + 2 * quotes + (first ? 0 : 1);
    char *at = stw_buf_reserve(out, size);

    if (!at)
        return;
    if (!first)
        *at++ = ',';
    at = put(at, prefix, name);
    if (quotes)
        *at++ = '"';
    at = put(at, value, length);
    if (quotes)
        *at++ = '"';
    stw_buf_advance(out, size);
}

void stw_render_fields(struct stw_buf *out, const struct stw_plan *plan, const struct stw_grant *grant,
                       uint64_t fields, const struct stw_rows *rows, int row)
{
    bool first = true;

    for (uint64_t left = fields; left; left &= left - 1) {
        int i = __builtin_ctzll(left);
        int column = plan->first_column[i];
        enum stw_type type = plan->fields[i].type;
        const char *text = stw_rows_text(rows, row, column);
        size_t length = text ? stw_rows_length(rows, row, column) : 0;
        bool masked = text && grant->masked >> i & 1;
        size_t quotes = 0;

        if (!text) {
            add_member(out, plan->prefix[i], "null", 4, 0, first);
        } else if (!masked && is_verbatim(type, &quotes)) {
            add_member(out, plan->prefix[i], text, length, quotes, first);
        } else {
            add_member(out, plan->prefix[i], "", 0, 0, first);
            if (masked)
                stw_render_masked(out, type, text, length);
            else
                stw_render_value(out, type, text, length,
                                 type == STW_TYPE_MONEY ? stw_rows_text(rows, row, column + 1) : NULL);
        }
        first = false;
    }
}
