#include "core/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define NEAREST_MAX 64 /* longer words have no near name: the comparison takes quadratic time */

static unsigned int byte_at(const char *bytes, size_t at)
{
    return (unsigned char)bytes[at];
}

static bool is_continuation(unsigned int byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Length of the multi-byte sequence at the start, 0 when it is not well formed (Unicode, table 3-7). */
static size_t sequence_length(const char *bytes, size_t left)
{
    unsigned int first = byte_at(bytes, 0);
    unsigned int low = 0x80;
    unsigned int high = 0xbf;
    size_t length;

    if (first >= 0xc2 && first <= 0xdf)
        length = 2;
    else if (first >= 0xe0 && first <= 0xef)
        length = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        length = 4;
    else
        return 0;
    if (left < length)
        return 0;
    /* The second byte is where overlong forms, surrogates and values beyond U+10FFFF show. */
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (byte_at(bytes, 1) < low || byte_at(bytes, 1) > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (!is_continuation(byte_at(bytes, i)))
            return 0;
    }
    return length;
}

bool stw_text_valid(const char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length) {
        uint64_t word;
        size_t step;

        if (length - at >= 8) {
            memcpy(&word, bytes + at, 8);
            /* Eight ASCII bytes, none of them NUL: the addition then sets every top bit. */
            if (!(word & UINT64_C(0x8080808080808080)) &&
                ((word + UINT64_C(0x7f7f7f7f7f7f7f7f)) & UINT64_C(0x8080808080808080)) ==
                    UINT64_C(0x8080808080808080)) {
                at += 8;
                continue;
            }
        }
        if (bytes[at] == '\0')
            return false;
        step = byte_at(bytes, at) < 0x80 ? 1 : sequence_length(bytes + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

size_t stw_text_length(const char *bytes, size_t length)
{
    size_t count = 0;

    for (size_t at = 0; at < length; at++)
        count += !is_continuation(byte_at(bytes, at));
    return count;
}

bool stw_text_has_control(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        unsigned int byte = byte_at(bytes, at);

        if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f)
            return true;
        /* C1: U+0080 to U+009F are c2 80 to c2 9f. */
        if (byte == 0xc2 && at + 1 < length && byte_at(bytes, at + 1) < 0xa0)
            return true;
    }
    return false;
}

/* Bytes of the white space character (Unicode property White_Space) at the start, 0 when there is none. */
static size_t space_length(const char *bytes, size_t left)
{
    unsigned int first = byte_at(bytes, 0);

    if (first == ' ' || (first >= '\t' && first <= '\r'))
        return 1;
    if (first == 0xc2 && left >= 2)
        return byte_at(bytes, 1) == 0x85 || byte_at(bytes, 1) == 0xa0 ? 2 : 0;
    if (first >= 0xe1 && first <= 0xe3 && left >= 3) {
        unsigned int code =
            (first & 0x0f) << 12 | (byte_at(bytes, 1) & 0x3f) << 6 | (byte_at(bytes, 2) & 0x3f);

        if (code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
            code == 0x202f || code == 0x205f || code == 0x3000)
            return 3;
    }
    return 0;
}

bool stw_text_has_space(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        if (space_length(bytes + at, length - at))
            return true;
    }
    return false;
}

/* In place; returns the new length. */
static size_t collapse_spaces(char *bytes, size_t length)
{
    size_t to = 0;
    size_t at = 0;
    bool pending = false;

    while (at < length) {
        size_t space = space_length(bytes + at, length - at);

        if (space) {
            pending = to > 0;
            at += space;
            continue;
        }
        if (pending)
            bytes[to++] = ' ';
        pending = false;
        bytes[to++] = bytes[at++];
    }
    return to;
}

static bool is_ascii(const char *bytes, size_t length)
{
    unsigned int all = 0;

    for (size_t at = 0; at < length; at++)
        all |= byte_at(bytes, at);
    return all < 0x80;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* One pass of the fold into the arena, NULL when the library refuses. */
static char *fold_unicode(struct stw_arena *arena, const char *bytes, size_t length, size_t *ret_length)
{
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)bytes, (utf8proc_ssize_t)length, &mapped,
                                         UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD |
                                             UTF8PROC_STABLE | UTF8PROC_IGNORE);
    char *copy;

    if (size < 0)
        return NULL;
    copy = stw_arena_strndup(arena, (const char *)mapped, (size_t)size);
    free(mapped);
    *ret_length = (size_t)size;
    return copy;
}

