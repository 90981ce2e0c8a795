#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "resource/toy.h"

#define BIT(field) (UINT64_C(1) << (field))

static struct stw_engine *engine;

static int set_up(void **state)
{
    (void)state;
    engine = toy_engine();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stw_engine_free(engine);
    return 0;
}

static const struct stw_plan *plan_of(const char *path)
{
    const struct stw_plan *plan = stw_engine_find(engine, path);

    assert_non_null(plan);
    return plan;
}

static void test_names_of_roles_verbs_and_scopes(void **state)
{
    (void)state;
    for (int role = 0; role < STW_ROLE_COUNT; role++)
        assert_int_equal(stw_role_find(stw_role_name((enum stw_role)role)), role);
    assert_string_equal(stw_role_name(STW_KEY_ACCOUNT_MANAGER), "key_account_manager");
    assert_int_equal(stw_role_find("owner"), -1);
    assert_int_equal(stw_role_find(""), -1);
    assert_string_equal(stw_verb_name(STW_READ), "read");
    assert_string_equal(stw_verb_name(STW_ASSIGN), "assign");
    assert_string_equal(stw_scope_name(STW_NONE), "none");
    assert_string_equal(stw_scope_name(STW_IN_TEAM), "team");
    assert_string_equal(stw_scope_name(STW_ALL), "all");
}

static void test_system_fields_stand_around_the_own_ones(void **state)
{
    const struct stw_plan *plan = plan_of("shelves");

    (void)state;
    assert_int_equal(plan->field_count, SHELF_COUNT + 5);
    assert_int_equal(stw_plan_field(plan, "id"), STW_PLAN_ID);
    assert_int_equal(stw_plan_field(plan, "name"), STW_PLAN_FIELD(SHELF_NAME));
    assert_int_equal(stw_plan_field(plan, "version"), plan->version_field);
    assert_int_equal(stw_plan_field(plan, "created_at"), plan->created_at_field);
    assert_int_equal(stw_plan_field(plan, "updated_at"), plan->updated_at_field);
    assert_int_equal(stw_plan_field(plan, "deleted_at"), plan->deleted_at_field);
    assert_int_equal(plan->deleted_at_field, plan->field_count - 1);
    assert_int_equal(stw_plan_field(plan, "nam"), -1);
    assert_int_equal(plan->fields[STW_PLAN_ID].type, STW_TYPE_ID);
    assert_int_equal(plan->fields[plan->version_field].flags, STW_SERVER_KEPT);
    assert_string_equal(plan->field_names[0], "id");
    assert_null(plan->field_names[plan->field_count]);
    assert_null(stw_engine_find(engine, "shelf"));
}

static void test_money_takes_two_columns(void **state)
{
    const struct stw_plan *plan = plan_of("books");
    int price = STW_PLAN_FIELD(BOOK_PRICE);

    (void)state;
    /* one more for the currency, one less for the write-only pin */
    assert_int_equal(plan->column_count, plan->field_count);
    assert_int_equal(plan->first_column[STW_PLAN_FIELD(BOOK_PIN)], -1);
    assert_null(strstr(plan->columns, "t.pin"));
    assert_int_equal(plan->first_column[price + 1], plan->first_column[price] + 2);
    assert_int_equal(plan->first_column[plan->deleted_at_field], plan->column_count - 1);
    assert_non_null(strstr(plan->columns, ", t.price, t.price_currency, t.published_on, "));
    assert_string_equal(plan->members[price].key, ",\"price\":");
    assert_int_equal(plan->members[price].key_length, 9);
    assert_string_equal(plan_of("teams")->columns,
                        "t.id, t.name, t.parent_id, t.version, t.created_at, t.updated_at, t.deleted_at");
}

static void test_bits_follow_the_flags(void **state)
{
    const struct stw_plan *plan = plan_of("books");

    (void)state;
    assert_true(plan->personal ==
                (BIT(STW_PLAN_FIELD(BOOK_CONTACT_EMAIL)) | BIT(STW_PLAN_FIELD(BOOK_CONTACT_PHONE))));
    assert_true(plan->write_only == BIT(STW_PLAN_FIELD(BOOK_PIN)));
    assert_true(plan->filterable & BIT(STW_PLAN_ID));
    assert_true(plan->sortable & BIT(plan->created_at_field));
    assert_false(plan->filterable & BIT(plan->deleted_at_field));
    assert_true(plan->searchable & BIT(STW_PLAN_FIELD(BOOK_SUMMARY)));
    assert_true(plan->writable & BIT(STW_PLAN_FIELD(BOOK_ISBN)));
    assert_false(plan->writable & BIT(STW_PLAN_FIELD(BOOK_LOANS)));
    assert_false(plan->writable & BIT(STW_PLAN_ID));
    assert_false(plan->writable >> plan->field_count);
}

