/* Text as a role's permissions: checked, and made into grants, as an independent reading of the words says.
 * What is wrong in a stored text closes what it stands for. The first byte chooses the shipped role. */
#include <jansson.h>

#include "registry_check.h"

static const char *const scope_words[] = {"none", "own", "team", "tree", "all", NULL};
static const char *const field_words[] = {"write", "read", "hide", "mask", NULL};
enum { WORD_WRITE, WORD_READ, WORD_HIDE, WORD_MASK };

static int find_word(const char *const *words, const json_t *word)
{
    for (int i = 0; json_is_string(word) && words[i]; i++) {
        if (strcmp(words[i], json_string_value(word)) == 0)
            return i;
    }
    return -1;
}

static bool is_maskable(enum stw_type type)
{
    return type == STW_TYPE_TEXT || type == STW_TYPE_NOTE || type == STW_TYPE_NAME ||
           type == STW_TYPE_EMAIL || type == STW_TYPE_PHONE || type == STW_TYPE_URL;
}

/* Those that no word may be said of. */
static bool is_kept(const struct stw_plan *plan, int field)
{
    return field == STW_PLAN_ID || field == plan->version_field || field == plan->created_at_field ||
           field == plan->updated_at_field || field == plan->deleted_at_field;
}

/* ---- what is to be refused ---- */

static int faults_of_fields(const struct stw_plan *plan, const json_t *fields)
{
    const char *name;
    json_t *word;
    int faults = 0;

    if (!json_is_object(fields))
        return !json_is_null(fields);
    json_object_foreach((json_t *)(uintptr_t)fields, name, word)
    {
        int field = stw_plan_field(plan, name), found = find_word(field_words, word);

        faults += field < 0 || is_kept(plan, field) ||
                  (!json_is_null(word) &&
                   (found < 0 || (found == WORD_MASK && !is_maskable(plan->fields[field].type))));
    }
    return faults;
}

static int faults_of_resource(const struct stw_plan *plan, const json_t *overrides)
{
    const char *name;
    json_t *value;
    int faults = 0;

    if (!json_is_object(overrides))
        return !json_is_null(overrides);
    json_object_foreach((json_t *)(uintptr_t)overrides, name, value)
    {
        bool verb = false;

        for (int i = 0; i < STW_VERB_COUNT; i++)
            verb = verb || strcmp(name, stw_verb_name((enum stw_verb)i)) == 0;
        if (strcmp(name, "fields") == 0)
            faults += faults_of_fields(plan, value);
        else
            faults += !verb || (!json_is_null(value) && find_word(scope_words, value) < 0);
    }
    return faults;
}

static int faults_of(const struct registry *r, const json_t *said)
{
    const char *path;
    json_t *overrides;
    int faults = 0;

    if (!json_is_object(said))
        return 1;
    json_object_foreach((json_t *)(uintptr_t)said, path, overrides)
    {
        const struct stw_plan *plan = stw_engine_find(r->engine, path);

        faults += plan ? faults_of_resource(plan, overrides) : 1;
    }
    return faults;
}

static void check_refusals(struct registry *r, const json_t *said, const char *text)
{
    enum stw_code code = stw_actor_permissions_check(&r->ctx, text);
    int faults = faults_of(r, said);

    CHECK(code == (faults ? STW_VALIDATION_FAILED : STW_OK));
    CHECK(r->details.violation_count == (faults < STW_VIOLATIONS_MAX ? faults : STW_VIOLATIONS_MAX));
    if (faults)
        check_violations(&r->details);
    for (int i = 0; i < r->details.violation_count; i++)
        CHECK(strncmp(r->details.violations[i].path, "#/permissions", 13) == 0);
}

/* ---- what is to be granted ---- */

struct grants {
    const struct stw_engine *engine;
    enum stw_role role;
    const json_t *said;
    const struct stw_grant *shipped;
};

/* A part reads as its parent does, and does all else as that is changed. */
static int scope_of(const struct grants *grants, const struct stw_plan *plan, enum stw_verb verb)
{
    const json_t *overrides = json_object_get(grants->said, plan->resource->path);
    const json_t *word = json_object_get(overrides, stw_verb_name(verb));
    int found = find_word(scope_words, word);

    if (word)
        return found < 0 ? STW_NONE : found;
    if (plan->parent_field < 0 || verb == STW_ASSIGN)
        return grants->shipped[plan->index].scope[verb];
    return scope_of(grants, stw_engine_find(grants->engine, plan->fields[plan->parent_field].refers),
                    verb == STW_READ ? STW_READ : STW_UPDATE);
}

static void check_field(const struct grants *grants, const struct stw_plan *plan,
                        const struct stw_grant *grant, int field)
{
    const struct stw_grant *shipped = &grants->shipped[plan->index];
    const json_t *overrides = json_object_get(grants->said, plan->resource->path);
    const json_t *word = json_object_get(json_object_get(overrides, "fields"), plan->fields[field].name);
    int found = find_word(field_words, word);
    bool hidden, masked;

    if (!word || is_kept(plan, field)) {
        CHECK(!((grant->hidden ^ shipped->hidden) & BIT(field)));
        CHECK(!((grant->masked ^ shipped->masked) & BIT(field)));
        CHECK(!((grant->locked ^ shipped->locked) & BIT(field)));
        return;
    }
    masked = found == WORD_MASK && is_maskable(plan->fields[field].type);
    hidden = found != WORD_WRITE && found != WORD_READ && !masked;
    CHECK(!(grant->hidden & BIT(field)) == !(hidden && grants->role != STW_ADMIN));
    CHECK(!(grant->masked & BIT(field)) == !(masked && grants->role != STW_ADMIN));
    CHECK(!(grant->locked & BIT(field)) == (found != WORD_READ));
}

static void check_grants(struct registry *r, enum stw_role role, const json_t *said, const char *text)
{
    struct grants grants = {.engine = r->engine, .role = role, .said = said};
    const struct stw_grant *made;

    CHECK(stw_actor_grants(r->engine, r->arena, role, NULL, &grants.shipped) == STW_OK);
    CHECK(stw_actor_grants(r->engine, r->arena, role, text, &made) == STW_OK);
    for (int i = 0; i < r->engine->count; i++) {
        const struct stw_plan *plan = &r->engine->plans[i];

        CHECK(!made[i].source_bound);
        for (int verb = 0; verb < STW_VERB_COUNT; verb++)
            CHECK(made[i].scope[verb] ==
                  (json_is_object(said) ? scope_of(&grants, plan, (enum stw_verb)verb) : STW_NONE));
        for (int field = 0; json_is_object(said) && field < plan->field_count; field++)
            check_field(&grants, plan, &made[i], field);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct registry r;
    const char *text;
    json_t *said;

    if (!r.engine)
        registry_init(&r);
    if (size == 0)
        return 0;
    registry_again(&r, '@');
    text = stw_arena_strndup(r.arena, (const char *)data + 1, size - 1);
    said = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    check_refusals(&r, said, text);
    check_grants(&r, (enum stw_role)(data[0] % STW_ROLE_COUNT), said, text);
    json_decref(said);
    return 0;
}
