#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resource/actor.h"
#include "resource/toy.h"

#define SHELF_BIT(field) (UINT64_C(1) << STW_PLAN_FIELD(field))
#define BOOK_BIT(field)  (UINT64_C(1) << STW_PLAN_FIELD(field))

static struct stw_engine *engine;
static struct stw_arena *arena;
static struct stw_details details;
static struct stw_context ctx;

static int start(void **state)
{
    (void)state;
    engine = toy_engine();
    arena = stw_arena_new(1 << 20);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stw_arena_free(arena);
    stw_engine_free(engine);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    stw_arena_clear(arena);
    stw_details_init(&details, arena);
    ctx = (struct stw_context){.arena = arena, .engine = engine, .details = &details};
    return 0;
}

static const struct stw_grant *grant_of(enum stw_role role, const char *permissions,
                                        enum toy_resource resource)
{
    const struct stw_grant *grants;

    assert_int_equal(stw_actor_grants(engine, arena, role, permissions, &grants), STW_OK);
    return &grants[resource];
}

static void assert_scopes(const struct stw_grant *grant, enum stw_scope read, enum stw_scope create,
                          enum stw_scope update, enum stw_scope delete, enum stw_scope assign)
{
    assert_int_equal(grant->scope[STW_READ], read);
    assert_int_equal(grant->scope[STW_CREATE], create);
    assert_int_equal(grant->scope[STW_UPDATE], update);
    assert_int_equal(grant->scope[STW_DELETE], delete);
    assert_int_equal(grant->scope[STW_ASSIGN], assign);
}

static void test_shipped_roles_have_the_tables_row(void **state)
{
    const struct stw_grant *grant = grant_of(STW_TEAM_LEAD, NULL, TOY_SHELVES);

    (void)state;
    assert_scopes(grant, STW_TREE, STW_TREE, STW_TREE, STW_TREE, STW_TREE);
    assert_true(grant->hidden == 0 && grant->masked == 0 && grant->locked == 0);
    assert_scopes(grant_of(STW_TEAM_LEAD, NULL, TOY_USERS), STW_IN_TEAM, STW_NONE, STW_NONE, STW_NONE,
                  STW_NONE);
    assert_scopes(grant_of(STW_INTEGRATION, NULL, TOY_SHELVES), STW_NONE, STW_NONE, STW_NONE, STW_NONE,
                  STW_NONE);
}

static void test_masked_roles_see_personal_fields_masked(void **state)
{
    const struct stw_grant *grant = grant_of(STW_ANALYST, NULL, TOY_SHELVES);

    (void)state;
    assert_true(grant->masked == SHELF_BIT(SHELF_KEEPER_PHONE));
    assert_true(grant->hidden == 0 && grant->locked == 0);
    /* The user table masks nobody. */
    assert_true(grant_of(STW_ANALYST, NULL, TOY_USERS)->masked == 0);
}

static void test_a_part_follows_its_parent(void **state)
{
    const struct stw_grant *grant = grant_of(STW_ANALYST, NULL, TOY_BOOKS);

    (void)state;
    /* Reading by read, the rest by update: analysts may update their own shelves. */
    assert_scopes(grant, STW_ALL, STW_OWN, STW_OWN, STW_OWN, STW_NONE);
    assert_true(grant->masked == (BOOK_BIT(BOOK_CONTACT_EMAIL) | BOOK_BIT(BOOK_CONTACT_PHONE)));
    assert_scopes(grant_of(STW_DIRECTOR, NULL, TOY_BOOKS), STW_ALL, STW_ALL, STW_ALL, STW_ALL, STW_NONE);
    assert_scopes(
        grant_of(STW_ACCOUNT_MANAGER, "{\"shelves\":{\"read\":\"tree\",\"update\":\"none\"}}", TOY_BOOKS),
        STW_TREE, STW_NONE, STW_NONE, STW_NONE, STW_NONE);
    /* Its own words come last. */
    assert_scopes(grant_of(STW_ACCOUNT_MANAGER,
                           "{\"books\":{\"delete\":\"none\"},\"shelves\":{\"read\":\"tree\"}}", TOY_BOOKS),
                  STW_TREE, STW_OWN, STW_OWN, STW_NONE, STW_NONE);
}

