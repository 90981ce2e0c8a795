#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "domain/scopes.h"
#include "resource/engine.h"

static const struct stw_field plain_fields[] = {{"name", .flags = STW_MANDATORY}};
static const struct stw_resource leads = {
    .path = "leads",
    .singular = "lead",
    .operations = STW_CAN_ALL,
    .fields = plain_fields,
    .field_count = 1,
};
static const struct stw_resource reports = {
    .path = "reports",
    .singular = "report",
    .operations = STW_CAN_LIST,
    .fields = plain_fields,
    .field_count = 1,
};
static const struct stw_resource *const toys[] = {&leads, &reports};
enum { LEADS, REPORTS };

struct fixture {
    struct stw_context ctx;
    struct stw_details details;
    struct stw_engine *engine;
};

static int set_up(void **state)
{
    static const unsigned char key[32];
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->engine = stw_engine_new(toys, 2, key);
    fixture->ctx.arena = stw_arena_new(1 << 20);
    fixture->ctx.engine = fixture->engine;
    fixture->ctx.details = &fixture->details;
    stw_details_init(&fixture->details, fixture->ctx.arena);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    stw_arena_free(fixture->ctx.arena);
    stw_engine_free(fixture->engine);
    free(fixture);
    return 0;
}

static void words_become_grants(void **state)
{
    struct fixture *fixture = *state;
    struct stw_grant *grants =
        stw_scopes_grants(fixture->engine, fixture->ctx.arena, "{leads:upsert,\"reports:read:all\"}");

    assert_int_equal(grants[LEADS].scope[STW_READ], STW_ALL);
    assert_int_equal(grants[LEADS].scope[STW_CREATE], STW_ALL);
    assert_int_equal(grants[LEADS].scope[STW_UPDATE], STW_ALL);
    assert_int_equal(grants[LEADS].scope[STW_DELETE], STW_NONE);
    assert_int_equal(grants[LEADS].scope[STW_ASSIGN], STW_NONE);
    assert_true(grants[LEADS].source_bound);
    assert_int_equal(grants[REPORTS].scope[STW_READ], STW_ALL);
    assert_int_equal(grants[REPORTS].scope[STW_UPDATE], STW_NONE);
    assert_false(grants[REPORTS].source_bound);
}

static void what_is_not_known_grants_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        "{}",
        "{leads:assign}",
        "{leads}",
        "{leads:read:own}",
        "{leads:read:all:all}",
        "{:read}",
        "{leads:}",
        "{LEADS:read}",
        "{\"leads:read \"}",
        "{leads::all}",
        "{users:read}",
        "",
        "{",
        "{\"leads:re",
        "{\"\\\"\"}",
        "{,,}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stw_grant *grants = stw_scopes_grants(fixture->engine, fixture->ctx.arena, texts[i]);

        for (int verb = 0; verb < STW_VERB_COUNT; verb++)
            assert_int_equal(grants[LEADS].scope[verb], STW_NONE);
    }
}

static void words_that_disagree_get_the_narrower(void **state)
{
    struct fixture *fixture = *state;

    assert_true(stw_scopes_grants(fixture->engine, fixture->ctx.arena, "{leads:read:all,leads:update}")[LEADS]
                    .source_bound);
    assert_true(stw_scopes_grants(fixture->engine, fixture->ctx.arena, "{leads:update,leads:read:all}")[LEADS]
                    .source_bound);
}

static void check_one(struct fixture *fixture, const char *scopes, const char *path, enum stw_code code)
{
    stw_details_init(&fixture->details, fixture->ctx.arena);
    assert_int_equal(stw_scopes_check(&fixture->ctx, scopes), path ? STW_VALIDATION_FAILED : STW_OK);
    assert_int_equal(fixture->details.violation_count, path ? 1 : 0);
    if (path) {
        assert_string_equal(fixture->details.violations[0].path, path);
        assert_int_equal(fixture->details.violations[0].code, code);
    }
}

static void faults_are_named_by_place(void **state)
{
    struct fixture *fixture = *state;

    check_one(fixture, "{leads:create,leads:read,reports:read:all}", NULL, STW_OK);
    check_one(fixture, "{leads:read,lead}", "#/scopes/1", STW_INVALID_FORMAT);
    check_one(fixture, "{leads:read,\"lea,ds:read\",leads:create}", "#/scopes/1", STW_NOT_ALLOWED);
    check_one(fixture, "{laeds:read}", "#/scopes/0", STW_NOT_ALLOWED);
    assert_string_equal(fixture->details.violations[0].argument, "leads");
    check_one(fixture, "{leads:assign}", "#/scopes/0", STW_NOT_ALLOWED);
    check_one(fixture, "{reports:upsert}", "#/scopes/0", STW_NOT_ALLOWED);
    check_one(fixture, "{leads:read:all,leads:update}", "#/scopes/1", STW_NOT_ALLOWED);
}

static void nobody_hands_out_what_he_has_not(void **state)
{
    struct fixture *fixture = *state;
    struct stw_grant grants[2] = {{.scope = {[STW_READ] = STW_ALL, [STW_CREATE] = STW_TREE}}};
    const struct stw_actor actor = {.kind = STW_ACTOR_USER, .grants = grants};

    fixture->ctx.actor = &actor;
    check_one(fixture, "{leads:read:all}", NULL, STW_OK);
    check_one(fixture, "{leads:create}", "#/scopes/0", STW_NOT_ALLOWED);
    check_one(fixture, "{reports:read}", "#/scopes/0", STW_NOT_ALLOWED);
    grants[LEADS].source_bound = true;
    check_one(fixture, "{leads:read}", NULL, STW_OK);
    check_one(fixture, "{leads:read:all}", "#/scopes/0", STW_NOT_ALLOWED);
    grants[LEADS] = (struct stw_grant){.scope = {[STW_READ] = STW_ALL}, .masked = 2};
    check_one(fixture, "{leads:read:all}", "#/scopes/0", STW_NOT_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_become_grants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_grants_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_that_disagree_get_the_narrower, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_are_named_by_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_hands_out_what_he_has_not, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
