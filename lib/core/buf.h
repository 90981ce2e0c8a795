#ifndef STW_CORE_BUF_H
#define STW_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

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
/* Makes room for `length` more bytes and returns where to write them, NULL when failed; then stw_buf_advance
 * by at most as many. Nothing else may be appended in between. */
char *stw_buf_reserve(struct stw_buf *buf, size_t length);
void stw_buf_advance(struct stw_buf *buf, size_t length);

#endif
