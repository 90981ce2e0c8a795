#include "resource/query.h"

#include <string.h>

#include "resource/query_parts.h"

/* "name[contains]" as field and operator; false when the brackets are not one pair at the end. */
static bool split_name(struct stw_arena *arena, const char *name, const char **ret_field,
                       const char **ret_word)
{
    size_t length = strcspn(name, "[]");
    const char *word = name + length + 1;
    size_t word_length;

    if (!name[length]) {
        *ret_field = name;
        *ret_word = stw_operator_word(STW_EQ);
        return true;
    }
    if (name[length] != '[')
        return false;
    word_length = strcspn(word, "[]");
    if (word[word_length] != ']' || word[word_length + 1])
        return false;
    *ret_field = stw_arena_strndup(arena, name, length);
    *ret_word = stw_arena_strndup(arena, word, word_length);
    return true;
}

static void fault_unknown(struct stw_reader *reader, const char *parameter, const char *name, bool single)
{
    const char *known[STW_PART_COUNT];
    const char *near;
    int count = 0;

    for (int i = 0; i < STW_PART_COUNT; i++) {
        if (stw_part_known(reader, &stw_query_parts[i], single))
            known[count++] = stw_query_parts[i].name;
    }
    reader->unknown = true;
    if (single) {
        stw_reader_unknown(reader, parameter, STW_UNKNOWN_PARAMETER, name, known, count);
        return;
    }
    near = stw_term_nearest(reader, name, known, count);
    stw_reader_fault(reader, parameter, STW_UNKNOWN_PARAMETER, near, NULL);
}

static struct stw_filter *read_filter(struct stw_reader *reader, const struct stw_pair *pair)
{
    struct stw_item item = {.text = pair->value, .path = pair->name};
    struct stw_item *items = &item;
    struct stw_term term;
    const char *name = pair->name;
    const char *word;
    bool closed;
    int count = 1;
    int op;

    if (!split_name(reader->ctx->arena, pair->name, &name, &word) ||
        !stw_term_find(reader, name, &term, &closed)) {
        fault_unknown(reader, pair->name, name, false);
        return NULL;
    }
    if (!stw_reader_take_term(reader, pair->name))
        return NULL;
    op = stw_term_operator(reader, &term, word, pair->name);
    if (op < 0)
        return NULL;
    if (stw_operator_takes_list((enum stw_operator)op) &&
        !stw_reader_split(reader, &item, STW_IN_MAX, &items, &count))
        return NULL;
    return stw_term_test(reader, &term, (enum stw_operator)op, items, count);
}

static const struct stw_part *find_part(const struct stw_reader *reader, const char *name, bool single,
                                        int *ret_index)
{
    for (int i = 0; i < STW_PART_COUNT; i++) {
        if (strcmp(stw_query_parts[i].name, name) == 0 &&
            stw_part_known(reader, &stw_query_parts[i], single)) {
            *ret_index = i;
            return &stw_query_parts[i];
        }
    }
    return NULL;
}

static void read_part(struct stw_reader *reader, const struct stw_part *part, const struct stw_pair *pair,
                      struct stw_query *query)
{
    struct stw_item item = {.text = pair->value, .path = pair->name};
    struct stw_item *items = &item;
    int count = 1;

    if (!pair->value[0])
        stw_reader_fault(reader, pair->name, STW_INVALID_FORMAT, NULL, NULL);
    else if (part->kind != STW_PART_NAMES || stw_reader_split(reader, &item, part->max, &items, &count))
        part->take(reader, query, items, count);
}

enum stw_code stw_query_read(struct stw_context *ctx, const struct stw_plan *plan,
                             const struct stw_pair *pairs, int count, const struct stw_filter *parent,
                             bool single, struct stw_query *ret_query)
{
    struct stw_reader reader = {.ctx = ctx, .plan = plan, .where = STW_AT_PARAMETER, .single = single};
    struct stw_filter_list filters = {0};
    struct stw_query query;
    unsigned seen = 0;
    enum stw_code code;

    stw_query_init(&reader, &query);
    for (int i = 0; i < count; i++) {
        int index;
        const struct stw_part *part = find_part(&reader, pairs[i].name, single, &index);

        if (!part && single) {
            fault_unknown(&reader, pairs[i].name, pairs[i].name, true);
        } else if (!part) {
            stw_filter_append(&filters, read_filter(&reader, &pairs[i]));
        } else if (seen & 1U << index) {
            stw_reader_fault(&reader, pairs[i].name, STW_INVALID_PARAMETER, NULL, NULL);
        } else {
            seen |= 1U << index;
            read_part(&reader, part, &pairs[i], &query);
        }
    }
    if (parent) {
        struct stw_filter *copy = STW_NEW(ctx->arena, struct stw_filter);

        *copy = *parent;
        copy->next = NULL;
        stw_filter_append(&filters, copy);
    }
    query.filter = stw_filter_join(ctx->arena, STW_NODE_AND, &filters);
    code = stw_query_finish(&reader, &query);
    if (code == STW_OK)
        *ret_query = query;
    return code;
}