static void test_owner_team_and_parent(void **state)
{
    const struct stw_plan *shelves = plan_of("shelves");
    const struct stw_plan *users = plan_of("users");
    const struct stw_plan *teams = plan_of("teams");

    (void)state;
    assert_int_equal(shelves->owner_field, STW_PLAN_FIELD(SHELF_OWNER_ID));
    assert_int_equal(shelves->team_field, STW_PLAN_FIELD(SHELF_TEAM_ID));
    assert_int_equal(shelves->parent_field, -1);
    assert_int_equal(users->owner_field, STW_PLAN_ID);
    assert_int_equal(users->team_field, STW_PLAN_FIELD(USER_TEAM_ID));
    assert_true(users->fields[STW_PLAN_ID].flags & STW_ITSELF);
    assert_int_equal(teams->owner_field, -1);
    assert_int_equal(teams->team_field, STW_PLAN_ID);
    assert_int_equal(plan_of("books")->parent_field, STW_PLAN_FIELD(BOOK_SHELF_ID));
    assert_int_equal(plan_of("books")->owner_field, -1);
}

static void test_references_are_seen_from_both_ends(void **state)
{
    const struct stw_plan *shelves = plan_of("shelves");
    const struct stw_plan *users = plan_of("users");

    (void)state;
    assert_int_equal(shelves->reference_count, 2);
    assert_string_equal(shelves->references[0].name, "owner");
    assert_int_equal(shelves->references[0].field, STW_PLAN_FIELD(SHELF_OWNER_ID));
    assert_int_equal(shelves->references[0].from, TOY_SHELVES);
    assert_int_equal(shelves->references[0].to, TOY_USERS);
    assert_int_equal(shelves->referrer_count, 1);
    assert_string_equal(shelves->referrers[0].name, "books");
    assert_int_equal(shelves->referrers[0].from, TOY_BOOKS);
    assert_int_equal(users->referrer_count, 2);
    assert_string_equal(users->referrers[0].name, "shelves");
    assert_string_equal(users->referrers[1].name, "books");
    assert_string_equal(plan_of("teams")->references[0].name, "parent");
    assert_int_equal(plan_of("teams")->referrer_count, 3);
}

