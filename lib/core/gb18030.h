#ifndef STW_CORE_GB18030_H
#define STW_CORE_GB18030_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

/* A stream of GB18030, the encoding that Chinese spreadsheets write, as UTF-8, piece by piece. A piece may
 * end within a character. */
struct stw_gb18030;

/* A byte becomes at most so many. */
#define STW_GB18030_WIDER 3
/* As many bytes of one character may be kept from the pieces before. */
#define STW_GB18030_CARRY 4

/* NULL when this system has no such conversion. Closed with the arena. */
struct stw_gb18030 *stw_gb18030_open(struct stw_arena *arena);
/* Writes to `out`, which has room for STW_GB18030_WIDER * (length + STW_GB18030_CARRY) bytes, and returns how
 * many; `bytes` may be NULL when `length` is 0. Behind the `last` piece nothing is kept. A byte that is no
 * GB18030 becomes \xff, which is no UTF-8, so that who reads it there refuses it. */
size_t stw_gb18030_add(struct stw_gb18030 *decoder, const char *bytes, size_t length, bool last, char *out);

#endif
