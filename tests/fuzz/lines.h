#ifndef TESTS_FUZZ_LINES_H
#define TESTS_FUZZ_LINES_H

#include <string.h>

#include "check.h"

/* An input that is taken apart at its line feeds. */
struct lines {
    const char *at, *end;
};

/* False when there is no other. The last one needs no line feed. */
static inline int next_line(struct lines *lines, const char **ret_line, size_t *ret_length)
{
    const char *stop;

    if (lines->at >= lines->end)
        return 0;
    stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    if (!stop)
        stop = lines->end;
    *ret_line = lines->at;
    *ret_length = (size_t)(stop - lines->at);
    lines->at = stop + 1;
    return 1;
}

#endif
