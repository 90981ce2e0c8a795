#include "server/token.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "resource/json_load.h"
#include "resource/json_memory.h"

#define LEEWAY_SECONDS 30             /* for clocks that are behind the issuer's; none for exp */
#define SECONDS_MOST   253402300799LL /* the end of year 9999 */
#define OPENED_MOST    16             /* brackets and braces in a part */

static bool add_claims(jwt_t *jwt, const char *issuer, const struct srv_claims *claims)
{
    char id[STW_UUID_TEXT];

    stw_uuid_v7(claims->issued_at * 1000000, id);
    return jwt_add_grant(jwt, "iss", issuer) == 0 && jwt_add_grant(jwt, "aud", SRV_TOKEN_AUDIENCE) == 0 &&
           jwt_add_grant(jwt, "sub", claims->user_id) == 0 &&
           jwt_add_grant(jwt, "org", claims->org_id) == 0 &&
           jwt_add_grant(jwt, "role", claims->role_key) == 0 &&
           jwt_add_grant_int(jwt, "sv", claims->session_version) == 0 &&
           jwt_add_grant_int(jwt, "iat", claims->issued_at) == 0 &&
           jwt_add_grant_int(jwt, "exp", claims->expires_at) == 0 && jwt_add_grant(jwt, "jti", id) == 0;
}

enum stw_code srv_token_make(struct stw_arena *arena, const struct srv_keys *keys, const char *issuer,
                             const struct srv_claims *claims, char **ret_token)
{
    /* The key was tried when it was read: all that can be missing is memory. */
    enum stw_code code = STW_OVERLOADED;
    jwt_t *jwt = NULL;
    char *text;

    if (!stw_json_memory_begin())
        return code;
    if (jwt_new(&jwt) == 0 && add_claims(jwt, issuer, claims) &&
        jwt_add_header(jwt, "kid", keys->keys[0].kid) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)keys->signing_pem,
                    (int)keys->signing_pem_length) == 0 &&
        (text = jwt_encode_str(jwt)) != NULL) {
        *ret_token = stw_arena_strdup(arena, text);
        sodium_memzero(text, strlen(text));
        free(text);
        code = STW_OK;
    }
    jwt_free(jwt);
    stw_json_memory_end();
    return code;
}

struct part {
    const char *text;
    size_t length;
};

/* header "." payload "." signature, none of them empty. */
static bool split(const char *token, size_t length, struct part ret_parts[3])
{
    const char *end = token + length;

    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(token, '.', (size_t)(end - token));

        if ((i < 2) != (dot != NULL))
            return false;
        if (!dot)
            dot = end;
        if (dot == token)
            return false;
        ret_parts[i] = (struct part){token, (size_t)(dot - token)};
        token = dot + 1;
    }
    return true;
}

/* jansson calls itself for each level, up to 2048 deep: more than a coroutine's stack bears. Our tokens are
 * flat. */
static bool is_flat(const unsigned char *bytes, size_t length)
{
    int opened = 0;

    for (size_t i = 0; i < length; i++)
        opened += bytes[i] == '{' || bytes[i] == '[';
    return opened <= OPENED_MOST;
}

/* A part as a JSON object of valid UTF-8 without duplicate members; STW_INVALID_TOKEN if it is anything else.
 */
static enum stw_code read_object(struct stw_arena *arena, const struct part *part, json_t **ret_root)
{
    unsigned char *bytes;
    size_t length;
    json_t *root;
    enum stw_code code;

    if (!stw_text_base64url_decode(arena, part->text, part->length, &bytes, &length) ||
        !is_flat(bytes, length))
        return STW_INVALID_TOKEN;
    code = stw_json_load((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL, &root);
    if (code != STW_OK)
        return code == STW_OVERLOADED ? code : STW_INVALID_TOKEN;
    if (!json_is_object(root)) {
        json_decref(root);
        return STW_INVALID_TOKEN;
    }
    *ret_root = root;
    return STW_OK;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Anything but alg, kid and typ could ask for another treatment (crit, jku, jwk, x5u, x5c, zip ...) and is
 * refused. */
static const struct srv_key *check_header(const struct srv_keys *keys, json_t *header)
{
    const char *alg = text_of(header, "alg");
    const char *kid = text_of(header, "kid");
    const char *typ = text_of(header, "typ");
    const json_t *typ_json = json_object_get(header, "typ");
    const char *name;
    json_t *value;

    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 && strcmp(name, "typ") != 0)
            return NULL;
    }
    if (!alg || strcmp(alg, "RS256") != 0 || !kid)
        return NULL;
    if (typ_json && (!typ || (strcmp(typ, "JWT") != 0 && strcmp(typ, "at+jwt") != 0)))
        return NULL;
    return srv_keys_find(keys, kid);
}

