#include "resource/actor.h"

#include <jansson.h>
#include <string.h>

#include "core/context.h"
#include "core/text.h"
#include "resource/engine.h"
#include "resource/input_parts.h"
#include "resource/json_load.h"

#define BIT(field) (UINT64_C(1) << (field))
#define ROOT       "#/permissions"

enum word { WORD_HIDE, WORD_MASK, WORD_READ, WORD_WRITE, WORD_COUNT };

static const char *const field_words[WORD_COUNT + 1] = {"hide", "mask", "read", "write", NULL};
static const char *const plain_words[] = {"hide", "read", "write",
                                          NULL}; /* of fields that cannot be masked */
static const char *const scope_words[STW_SCOPE_COUNT + 1] = {"none", "own", "team", "tree", "all", NULL};

static int find_word(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
    }
    return -1;
}

static int find_verb(const char *name)
{
    for (int verb = 0; verb < STW_VERB_COUNT; verb++) {
        if (strcmp(stw_verb_name((enum stw_verb)verb), name) == 0)
            return verb;
    }
    return -1;
}

/* The engine keeps these itself and every answer carries them. */
static bool is_system_field(const struct stw_plan *plan, int field)
{
    return field == STW_PLAN_ID || field >= plan->version_field;
}

/* What grants are made from. */
struct maker {
    const struct stw_engine *engine;
    enum stw_role role;
    const json_t *permissions; /* NULL: no overrides */
    struct stw_grant *grants;
    bool *done;
};

static const struct stw_plan *parent_of(const struct stw_engine *engine, const struct stw_plan *plan)
{
    if (plan->parent_field < 0)
        return NULL;
    return stw_engine_find(engine, plan->fields[plan->parent_field].refers);
}

static void lay_scope(struct stw_grant *grant, enum stw_verb verb, const json_t *word)
{
    int scope = json_is_string(word) ? find_word(scope_words, json_string_value(word)) : -1;

    grant->scope[verb] = (uint8_t)(scope < 0 ? STW_NONE : scope);
}

/* A masked number or date would be no number or date any more. */
static bool can_be_masked(enum stw_type type)
{
    return type == STW_TYPE_TEXT || type == STW_TYPE_NOTE || type == STW_TYPE_NAME ||
           type == STW_TYPE_EMAIL || type == STW_TYPE_PHONE || type == STW_TYPE_URL;
}

static void lay_field(const struct maker *maker, const struct stw_plan *plan, struct stw_grant *grant,
                      int field, const json_t *word)
{
    int found = json_is_string(word) ? find_word(field_words, json_string_value(word)) : WORD_HIDE;
    uint64_t bit = BIT(field);

    if (found < 0 || (found == WORD_MASK && !can_be_masked(plan->fields[field].type)))
        found = WORD_HIDE;
    grant->hidden &= ~bit;
    grant->masked &= ~bit;
    grant->locked &= ~bit;
    if (found == WORD_READ)
        grant->locked |= bit;
    if (maker->role == STW_ADMIN)
        return;
    if (found == WORD_HIDE)
        grant->hidden |= bit;
    else if (found == WORD_MASK)
        grant->masked |= bit;
}

static void lay_overrides(const struct maker *maker, const struct stw_plan *plan, struct stw_grant *grant)
{
    const json_t *overrides = json_object_get(maker->permissions, plan->resource->path);
    const json_t *fields = json_object_get(overrides, "fields");
    const char *name;
    json_t *word;

    json_object_foreach((json_t *)(uintptr_t)overrides, name, word)
    {
        int verb = find_verb(name);

        if (verb >= 0)
            lay_scope(grant, (enum stw_verb)verb, word);
    }
    json_object_foreach((json_t *)(uintptr_t)fields, name, word)
    {
        int field = stw_plan_field(plan, name);

        if (field >= 0 && !is_system_field(plan, field))
            lay_field(maker, plan, grant, field, word);
    }
}

/* Whether the role sees the resource masked by default: for a part as its outermost parent says. */
static bool is_masked(const struct maker *maker, const struct stw_plan *plan)
{
    const struct stw_plan *parent = parent_of(maker->engine, plan);

    for (; parent; parent = parent_of(maker->engine, plan))
        plan = parent;
    return plan->resource->access[maker->role].masked;
}

/* Parents first, so that a part follows what its parent's overrides made of it. Parents never make a circle:
 * the engine has checked. */
static void make_grant(const struct maker *maker, const struct stw_plan *plan)
{
    struct stw_grant *grant = &maker->grants[plan->index];
    const struct stw_plan *parent = parent_of(maker->engine, plan);

    if (maker->done[plan->index])
        return;
    maker->done[plan->index] = true;
    if (parent) {
        const struct stw_grant *above = &maker->grants[parent->index];

        make_grant(maker, parent);
        grant->scope[STW_READ] = above->scope[STW_READ];
        grant->scope[STW_CREATE] = above->scope[STW_UPDATE];
        grant->scope[STW_UPDATE] = above->scope[STW_UPDATE];
        grant->scope[STW_DELETE] = above->scope[STW_UPDATE];
    } else {
        for (int verb = 0; verb < STW_VERB_COUNT; verb++)
            grant->scope[verb] = (uint8_t)plan->resource->access[maker->role].scope[verb];
    }
    if (is_masked(maker, plan) && maker->role != STW_ADMIN)
        grant->masked = plan->personal;
    lay_overrides(maker, plan, grant);
}

