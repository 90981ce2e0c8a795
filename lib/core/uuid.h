#ifndef STW_CORE_UUID_H
#define STW_CORE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define STW_UUID_TEXT 37 /* 36 characters and the terminator */

/* Canonical lower-case text of a new UUIDv7 (RFC 9562 5.7). Ids made by one thread always grow, even when
 * `now_us` stands still or goes back; the twelve bits behind the milliseconds are their fraction, 62 bits are
 * random. */
void stw_uuid_v7(int64_t now_us, char ret_text[STW_UUID_TEXT]);
/* Accepts the 8-4-4-4-12 form of any version in either case and writes the canonical lower-case form. */
bool stw_uuid_parse(const char *text, char ret_text[STW_UUID_TEXT]);
/* True for the canonical text of a version 7 id whose time is not more than `tolerance_us` ahead of `now_us`.
 */
bool stw_uuid_is_v7_until(const char *text, int64_t now_us, int64_t tolerance_us);

#endif
