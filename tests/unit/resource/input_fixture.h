#ifndef TESTS_UNIT_RESOURCE_INPUT_FIXTURE_H
#define TESTS_UNIT_RESOURCE_INPUT_FIXTURE_H

/* A request that writes toy books, for test_input.c and test_input_value.c. cmocka.h comes before it. */
#include "resource/input.h"
#include "resource/toy.h"

#define BIT(field) (UINT64_C(1) << (field))
#define SHELF      "01890a5d-ac96-774b-bcce-b302099a8057"
#define NOW_US     INT64_C(1767225600000000)

static struct stw_engine *engine;
static struct stw_arena *arena;
static struct stw_details details;
static struct stw_grant grants[TOY_COUNT];
static struct stw_actor actor;
static struct stw_context ctx;
static struct stw_input input;

static inline int start(void **state)
{
    (void)state;
    engine = toy_engine();
    arena = stw_arena_new((size_t)64 << 20);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    stw_arena_free(arena);
    stw_engine_free(engine);
    return 0;
}

/* A fresh request by an actor from whom nothing is kept. */
static inline int set_up(void **state)
{
    (void)state;
    stw_arena_clear(arena);
    stw_details_init(&details, arena);
    memset(grants, 0, sizeof(grants));
    memset(&input, 0, sizeof(input));
    actor = (struct stw_actor){.kind = STW_ACTOR_USER, .grants = grants};
    ctx = (struct stw_context){
        .arena = arena, .actor = &actor, .engine = engine, .details = &details, .now_us = NOW_US};
    return 0;
}

static inline enum stw_code parse(const char *text, json_t **ret_root)
{
    stw_details_init(&details, arena);
    return stw_input_json(&ctx, text, strlen(text), ret_root);
}

static inline enum stw_code read_books(enum stw_verb verb, const char *text)
{
    json_t *root = NULL;
    enum stw_code code = parse(text, &root);

    return code ? code : stw_input_read(&ctx, stw_engine_find(engine, "books"), verb, root, &input);
}

static inline void assert_violation(int index, const char *path, enum stw_code code, const char *argument)
{
    const struct stw_violation *violation = &details.violations[index];

    assert_true(index < details.violation_count);
    assert_string_equal(violation->path, path);
    assert_string_equal(stw_code_name(violation->code), stw_code_name(code));
    if (argument) {
        assert_non_null(violation->argument);
        assert_string_equal(violation->argument, argument);
    } else {
        assert_null(violation->argument);
    }
}

/* The PATCH body {"<member>":<json>} is refused with this one violation. */
static inline void assert_refused(const char *body, const char *path, enum stw_code code,
                                  const char *argument)
{
    enum stw_code got = read_books(STW_UPDATE, body);

    if (got != STW_VALIDATION_FAILED || details.violation_count != 1)
        fail_msg("%s: %s with %d violations", body, stw_code_name(got), details.violation_count);
    assert_violation(0, path, code, argument);
}

static inline const struct stw_value *patched(const char *body, int field)
{
    enum stw_code code = read_books(STW_UPDATE, body);

    if (code != STW_OK)
        fail_msg("%s: %s at %s", body, stw_code_name(details.violations[0].code), details.violations[0].path);
    assert_true(input.given == BIT(STW_PLAN_FIELD(field)));
    return &input.values[STW_PLAN_FIELD(field)];
}

static inline void assert_text(const char *body, int field, const char *text)
{
    const struct stw_value *value = patched(body, field);

    if (!text) {
        assert_null(value->text);
        return;
    }
    assert_non_null(value->text);
    assert_string_equal(value->text, text);
}

static inline char *repeat(const char *piece, size_t count)
{
    char *text = stw_arena_alloc(arena, strlen(piece) * count + 1);

    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * strlen(piece), piece, strlen(piece) + 1);
    return text;
}

#endif
