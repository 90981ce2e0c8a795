/* server/token.c on arbitrary tokens. The first byte chooses what the rest is: 'h' a header and 'p' a
 * payload, put into a token that is rightly signed, so that what lies behind the signature is reached too;
 * else the whole token. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "server/token.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())
#define NOW              INT64_C(1780000000)
#define HEADER           "{\"alg\":\"RS256\",\"kid\":\"kid\"}"
#define PAYLOAD                                                                                              \
    "{\"iss\":\"steward\",\"aud\":\"steward\",\"sub\":\"0190a1b2-c3d4-7e5f-8a6b-ba9876543210\","             \
    "\"org\":\"0190a1b2-c3d4-7e5f-8a6b-0123456789ab\",\"role\":\"admin\","                                   \
    "\"jti\":\"0190a1b2-c3d4-7e5f-8a6b-000000000001\",\"sv\":3,\"iat\":1780000000,\"exp\":1780000600}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct srv_keys *keys;

/* The key is new each time; a fixed kid makes the kept inputs good for all of them. */
static void make_keys(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *out = BIO_new(BIO_s_mem());
    const char *reason;
    char *pem;

    CHECK(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(BIO_write(out, "", 1) == 1);
    CHECK(BIO_get_mem_data(out, &pem) > 0);
    keys = srv_keys_new(pem, &reason);
    CHECK(keys);
    snprintf(keys->keys[0].kid, sizeof(keys->keys[0].kid), "kid");
    BIO_free(out);
    EVP_PKEY_free(key);
}

static char *sign(struct stw_arena *arena, const void *header, size_t header_length, const void *payload,
                  size_t payload_length)
{
    char *text = stw_arena_printf(arena, "%s.%s", stw_text_base64url(arena, header, header_length),
                                  stw_text_base64url(arena, payload, payload_length));
    unsigned char signature[256];
    size_t length = sizeof(signature);
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    CHECK(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, keys->keys[0].key) == 1);
    CHECK(EVP_DigestSign(md, signature, &length, (const unsigned char *)text, strlen(text)) == 1);
    EVP_MD_CTX_free(md);
    return stw_arena_printf(arena, "%s.%s", text, stw_text_base64url(arena, signature, length));
}

static enum stw_code verify(struct stw_arena *arena, const char *token, size_t length,
                            struct srv_claims *claims)
{
    return srv_token_verify(arena, keys, "steward", token, length, NOW * 1000000, claims);
}

static void check_claims(const struct srv_claims *claims)
{
    CHECK(strlen(claims->org_id) == 36 && strlen(claims->user_id) == 36 && claims->role_key[0]);
    CHECK(claims->session_version >= 1 && claims->issued_at <= NOW + 30 && claims->expires_at > NOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena;
    struct srv_claims claims;
    enum stw_code code;
    char *token;

    if (size == 0 || size > 8192)
        return 0;
    if (!keys)
        make_keys();
    arena = stw_arena_new(1 << 20);
    if (data[0] == 'h') {
        token = sign(arena, data + 1, size - 1, PAYLOAD, sizeof(PAYLOAD) - 1);
        code = verify(arena, token, strlen(token), &claims);
        CHECK(code == STW_OK || code == STW_INVALID_TOKEN);
        /* JSON has other ways to write these letters, but what is accepted names one key by its id. */
        CHECK(code != STW_OK || size > sizeof("{\"alg\":\"RS256\",\"kid\":\"kid\"}") - 1);
    } else if (data[0] == 'p') {
        token = sign(arena, HEADER, sizeof(HEADER) - 1, data + 1, size - 1);
        code = verify(arena, token, strlen(token), &claims);
        CHECK(code == STW_OK || code == STW_INVALID_TOKEN || code == STW_TOKEN_EXPIRED);
        if (code == STW_OK)
            check_claims(&claims);
    } else {
        /* Nobody without the key makes a token. */
        CHECK(verify(arena, (const char *)data, size, &claims) == STW_INVALID_TOKEN);
    }
    stw_arena_free(arena);
    return 0;
}
