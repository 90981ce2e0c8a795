#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "domain/secret.h"

#define ORG "0190a1b2-c3d4-7e5f-8a6b-0123456789ab"

static bool parses(enum stw_secret_kind kind, const char *text)
{
    struct stw_secret secret;

    return stw_secret_parse(kind, text, strlen(text), &secret);
}

static void what_is_made_can_be_read(void **state)
{
    static const enum stw_secret_kind kinds[] = {STW_SECRET_REFRESH, STW_SECRET_KEY};
    (void)state;

    for (int i = 0; i < 2; i++) {
        char token[STW_SECRET_TEXT], hash[STW_SECRET_HASH_TEXT];
        struct stw_secret secret;

        stw_secret_make(kinds[i], ORG, token, hash);
        assert_int_equal(strlen(token), STW_SECRET_TEXT - 1);
        assert_int_equal(strlen(hash), 64);
        assert_true(stw_secret_parse(kinds[i], token, strlen(token), &secret));
        assert_string_equal(secret.org_id, ORG);
        assert_string_equal(secret.hash, hash);
        assert_true(stw_secret_looks_like(kinds[i], token));
        assert_null(strstr(hash, token + 38));
    }
}

static void no_two_are_equal(void **state)
{
    char one[STW_SECRET_TEXT], other[STW_SECRET_TEXT], hash[STW_SECRET_HASH_TEXT];
    (void)state;

    stw_secret_make(STW_SECRET_KEY, ORG, one, hash);
    stw_secret_make(STW_SECRET_KEY, ORG, other, hash);
    assert_string_not_equal(one, other);
}

/* The SHA-256 of 43 times "A", by another implementation. */
static void the_hash_is_that_of_the_secret_part(void **state)
{
    struct stw_secret secret;
    const char *token = "stwk_0190a1b2c3d47e5f8a6b0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    (void)state;

    assert_true(stw_secret_parse(STW_SECRET_KEY, token, strlen(token), &secret));
    assert_string_equal(secret.hash, "0f007385b6f9d4b7eeb2748605afe1a984a0a3bfa3f014d09e2a784ce9e5cd1a");
}

static void one_kind_is_not_the_other(void **state)
{
    char token[STW_SECRET_TEXT], hash[STW_SECRET_HASH_TEXT];
    (void)state;

    stw_secret_make(STW_SECRET_KEY, ORG, token, hash);
    assert_false(parses(STW_SECRET_REFRESH, token));
    assert_false(stw_secret_looks_like(STW_SECRET_REFRESH, token));
    stw_secret_make(STW_SECRET_REFRESH, ORG, token, hash);
    assert_false(parses(STW_SECRET_KEY, token));
}

static void every_other_spelling_is_refused(void **state)
{
    char token[STW_SECRET_TEXT], hash[STW_SECRET_HASH_TEXT], other[STW_SECRET_TEXT + 1];
    (void)state;

    stw_secret_make(STW_SECRET_KEY, ORG, token, hash);
    /* every prefix of it, and one more character */
    for (size_t length = 0; length < strlen(token); length++) {
        struct stw_secret secret;

        assert_false(stw_secret_parse(STW_SECRET_KEY, token, length, &secret));
    }
    snprintf(other, sizeof(other), "%sA", token);
    assert_false(parses(STW_SECRET_KEY, other));
    /* each character replaced by one that cannot stand there */
    for (size_t at = 0; at < strlen(token); at++) {
        memcpy(other, token, sizeof(token));
        other[at] = '=';
        assert_false(parses(STW_SECRET_KEY, other));
        other[at] = '\0';
        assert_false(stw_secret_parse(STW_SECRET_KEY, other, strlen(token), &(struct stw_secret){0}));
    }
    /* the organisation in capitals */
    memcpy(other, token, sizeof(token));
    other[10] = 'A';
    assert_false(parses(STW_SECRET_KEY, other));
    /* trailing bits that decode to the same bytes */
    memcpy(other, token, sizeof(token));
    memset(other + 38, 'A', 43);
    assert_true(parses(STW_SECRET_KEY, other));
    other[STW_SECRET_TEXT - 2] = 'B';
    assert_false(parses(STW_SECRET_KEY, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_can_be_read),
        cmocka_unit_test(no_two_are_equal),
        cmocka_unit_test(the_hash_is_that_of_the_secret_part),
        cmocka_unit_test(one_kind_is_not_the_other),
        cmocka_unit_test(every_other_spelling_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