/* Starts an engine with one more resource in a child and returns what the child said before it aborted. */
static void assert_refused(const struct stw_resource *odd, const char *message)
{
    const struct stw_resource *registry[TOY_COUNT + 1];
    unsigned char key[32] = {0};
    char said[512] = "";
    size_t length = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    memcpy(registry, toy_registry, sizeof(toy_registry));
    registry[TOY_COUNT] = odd;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        stw_engine_free(stw_engine_new(registry, TOY_COUNT + 1, key));
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(said) - 1 && (got = read(ends[0], said + length, sizeof(said) - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (!strstr(said, message))
        fail_msg("expected \"%s\", got \"%s\"", message, said);
}

static void assert_fields_refused(const struct stw_field *fields, int count, const char *message)
{
    struct stw_resource odd = {.path = "odds", .singular = "odd", .fields = fields, .field_count = count};

    assert_refused(&odd, message);
}

#define REFUSED(message, ...)                                                                                \
    do {                                                                                                     \
        const struct stw_field fields[] = {__VA_ARGS__};                                                     \
        assert_fields_refused(fields, (int)(sizeof(fields) / sizeof(fields[0])), message);                   \
    } while (0)

static void test_contradicting_fields_are_refused(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    REFUSED("table odds, field version: the engine keeps", {.name = "version"});
    REFUSED("two fields have this name", {.name = "a"}, {.name = "a"});
    REFUSED("joined by underscores", {.name = "Name"});
    REFUSED("second column of a money field", {.name = "sum", .type = STW_TYPE_MONEY},
            {.name = "sum_currency"});
    REFUSED("no type of its own", {.name = "a", .type = STW_TYPE_ID});
    REFUSED("each enum needs them", {.name = "a", .type = STW_TYPE_ENUM});
    REFUSED("at least one word", {.name = "a", .type = STW_TYPE_ENUM, .words = none});
    REFUSED("none of the words",
            {.name = "a", .type = STW_TYPE_ENUM, .words = toy_bindings, .initial = "leather"});
    REFUSED("each reference needs it", {.name = "a_id", .type = STW_TYPE_REF});
    REFUSED("ends in _id", {.name = "shelf", .type = STW_TYPE_REF, .refers = "shelves"});
    REFUSED("not in the registry", {.name = "room_id", .type = STW_TYPE_REF, .refers = "rooms"});
    REFUSED("only a reference", {.name = "a", .flags = STW_OWNER});
    REFUSED("nobody could give it", {.name = "a", .flags = STW_MANDATORY | STW_SERVER_KEPT});
    REFUSED("no use for an initial", {.name = "a", .flags = STW_MANDATORY, .initial = "b"});
    REFUSED("told by filtering", {.name = "a", .flags = STW_WRITE_ONLY | STW_FILTER});
    REFUSED("have no order", {.name = "a", .type = STW_TYPE_TEXTS, .flags = STW_SORT});
    REFUSED("have no filter", {.name = "a", .type = STW_TYPE_OBJECT, .flags = STW_FILTER});
    REFUSED("only text can be searched", {.name = "a", .type = STW_TYPE_INT, .flags = STW_SEARCH});
    REFUSED("min is above max", {.name = "a", .min = 3, .max = 2});
}

static void test_contradicting_relations_are_refused(void **state)
{
    (void)state;
    REFUSED("a second owner", {.name = "a_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_OWNER},
            {.name = "b_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_OWNER});
    REFUSED("a second parent",
            {.name = "a_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_PART_OF},
            {.name = "b_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_PART_OF});
    REFUSED("whose `self` is STW_OWNER",
            {.name = "a_id", .type = STW_TYPE_REF, .refers = "teams", .flags = STW_OWNER});
    REFUSED("whose `self` is STW_TEAM",
            {.name = "a_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_TEAM});
    REFUSED("make a circle", {.name = "up_id", .type = STW_TYPE_REF, .refers = "odds", .flags = STW_PART_OF});
    REFUSED("would take this field's place", {.name = "shelf_id", .type = STW_TYPE_REF, .refers = "shelves"},
            {.name = "shelf"});
}

static void test_contradicting_resources_are_refused(void **state)
{
    static const char *const wakes[] = {"b", NULL};
    static const struct stw_field fields[] = {{.name = "a"}};
    static const struct stw_constraint constraints[] = {{.name = "odds_b_key", .field = "b"}, {.name = NULL}};
    static struct stw_field many[56];
    struct stw_resource odd = {.path = "books", .singular = "odd", .fields = fields, .field_count = 1};

    (void)state;
    assert_refused(&odd, "two resources have this path");
    odd.path = "odds";
    odd.constraints = constraints;
    assert_refused(&odd, "a constraint names a field");
    odd.constraints = NULL;
    odd.hooks.wakes = wakes;
    assert_refused(&odd, "a hook wakes by a field");
    odd.hooks.wakes = NULL;
    odd.singular = NULL;
    assert_refused(&odd, "path and singular");
    odd.singular = "odd";
    odd.self = STW_PART_OF;
    assert_refused(&odd, "`self` is");
    odd.self = 0;
    odd.fields = many;
    odd.field_count = 56;
    assert_refused(&odd, "more than 60 fields");
    odd.path = NULL;
    assert_refused(&odd, "it has no path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_roles_verbs_and_scopes),
        cmocka_unit_test(test_system_fields_stand_around_the_own_ones),
        cmocka_unit_test(test_money_takes_two_columns),
        cmocka_unit_test(test_bits_follow_the_flags),
        cmocka_unit_test(test_owner_team_and_parent),
        cmocka_unit_test(test_references_are_seen_from_both_ends),
        cmocka_unit_test(test_contradicting_fields_are_refused),
        cmocka_unit_test(test_contradicting_relations_are_refused),
        cmocka_unit_test(test_contradicting_resources_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
