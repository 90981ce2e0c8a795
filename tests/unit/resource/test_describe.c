#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "resource/actor.h"
#include "resource/describe.h"
#include "resource/toy.h"

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

static json_t *describe(enum toy_resource resource)
{
    json_t *object = stw_describe(engine, &engine->plans[resource]);

    assert_non_null(object);
    return object;
}

static json_t *field_of(json_t *object, const char *name)
{
    json_t *field;
    size_t i;

    json_array_foreach(json_object_get(object, "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0)
            return field;
    }
    return NULL;
}

/* `text` is the JSON that the member must be. */
static void expect(json_t *object, const char *name, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(wanted);
    if (!json_equal(json_object_get(object, name), wanted)) {
        char *found = json_dumps(json_object_get(object, name), JSON_ENCODE_ANY);
        fail_msg("%s is %s, not %s", name, found ? found : "absent", text);
    }
    json_decref(wanted);
}

static void test_every_type_has_its_word(void **state)
{
    (void)state;
    for (int type = 0; type < STW_TYPE_COUNT; type++) {
        assert_non_null(stw_type_name((enum stw_type)type));
        for (int other = 0; other < type; other++)
            assert_string_not_equal(stw_type_name((enum stw_type)type), stw_type_name((enum stw_type)other));
    }
}

static void test_the_resource(void **state)
{
    json_t *books = describe(TOY_BOOKS), *users = describe(TOY_USERS), *shelves = describe(TOY_SHELVES);

    (void)state;
    expect(books, "path", "\"books\"");
    expect(books, "segment", "\"books\"");
    expect(books, "singular", "\"book\"");
    expect(books, "operations", "[\"list\",\"get\",\"create\",\"update\",\"delete\"]");
    expect(books, "parent", "\"shelves\"");
    expect(books, "needs_precondition", "false");
    expect(books, "self", "[]");
    expect(books, "expand", "[\"shelf\",\"editor\"]");
    expect(users, "needs_precondition", "true");
    expect(users, "self", "[\"owner\"]");
    expect(users, "parent", "null");
    expect(shelves, "expand", "[\"owner\",\"team\",\"books\"]");
    json_decref(books);
    json_decref(users);
    json_decref(shelves);
}

static void test_fields_in_plan_order(void **state)
{
    json_t *books = describe(TOY_BOOKS);
    json_t *fields = json_object_get(books, "fields");
    const struct stw_plan *plan = &engine->plans[TOY_BOOKS];

    (void)state;
    assert_int_equal(json_array_size(fields), plan->field_count);
    for (int i = 0; i < plan->field_count; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(fields, (size_t)i), "name")),
                            plan->fields[i].name);
    json_decref(books);
}

static void test_a_field(void **state)
{
    json_t *books = describe(TOY_BOOKS);
    json_t *title = field_of(books, "title"), *binding = field_of(books, "binding"),
           *shelf = field_of(books, "shelf_id");
    json_t *pin = field_of(books, "pin"), *pages = field_of(books, "pages"), *tags = field_of(books, "tags");

    (void)state;
    expect(title, "type", "\"text\"");
    expect(title, "flags", "[\"mandatory\",\"filter\",\"sort\",\"search\"]");
    expect(title, "doc", "\"What is on the cover.\"");
    expect(title, "words", "null");
    expect(title, "initial", "null");
    expect(title, "operators", "[\"eq\",\"ne\",\"in\",\"nin\",\"contains\",\"starts\",\"null\"]");
    expect(binding, "words", "[\"hardcover\",\"paperback\",\"e_book\"]");
    expect(binding, "initial", "\"hardcover\"");
    expect(shelf, "refers", "\"shelves\"");
    expect(shelf, "flags", "[\"mandatory\",\"filter\",\"part_of\"]");
    expect(pin, "flags", "[\"write_only\"]");
    expect(pin, "operators", "[]");
    expect(pin, "doc", "null");
    expect(pages, "min", "1");
    expect(pages, "max", "20000");
    expect(tags, "operators", "[\"null\",\"any\",\"all\",\"none\"]");
    json_decref(books);
}