static bool check_signature(struct stw_arena *arena, const struct srv_key *key, const char *token,
                            size_t signed_length, const struct part *signature)
{
    EVP_MD_CTX *md;
    unsigned char *bytes;
    size_t length;
    bool good;

    if (!stw_text_base64url_decode(arena, signature->text, signature->length, &bytes, &length))
        return false;
    md = EVP_MD_CTX_new();
    good = md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key->key) == 1 &&
           EVP_DigestVerify(md, bytes, length, (const unsigned char *)token, signed_length) == 1;
    EVP_MD_CTX_free(md);
    /* A failed verification leaves its reasons in this thread's queue. */
    ERR_clear_error();
    return good;
}

static bool read_uuid(const json_t *payload, const char *name, char ret_id[STW_UUID_TEXT])
{
    const char *text = text_of(payload, name);

    /* One spelling only: the canonical one. */
    return text && stw_uuid_parse(text, ret_id) && strcmp(text, ret_id) == 0;
}

static bool read_int(const json_t *payload, const char *name, int64_t least, int64_t most,
                     int64_t *ret_number)
{
    const json_t *json = json_object_get(payload, name);

    if (!json_is_integer(json) || json_integer_value(json) < least || json_integer_value(json) > most)
        return false;
    *ret_number = json_integer_value(json);
    return true;
}

static bool is_text(const json_t *payload, const char *name, const char *expected)
{
    const char *text = text_of(payload, name);

    return text && strcmp(text, expected) == 0;
}

static enum stw_code check_claims(const json_t *payload, const char *issuer, int64_t now_us,
                                  struct srv_claims *ret_claims)
{
    int64_t now = now_us / 1000000;
    struct srv_claims claims = {0};
    const char *role = text_of(payload, "role");
    char id[STW_UUID_TEXT];
    int64_t version, not_before;

    if (!is_text(payload, "iss", issuer) || !is_text(payload, "aud", SRV_TOKEN_AUDIENCE))
        return STW_INVALID_TOKEN;
    if (!read_uuid(payload, "sub", claims.user_id) || !read_uuid(payload, "org", claims.org_id) ||
        !read_uuid(payload, "jti", id))
        return STW_INVALID_TOKEN;
    if (!role || !*role || strlen(role) >= sizeof(claims.role_key))
        return STW_INVALID_TOKEN;
    if (!read_int(payload, "sv", 1, INT32_MAX, &version) ||
        !read_int(payload, "iat", 0, now + LEEWAY_SECONDS, &claims.issued_at) ||
        !read_int(payload, "exp", claims.issued_at + 1, SECONDS_MOST, &claims.expires_at))
        return STW_INVALID_TOKEN;
    if (json_object_get(payload, "nbf") && !read_int(payload, "nbf", 0, now + LEEWAY_SECONDS, &not_before))
        return STW_INVALID_TOKEN;
    if (claims.expires_at <= now)
        return STW_TOKEN_EXPIRED;
    memcpy(claims.role_key, role, strlen(role));
    claims.session_version = (int)version;
    *ret_claims = claims;
    return STW_OK;
}

enum stw_code srv_token_verify(struct stw_arena *arena, const struct srv_keys *keys, const char *issuer,
                               const char *token, size_t length, int64_t now_us,
                               struct srv_claims *ret_claims)
{
    enum stw_code code;
    const struct srv_key *key;
    struct part parts[3];
    json_t *json;

    if (length > SRV_TOKEN_MOST || !split(token, length, parts))
        return STW_INVALID_TOKEN;
    code = read_object(arena, &parts[0], &json);
    if (code != STW_OK)
        return code;
    key = check_header(keys, json);
    json_decref(json);
    if (!key || !check_signature(arena, key, token, (size_t)(parts[2].text - 1 - token), &parts[2]))
        return STW_INVALID_TOKEN;
    code = read_object(arena, &parts[1], &json);
    if (code != STW_OK)
        return code;
    code = check_claims(json, issuer, now_us, ret_claims);
    json_decref(json);
    return code;
}
