#ifndef STW_DOMAIN_SECRET_H
#define STW_DOMAIN_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/uuid.h"

/*
 * Opaque tokens: <prefix>_<organisation>_<secret>. The organisation stands in them because every look-up
 * needs it first; the prefix keeps one kind from being taken for the other. Only the SHA-256 of the secret
 * part (its 43 characters of base64url) is stored: 256 random bits need no slow hash.
 */
enum stw_secret_kind { STW_SECRET_REFRESH /* stwr_ */, STW_SECRET_KEY /* stwk_ */ };

#define STW_SECRET_TEXT      82 /* 5 + 32 + 1 + 43 characters and the terminator */
#define STW_SECRET_HASH_TEXT 65

struct stw_secret {
    char org_id[STW_UUID_TEXT];
    char hash[STW_SECRET_HASH_TEXT]; /* hexadecimal, lower case */
};

/* `org_id` is a canonical uuid. Wipe `ret_token` (sodium_memzero) after use. */
void stw_secret_make(enum stw_secret_kind kind, const char *org_id, char ret_token[STW_SECRET_TEXT],
                     char ret_hash[STW_SECRET_HASH_TEXT]);
/* False unless it is exactly of that form; there is one spelling of each token. */
bool stw_secret_parse(enum stw_secret_kind kind, const char *text, size_t length,
                      struct stw_secret *ret_secret);
/* True when the text starts like one of that kind, e.g. to tell an API key from a JWT. */
bool stw_secret_looks_like(enum stw_secret_kind kind, const char *text);

#endif
