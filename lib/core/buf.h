#ifndef STW_CORE_BUF_H
#define STW_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/arena.h"

/*
 * A growing byte buffer in an arena, with a mandatory cap. Appending beyond the cap sets `failed` and every
 * later append does nothing, so one check at the end is enough; what stands in a failed buffer is incomplete.
 * `data` is always NUL-terminated at `length`.
 */
struct stw_buf {
    struct stw_arena *arena;
    char *data;
    size_t length;
    size_t room; /* allocated bytes, the terminator included */
    size_t cap;  /* most content bytes */
    bool failed;
};

/* `first` bytes are allocated at once. */
void stw_buf_init(struct stw_buf *buf, struct stw_arena *arena, size_t first, size_t cap);
void stw_buf_add(struct stw_buf *buf, const char *bytes, size_t length);
void stw_buf_add_text(struct stw_buf *buf, const char *text);
void stw_buf_add_char(struct stw_buf *buf, char c);
void stw_buf_printf(struct stw_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends the bytes, which must be valid UTF-8, as a JSON string with its quotes. Escapes only what JSON asks
 * for: the quote, the backslash and C0 controls (not `<`, not U+2028). */
void stw_buf_add_json(struct stw_buf *buf, const char *bytes, size_t length);
/* The same without the quotes. */
void stw_buf_add_escaped(struct stw_buf *buf, const char *bytes, size_t length);
/* Makes room for `length` more bytes and returns where to write them, NULL when failed; then stw_buf_advance
 * by at most as many. Nothing else may be appended in between. */
char *stw_buf_reserve(struct stw_buf *buf, size_t length);
void stw_buf_advance(struct stw_buf *buf, size_t length);

/* ---- for those who append many small pieces ---- */

/* As stw_buf_reserve, for a bound that may be more than comes: where the cap does not allow so much it is
 * NULL too, but nothing has failed. */
char *stw_buf_try(struct stw_buf *buf, size_t length);
/* What was written since the place that stw_buf_try or stw_buf_reserve gave ends at `end`. */
static inline void stw_buf_end(struct stw_buf *buf, char *end)
{
    *end = '\0';
    buf->length = (size_t)(end - buf->data);
}

/* The bytes as a JSON string to a place with room for them and two quotes; returns what is behind it. NULL:
 * it takes an escape, so stw_buf_add_json has to do it. */
char *stw_buf_put_json(char *to, const char *from, size_t length);
/* Copies and returns what is behind the copy. Short ones, as most are, without a call. */
static inline char *stw_buf_put(char *to, const char *from, size_t length)
{
    uint64_t head, tail;
    uint32_t first, last;

    if (length > 16) {
        memcpy(to, from, length);
    } else if (length >= 8) {
        memcpy(&head, from, 8);
        memcpy(&tail, from + length - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + length - 8, &tail, 8);
    } else if (length >= 4) {
        memcpy(&first, from, 4);
        memcpy(&last, from + length - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + length - 4, &last, 4);
    } else if (length > 0) {
        to[0] = from[0];
        to[length / 2] = from[length / 2];
        to[length - 1] = from[length - 1];
    }
    return to + length;
}

#endif
