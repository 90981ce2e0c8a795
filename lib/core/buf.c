#include "core/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void stw_buf_init(struct stw_buf *buf, struct stw_arena *arena, size_t first, size_t cap)
{
    /* Below half of the address space, so that sums of two sizes cannot overflow. */
    if (cap > SIZE_MAX / 4)
        cap = SIZE_MAX / 4;
    if (first > cap)
        first = cap;
    *buf = (struct stw_buf){.arena = arena, .room = first + 1, .cap = cap};
    buf->data = stw_arena_alloc(arena, buf->room);
    buf->data[0] = '\0';
}

char *stw_buf_reserve(struct stw_buf *buf, size_t length)
{
    size_t need;

    if (buf->failed)
        return NULL;
    if (length > buf->cap - buf->length) {
        buf->failed = true;
        return NULL;
    }
    need = buf->length + length + 1;
    if (need > buf->room) {
        size_t room = buf->room * 2;

        if (room < need)
            room = need;
        if (room > buf->cap + 1)
            room = buf->cap + 1;
        buf->data = stw_arena_grow(buf->arena, buf->data, buf->room, room);
        buf->room = room;
    }
    return buf->data + buf->length;
}

void stw_buf_advance(struct stw_buf *buf, size_t length)
{
    if (buf->failed)
        return;
    /* More than was reserved is a mistake of the caller; it must at least not put the terminator out of
     * bounds. */
    if (length >= buf->room - buf->length) {
        buf->failed = true;
        return;
    }
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void stw_buf_add(struct stw_buf *buf, const char *bytes, size_t length)
{
    char *place = stw_buf_reserve(buf, length);

    if (!place || length == 0)
        return;
    memcpy(place, bytes, length);
    place[length] = '\0';
    buf->length += length;
}

void stw_buf_add_text(struct stw_buf *buf, const char *text)
{
    stw_buf_add(buf, text, strlen(text));
}

void stw_buf_add_char(struct stw_buf *buf, char c)
{
    stw_buf_add(buf, &c, 1);
}

void stw_buf_printf(struct stw_buf *buf, const char *format, ...)
{
    size_t left = buf->room - buf->length;
    va_list arguments;
    char *place;
    int length;

    if (buf->failed)
        return;
    va_start(arguments, format);
    length = vsnprintf(buf->data + buf->length, left, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < left) {
        buf->length += (size_t)length;
        return;
    }
    /* It did not fit: what was cut goes away, then once more with room. */
    buf->data[buf->length] = '\0';
    place = length < 0 ? NULL : stw_buf_reserve(buf, (size_t)length);
    if (!place) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(place, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)length;
}

/* The letter behind the backslash, 'u' for the long form, 0 for bytes that stand for themselves. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',         'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Some byte of the word is zero. Exact, which is all that the caller asks for. */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Number of leading bytes that need no escape, eight at a time. */
static size_t clean_run(const char *bytes, size_t length)
{
    size_t at = 0;

    while (length - at >= 8) {
        uint64_t word;

        memcpy(&word, bytes + at, 8);
        if (has_zero(word ^ EACH_BYTE('"')) | has_zero(word ^ EACH_BYTE('\\')) |
            has_zero(word & EACH_BYTE(0xe0)))
            break;
        at += 8;
    }
    while (at < length && !escapes[(unsigned char)bytes[at]])
        at++;
    return at;
}

void stw_buf_add_json(struct stw_buf *buf, const char *bytes, size_t length)
{
    static const char digits[16] = "0123456789abcdef";
    size_t run = clean_run(bytes, length);
    size_t at = 0;

    /* Most texts need no escape: they go in one piece. */
    if (run == length && length > 0) {
        char *place = stw_buf_reserve(buf, length + 2);

        if (!place)
            return;
        place[0] = '"';
        memcpy(place + 1, bytes, length);
        place[length + 1] = '"';
        stw_buf_advance(buf, length + 2);
        return;
    }
    stw_buf_add_char(buf, '"');
    while (at < length && !buf->failed) {
        unsigned char c;

        stw_buf_add(buf, bytes + at, run);
        at += run;
        if (at == length)
            break;
        c = (unsigned char)bytes[at++];
        if (escapes[c] == 'u')
            stw_buf_add(buf, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
        else
            stw_buf_add(buf, (char[]){'\\', escapes[c]}, 2);
        run = clean_run(bytes + at, length - at);
    }
    stw_buf_add_char(buf, '"');
}