static void test_overrides_are_laid_over_the_role(void **state)
{
    const char *permissions =
        "{\"shelves\":{\"read\":\"team\",\"assign\":\"own\",\"fields\":{\"name\":\"read\","
        "\"owner_id\":\"mask\",\"team_id\":\"hide\",\"keeper_phone\":\"write\"}}}";
    const struct stw_grant *grant = grant_of(STW_SERVICE_AGENT, permissions, TOY_SHELVES);

    (void)state;
    assert_scopes(grant, STW_IN_TEAM, STW_NONE, STW_NONE, STW_NONE, STW_OWN);
    assert_true(grant->locked == SHELF_BIT(SHELF_NAME));
    /* what cannot be masked is hidden */
    assert_true(grant->hidden == (SHELF_BIT(SHELF_OWNER_ID) | SHELF_BIT(SHELF_TEAM_ID)));
    assert_true(grant->masked == 0);
    assert_scopes(grant_of(STW_SERVICE_AGENT, permissions, TOY_TEAMS), STW_NONE, STW_NONE, STW_NONE, STW_NONE,
                  STW_NONE);
    assert_scopes(grant_of(STW_DIRECTOR, "{}", TOY_SHELVES), STW_ALL, STW_ALL, STW_ALL, STW_ALL, STW_ALL);
}

static void test_what_a_newer_process_knows_is_ignored(void **state)
{
    const char *permissions =
        "{\"rooms\":{\"read\":\"all\"},\"shelves\":{\"merge\":\"all\",\"fields\":{\"color\":"
        "\"hide\",\"id\":\"hide\",\"version\":\"mask\",\"deleted_at\":\"hide\"}}}";
    const struct stw_grant *grant = grant_of(STW_ACCOUNT_MANAGER, permissions, TOY_SHELVES);

    (void)state;
    assert_scopes(grant, STW_OWN, STW_OWN, STW_OWN, STW_OWN, STW_NONE);
    assert_true(grant->hidden == 0 && grant->masked == 0 && grant->locked == 0);
}

static void test_what_cannot_be_understood_closes(void **state)
{
    static const char *const broken[] = {"", "{", "[]", "null", "{\"users\":{},\"users\":{}}"};
    const struct stw_grant *grant = grant_of(
        STW_DIRECTOR, "{\"shelves\":{\"read\":\"region\",\"update\":7,\"fields\":{\"name\":\"blur\"}}}",
        TOY_SHELVES);

    (void)state;
    assert_scopes(grant, STW_NONE, STW_ALL, STW_NONE, STW_ALL, STW_ALL);
    assert_true(grant->hidden == SHELF_BIT(SHELF_NAME));
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_scopes(grant_of(STW_ADMIN, broken[i], TOY_SHELVES), STW_NONE, STW_NONE, STW_NONE, STW_NONE,
                      STW_NONE);
    /* Members that are no objects hold no overrides. */
    assert_scopes(grant_of(STW_DIRECTOR, "{\"shelves\":[],\"books\":{\"fields\":1}}", TOY_BOOKS), STW_ALL,
                  STW_ALL, STW_ALL, STW_ALL, STW_NONE);
}

static void test_nothing_is_hidden_from_an_admin(void **state)
{
    const char *permissions =
        "{\"shelves\":{\"delete\":\"none\",\"fields\":{\"name\":\"hide\",\"owner_id\":\"read\","
        "\"keeper_phone\":\"mask\"}}}";
    const struct stw_grant *grant = grant_of(STW_ADMIN, permissions, TOY_SHELVES);

    (void)state;
    assert_scopes(grant, STW_ALL, STW_ALL, STW_ALL, STW_NONE, STW_ALL);
    assert_true(grant->hidden == 0 && grant->masked == 0);
    assert_true(grant->locked == SHELF_BIT(SHELF_OWNER_ID));
}

static void assert_fault(int index, const char *path, enum stw_code code, const char *argument)
{
    const struct stw_violation *violation = &details.violations[index];

    assert_true(index < details.violation_count);
    assert_string_equal(violation->path, path);
    assert_string_equal(stw_code_name(violation->code), stw_code_name(code));
    if (argument)
        assert_string_equal(violation->argument, argument);
    else
        assert_null(violation->argument);
}

