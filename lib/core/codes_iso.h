#ifndef STW_CORE_CODES_ISO_H
#define STW_CORE_CODES_ISO_H

#include <stdbool.h>

/* `code` points at two upper-case letters: an officially assigned element of ISO 3166-1 alpha-2. */
bool stw_codes_iso_country(const char *code);
/* `code` points at three upper-case letters: a code of ISO 4217's list one (current currencies and funds). */
bool stw_codes_iso_currency(const char *code);

#endif
