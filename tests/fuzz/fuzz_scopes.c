/* Words between semicolons as what an API key may do. They are checked as the engine writes them and made
 * into rights as PostgreSQL gives them back, both as an independent reading of the words says. The first byte
 * chooses what the person who makes the key has not. */
#include "array_out.h"
#include "domain/api_keys.h"
#include "domain/scopes.h"
#include "registry_check.h"

#define SIGNED_IN_BY_NOBODY 32 /* the command line has no actor */
#define WORDS_MAX           50
#define VERB(verb)          (1U << STW_##verb)

/* What one word says. */
struct word {
    bool malformed;
    const struct stw_plan *plan; /* NULL: there is no such resource */
    unsigned verbs;              /* 0: there is no such verb */
    bool all;
};

struct words {
    struct word list[WORDS_MAX];
    int count;
};

static unsigned verbs_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned verbs;
    } known[] = {{"read", VERB(READ)},
                 {"create", VERB(CREATE)},
                 {"update", VERB(UPDATE)},
                 {"delete", VERB(DELETE)},
                 {"upsert", VERB(READ) | VERB(CREATE) | VERB(UPDATE)}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0)
            return known[i].verbs;
    }
    return 0;
}

/* Two or three parts between colons, the third "all". */
static struct word read_word(const struct registry *r, char *text)
{
    struct word word = {.malformed = strlen(text) > 100};
    char *parts[3] = {strsep(&text, ":"), strsep(&text, ":"), strsep(&text, "")};

    word.malformed =
        word.malformed || !parts[1] || !*parts[0] || !*parts[1] || (parts[2] && strcmp(parts[2], "all") != 0);
    if (word.malformed)
        return word;
    word.plan = stw_engine_find(r->engine, parts[0]);
    word.verbs = verbs_of(parts[1]);
    word.all = parts[2] != NULL;
    return word;
}

/* Reads the words that the text has, and writes them as PostgreSQL does. */
static const char *read_words(const struct registry *r, const char *text, struct words *words)
{
    char *rest = *text ? stw_arena_strdup(r->arena, text) : NULL;
    struct stw_buf out;

    stw_buf_init(&out, r->arena, 64, (size_t)1 << 20);
    stw_buf_add_char(&out, '{');
    while (rest && *rest) {
        char *word = strsep(&rest, ";");

        CHECK(words->count < WORDS_MAX);
        stw_buf_add_text(&out, words->count ? "," : "");
        write_element(&out, word);
        words->list[words->count++] = read_word(r, word);
    }
    stw_buf_add_char(&out, '}');
    CHECK(!out.failed);
    return out.data;
}

/* ---- what is to be refused ---- */

static bool has_routes(const struct stw_resource *resource, unsigned verbs)
{
    return (!(verbs & VERB(READ)) || resource->operations & (STW_CAN_LIST | STW_CAN_GET)) &&
           (!(verbs & VERB(CREATE)) || resource->operations & STW_CAN_CREATE) &&
           (!(verbs & VERB(UPDATE)) || resource->operations & STW_CAN_UPDATE) &&
           (!(verbs & VERB(DELETE)) || resource->operations & STW_CAN_DELETE);
}

/* Without limits, or the key would be more than who makes it. */
static bool has_right(const struct registry *r, const struct word *word)
{
    const struct stw_grant *grant = &r->grants[word->plan->index];
    bool writes = word->verbs & (VERB(CREATE) | VERB(UPDATE));

    for (int verb = 0; verb < STW_VERB_COUNT; verb++) {
        if (word->verbs >> verb & 1 && grant->scope[verb] != STW_ALL)
            return false;
    }
    return !grant->hidden && !grant->masked && !(writes && grant->locked) &&
           !(word->all && grant->source_bound);
}

static bool is_allowed(const struct registry *r, const struct word *word)
{
    return word->plan && word->verbs && has_routes(word->plan->resource, word->verbs) &&
           (!r->ctx.actor || has_right(r, word));
}

/* The first word of a resource decides whether all of them say ":all". */
static bool agrees(const struct words *words, int index)
{
    for (int i = 0; i < index; i++) {
        if (words->list[i].plan == words->list[index].plan)
            return words->list[i].all == words->list[index].all;
    }
    return true;
}

static void expect(const struct registry *r, int *at, int index, enum stw_code code)
{
    char path[32];

    if (*at < STW_VIOLATIONS_MAX) {
        snprintf(path, sizeof(path), "#/scopes/%d", index);
        CHECK(*at < r->details.violation_count && r->details.violations[*at].code == code);
        CHECK(strcmp(r->details.violations[*at].path, path) == 0);
    }
    ++*at;
}

static bool check_refusals(struct registry *r, const struct words *words, const char *literal)
{
    enum stw_code code;
    int at = 0;

    stw_details_init(&r->details, r->arena);
    code = stw_scopes_check(&r->ctx, literal);
    for (int i = 0; i < words->count; i++) {
        const struct word *word = &words->list[i];

        if (word->malformed)
            expect(r, &at, i, STW_INVALID_FORMAT);
        else if (!is_allowed(r, word))
            expect(r, &at, i, STW_NOT_ALLOWED);
        if (word->plan && !agrees(words, i))
            expect(r, &at, i, STW_NOT_ALLOWED);
    }
    CHECK(r->details.violation_count + r->details.violations_dropped == at);
    CHECK(code == (at ? STW_VALIDATION_FAILED : STW_OK));
    return code == STW_OK;
}

/* ---- what is to be granted ---- */

static void check_grants(const struct registry *r, const struct words *words, const char *literal,
                         bool accepted)
{
    const struct stw_grant *grants = stw_scopes_grants(r->engine, r->arena, literal);

    for (int i = 0; i < r->engine->count; i++) {
        const struct stw_grant *grant = &grants[i];
        unsigned verbs = 0;
        bool all = true;

        for (int j = 0; j < words->count; j++) {
            const struct word *word = &words->list[j];

            if (word->plan != &r->engine->plans[i] || !word->verbs)
                continue;
            verbs |= word->verbs;
            all = all && word->all;
            CHECK(!accepted || word->all == !grant->source_bound);
        }
        for (int verb = 0; verb < STW_VERB_COUNT; verb++)
            CHECK(grant->scope[verb] == (verbs >> verb & 1 ? STW_ALL : STW_NONE));
        CHECK(grant->source_bound == !all);
        CHECK(!grant->hidden && !grant->masked && !grant->locked);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct registry r;
    struct words words = {.count = 0};
    struct stw_value written;
    const struct stw_plan *keys;
    const char *text, *stored;
    bool accepted;

    if (!r.engine)
        registry_init(&r);
    if (size == 0)
        return 0;
    registry_again(&r, data[0]);
    r.ctx.actor = data[0] & SIGNED_IN_BY_NOBODY ? NULL : &r.actor;
    text = stw_arena_strndup(r.arena, (const char *)data + 1, size - 1);
    keys = stw_engine_find(r.engine, "api_keys");
    if (!stw_input_text(&r.ctx, &keys->fields[STW_API_KEY_SCOPES], text, STW_AT_POINTER, "#/scopes",
                        &written))
        return 0;
    stored = read_words(&r, text, &words);
    accepted = check_refusals(&r, &words, written.text);
    CHECK(check_refusals(&r, &words, stored) == accepted);
    check_grants(&r, &words, written.text, accepted);
    check_grants(&r, &words, stored, accepted);
    return 0;
}
