#include "domain/scopes.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "resource/engine.h"

#define WORD_MAX 100 /* longer ones are no scope */

enum { READ = 1 << STW_READ, CREATE = 1 << STW_CREATE, UPDATE = 1 << STW_UPDATE, DELETE = 1 << STW_DELETE };

static const struct {
    const char *name;
    unsigned verbs;
} verb_words[] = {
    {"create", CREATE},
    {"read", READ},
    {"update", UPDATE},
    {"delete", DELETE},
    {"upsert", CREATE | READ | UPDATE},
};
static const char *const verb_names[] = {"create", "read", "update", "delete", "upsert", NULL};

struct word {
    char resource[WORD_MAX + 1];
    char verb[WORD_MAX + 1];
    bool all;
    bool malformed;
    unsigned verbs;              /* 0: unknown */
    const struct stw_plan *plan; /* NULL: unknown */
};

/* The next element of an array literal of texts, at most WORD_MAX bytes of it; NULL behind the last. */
static const char *next_element(const char *at, char ret_element[WORD_MAX + 2])
{
    size_t length = 0;
    bool quoted;

    if (*at == '{' || *at == ',')
        at++;
    if (*at == '}' || *at == '\0')
        return NULL;
    quoted = *at == '"';
    if (quoted)
        at++;
    while (*at && (quoted ? *at != '"' : *at != ',' && *at != '}')) {
        if (*at == '\\' && at[1])
            at++;
        if (length <= WORD_MAX)
            ret_element[length++] = *at;
        at++;
    }
    ret_element[length] = '\0';
    return quoted && *at == '"' ? at + 1 : at;
}

static void read_word(const struct stw_engine *engine, char *text, struct word *word)
{
    char *verb = strchr(text, ':');
    char *suffix = verb ? strchr(verb + 1, ':') : NULL;

    memset(word, 0, sizeof(*word));
    word->malformed = !verb || verb == text || verb[1] == '\0' || verb + 1 == suffix ||
                      strlen(text) > WORD_MAX || (suffix && strcmp(suffix, ":all") != 0);
    if (word->malformed)
        return;
    *verb++ = '\0';
    if (suffix)
        *suffix = '\0';
    word->all = suffix != NULL;
    memcpy(word->resource, text, strlen(text));
    memcpy(word->verb, verb, strlen(verb));
    word->plan = stw_engine_find(engine, word->resource);
    for (size_t i = 0; i < sizeof(verb_words) / sizeof(verb_words[0]); i++) {
        if (strcmp(word->verb, verb_words[i].name) == 0)
            word->verbs = verb_words[i].verbs;
    }
}

static void fault(struct stw_context *ctx, int index, enum stw_code code, const char *argument,
                  const char *const *allowed)
{
    char path[32];

    snprintf(path, sizeof(path), "#/scopes/%d", index);
    stw_details_add(ctx->details, STW_AT_POINTER, path, code, argument, allowed);
}

/* True when the resource has routes for all these verbs. */
static bool resource_can(const struct stw_resource *resource, unsigned verbs)
{
    unsigned can = 0;

    if (resource->operations & (STW_CAN_LIST | STW_CAN_GET))
        can |= READ;
    if (resource->operations & STW_CAN_CREATE)
        can |= CREATE;
    if (resource->operations & STW_CAN_UPDATE)
        can |= UPDATE;
    if (resource->operations & STW_CAN_DELETE)
        can |= DELETE;
    return (verbs & ~can) == 0;
}

static bool actor_can(const struct stw_actor *actor, const struct word *word)
{
    const struct stw_grant *grant = &actor->grants[word->plan->index];

    for (int verb = 0; verb < STW_VERB_COUNT; verb++) {
        if ((word->verbs & 1U << verb) && grant->scope[verb] != STW_ALL)
            return false;
    }
    if (grant->hidden || grant->masked || (grant->locked && word->verbs & (CREATE | UPDATE)))
        return false;
    return word->all ? !grant->source_bound : true;
}

static void check_word(struct stw_context *ctx, int index, const struct word *word, const char *const *paths,
                       int count)
{
    if (word->malformed)
        fault(ctx, index, STW_INVALID_FORMAT, "resource:verb or resource:verb:all", NULL);
    else if (!word->plan)
        fault(ctx, index, STW_NOT_ALLOWED, stw_text_nearest(word->resource, paths, (size_t)count), NULL);
    else if (!word->verbs)
        fault(ctx, index, STW_NOT_ALLOWED, NULL, verb_names);
    else if (!resource_can(word->plan->resource, word->verbs) || (ctx->actor && !actor_can(ctx->actor, word)))
        fault(ctx, index, STW_NOT_ALLOWED, NULL, NULL);
}

enum stw_code stw_scopes_check(struct stw_context *ctx, const char *scopes)
{
    const struct stw_engine *engine = ctx->engine;
    const char **paths = STW_NEW_N(ctx->arena, const char *, (size_t)engine->count);
    /* By resource: 0 not met, 1 met without ":all", 2 met with it. */
    unsigned char *met = STW_NEW_N(ctx->arena, unsigned char, (size_t)engine->count);
    int before = ctx->details->violation_count + ctx->details->violations_dropped;
    char element[WORD_MAX + 2];
    int index = 0;

    for (int i = 0; i < engine->count; i++)
        paths[i] = engine->resources[i]->path;
    for (const char *at = scopes; (at = next_element(at, element)) != NULL; index++) {
        struct word word;
        unsigned char way;

        read_word(engine, element, &word);
        check_word(ctx, index, &word, paths, engine->count);
        if (!word.plan)
            continue;
        way = word.all ? 2 : 1;
        if (met[word.plan->index] && met[word.plan->index] != way)
            fault(ctx, index, STW_NOT_ALLOWED, NULL, NULL);
        else
            met[word.plan->index] = way;
    }
    return ctx->details->violation_count + ctx->details->violations_dropped > before ? STW_VALIDATION_FAILED
                                                                                     : STW_OK;
}

struct stw_grant *stw_scopes_grants(const struct stw_engine *engine, struct stw_arena *arena,
                                    const char *scopes)
{
    struct stw_grant *grants = STW_NEW_N(arena, struct stw_grant, (size_t)engine->count);
    char element[WORD_MAX + 2];

    for (const char *at = scopes; (at = next_element(at, element)) != NULL;) {
        struct stw_grant *grant;
        struct word word;

        read_word(engine, element, &word);
        if (word.malformed || !word.plan || !word.verbs)
            continue;
        grant = &grants[word.plan->index];
        /* Should words disagree all the same, the narrower one holds for all. */
        if (!word.all)
            grant->source_bound = true;
        for (int verb = 0; verb < STW_VERB_COUNT; verb++) {
            if (word.verbs & 1U << verb)
                grant->scope[verb] = STW_ALL;
        }
    }
    return grants;
}
