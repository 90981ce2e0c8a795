/* server/token.c on arbitrary tokens. The first byte chooses what the rest is: 'h' a header, 'p' a payload
 * and 's' both with a line feed between them, put into a token that is rightly signed, so that what lies
 * behind the signature is reached too; else the whole token. The mutator takes any of them apart, changes
 * members of its objects as such and has it signed again. */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "core/text.h"
#include "mutate.h"
#include "server/token.h"

#define NOW    INT64_C(1780000000)
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"kid\"}"
#define PAYLOAD                                                                                              \
    "{\"iss\":\"steward\",\"aud\":\"steward\",\"sub\":\"0190a1b2-c3d4-7e5f-8a6b-ba9876543210\","             \
    "\"org\":\"0190a1b2-c3d4-7e5f-8a6b-0123456789ab\",\"role\":\"admin\","                                   \
    "\"jti\":\"0190a1b2-c3d4-7e5f-8a6b-000000000001\",\"sv\":3,\"iat\":1780000000,\"exp\":1780000600}"

struct part {
    const char *text;
    size_t length;
};

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

static char *sign(struct stw_arena *arena, const struct part parts[2])
{
    char *text = stw_arena_printf(arena, "%s.%s", stw_text_base64url(arena, parts[0].text, parts[0].length),
                                  stw_text_base64url(arena, parts[1].text, parts[1].length));
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

/* Read by jansson alone: an accepted token says this and nothing that would ask for another treatment. */
static void check_parts(const struct part parts[2], const struct srv_claims *claims)
{
    json_t *said = json_loadb(parts[0].text, parts[0].length, JSON_REJECT_DUPLICATES, NULL);
    json_t *claimed = json_loadb(parts[1].text, parts[1].length, JSON_REJECT_DUPLICATES, NULL);
    const char *alg, *kid, *typ = "JWT", *iss, *aud, *sub, *org, *role;
    json_int_t version, from, until;

    CHECK(json_unpack(said, "{s:s, s:s, s?s !}", "alg", &alg, "kid", &kid, "typ", &typ) == 0);
    CHECK(strcmp(alg, "RS256") == 0 && strcmp(kid, "kid") == 0);
    CHECK(strcmp(typ, "JWT") == 0 || strcmp(typ, "at+jwt") == 0);
    CHECK(json_unpack(claimed, "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "iss", &iss, "aud", &aud, "sub",
                      &sub, "org", &org, "role", &role, "sv", &version, "iat", &from, "exp", &until) == 0);
    CHECK(strcmp(iss, "steward") == 0 && strcmp(aud, "steward") == 0);
    CHECK(strcmp(sub, claims->user_id) == 0 && strcmp(org, claims->org_id) == 0);
    CHECK(strcmp(role, claims->role_key) == 0 && version == claims->session_version);
    CHECK(from == claims->issued_at && until == claims->expires_at);
    json_decref(said);
    json_decref(claimed);
}

/* What is to be signed of an input with a letter in front; false for one that is a token itself. */
static bool parts_of(const uint8_t *data, size_t size, struct part ret_parts[2])
{
    const char *text = (const char *)data + 1;
    const char *end = size > 1 ? memchr(text, '\n', size - 1) : NULL;

    ret_parts[0] = (struct part){HEADER, sizeof(HEADER) - 1};
    ret_parts[1] = (struct part){PAYLOAD, sizeof(PAYLOAD) - 1};
    if (size == 0 || !strchr("hps", data[0]) || !data[0])
        return false;
    if (data[0] != 's') {
        ret_parts[data[0] == 'p'] = (struct part){text, size - 1};
    } else if (end) {
        ret_parts[0] = (struct part){text, (size_t)(end - text)};
        ret_parts[1] = (struct part){end + 1, size - 2 - ret_parts[0].length};
    }
    return true;
}

/* The parts of a token that is an input itself, as far as they can be read. */
static void take_apart(struct stw_arena *arena, const uint8_t *data, size_t size, struct part parts[2])
{
    const char *at = (const char *)data, *end = at + size;

    for (int i = 0; i < 2 && at < end; i++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        unsigned char *bytes;
        size_t length;

        if (!dot)
            return;
        if (stw_text_base64url_decode(arena, at, (size_t)(dot - at), &bytes, &length))
            parts[i] = (struct part){(const char *)bytes, length};
        at = dot + 1;
    }
}

/* A signature of RS256 is the same each time: whether the mutator happened to get back to what it had signed.
 */
static bool is_signed(struct stw_arena *arena, const uint8_t *data, size_t size)
{
    struct part parts[2] = {{"", 0}, {"", 0}};
    const char *token;

    take_apart(arena, data, size, parts);
    token = sign(arena, parts);
    return strlen(token) == size && memcmp(token, data, size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena;
    struct srv_claims claims;
    struct part parts[2];
    enum stw_code code;
    char *token;

    if (size == 0 || size > 8192)
        return 0;
    if (!keys)
        make_keys();
    arena = stw_arena_new(1 << 20);
    if (parts_of(data, size, parts)) {
        token = sign(arena, parts);
        code = verify(arena, token, strlen(token), &claims);
        CHECK(code == STW_OK || code == STW_INVALID_TOKEN || (code == STW_TOKEN_EXPIRED && data[0] != 'h'));
        if (code == STW_OK) {
            check_claims(&claims);
            check_parts(parts, &claims);
        }
    } else {
        /* Nobody without the key makes a token. */
        code = verify(arena, (const char *)data, size, &claims);
        CHECK(code == STW_INVALID_TOKEN || is_signed(arena, data, size));
    }
    stw_arena_free(arena);
    return 0;
}

/* ---- the mutator ---- */

static const char *const names[] = {"alg", "kid",  "typ", "crit", "jwk", "jku", "iss", "aud", "sub",
                                    "org", "role", "jti", "sv",   "iat", "exp", "nbf", "zip"};

static json_t *odd_value(unsigned *state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "0",
        "1",
        "-1",
        "1.0",
        "1e3",
        "2147483647",
        "2147483648",
        "253402300799",
        "253402300800",
        "9223372036854775807",
        "1780000000",
        "1780000031",
        "\"HS256\"",
        "\"none\"",
        "\"JWT\"",
        "\"at+jwt\"",
        "\"kid\"",
        "\"steward\"",
        "[\"steward\"]",
        "\"0190A1B2-C3D4-7E5F-8A6B-BA9876543210\"",
        "\"0190a1b2-c3d4-7e5f-8a6b-ba987654321\"",
        "\"a role whose name is one that takes sixty-four bytes to write down..\"",
        "[[[[[[[[{}]]]]]]]]"};

    return json_loads(texts[dice(state, sizeof(texts) / sizeof(texts[0]))], JSON_DECODE_ANY, NULL);
}

static const char *some_name(json_t *object, unsigned *state)
{
    unsigned left = json_object_size(object) ? dice(state, (unsigned)json_object_size(object)) : 0;
    const char *name;
    json_t *value;

    if (json_object_size(object) > 0 && dice(state, 4) > 0) {
        json_object_foreach(object, name, value)
        {
            if (left-- == 0)
                return name;
        }
    }
    return names[dice(state, sizeof(names) / sizeof(names[0]))];
}

/* The value with bytes or a digit changed; another one where that cannot be. */
static json_t *near_value(const json_t *value, unsigned *state)
{
    static const int steps[] = {-31, -1, 1, 30, 31, 600};
    char room[256];
    json_t *made = NULL;

    if (json_is_integer(value))
        return json_integer(
            (json_int_t)((uint64_t)json_integer_value(value) + (uint64_t)steps[dice(state, 6)]));
    if (json_is_string(value) && json_string_length(value) < sizeof(room)) {
        size_t length = json_string_length(value);

        memcpy(room, json_string_value(value), length);
        length = LLVMFuzzerMutate((uint8_t *)room, length, sizeof(room));
        made = json_stringn(room, length);
    }
    return made ? made : odd_value(state);
}

/* One member is dropped, replaced, changed, moved to another name or written twice. */
static char *change_part(struct stw_arena *arena, const struct part *part, const char *otherwise,
                         unsigned *state)
{
    json_t *object = json_loadb(part->text, part->length, 0, NULL);
    char name[64];
    char *dump, *text;

    if (!json_is_object(object)) {
        json_decref(object);
        object = json_loads(otherwise, 0, NULL);
    }
    snprintf(name, sizeof(name), "%s", some_name(object, state));
    json_t *value = json_incref(json_object_get(object, name));
    unsigned how = dice(state, 8);
    if (how == 0)
        json_object_del(object, name);
    else if (how == 1)
        json_object_set(object, some_name(object, state), value);
    else if (how < 5)
        json_object_set_new(object, name, odd_value(state));
    else
        json_object_set_new(object, name, near_value(value, state));
    json_decref(value);
    dump = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    text = stw_arena_strdup(arena, dump ? dump : otherwise);
    if (how == 7 && strlen(text) > 2)
        text = stw_arena_printf(arena, "{\"%s\":1,%s", names[dice(state, 17)], text + 1);
    free(dump);
    return text;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned state = seed;
    struct stw_arena *arena;
    struct part parts[2];
    const char *text;
    size_t length;

    if (dice(&state, 4) == 0 || size > 8192)
        return LLVMFuzzerMutate(data, size, max_size);
    if (!keys)
        make_keys();
    arena = stw_arena_new(1 << 20);
    if (!parts_of(data, size, parts))
        take_apart(arena, data, size, parts);
    unsigned which = dice(&state, 3) > 0;
    text = change_part(arena, &parts[which], which ? PAYLOAD : HEADER, &state);
    parts[which] = (struct part){text, strlen(text)};
    if (dice(&state, 8) == 0) {
        /* Signed, and then a byte of it is not what was signed. */
        char *token = sign(arena, parts);
        token[dice(&state, (unsigned)strlen(token))] ^= (char)(1 + dice(&state, 255));
        text = token;
    } else {
        text = stw_arena_printf(arena, "s%.*s\n%.*s", (int)parts[0].length, parts[0].text,
                                (int)parts[1].length, parts[1].text);
    }
    length = strlen(text);
    if (length <= max_size)
        memcpy(data, text, length);
    stw_arena_free(arena);
    return length <= max_size ? length : LLVMFuzzerMutate(data, size, max_size);
}