char *stw_text_fold(struct stw_arena *arena, const char *bytes, size_t length)
{
    char *key;

    if (!stw_text_valid(bytes, length))
        return NULL;
    if (is_ascii(bytes, length)) {
        /* Normalisation changes nothing here, and most text comes this way. */
        key = stw_arena_strndup(arena, bytes, length);
        for (size_t at = 0; at < length; at++)
            key[at] = lower(key[at]);
    } else {
        key = fold_unicode(arena, bytes, length, &length);
        if (!key)
            return NULL;
    }
    key[collapse_spaces(key, length)] = '\0';
    return key;
}

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* Edit distance in which two swapped neighbours count once; both words are at most NEAREST_MAX bytes. */
static unsigned int distance(const char *left, size_t left_length, const char *right, size_t right_length)
{
    unsigned int rows[3][NEAREST_MAX + 1];
    unsigned int *before = rows[0];
    unsigned int *above = rows[1];
    unsigned int *row = rows[2];

    for (size_t j = 0; j <= right_length; j++)
        above[j] = (unsigned int)j;
    for (size_t i = 1; i <= left_length; i++) {
        unsigned int *free_row = before;

        row[0] = (unsigned int)i;
        for (size_t j = 1; j <= right_length; j++) {
            unsigned int cost = left[i - 1] != right[j - 1];

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = free_row;
    }
    return above[right_length];
}

const char *stw_text_nearest(const char *word, const char *const *names, size_t count)
{
    size_t length = strnlen(word, NEAREST_MAX + 1);
    unsigned int best = length / 3 > 1 ? (unsigned int)(length / 3) : 1;
    const char *nearest = NULL;

    if (length > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strnlen(names[i], NEAREST_MAX + 1);
        unsigned int found;

        if (other > NEAREST_MAX)
            continue;
        found = distance(word, length, names[i], other);
        if (found < best || (found == best && !nearest)) {
            best = found;
            nearest = names[i];
        }
    }
    return nearest;
}

char *stw_text_humanize(struct stw_arena *arena, const char *snake)
{
    char *text = stw_arena_strdup(arena, snake);

    for (char *c = text; *c; c++) {
        if (*c == '_')
            *c = ' ';
    }
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    return text;
}

char *stw_text_base64url(struct stw_arena *arena, const void *bytes, size_t length)
{
    static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *from = bytes;
    char *text = stw_arena_alloc(arena, length / 3 * 4 + 5);
    char *to = text;

    for (; length >= 3; length -= 3, from += 3) {
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = digits[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = digits[from[2] & 63];
    }
    if (length > 0) {
        unsigned int second = length == 2 ? from[1] : 0;

        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3) << 4 | second >> 4];
        if (length == 2)
            *to++ = digits[(second & 15) << 2];
    }
    *to = '\0';
    return text;
}

/* Value of a base64url digit, or -1. */
static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

bool stw_text_base64url_decode(struct stw_arena *arena, const char *text, size_t length,
                               unsigned char **ret_bytes, size_t *ret_length)
{
    unsigned char *bytes;
    size_t count = 0;
    uint32_t bits = 0;
    unsigned int held = 0;

    /* One digit left over cannot make a byte. */
    if (length % 4 == 1)
        return false;
    bytes = stw_arena_alloc(arena, length / 4 * 3 + 2);
    for (size_t at = 0; at < length; at++) {
        int value = base64url_value(text[at]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[count++] = (unsigned char)(bits >> held);
            bits &= (UINT32_C(1) << held) - 1;
        }
    }
    if (bits)
        return false;
    *ret_bytes = bytes;
    *ret_length = count;
    return true;
}

/* Value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    c = lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool stw_text_percent_decode(struct stw_arena *arena, const char *text, size_t length, bool plus_is_space,
                             char **ret_text)
{
    char *decoded = stw_arena_alloc(arena, length + 1);
    size_t to = 0;

    for (size_t at = 0; at < length; at++) {
        char c = text[at];

        if (c == '%') {
            if (length - at < 3 || hex_value(text[at + 1]) < 0 || hex_value(text[at + 2]) < 0)
                return false;
            c = (char)(hex_value(text[at + 1]) << 4 | hex_value(text[at + 2]));
            at += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        decoded[to++] = c;
    }
    if (!stw_text_valid(decoded, to))
        return false;
    decoded[to] = '\0';
    *ret_text = decoded;
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void stw_text_percent_encode(struct stw_buf *buf, const char *text, size_t length)
{
    static const char digits[16] = "0123456789ABCDEF";
    size_t at = 0;

    while (at < length && !buf->failed) {
        size_t run = at;

        while (run < length && is_unreserved(text[run]))
            run++;
        stw_buf_add(buf, text + at, run - at);
        at = run;
        if (at < length) {
            unsigned int byte = byte_at(text, at++);

            stw_buf_add(buf, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
        }
    }
}
