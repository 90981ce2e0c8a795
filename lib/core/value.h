#ifndef STW_CORE_VALUE_H
#define STW_CORE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/code.h"

/*
 * The scalar formats of the API, as text in and canonical text out. Each returns STW_OK and the canonical
 * form in the arena, or a violation code; outputs are untouched on failure. Canonical text is what PostgreSQL
 * is given.
 */

/* "-12.50": digits with an optional sign and fraction, no exponent. `precision` digits in all, `scale` behind
 * the point (19,4 for money). STW_INVALID_FORMAT, STW_TOO_LARGE (integer digits), STW_TOO_LONG (fraction
 * digits). Canonical: no leading zeros, no plus, "-0" becomes "0", trailing zeros kept as given (each counts
 * as a fraction digit). */
enum stw_code stw_value_decimal(struct stw_arena *arena, const char *text, size_t length, int precision,
                                int scale, char **ret_text) STW_MUST_CHECK;
/* -1, 0, 1 for canonical decimals. */
int stw_value_decimal_compare(const char *left, const char *right);
/* "YYYY-MM-DD", years 0001-9999, a day that exists. */
enum stw_code stw_value_date(struct stw_arena *arena, const char *text, size_t length,
                             char **ret_text) STW_MUST_CHECK;
/* RFC 3339 with any offset, years 0001-9999 also in UTC, up to 9 fraction digits (cut to 6), seconds 60
 * refused. Canonical: "2026-01-02T03:04:05.678901Z", always six fraction digits. */
enum stw_code stw_value_timestamp(struct stw_arena *arena, const char *text, size_t length,
                                  char **ret_text) STW_MUST_CHECK;
/* addr-spec of practical mail: one @, local part <= 64, domain labels of letters, digits, hyphen and
 * non-ASCII with at least one dot, <= 254 bytes (else STW_TOO_LONG). No quoted local part, no address
 * literal, no white space of any script. Canonical: as given (sign-in compares case folded). */
enum stw_code stw_value_email(struct stw_arena *arena, const char *text, size_t length,
                              char **ret_text) STW_MUST_CHECK;
/* E.164: '+' and 7 to 15 digits, the first not 0; spaces, hyphens, dots and parentheses are dropped. */
enum stw_code stw_value_phone(struct stw_arena *arena, const char *text, size_t length,
                              char **ret_text) STW_MUST_CHECK;
/* http or https with a host, <= 2048 bytes (else STW_TOO_LONG); no white space of any script, controls,
 * quotes, angle brackets, backslashes or user information ("user:password@"); port 1-65535; non-ASCII as in
 * an IRI. Canonical: scheme and host in lower case. */
enum stw_code stw_value_url(struct stw_arena *arena, const char *text, size_t length,
                            char **ret_text) STW_MUST_CHECK;
/* ISO 3166-1 alpha-2 that is assigned; upper case required. */
enum stw_code stw_value_country(struct stw_arena *arena, const char *text, size_t length,
                                char **ret_text) STW_MUST_CHECK;
/* ISO 4217 active code; upper case required. */
enum stw_code stw_value_currency(struct stw_arena *arena, const char *text, size_t length,
                                 char **ret_text) STW_MUST_CHECK;
/* BCP 47 shape: language (2 or 3 letters)[-script][-region], e.g. zh-Hans-CN, es-419. Canonical case. */
enum stw_code stw_value_language(struct stw_arena *arena, const char *text, size_t length,
                                 char **ret_text) STW_MUST_CHECK;
/* The PostgreSQL text of a timestamptz in UTC ("2026-01-02 03:04:05.6+00"), or the canonical form itself, as
 * RFC 3339 with Z: fraction of exactly six digits. Writes at most 32 bytes with terminator; returns the
 * length, 0 if it is not such a text. */
size_t stw_value_timestamp_render(const char *database, size_t length, char ret_text[32]);

#endif