static void test_good_permissions_pass(void **state)
{
    (void)state;
    assert_int_equal(stw_actor_permissions_check(&ctx, "{}"), STW_OK);
    assert_int_equal(stw_actor_permissions_check(
                         &ctx,
                         "{\"shelves\":{\"read\":\"none\",\"create\":\"own\",\"update\":\"team\",\"delete\":"
                         "\"tree\",\"assign\":\"all\",\"fields\":{\"name\":\"mask\",\"owner_id\":\"hide\","
                         "\"team_id\":\"read\",\"keeper_phone\":\"write\"}},\"books\":{}}"),
                     STW_OK);
    assert_int_equal(details.violation_count, 0);
}

static void test_each_fault_of_permissions_is_told(void **state)
{
    (void)state;
    assert_int_equal(
        stw_actor_permissions_check(
            &ctx, "{\"shelf\":{},\"shelves\":{\"raed\":\"all\",\"read\":\"tre\",\"update\":1,\"fields\":{"
                  "\"nam\":\"hide\",\"name\":\"hidden\",\"owner_id\":1,\"id\":\"hide\"}},"
                  "\"books\":[],\"users\":{\"fields\":\"hide\"},\"a/b\":{}}"),
        STW_VALIDATION_FAILED);
    assert_int_equal(details.violation_count, 11);
    assert_fault(0, "#/permissions/shelf", STW_UNKNOWN_FIELD, NULL);
    assert_fault(1, "#/permissions/shelves/raed", STW_UNKNOWN_FIELD, "read");
    assert_fault(2, "#/permissions/shelves/read", STW_NOT_ALLOWED, "tree");
    assert_string_equal(details.violations[2].allowed[0], "none");
    assert_fault(3, "#/permissions/shelves/update", STW_INVALID_TYPE, "string");
    assert_fault(4, "#/permissions/shelves/fields/nam", STW_UNKNOWN_FIELD, "name");
    assert_fault(5, "#/permissions/shelves/fields/name", STW_NOT_ALLOWED, "hide");
    assert_string_equal(details.violations[5].allowed[3], "write");
    assert_null(details.violations[5].allowed[4]);
    assert_fault(6, "#/permissions/shelves/fields/owner_id", STW_INVALID_TYPE, "string");
    assert_fault(7, "#/permissions/shelves/fields/id", STW_READ_ONLY, NULL);
    assert_fault(8, "#/permissions/books", STW_INVALID_TYPE, "object");
    assert_fault(9, "#/permissions/users/fields", STW_INVALID_TYPE, "object");
    assert_fault(10, "#/permissions/a~1b", STW_UNKNOWN_FIELD, NULL);
}

static void test_permissions_that_are_no_object(void **state)
{
    (void)state;
    assert_int_equal(stw_actor_permissions_check(&ctx, "[]"), STW_VALIDATION_FAILED);
    assert_fault(0, "#/permissions", STW_INVALID_TYPE, "object");
    assert_int_equal(stw_actor_permissions_check(&ctx, "{"), STW_VALIDATION_FAILED);
}

/* The words of the check are those of the names. */
static void test_scope_words_are_the_scopes_names(void **state)
{
    (void)state;
    for (int scope = 0; scope < STW_SCOPE_COUNT; scope++) {
        char *permissions =
            stw_arena_printf(arena, "{\"teams\":{\"read\":\"%s\"}}", stw_scope_name((enum stw_scope)scope));

        assert_int_equal(stw_actor_permissions_check(&ctx, permissions), STW_OK);
        assert_int_equal(grant_of(STW_ANALYST, permissions, TOY_TEAMS)->scope[STW_READ], scope);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_shipped_roles_have_the_tables_row),
        TEST(test_masked_roles_see_personal_fields_masked),
        TEST(test_a_part_follows_its_parent),
        TEST(test_overrides_are_laid_over_the_role),
        TEST(test_what_a_newer_process_knows_is_ignored),
        TEST(test_what_cannot_be_understood_closes),
        TEST(test_nothing_is_hidden_from_an_admin),
        TEST(test_good_permissions_pass),
        TEST(test_each_fault_of_permissions_is_told),
        TEST(test_permissions_that_are_no_object),
        TEST(test_scope_words_are_the_scopes_names),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
