#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "server/token.h"

#define NOW    INT64_C(1780000000)
#define ISSUER "steward-test"
#define ORG    "0190a1b2-c3d4-7e5f-8a6b-0123456789ab"
#define USER   "0190a1b2-c3d4-7e5f-8a6b-ba9876543210"
#define JTI    "0190a1b2-c3d4-7e5f-8a6b-000000000001"
#define GOOD                                                                                                 \
    "\"iss\":\"" ISSUER "\",\"aud\":\"steward\",\"sub\":\"" USER "\",\"org\":\"" ORG                         \
    "\",\"role\":\"admin\","                                                                                 \
    "\"jti\":\"" JTI "\""
#define TIMES "\"sv\":3,\"iat\":1780000000,\"exp\":1780000600"

struct fixture {
    struct stw_arena *arena;
    struct srv_keys *keys;
    EVP_PKEY *key; /* keys[0] */
    EVP_PKEY *stranger;
};

static char *pem_of(struct stw_arena *arena, EVP_PKEY *key, bool is_public)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes, *copy;
    long length;

    assert_int_equal(is_public ? PEM_write_bio_PUBKEY(out, key)
                               : PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL),
                     1);
    length = BIO_get_mem_data(out, &bytes);
    copy = stw_arena_strndup(arena, bytes, (size_t)length);
    BIO_free(out);
    return copy;
}

static int open_all(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const char *reason = NULL;

    fixture->arena = stw_arena_new(64 << 20);
    fixture->key = EVP_RSA_gen(2048);
    fixture->stranger = EVP_RSA_gen(2048);
    fixture->keys = srv_keys_new(pem_of(fixture->arena, fixture->key, false), &reason);
    assert_non_null(fixture->keys);
    *state = fixture;
    return 0;
}

