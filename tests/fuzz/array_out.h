#ifndef TESTS_FUZZ_ARRAY_OUT_H
#define TESTS_FUZZ_ARRAY_OUT_H

#include <string.h>

#include "core/buf.h"

/* An element of text[] as PostgreSQL writes it (array_out), which quotes only what would be read wrongly. */
static inline void write_element(struct stw_buf *out, const char *text)
{
    if (*text && !strpbrk(text, "\"\\{}, \t\n\r\v\f") && strcasecmp(text, "NULL") != 0) {
        stw_buf_add_text(out, text);
        return;
    }
    stw_buf_add_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            stw_buf_add_char(out, '\\');
        stw_buf_add_char(out, *text);
    }
    stw_buf_add_char(out, '"');
}

#endif
