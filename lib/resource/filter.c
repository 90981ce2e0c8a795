#include <string.h>

#include "core/text.h"
#include "resource/access.h"
#include "resource/actor.h"
#include "resource/engine.h"
#include "resource/input_parts.h"
#include "resource/query_parts.h"

#define PATTERN_MAX 200 /* characters of contains and starts */
#define ITEM_MAX    100 /* characters of one of several texts */

#define BIT(op)   (1U << (op))
#define EQUALITY  (BIT(STW_EQ) | BIT(STW_NE) | BIT(STW_IN) | BIT(STW_NIN))
#define ORDER     (BIT(STW_GT) | BIT(STW_GTE) | BIT(STW_LT) | BIT(STW_LTE))
#define PATTERN   (BIT(STW_CONTAINS) | BIT(STW_STARTS))
#define NULLS     BIT(STW_IS_NULL)
#define SET       (BIT(STW_ANY_OF) | BIT(STW_ALL_OF) | BIT(STW_NONE_OF))
#define UNMASKING (BIT(STW_EQ) | BIT(STW_IN) | NULLS)

static const char *const operator_words[STW_OPERATOR_COUNT] = {
#define WORD(id, word) [id] = (word),
    STW_OPERATORS(WORD)
#undef WORD
};

static const unsigned operators_by_type[STW_TYPE_COUNT] = {
    [STW_TYPE_TEXT] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_NOTE] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_NAME] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_BOOL] = BIT(STW_EQ) | BIT(STW_NE) | NULLS,
    [STW_TYPE_INT] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_DECIMAL] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_PERCENT] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_MONEY] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_DATE] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_TIMESTAMP] = EQUALITY | ORDER | NULLS,
    [STW_TYPE_ENUM] = EQUALITY | NULLS,
    [STW_TYPE_EMAIL] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_PHONE] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_URL] = EQUALITY | PATTERN | NULLS,
    [STW_TYPE_COUNTRY] = EQUALITY | NULLS,
    [STW_TYPE_CURRENCY] = EQUALITY | NULLS,
    [STW_TYPE_LANGUAGE] = EQUALITY | NULLS,
    [STW_TYPE_REF] = EQUALITY | NULLS,
    [STW_TYPE_TEXTS] = SET | NULLS,
    [STW_TYPE_OBJECT] = NULLS,
    [STW_TYPE_KEYS] = NULLS,
    [STW_TYPE_ID] = EQUALITY,
};

const char *stw_operator_word(enum stw_operator op)
{
    return operator_words[op];
}

unsigned stw_operators_of(enum stw_type type, bool masked)
{
    return masked ? operators_by_type[type] & UNMASKING : operators_by_type[type];
}

bool stw_operator_takes_list(enum stw_operator op)
{
    return op == STW_IN || op == STW_NIN || op == STW_ANY_OF || op == STW_ALL_OF || op == STW_NONE_OF;
}

bool stw_may_follow(const struct stw_context *ctx, const struct stw_reference *reference)
{
    const struct stw_plan *from = &ctx->engine->plans[reference->from];
    const struct stw_plan *to = &ctx->engine->plans[reference->to];
    uint64_t seen = stw_access_visible(ctx, from) & ~stw_access_grant(ctx, from)->masked;

    return seen >> reference->field & 1 && stw_access_grant(ctx, from)->scope[STW_READ] != STW_NONE &&
           stw_access_grant(ctx, to)->scope[STW_READ] != STW_NONE;
}

const char *const *stw_words_of(struct stw_context *ctx, const struct stw_plan *plan, uint64_t bits)
{
    const char **words = STW_NEW_N(ctx->arena, const char *, STW_FIELDS_MAX + 1);

    stw_plan_names(plan, bits, words);
    return words;
}

static uint64_t open_fields(const struct stw_context *ctx, const struct stw_plan *plan)
{
    return stw_access_visible(ctx, plan) & plan->filterable;
}

/* The reference that the name's first word of `length` bytes means, NULL when the actor cannot follow any
 * such. */
static const struct stw_reference *find_hop(const struct stw_reader *reader, const char *name, size_t length)
{
    for (int i = 0; i < reader->plan->reference_count; i++) {
        const struct stw_reference *reference = &reader->plan->references[i];

        if (strlen(reference->name) == length && memcmp(reference->name, name, length) == 0)
            return stw_may_follow(reader->ctx, reference) ? reference : NULL;
    }
    return NULL;
}

bool stw_term_find(struct stw_reader *reader, const char *name, struct stw_term *ret_term, bool *ret_closed)
{
    const char *dot = strchr(name, '.');
    const struct stw_plan *plan = reader->plan;
    const struct stw_reference *hop = NULL;
    int field;

    *ret_closed = false;
    if (dot) {
        hop = find_hop(reader, name, (size_t)(dot - name));
        if (!hop)
            return false;
        plan = &reader->ctx->engine->plans[hop->to];
        name = dot + 1;
    }
    field = stw_plan_field(plan, name);
    if (field < 0 || !(stw_access_visible(reader->ctx, plan) >> field & 1))
        return false;
    if (!(plan->filterable >> field & 1)) {
        *ret_closed = true;
        return false;
    }
    *ret_term = (struct stw_term){.hop = hop,
                                  .plan = plan,
                                  .field = field,
                                  .masked = stw_access_grant(reader->ctx, plan)->masked >> field & 1};
    return true;
}

