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

/* Room for `length` more is not there yet. */
static char *widen(struct stw_buf *buf, size_t length)
{
    size_t need, room = buf->room * 2;

    if (buf->failed || length > buf->cap - buf->length)
        return NULL;
    need = buf->length + length + 1;
    if (room < need)
        room = need;
    if (room > buf->cap + 1)
        room = buf->cap + 1;
    buf->data = stw_arena_grow(buf->arena, buf->data, buf->room, room);
    buf->room = room;
    return buf->data + buf->length;
}

static inline char *place_for(struct stw_buf *buf, size_t length)
{
    if (!buf->failed && length < buf->room - buf->length)
        return buf->data + buf->length;
    return widen(buf, length);
}

char *stw_buf_try(struct stw_buf *buf, size_t length)
{
    return place_for(buf, length);
}

char *stw_buf_reserve(struct stw_buf *buf, size_t length)
{
    char *place = place_for(buf, length);

    if (!place)
        buf->failed = true;
    return place;
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

    if (place)
        stw_buf_end(buf, stw_buf_put(place, bytes, length));
}

void stw_buf_add_text(struct stw_buf *buf, const char *text)
{
    stw_buf_add(buf, text, strlen(text));
}

void stw_buf_add_char(struct stw_buf *buf, char c)
{
    char *place = stw_buf_reserve(buf, 1);

    if (!place)
        return;
    *place = c;
    stw_buf_end(buf, place + 1);
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

/* Sixteen bytes at once: SSE2 or NEON where there is such a thing, else plain words. */
typedef unsigned char lane __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));
typedef uint32_t quarters __attribute__((vector_size(16)));

#define EACH(c) ((lane){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

/* Not zero in the bytes that need an escape. */
static lane to_escape(lane bytes)
{
    return (lane)((bytes == EACH('"')) | (bytes == EACH('\\')) | (bytes < EACH(0x20)));
}

static bool has_any(lane marks)
{
    halves both = (halves)marks;

    return (both[0] | both[1]) != 0;
}

char *stw_buf_put_json(char *to, const char *from, size_t length)
{
    char *end = to + length + 2;
    lane bytes, marks = {0};

    to++;
    if (length >= 16) {
        for (size_t at = 0; at < length; at += 16) {
            /* the last piece is whole too, and begins in the one before */
            if (at > length - 16)
                at = length - 16;
            memcpy(&bytes, from + at, 16);
            memcpy(to + at, &bytes, 16);
            marks |= to_escape(bytes);
        }
    } else if (length >= 8) {
        /* two pieces, which may share bytes */
        uint64_t first, last;

        memcpy(&first, from, 8);
        memcpy(&last, from + length - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + length - 8, &last, 8);
        marks = to_escape((lane)(halves){first, last});
    } else if (length >= 4) {
        uint32_t first, last;

        memcpy(&first, from, 4);
        memcpy(&last, from + length - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + length - 4, &last, 4);
        marks = to_escape((lane)(quarters){first, last, first, last});
    } else {
        for (size_t at = 0; at < length; at++) {
            if (escapes[(unsigned char)from[at]])
                return NULL;
            to[at] = from[at];
        }
    }
    if (has_any(marks))
        return NULL;
    to[-1] = '"';
    to[length] = '"';
    return end;
}

/* Number of leading bytes that need no escape. */
static size_t clean_run(const char *bytes, size_t length)
{
    size_t at = 0;
    lane word;

    while (length - at >= sizeof(lane)) {
        memcpy(&word, bytes + at, sizeof(lane));
        if (has_any(to_escape(word)))
            break;
        at += sizeof(lane);
    }
    while (at < length && !escapes[(unsigned char)bytes[at]])
        at++;
    return at;
}

void stw_buf_add_escaped(struct stw_buf *buf, const char *bytes, size_t length)
{
    static const char digits[16] = "0123456789abcdef";
    size_t at = 0;

    while (at < length && !buf->failed) {
        size_t run = clean_run(bytes + at, length - at);
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
    }
}

void stw_buf_add_json(struct stw_buf *buf, const char *bytes, size_t length)
{
    char *place = stw_buf_try(buf, length + 2);
    char *end = place ? stw_buf_put_json(place, bytes, length) : NULL;

    /* Most texts need no escape: they go in one piece. */
    if (end) {
        stw_buf_end(buf, end);
        return;
    }
    stw_buf_add_char(buf, '"');
    stw_buf_add_escaped(buf, bytes, length);
    stw_buf_add_char(buf, '"');
}
