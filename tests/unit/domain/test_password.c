#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "domain/password.h"

struct fixture {
    struct stw_context ctx;
    struct stw_details details;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->ctx.arena = stw_arena_new(1 << 20);
    fixture->ctx.details = &fixture->details;
    stw_details_init(&fixture->details, fixture->ctx.arena);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    stw_arena_free(fixture->ctx.arena);
    free(fixture);
    return 0;
}

static void a_hash_knows_its_password_alone(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    char hash[STW_PASSWORD_HASH_TEXT], again[STW_PASSWORD_HASH_TEXT];
    bool matches = false;

    assert_int_equal(stw_password_hash(ctx, "correct horse 电池", hash), STW_OK);
    assert_ptr_equal(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash);
    assert_int_equal(stw_password_verify(ctx, hash, "correct horse 电池", &matches), STW_OK);
    assert_true(matches);
    assert_int_equal(stw_password_verify(ctx, hash, "correct horse 电 池", &matches), STW_OK);
    assert_false(matches);
    assert_int_equal(stw_password_hash(ctx, "correct horse 电池", again), STW_OK);
    assert_string_not_equal(hash, again); /* salted */
}

static void nobody_never_matches(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    bool matches = true;

    assert_int_equal(stw_password_verify(ctx, NULL, "whatever it is", &matches), STW_OK);
    assert_false(matches);
    matches = true;
    assert_int_equal(stw_password_verify(ctx, NULL, "", &matches), STW_OK);
    assert_false(matches);
}

/* Of this process alone: others may be at work on the machine. */
static int64_t spent_us(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * INT64_C(1000000) + spent.tv_nsec / 1000;
}

static void nobody_takes_as_long_as_somebody(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    char hash[STW_PASSWORD_HASH_TEXT];
    int64_t best[2] = {INT64_MAX, INT64_MAX};
    bool matches;

    assert_int_equal(stw_password_hash(ctx, "correct horse", hash), STW_OK);
    for (int i = 0; i < 10; i++) {
        int64_t start = spent_us(), taken;

        assert_int_equal(stw_password_verify(ctx, i % 2 ? hash : NULL, "wrong horse", &matches), STW_OK);
        taken = spent_us() - start;
        if (taken < best[i % 2])
            best[i % 2] = taken;
    }
    assert_true(best[0] < best[1] * 2 && best[1] < best[0] * 2);
}

static void too_long_ones_are_wrong_without_a_look(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    char *longest = stw_arena_alloc(ctx->arena, 5001);
    char hash[STW_PASSWORD_HASH_TEXT];
    bool matches = true;

    memset(longest, 'a', 5000);
    longest[5000] = '\0';
    assert_int_equal(stw_password_hash(ctx, "", hash), STW_OK);
    assert_int_equal(stw_password_verify(ctx, hash, longest, &matches), STW_OK);
    assert_false(matches);
}

static void a_broken_hash_is_no_match(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    bool matches = false;

    assert_int_not_equal(stw_password_verify(ctx, "$argon2id$v=19$m=19456,t=2,p=1$broken", "x", &matches),
                         STW_OK);
    assert_false(matches);
    assert_int_equal(stw_password_verify(ctx, "plain", "plain", &matches), STW_OK);
    assert_false(matches);
}

static enum stw_code refuse_work(void *self, void (*work)(void *what), void *what)
{
    (void)self, (void)work, (void)what;
    return STW_OVERLOADED;
}

static void a_full_set_is_overloaded(void **state)
{
    struct stw_context *ctx = &((struct fixture *)*state)->ctx;
    const struct stw_offload full = {.run = refuse_work};
    char hash[STW_PASSWORD_HASH_TEXT] = "untouched";
    bool matches = true;

    ctx->offload = &full;
    assert_int_equal(stw_password_hash(ctx, "correct horse", hash), STW_OVERLOADED);
    assert_string_equal(hash, "untouched");
    assert_int_equal(stw_password_verify(ctx, NULL, "correct horse", &matches), STW_OVERLOADED);
    assert_true(matches);
}

static enum stw_code check_length(struct fixture *fixture, int characters, const char *character)
{
    char text[1024] = "";

    for (int i = 0; i < characters; i++)
        strcat(text, character);
    fixture->details.violation_count = 0;
    return stw_password_check(&fixture->ctx, "password", text);
}

static void lengths_are_in_characters(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(check_length(fixture, 7, "a"), STW_VALIDATION_FAILED);
    assert_int_equal(fixture->details.violations[0].code, STW_TOO_SHORT);
    assert_string_equal(fixture->details.violations[0].path, "#/password");
    assert_string_equal(fixture->details.violations[0].argument, "8");
    assert_int_equal(check_length(fixture, 8, "a"), STW_OK);
    assert_int_equal(check_length(fixture, 7, "好"), STW_VALIDATION_FAILED);
    assert_int_equal(check_length(fixture, 200, "好"), STW_OK);
    assert_int_equal(check_length(fixture, 201, "好"), STW_VALIDATION_FAILED);
    assert_int_equal(fixture->details.violations[0].code, STW_TOO_LONG);
    assert_string_equal(fixture->details.violations[0].argument, "200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hash_knows_its_password_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_never_matches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_takes_as_long_as_somebody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_ones_are_wrong_without_a_look, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_hash_is_no_match, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_set_is_overloaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths_are_in_characters, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
