#include "server/keys.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS_LEAST   2048
#define BITS_MOST    8192
#define NUMBER_BYTES (BITS_MOST / 8)
#define NUMBER_TEXT  (NUMBER_BYTES / 3 * 4 + 8)

/* A public number of the key in base64url, big endian without leading zeros (RFC 7518, 2). */
static bool number_text(const EVP_PKEY *key, const char *name, char ret_text[NUMBER_TEXT])
{
    unsigned char bytes[NUMBER_BYTES];
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= NUMBER_BYTES;

    if (good) {
        size_t length = (size_t)BN_bn2bin(number, bytes);

        sodium_bin2base64(ret_text, NUMBER_TEXT, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    }
    BN_free(number);
    return good;
}

/* The members in lexical order without spaces, hashed (RFC 7638, 3.1). */
static void thumbprint(const char *n, const char *e, char ret_kid[SRV_KID_TEXT])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[2 * NUMBER_TEXT + 64];
    int length = snprintf(text, sizeof(text), "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);

    crypto_hash_sha256(digest, (const unsigned char *)text, (unsigned long long)length);
    sodium_bin2base64(ret_kid, SRV_KID_TEXT, digest, sizeof(digest),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const char *add_key(struct srv_keys *keys, EVP_PKEY *key, json_t *jwks)
{
    char n[NUMBER_TEXT], e[NUMBER_TEXT];
    struct srv_key *slot = &keys->keys[keys->count];

    if (keys->count == SRV_KEYS_MAX)
        return "holds more than 8 keys";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return "holds a key that is not RSA";
    if (EVP_PKEY_get_bits(key) < BITS_LEAST || EVP_PKEY_get_bits(key) > BITS_MOST)
        return "holds an RSA key that has not 2048 to 8192 bits";
    if (!number_text(key, OSSL_PKEY_PARAM_RSA_N, n) || !number_text(key, OSSL_PKEY_PARAM_RSA_E, e))
        return "holds a key that cannot be read";
    thumbprint(n, e, slot->kid);
    if (srv_keys_find(keys, slot->kid))
        return "holds the same key twice";
    if (json_array_append_new(jwks, json_pack("{ssssssssssss}", "kty", "RSA", "use", "sig", "alg", "RS256",
                                              "kid", slot->kid, "n", n, "e", e)) != 0)
        return "does not fit into memory";
    EVP_PKEY_up_ref(key);
    slot->key = key;
    keys->count++;
    return NULL;
}

/* A passphrase is never asked for: there is nobody at the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

static const char *keep_signing_pem(struct srv_keys *keys)
{
    BIO *out = BIO_new(BIO_s_secmem());
    const char *reason = "cannot be used for signing";
    char *bytes;
    long length;

    if (out && PEM_write_bio_PrivateKey(out, keys->keys[0].key, NULL, NULL, 0, NULL, NULL) == 1 &&
        (length = BIO_get_mem_data(out, &bytes)) > 0) {
        keys->signing_pem = calloc(1, (size_t)length + 1);
        if (keys->signing_pem) {
            memcpy(keys->signing_pem, bytes, (size_t)length);
            keys->signing_pem_length = (size_t)length;
            reason = NULL;
        }
    }
    BIO_free(out);
    return reason;
}

/* Blocks that are no private key would be passed over without a word, so the blocks are counted. */
static int count_blocks(const char *pem)
{
    int count = 0;

    for (const char *at = pem; (at = strstr(at, "-----BEGIN ")) != NULL; at++)
        count++;
    return count;
}

static const char *read_all(struct srv_keys *keys, const char *pem)
{
    int blocks = count_blocks(pem);
    BIO *in = BIO_new_mem_buf(pem, -1);
    json_t *list = json_array();
    json_t *jwks = json_pack("{so}", "keys", list);
    const char *reason = in && jwks ? NULL : "does not fit into memory";

    for (int i = 0; i < blocks && !reason; i++) {
        EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);

        reason = key ? add_key(keys, key, list) : "must be PEM with unencrypted private RSA keys only";
        EVP_PKEY_free(key);
    }
    if (!reason && keys->count == 0)
        reason = "must be PEM with unencrypted private RSA keys only";
    if (!reason)
        reason = keep_signing_pem(keys);
    if (!reason) {
        keys->jwks = json_dumps(jwks, JSON_COMPACT);
        reason = keys->jwks ? NULL : "does not fit into memory";
    }
    json_decref(jwks);
    BIO_free(in);
    ERR_clear_error();
    return reason;
}

struct srv_keys *srv_keys_new(const char *pem, const char **ret_reason)
{
    struct srv_keys *keys = calloc(1, sizeof(*keys));
    const char *reason = keys && sodium_init() >= 0 ? read_all(keys, pem) : "does not fit into memory";

    if (!reason)
        return keys;
    srv_keys_free(keys);
    *ret_reason = reason;
    return NULL;
}

void srv_keys_free(struct srv_keys *keys)
{
    if (!keys)
        return;
    for (int i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].key);
    if (keys->signing_pem)
        sodium_memzero(keys->signing_pem, keys->signing_pem_length);
    free(keys->signing_pem);
    free(keys->jwks);
    srv_keys_free(keys->before);
    free(keys);
}

bool srv_keys_equal(const struct srv_keys *one, const struct srv_keys *other)
{
    return strcmp(one->jwks, other->jwks) == 0;
}

const struct srv_key *srv_keys_find(const struct srv_keys *keys, const char *kid)
{
    for (int i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].kid, kid) == 0)
            return &keys->keys[i];
    }
    return NULL;
}