static int close_all(void **state)
{
    struct fixture *fixture = *state;

    srv_keys_free(fixture->keys);
    EVP_PKEY_free(fixture->key);
    EVP_PKEY_free(fixture->stranger);
    stw_arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static char *join(struct fixture *fixture, const char *header, const char *payload)
{
    return stw_arena_printf(fixture->arena, "%s.%s",
                            stw_text_base64url(fixture->arena, header, strlen(header)),
                            stw_text_base64url(fixture->arena, payload, strlen(payload)));
}

/* A token with any header and payload, rightly signed by `key`. */
static char *forge(struct fixture *fixture, EVP_PKEY *key, const char *header, const char *payload)
{
    char *text = join(fixture, header, payload);
    unsigned char signature[512];
    size_t length = sizeof(signature);
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(md, signature, &length, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(md);
    return stw_arena_printf(fixture->arena, "%s.%s", text,
                            stw_text_base64url(fixture->arena, signature, length));
}

static char *good_header(struct fixture *fixture)
{
    return stw_arena_printf(fixture->arena, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                            fixture->keys->keys[0].kid);
}

static enum stw_code verify_bytes(struct fixture *fixture, const char *token, size_t length)
{
    struct srv_claims claims;

    return srv_token_verify(fixture->arena, fixture->keys, ISSUER, token, length, NOW * 1000000, &claims);
}

static enum stw_code verify(struct fixture *fixture, const char *token)
{
    return verify_bytes(fixture, token, strlen(token));
}

static enum stw_code verify_header(struct fixture *fixture, const char *header)
{
    return verify(fixture, forge(fixture, fixture->key, header, "{" GOOD "," TIMES "}"));
}

static enum stw_code verify_payload(struct fixture *fixture, const char *payload)
{
    return verify(fixture, forge(fixture, fixture->key, good_header(fixture), payload));
}

static void what_is_made_is_accepted(void **state)
{
    struct fixture *fixture = *state;
    const struct srv_claims claims = {.org_id = ORG,
                                      .user_id = USER,
                                      .role_key = "team_lead",
                                      .session_version = 7,
                                      .issued_at = NOW,
                                      .expires_at = NOW + 600};
    struct srv_claims found;
    char *token;

    assert_int_equal(srv_token_make(fixture->arena, fixture->keys, ISSUER, &claims, &token), STW_OK);
    assert_int_equal(
        srv_token_verify(fixture->arena, fixture->keys, ISSUER, token, strlen(token), NOW * 1000000, &found),
        STW_OK);
    assert_string_equal(found.org_id, ORG);
    assert_string_equal(found.user_id, USER);
    assert_string_equal(found.role_key, "team_lead");
    assert_int_equal(found.session_version, 7);
    assert_int_equal(found.issued_at, NOW);
    assert_int_equal(found.expires_at, NOW + 600);
    /* the forger of the tests below is right where it does not cheat */
    assert_int_equal(verify_header(fixture, good_header(fixture)), STW_OK);
    assert_int_equal(srv_token_verify(fixture->arena, fixture->keys, "another", token, strlen(token),
                                      NOW * 1000000, &found),
                     STW_INVALID_TOKEN);
}

static void time_is_looked_at(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(verify_payload(fixture, "{" GOOD ",\"sv\":3,\"iat\":1779999000,\"exp\":1780000001}"),
                     STW_OK);
    assert_int_equal(verify_payload(fixture, "{" GOOD ",\"sv\":3,\"iat\":1779999000,\"exp\":1780000000}"),
                     STW_TOKEN_EXPIRED);
    assert_int_equal(verify_payload(fixture, "{" GOOD ",\"sv\":3,\"iat\":1780000030,\"exp\":1780000600}"),
                     STW_OK);
    assert_int_equal(verify_payload(fixture, "{" GOOD ",\"sv\":3,\"iat\":1780000031,\"exp\":1780000600}"),
                     STW_INVALID_TOKEN);
    assert_int_equal(verify_payload(fixture, "{" GOOD ",\"sv\":3,\"iat\":1780000020,\"exp\":1780000010}"),
                     STW_INVALID_TOKEN);
    assert_int_equal(verify_payload(fixture, "{" GOOD "," TIMES ",\"nbf\":1780000031}"), STW_INVALID_TOKEN);
    assert_int_equal(verify_payload(fixture, "{" GOOD "," TIMES ",\"nbf\":\"0\"}"), STW_INVALID_TOKEN);
    assert_int_equal(verify_payload(fixture, "{" GOOD "," TIMES ",\"nbf\":1780000000}"), STW_OK);
}

static void claims_are_read_by_type(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "{" TIMES "}",
        "{" GOOD "}",
        "{" GOOD ",\"sv\":\"3\",\"iat\":1780000000,\"exp\":1780000600}",
        "{" GOOD ",\"sv\":0,\"iat\":1780000000,\"exp\":1780000600}",
        "{" GOOD ",\"sv\":4294967299,\"iat\":1780000000,\"exp\":1780000600}",
        "{" GOOD ",\"sv\":true,\"iat\":1780000000,\"exp\":1780000600}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000.0,\"exp\":1780000600}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000,\"exp\":1780000600.5}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000,\"exp\":1e12}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000,\"exp\":null}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000,\"exp\":9223372036854775807}",
        "{" GOOD ",\"sv\":3,\"iat\":1780000000,\"exp\":99999999999999999999}",
        "{" GOOD ",\"sv\":3,\"iat\":-1,\"exp\":1780000600}",
        /* duplicates */
        "{" GOOD "," TIMES ",\"exp\":1790000000}",
        "{" GOOD "," TIMES ",\"role\":\"admin\"}",
        "{" GOOD "," TIMES ",\"ro\\u006ce\":\"admin\"}",
        /* not an object, more than one, broken */
        "[]",
        "null",
        "\"" GOOD "\"",
        "{" GOOD "," TIMES "}{}",
        "{" GOOD "," TIMES,
        "{" GOOD "," TIMES ",}",
        "{" GOOD "," TIMES ",\"x\":\"\\u0000\"}",
        "{" GOOD "," TIMES ",\"x\":\"\xff\"}",
        "{" GOOD "," TIMES ",\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(verify_payload(fixture, bad[i]), STW_INVALID_TOKEN);
}

static void each_claim_is_demanded_and_compared(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"iss", "aud", "sub", "org", "role", "jti", "sv", "iat", "exp"};
    static const char *const values[] = {"1",
                                         "null",
                                         "\"\"",
                                         "\"x\"",
                                         "[\"steward\"]",
                                         "{}",
                                         "\"" ISSUER " \"",
                                         "\"0190A1B2-C3D4-7E5F-8A6B-0123456789AB\""};
    const char *whole = "{" GOOD "," TIMES "}";

    for (size_t name = 0; name < sizeof(names) / sizeof(names[0]); name++) {
        char *spoilt = stw_arena_strdup(fixture->arena, whole);
        char *at = strstr(spoilt, stw_arena_printf(fixture->arena, "\"%s\":", names[name]));

        at[1] = 'X'; /* the claim now has another name */
        assert_int_equal(verify_payload(fixture, spoilt), STW_INVALID_TOKEN);
        for (size_t value = 0; value < sizeof(values) / sizeof(values[0]); value++) {
            char *with =
                stw_arena_printf(fixture->arena, "{\"%s\":%s,%s", names[name], values[value], spoilt + 1);

            if ((strcmp(names[name], "role") == 0 && value != 0 && value != 1 && value != 2 && value != 4 &&
                 value != 5) ||
                (strcmp(names[name], "sv") == 0 && value == 0) ||
                (strcmp(names[name], "iat") == 0 && value == 0))
                continue; /* those would be right */
            assert_int_equal(verify_payload(fixture, with), STW_INVALID_TOKEN);
        }
    }
}

static void headers_are_taken_literally(void **state)
{
    struct fixture *fixture = *state;
    const char *kid = fixture->keys->keys[0].kid;
    static const char *const bad[] = {
        "{\"alg\":\"none\",\"kid\":\"%s\"}",
        "{\"alg\":\"None\",\"kid\":\"%s\"}",
        "{\"alg\":\"HS256\",\"kid\":\"%s\"}",
        "{\"alg\":\"RS384\",\"kid\":\"%s\"}",
        "{\"alg\":\"PS256\",\"kid\":\"%s\"}",
        "{\"alg\":\"rs256\",\"kid\":\"%s\"}",
        "{\"alg\":[\"RS256\"],\"kid\":\"%s\"}",
        "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"%s\"}",
        "{\"alg\":\"RS256\\u0000\",\"kid\":\"%s\"}",
        "{\"kid\":\"%s\"}",
        "{\"alg\":\"RS256\",\"kid\":\"%s \"}",
        "{\"alg\":\"RS256\",\"kid\":[\"%s\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"jwt2\"}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":1}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"crit\":[]}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"jku\":\"https://example.com/keys\"}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"jwk\":{\"kty\":\"RSA\"}}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5u\":\"https://example.com/cert\"}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5c\":[\"MII\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"b64\":false}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\",\"zip\":\"DEF\"}",
        "{\"alg\":\"RS256\",\"kid\":\"%s\"}x",
        "[{\"alg\":\"RS256\",\"kid\":\"%s\"}]",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stw_buf header;

        stw_buf_init(&header, fixture->arena, 256, 4096);
        for (const char *at = bad[i]; *at; at++) {
            if (at[0] == '%')
                stw_buf_add_text(&header, kid), at++;
            else
                stw_buf_add_char(&header, *at);
        }
        assert_int_equal(verify_header(fixture, header.data), STW_INVALID_TOKEN);
    }
    assert_int_equal(verify_header(fixture, "{\"alg\":\"RS256\"}"), STW_INVALID_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"RS256\",\"kid\":\"\"}"), STW_INVALID_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}"),
                     STW_INVALID_TOKEN);
    assert_int_equal(verify_header(fixture, stw_arena_printf(fixture->arena,
                                                             "{\"kid\":\"%s\",\"alg\":\"RS256\",\"typ\":"
                                                             "\"at+jwt\"}",
                                                             kid)),
                     STW_OK);
}