const char *stw_term_nearest(struct stw_reader *reader, const char *name, const char *const *more,
                             int more_count)
{
    const char *names[STW_FIELDS_MAX + STW_PART_COUNT];
    const char *dot = strchr(name, '.');
    const struct stw_reference *hop;
    const char *near;
    int count;

    /* A violation that will not be kept is not worth the comparisons. */
    if (stw_input_full(reader->ctx))
        return NULL;
    if (!dot) {
        count = stw_plan_names(reader->plan, open_fields(reader->ctx, reader->plan), names);
        for (int i = 0; i < more_count && i < STW_PART_COUNT; i++)
            names[count++] = more[i];
        return stw_text_nearest(name, names, (size_t)count);
    }
    hop = find_hop(reader, name, (size_t)(dot - name));
    if (hop) {
        const struct stw_plan *to = &reader->ctx->engine->plans[hop->to];

        count = stw_plan_names(to, open_fields(reader->ctx, to), names);
        near = stw_text_nearest(dot + 1, names, (size_t)count);
        return near ? stw_arena_printf(reader->ctx->arena, "%s.%s", hop->name, near) : NULL;
    }
    return NULL;
}

static const char *const *words_of_operators(struct stw_context *ctx, unsigned operators)
{
    const char **words = STW_NEW_N(ctx->arena, const char *, STW_OPERATOR_COUNT + 1);
    int count = 0;

    for (int op = 0; op < STW_OPERATOR_COUNT; op++) {
        if (operators & BIT(op))
            words[count++] = operator_words[op];
    }
    return words;
}

int stw_term_operator(struct stw_reader *reader, const struct stw_term *term, const char *word,
                      const char *path)
{
    unsigned operators = stw_operators_of(term->plan->fields[term->field].type, term->masked);

    for (int op = 0; op < STW_OPERATOR_COUNT; op++) {
        if (operators & BIT(op) && strcmp(operator_words[op], word) == 0)
            return op;
    }
    stw_reader_fault(reader, path, STW_INVALID_OPERATOR, word[0] ? word : NULL,
                     words_of_operators(reader->ctx, operators));
    return -1;
}

/* The field that a value must fit: what a test asks for is not always what the field itself may hold. */
static struct stw_field value_field(const struct stw_term *term, enum stw_operator op)
{
    struct stw_field field = term->plan->fields[term->field];

    field.flags = 0;
    if (BIT(op) & PATTERN) {
        /* Part of an address or a number is none itself. */
        field.type = STW_TYPE_TEXT;
        field.min = 1;
        field.max = PATTERN_MAX;
    } else if (BIT(op) & SET) {
        field.type = STW_TYPE_TEXT;
        field.min = 1;
        field.max = ITEM_MAX;
    } else if (BIT(op) & ORDER && field.type == STW_TYPE_INT) {
        /* "less than 101" is a fair question where 100 is the most. */
        field.min = 0;
        field.max = 0;
    }
    return field;
}

static bool read_value(struct stw_reader *reader, const struct stw_field *field, enum stw_operator op,
                       const struct stw_item *item, const char **ret_value)
{
    struct stw_value value;

    if (!item->text[0]) {
        stw_reader_fault(reader, item->path, STW_INVALID_FORMAT, NULL, NULL);
        return false;
    }
    if (op == STW_IS_NULL) {
        static const char *const words[] = {"true", "false", NULL};

        if (strcmp(item->text, "true") != 0 && strcmp(item->text, "false") != 0) {
            stw_reader_fault(reader, item->path, STW_INVALID_FORMAT, "true or false", words);
            return false;
        }
        *ret_value = item->text;
        return true;
    }
    if (!stw_input_text(reader->ctx, field, item->text, reader->where, item->path, &value)) {
        reader->failed = true;
        return false;
    }
    if (!value.text || !value.text[0]) {
        /* White space alone is cut away by some types; an empty pattern would match everything. */
        stw_reader_fault(reader, item->path, STW_INVALID_FORMAT, NULL, NULL);
        return false;
    }
    *ret_value = value.text;
    return true;
}

struct stw_filter *stw_term_test(struct stw_reader *reader, const struct stw_term *term, enum stw_operator op,
                                 const struct stw_item *items, int count)
{
    struct stw_field field = value_field(term, op);
    struct stw_filter *test = STW_NEW(reader->ctx->arena, struct stw_filter);
    bool good = true;

    test->node = STW_NODE_TEST;
    test->hop = term->hop;
    test->field = term->field;
    test->op = op;
    test->values = STW_NEW_N(reader->ctx->arena, const char *, (size_t)count);
    test->value_count = count;
    for (int i = 0; i < count; i++)
        good = read_value(reader, &field, op, &items[i], &test->values[i]) && good;
    return good ? test : NULL;
}

bool stw_reader_take_term(struct stw_reader *reader, const char *path)
{
    if (reader->full)
        return false;
    if (++reader->terms <= STW_FILTER_TERMS)
        return true;
    reader->full = true;
    stw_reader_fault(reader, path, STW_TOO_MANY, STW_TEXT_OF(STW_FILTER_TERMS), NULL);
    return false;
}

void stw_filter_append(struct stw_filter_list *list, struct stw_filter *filter)
{
    if (!filter)
        return;
    if (list->last)
        list->last->next = filter;
    else
        list->first = filter;
    list->last = filter;
}

struct stw_filter *stw_filter_join(struct stw_arena *arena, enum stw_node node,
                                   const struct stw_filter_list *list)
{
    struct stw_filter *joined;

    if (list->first == list->last)
        return list->first;
    joined = STW_NEW(arena, struct stw_filter);
    joined->node = node;
    joined->children = list->first;
    return joined;
}
