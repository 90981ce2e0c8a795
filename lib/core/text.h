#ifndef STW_CORE_TEXT_H
#define STW_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"

/* Valid UTF-8 (no surrogates, no overlong forms) without NUL bytes. */
bool stw_text_valid(const char *bytes, size_t length);
/* Number of code points of valid UTF-8. */
size_t stw_text_length(const char *bytes, size_t length);
/* True when it holds a control character (C0 without tab and line feed, DEL, C1). */
bool stw_text_has_control(const char *bytes, size_t length);
/* True when valid UTF-8 holds a character with the Unicode property White_Space. */
bool stw_text_has_space(const char *bytes, size_t length);
/* The search key: NFKC, case folded, invisible characters (Unicode's Default_Ignorable) dropped, white space
 * of any script cut at the ends and collapsed to one space inside. NULL for invalid UTF-8 or a NUL byte. */
char *stw_text_fold(struct stw_arena *arena, const char *bytes, size_t length);
/* The nearest of `names`, the first of equals, within an edit distance of max(1, length of word / 3), or
 * NULL. Two swapped neighbours count as one edit; upper and lower case differ. */
const char *stw_text_nearest(const char *word, const char *const *names, size_t count);
/* "account_manager" -> "Account manager". */
char *stw_text_humanize(struct stw_arena *arena, const char *snake);
/* RFC 4648 base64url without padding. Decode returns false on any character outside the alphabet, on padding
 * and on non-zero trailing bits. */
char *stw_text_base64url(struct stw_arena *arena, const void *bytes, size_t length);
bool stw_text_base64url_decode(struct stw_arena *arena, const char *text, size_t length,
                               unsigned char **ret_bytes, size_t *ret_length);
/* Percent-decodes one path segment or query word; false on a bad escape, on NUL or on invalid UTF-8 in the
 * result. `plus_is_space` for query strings. */
bool stw_text_percent_decode(struct stw_arena *arena, const char *text, size_t length, bool plus_is_space,
                             char **ret_text);
/* Percent-encodes everything outside the unreserved set of RFC 3986. */
void stw_text_percent_encode(struct stw_buf *buf, const char *text, size_t length);

#endif