/* More levels than a coroutine's stack bears, before any signature is looked at. */
static void depth_is_no_weapon(void **state)
{
    struct fixture *fixture = *state;
    char deep[3000];

    memset(deep, '[', sizeof(deep) - 1);
    memcpy(deep, "{\"alg\":", 7);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, "%s.e30", join(fixture, deep, "{}"))),
                     STW_INVALID_TOKEN);
}

/* The classic: the public key, which anybody may have, as the secret of an HMAC. */
static void the_public_key_is_no_secret(void **state)
{
    struct fixture *fixture = *state;
    char *pem = pem_of(fixture->arena, fixture->key, true);
    char *text = join(fixture,
                      stw_arena_printf(fixture->arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
                                       fixture->keys->keys[0].kid),
                      "{" GOOD "," TIMES "}");
    unsigned char mac[32];
    unsigned int length = sizeof(mac);

    assert_non_null(
        HMAC(EVP_sha256(), pem, (int)strlen(pem), (const unsigned char *)text, strlen(text), mac, &length));
    assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, "%s.%s", text,
                                                      stw_text_base64url(fixture->arena, mac, length))),
                     STW_INVALID_TOKEN);
    text = join(fixture, "{\"alg\":\"none\"}", "{" GOOD "," TIMES "}");
    assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, "%s.", text)), STW_INVALID_TOKEN);
    assert_int_equal(verify(fixture, text), STW_INVALID_TOKEN);
    assert_int_equal(
        verify(fixture, forge(fixture, fixture->stranger, good_header(fixture), "{" GOOD "," TIMES "}")),
        STW_INVALID_TOKEN);
}

