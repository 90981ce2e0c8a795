#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "server/keys.h"

/* Caller frees. */
static char *pem_of(EVP_PKEY *key, bool is_public, const EVP_CIPHER *cipher)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes, *copy;
    long length;
    int good = is_public ? PEM_write_bio_PUBKEY(out, key)
                         : PEM_write_bio_PrivateKey(out, key, cipher, (const unsigned char *)"pw",
                                                    cipher ? 2 : 0, NULL, NULL);

    assert_int_equal(good, 1);
    length = BIO_get_mem_data(out, &bytes);
    copy = calloc(1, (size_t)length + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)length);
    BIO_free(out);
    return copy;
}

static void refuse(const char *pem)
{
    const char *reason = NULL;

    assert_null(srv_keys_new(pem, &reason));
    assert_non_null(reason);
}

static void refuse_key(EVP_PKEY *key, bool is_public, const EVP_CIPHER *cipher)
{
    char *pem = pem_of(key, is_public, cipher);

    refuse(pem);
    free(pem);
    EVP_PKEY_free(key);
}

/* The key and the thumbprint of RFC 7638, 3.1 have no private part; so the rule is checked on a key of our
 * own. */
static void the_set_holds_public_parts_only(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem = pem_of(key, false, NULL);
    const char *reason = NULL;
    struct srv_keys *keys = srv_keys_new(pem, &reason);
    json_t *set, *jwk;
    (void)state;

    assert_non_null(keys);
    assert_int_equal(keys->count, 1);
    assert_int_equal(strlen(keys->keys[0].kid), 43);
    assert_ptr_equal(srv_keys_find(keys, keys->keys[0].kid), &keys->keys[0]);
    assert_null(srv_keys_find(keys, ""));
    set = json_loads(keys->jwks, JSON_REJECT_DUPLICATES, NULL);
    jwk = json_array_get(json_object_get(set, "keys"), 0);
    assert_int_equal(json_object_size(jwk), 6);
    assert_string_equal(json_string_value(json_object_get(jwk, "kty")), "RSA");
    assert_string_equal(json_string_value(json_object_get(jwk, "use")), "sig");
    assert_string_equal(json_string_value(json_object_get(jwk, "alg")), "RS256");
    assert_string_equal(json_string_value(json_object_get(jwk, "kid")), keys->keys[0].kid);
    assert_string_equal(json_string_value(json_object_get(jwk, "e")), "AQAB");
    assert_int_equal(json_string_length(json_object_get(jwk, "n")), 342); /* 256 bytes, no sign byte */
    json_decref(set);
    srv_keys_free(keys);
    free(pem);
    EVP_PKEY_free(key);
}

static void what_cannot_sign_is_refused(void **state)
{
    (void)state;
    refuse("");
    refuse("nonsense");
    refuse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    refuse_key(EVP_RSA_gen(1024), false, NULL);
    refuse_key(EVP_RSA_gen(2048), true, NULL);
    refuse_key(EVP_RSA_gen(2048), false, EVP_aes_256_cbc());
    refuse_key(EVP_EC_gen("P-256"), false, NULL);
}

static void the_same_key_twice_is_refused(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem = pem_of(key, false, NULL);
    size_t length = strlen(pem);
    char *twice = calloc(1, 2 * length + 1);
    (void)state;

    memcpy(twice, pem, length);
    memcpy(twice + length, pem, length);
    refuse(twice);
    free(twice);
    free(pem);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_holds_public_parts_only),
        cmocka_unit_test(what_cannot_sign_is_refused),
        cmocka_unit_test(the_same_key_twice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