static void test_access_of_a_part_follows_its_parent(void **state)
{
    json_t *shelves = describe(TOY_SHELVES), *books = describe(TOY_BOOKS);
    json_t *of_shelves = json_object_get(shelves, "access"), *of_books = json_object_get(books, "access");

    (void)state;
    expect(
        of_shelves, "team_lead",
        "{\"read\":\"tree\",\"create\":\"tree\",\"update\":\"tree\",\"delete\":\"tree\",\"assign\":\"tree\","
        "\"masked\":false}");
    expect(of_books, "analyst",
           "{\"read\":\"all\",\"create\":\"own\",\"update\":\"own\",\"delete\":\"own\",\"assign\":\"none\","
           "\"masked\":true}");
    assert_int_equal(json_object_size(of_books), STW_ROLE_COUNT);
    json_decref(shelves);
    json_decref(books);
}

static json_t *describe_own(struct stw_arena *arena, enum toy_resource resource, enum stw_role role,
                            const char *permissions)
{
    const struct stw_grant *grants;

    assert_int_equal(stw_actor_grants(engine, arena, role, permissions, &grants), STW_OK);

    struct stw_actor actor = {.role = role, .grants = grants};
    struct stw_context ctx = {.arena = arena, .engine = engine, .actor = &actor};

    return stw_describe_own(&ctx, &engine->plans[resource]);
}

static void test_what_a_caller_meets(void **state)
{
    static const char permissions[] =
        "{\"shelves\":{\"create\":\"none\",\"fields\":{\"name\":\"read\",\"team_id\":\"hide\","
        "\"keeper_phone\":\"mask\"}}}";
    struct stw_arena *arena = stw_arena_new((size_t)1 << 20);
    json_t *own = describe_own(arena, TOY_SHELVES, STW_ACCOUNT_MANAGER, permissions);

    (void)state;
    expect(own, "operations", "[\"list\",\"get\",\"update\",\"delete\"]");
    expect(own, "access",
           "{\"read\":\"own\",\"create\":\"none\",\"update\":\"own\",\"delete\":\"own\",\"assign\":\"none\","
           "\"masked\":true}");
    /* the hop leads over a field that is hidden */
    expect(own, "expand", "[\"owner\",\"books\"]");
    assert_null(field_of(own, "team_id"));
    expect(field_of(own, "id"), "access", "\"read\"");
    expect(field_of(own, "name"), "access", "\"read\"");
    expect(field_of(own, "owner_id"), "access", "\"write\"");
    expect(field_of(own, "keeper_phone"), "access", "\"mask\"");
    expect(field_of(own, "keeper_phone"), "operators", "[\"eq\",\"in\",\"null\"]");
    json_decref(own);
    stw_arena_free(arena);
}

static void test_who_reaches_nothing_sees_no_fields(void **state)
{
    struct stw_arena *arena = stw_arena_new((size_t)1 << 20);
    json_t *own = describe_own(arena, TOY_SHELVES, STW_INTEGRATION, NULL);
    json_t *reader = describe_own(arena, TOY_BOOKS, STW_SERVICE_AGENT, NULL);

    (void)state;
    expect(own, "operations", "[]");
    expect(own, "fields", "[]");
    expect(own, "expand", "[]");
    /* what is only ever written is nothing to one who only reads */
    assert_null(field_of(reader, "pin"));
    expect(field_of(reader, "title"), "access", "\"read\"");
    json_decref(own);
    json_decref(reader);
    stw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_has_its_word),
        cmocka_unit_test(test_the_resource),
        cmocka_unit_test(test_fields_in_plan_order),
        cmocka_unit_test(test_a_field),
        cmocka_unit_test(test_access_of_a_part_follows_its_parent),
        cmocka_unit_test(test_what_a_caller_meets),
        cmocka_unit_test(test_who_reaches_nothing_sees_no_fields),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