static void every_changed_character_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    char *token = forge(fixture, fixture->key, good_header(fixture), "{" GOOD "," TIMES "}");
    size_t length = strlen(token);

    for (size_t at = 0; at < length; at += 3) {
        char old = token[at];

        token[at] = old == 'A' ? 'B' : 'A';
        assert_int_equal(verify(fixture, token), STW_INVALID_TOKEN);
        token[at] = old;
    }
    for (size_t end = 0; end < length; end += 7)
        assert_int_equal(verify_bytes(fixture, token, end), STW_INVALID_TOKEN);
    assert_int_equal(verify(fixture, token), STW_OK);
}

/* 256 bytes leave four unused bits at the end: other spellings of the same signature. */
static void there_is_one_spelling(void **state)
{
    struct fixture *fixture = *state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *token = forge(fixture, fixture->key, good_header(fixture), "{" GOOD "," TIMES "}");
    size_t last = strlen(token) - 1;
    const char *digit = strchr(alphabet, token[last]);
    static const char *const tails[] = {"=", "==", ".", ".e30", " ", "\n", "%3D", "A"};

    for (int bits = 1; bits < 16; bits++) {
        token[last] = alphabet[(digit - alphabet) + bits];
        assert_int_equal(verify(fixture, token), STW_INVALID_TOKEN);
    }
    token[last] = *digit;
    assert_int_equal(verify(fixture, token), STW_OK);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
        assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, "%s%s", token, tails[i])),
                         STW_INVALID_TOKEN);
    assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, " %s", token)), STW_INVALID_TOKEN);
    assert_int_equal(verify(fixture, stw_arena_printf(fixture->arena, ".%s", token)), STW_INVALID_TOKEN);
    assert_int_equal(verify_bytes(fixture, token, last + 2), STW_INVALID_TOKEN); /* the NUL too */
}

static void odd_shapes_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const shapes[] = {"",         ".",
                                         "..",       "...",
                                         "....",     "a",
                                         "a.b",      "a.b.c",
                                         ".b.c",     "a..c",
                                         "a.b.",     "e30.e30.e30",
                                         "e30.e30.", "\x01.\x02.\x03",
                                         "=.=.=",    "bnVsbA.bnVsbA.bnVsbA"};
    char huge[SRV_TOKEN_MOST + 2];

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        assert_int_equal(verify(fixture, shapes[i]), STW_INVALID_TOKEN);
    memset(huge, 'A', sizeof(huge) - 1);
    huge[10] = huge[20] = '.';
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(verify(fixture, huge), STW_INVALID_TOKEN);
    huge[SRV_TOKEN_MOST] = '\0';
    assert_int_equal(verify(fixture, huge), STW_INVALID_TOKEN);
}

static void keys_can_be_rotated(void **state)
{
    struct fixture *fixture = *state;
    const char *reason = NULL;
    char *pem = stw_arena_printf(fixture->arena, "%s\n%s", pem_of(fixture->arena, fixture->stranger, false),
                                 pem_of(fixture->arena, fixture->key, false));
    struct srv_keys *both = srv_keys_new(pem, &reason);
    char *old = forge(fixture, fixture->key, good_header(fixture), "{" GOOD "," TIMES "}");
    const struct srv_claims claims = {.org_id = ORG,
                                      .user_id = USER,
                                      .role_key = "admin",
                                      .session_version = 1,
                                      .issued_at = NOW,
                                      .expires_at = NOW + 600};
    struct srv_claims found;
    char *fresh;

    assert_non_null(both);
    assert_int_equal(both->count, 2);
    assert_string_equal(both->keys[1].kid, fixture->keys->keys[0].kid);
    assert_int_equal(srv_token_verify(fixture->arena, both, ISSUER, old, strlen(old), NOW * 1000000, &found),
                     STW_OK);
    assert_int_equal(srv_token_make(fixture->arena, both, ISSUER, &claims, &fresh), STW_OK);
    assert_int_equal(
        srv_token_verify(fixture->arena, both, ISSUER, fresh, strlen(fresh), NOW * 1000000, &found), STW_OK);
    assert_int_equal(verify(fixture, fresh),
                     STW_INVALID_TOKEN); /* a process that does not know the new key yet */
    srv_keys_free(both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_accepted),    cmocka_unit_test(time_is_looked_at),
        cmocka_unit_test(claims_are_read_by_type),     cmocka_unit_test(each_claim_is_demanded_and_compared),
        cmocka_unit_test(headers_are_taken_literally), cmocka_unit_test(depth_is_no_weapon),
        cmocka_unit_test(the_public_key_is_no_secret), cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(there_is_one_spelling),       cmocka_unit_test(odd_shapes_are_refused),
        cmocka_unit_test(keys_can_be_rotated),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
