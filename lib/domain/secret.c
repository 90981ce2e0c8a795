#include "domain/secret.h"

#include <sodium.h>
#include <string.h>

#define PREFIX_LENGTH 5
#define ORG_LENGTH    32
#define SECRET_BYTES  32
#define SECRET_LENGTH 43 /* of SECRET_BYTES in base64url without padding */

_Static_assert(PREFIX_LENGTH + ORG_LENGTH + 1 + SECRET_LENGTH + 1 == STW_SECRET_TEXT, "token length");

static const char *const prefixes[] = {
    [STW_SECRET_REFRESH] = "stwr_",
    [STW_SECRET_KEY] = "stwk_",
};

static void hash_secret(const char *secret, char ret_hash[STW_SECRET_HASH_TEXT])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, (const unsigned char *)secret, SECRET_LENGTH);
    sodium_bin2hex(ret_hash, STW_SECRET_HASH_TEXT, digest, sizeof(digest));
    sodium_memzero(digest, sizeof(digest));
}

void stw_secret_make(enum stw_secret_kind kind, const char *org_id, char ret_token[STW_SECRET_TEXT],
                     char ret_hash[STW_SECRET_HASH_TEXT])
{
    unsigned char bytes[SECRET_BYTES];
    char *to = ret_token;

    memcpy(to, prefixes[kind], PREFIX_LENGTH);
    to += PREFIX_LENGTH;
    for (const char *from = org_id; *from; from++) {
        if (*from != '-')
            *to++ = *from;
    }
    *to++ = '_';
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(to, SECRET_LENGTH + 1, bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));
    hash_secret(to, ret_hash);
}

/* 32 lower-case hexadecimal digits to the canonical form with hyphens. */
static bool read_org(const char *digits, char ret_org[STW_UUID_TEXT])
{
    char *to = ret_org;

    for (int i = 0; i < ORG_LENGTH; i++) {
        char c = digits[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = c;
    }
    *to = '\0';
    return true;
}

/* Decoding refuses characters outside the alphabet and non-zero trailing bits. */
static bool is_canonical(const char *secret)
{
    unsigned char bytes[SECRET_BYTES];
    size_t length;
    bool good = sodium_base642bin(bytes, sizeof(bytes), secret, SECRET_LENGTH, NULL, &length, NULL,
                                  sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                length == SECRET_BYTES;

    sodium_memzero(bytes, sizeof(bytes));
    return good;
}

bool stw_secret_parse(enum stw_secret_kind kind, const char *text, size_t length,
                      struct stw_secret *ret_secret)
{
    struct stw_secret secret;
    const char *body;

    if (length != STW_SECRET_TEXT - 1 || memcmp(text, prefixes[kind], PREFIX_LENGTH) != 0)
        return false;
    body = text + PREFIX_LENGTH + ORG_LENGTH + 1;
    if (body[-1] != '_' || !read_org(text + PREFIX_LENGTH, secret.org_id) || !is_canonical(body))
        return false;
    hash_secret(body, secret.hash);
    *ret_secret = secret;
    return true;
}

bool stw_secret_looks_like(enum stw_secret_kind kind, const char *text)
{
    return strncmp(text, prefixes[kind], PREFIX_LENGTH) == 0;
}
