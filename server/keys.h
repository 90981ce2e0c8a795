#ifndef SRV_KEYS_H
#define SRV_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The RSA keys of access tokens, parsed once (the parsing takes 430 microseconds, a verification 23). The
 * first one signs, all verify (to rotate: docs/operations.md). Read-only once made, shared by all threads.
 */
#define SRV_KEYS_MAX 8
#define SRV_KID_TEXT 44 /* RFC 7638 thumbprint: 43 characters of base64url */

struct evp_pkey_st;

struct srv_key {
    char kid[SRV_KID_TEXT];
    struct evp_pkey_st *key; /* OpenSSL's EVP_PKEY */
};

struct srv_keys {
    struct srv_key keys[SRV_KEYS_MAX];
    int count;
    char *signing_pem; /* of keys[0], unencrypted, for libjwt */
    size_t signing_pem_length;
    char *jwks; /* RFC 7517: {"keys":[...]}, public parts only */
    /* What these took the place of: a thread may still be reading it. Freed along with them. */
    struct srv_keys *before;
};

/* `pem`: one or more private RSA keys of at least 2048 bits, one after the other. NULL with what is wrong in
 * *ret_reason (static text that holds nothing of the key). */
struct srv_keys *srv_keys_new(const char *pem, const char **ret_reason);
void srv_keys_free(struct srv_keys *keys);
/* The same keys in the same order. */
bool srv_keys_equal(const struct srv_keys *one, const struct srv_keys *other);
/* NULL when there is none of that id. */
const struct srv_key *srv_keys_find(const struct srv_keys *keys, const char *kid);

#endif
