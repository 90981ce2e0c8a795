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

void stw_render_value(struct stw_buf *out, enum stw_type type, const char *text, size_t length, const char *currency)
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

void stw_render_fields(struct stw_buf *out, const struct stw_plan *plan, const struct stw_grant *grant, uint64_t fields,
                       const struct stw_rows *rows, int row)
{
    bool first = true;

    for (int i = 0; i < plan->field_count; i++) {
        if (!(fields >> i & 1))
            continue;
        if (!first)
            stw_buf_add_char(out, ',');
        first = false;
        stw_buf_add_text(out, plan->prefix[i]);
        int column = plan->first_column[i];
        const char *text = stw_rows_text(rows, row, column);
        size_t length = stw_rows_length(rows, row, column);
        if (text && grant->masked >> i & 1)
            stw_render_masked(out, plan->fields[i].type, text, length);
        else
            stw_render_value(out, plan->fields[i].type, text, length,
                             plan->fields[i].type == STW_TYPE_MONEY ? stw_rows_text(rows, row, column + 1) : NULL);
    }
}