enum stw_code stw_actor_grants(const struct stw_engine *engine, struct stw_arena *arena, enum stw_role role,
                               const char *permissions, const struct stw_grant **ret_grants)
{
    json_t *root = NULL;
    struct maker maker = {
        .engine = engine,
        .role = role,
        .grants = STW_NEW_N(arena, struct stw_grant, (size_t)engine->count),
        .done = STW_NEW_N(arena, bool, (size_t)engine->count),
    };
    enum stw_code code =
        permissions ? stw_json_load(permissions, strlen(permissions), JSON_REJECT_DUPLICATES, NULL, &root)
                    : STW_OK;

    if (code == STW_OVERLOADED)
        return code;
    maker.permissions = root;
    /* Overrides that cannot be read may have been restrictions: then nothing is granted. */
    if (!permissions || json_is_object(root)) {
        for (int i = 0; i < engine->count; i++)
            make_grant(&maker, &engine->plans[i]);
    }
    json_decref(root);
    *ret_grants = maker.grants;
    return STW_OK;
}

/* A word out of a fixed few. */
static bool check_word(struct stw_context *ctx, const char *base, const char *name, const json_t *json,
                       const char *const *words, size_t count)
{
    const char *path;

    /* null: a merge patch takes the override away */
    if (json_is_null(json) || (json_is_string(json) && find_word(words, json_string_value(json)) >= 0))
        return true;
    path = stw_input_member(ctx->arena, base, name);
    if (json_is_string(json))
        stw_details_add(ctx->details, STW_AT_POINTER, path, STW_NOT_ALLOWED,
                        stw_text_nearest(json_string_value(json), words, count), words);
    else
        stw_details_add(ctx->details, STW_AT_POINTER, path, STW_INVALID_TYPE, "string", NULL);
    return false;
}

static bool check_object(struct stw_context *ctx, const char *path, const json_t *json)
{
    if (json_is_object(json))
        return true;
    stw_details_add(ctx->details, STW_AT_POINTER, path, STW_INVALID_TYPE, "object", NULL);
    return false;
}

static bool check_fields(struct stw_context *ctx, const struct stw_plan *plan, const char *base,
                         json_t *fields)
{
    bool good = true;
    const char *name;
    json_t *word;

    if (json_is_null(fields))
        return true;
    if (!check_object(ctx, base, fields))
        return false;
    json_object_foreach(fields, name, word)
    {
        int field = stw_plan_field(plan, name);

        if (stw_input_full(ctx))
            return false;
        if (field < 0) {
            stw_input_unknown(ctx, base, name, plan->field_names, (size_t)plan->field_count);
            good = false;
        } else if (is_system_field(plan, field)) {
            stw_details_add(ctx->details, STW_AT_POINTER, stw_input_member(ctx->arena, base, name),
                            STW_READ_ONLY, NULL, NULL);
            good = false;
        } else {
            bool maskable = can_be_masked(plan->fields[field].type);
            good = check_word(ctx, base, name, word, maskable ? field_words : plain_words,
                              maskable ? WORD_COUNT : WORD_COUNT - 1) &&
                   good;
        }
    }
    return good;
}

static bool check_resource(struct stw_context *ctx, const struct stw_plan *plan, json_t *overrides)
{
    const char *base = stw_input_member(ctx->arena, ROOT, plan->resource->path);
    const char *names[STW_VERB_COUNT + 1];
    bool good = true;
    const char *name;
    json_t *value;

    if (json_is_null(overrides))
        return true;
    if (!check_object(ctx, base, overrides))
        return false;
    for (int verb = 0; verb < STW_VERB_COUNT; verb++)
        names[verb] = stw_verb_name((enum stw_verb)verb);
    names[STW_VERB_COUNT] = "fields";
    json_object_foreach(overrides, name, value)
    {
        if (stw_input_full(ctx))
            return false;
        if (strcmp(name, "fields") == 0) {
            good = check_fields(ctx, plan, stw_input_member(ctx->arena, base, name), value) && good;
        } else if (find_verb(name) >= 0) {
            good = check_word(ctx, base, name, value, scope_words, STW_SCOPE_COUNT) && good;
        } else {
            stw_input_unknown(ctx, base, name, names, STW_VERB_COUNT + 1);
            good = false;
        }
    }
    return good;
}

static void refuse_resource(struct stw_context *ctx, const char *path)
{
    const struct stw_engine *engine = ctx->engine;
    const char **names = STW_NEW_N(ctx->arena, const char *, (size_t)engine->count);

    for (int i = 0; i < engine->count; i++)
        names[i] = engine->resources[i]->path;
    stw_input_unknown(ctx, ROOT, path, names, (size_t)engine->count);
}

enum stw_code stw_actor_permissions_check(struct stw_context *ctx, const char *permissions)
{
    json_t *root = NULL;
    const char *path;
    json_t *overrides;
    bool good;

    if (stw_json_load(permissions, strlen(permissions), JSON_REJECT_DUPLICATES, NULL, &root) ==
        STW_OVERLOADED)
        return STW_OVERLOADED;
    good = check_object(ctx, ROOT, root);

    json_object_foreach(root, path, overrides)
    {
        const struct stw_plan *plan = stw_engine_find(ctx->engine, path);

        if (stw_input_full(ctx)) {
            good = false;
            break;
        }
        if (plan) {
            good = check_resource(ctx, plan, overrides) && good;
        } else {
            refuse_resource(ctx, path);
            good = false;
        }
    }
    json_decref(root);
    return good ? STW_OK : STW_VALIDATION_FAILED;
}
