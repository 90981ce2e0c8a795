#include <string.h>

#include "resource/query_parts.h"

/* A valid tree never has more objects and members than that: each leads to a term, and they nest so far only.
 */
#define NODES_MAX (STW_FILTER_TERMS * (STW_FILTER_DEPTH + 2))

/* False for the name of a field; else the node that the word makes. */
static bool is_connective(const char *word, enum stw_node *ret_node)
{
    if (strcmp(word, "and") == 0)
        *ret_node = STW_NODE_AND;
    else if (strcmp(word, "or") == 0)
        *ret_node = STW_NODE_OR;
    else if (strcmp(word, "not") == 0)
        *ret_node = STW_NODE_NOT;
    else
        return false;
    return true;
}

/* Bounds the work and the memory that a tree of faults can cost. */
static bool take_node(struct stw_reader *reader, const char *path)
{
    if (reader->full)
        return false;
    if (++reader->nodes <= NODES_MAX)
        return true;
    reader->full = true;
    stw_reader_fault(reader, path, STW_TOO_MANY, STW_TEXT_OF(STW_FILTER_TERMS), NULL);
    return false;
}

/* The text of a scalar of the JSON type that bodies use for the field; NULL with a violation. */
static const char *scalar_text(struct stw_reader *reader, enum stw_type type, enum stw_operator op,
                               const json_t *json, const char *path)
{
    const char *expected = "string";

    if (op == STW_IS_NULL || type == STW_TYPE_BOOL) {
        if (json_is_boolean(json))
            return json_is_true(json) ? "true" : "false";
        expected = "boolean";
    } else if (type == STW_TYPE_INT) {
        if (json_is_integer(json))
            return stw_arena_printf(reader->ctx->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        expected = "integer";
    } else if (json_is_string(json)) {
        return json_string_value(json);
    }
    stw_reader_fault(reader, path, STW_INVALID_TYPE, expected, NULL);
    return NULL;
}

static struct stw_filter *read_list(struct stw_reader *reader, const struct stw_term *term,
                                    enum stw_operator op, const json_t *json, const char *path)
{
    enum stw_type type = term->plan->fields[term->field].type;
    size_t count = json_array_size(json);
    struct stw_item *items;
    bool good = true;

    if (!json_is_array(json)) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, "array", NULL);
        return NULL;
    }
    if (count == 0 || count > STW_IN_MAX) {
        stw_reader_fault(reader, path, count ? STW_TOO_MANY : STW_REQUIRED,
                         count ? STW_TEXT_OF(STW_IN_MAX) : NULL, NULL);
        return NULL;
    }
    items = STW_NEW_N(reader->ctx->arena, struct stw_item, count);
    for (size_t i = 0; i < count; i++) {
        items[i].path = stw_reader_element(reader, path, i);
        items[i].text = scalar_text(reader, type, op, json_array_get(json, i), items[i].path);
        good = good && items[i].text;
    }
    return good ? stw_term_test(reader, term, op, items, (int)count) : NULL;
}

static struct stw_filter *read_test(struct stw_reader *reader, const struct stw_term *term, const char *word,
                                    const json_t *json, const char *path)
{
    struct stw_item item = {.path = path};
    int op;

    if (!stw_reader_take_term(reader, path))
        return NULL;
    op = stw_term_operator(reader, term, word, path);
    if (op < 0)
        return NULL;
    if (stw_operator_takes_list((enum stw_operator)op))
        return read_list(reader, term, (enum stw_operator)op, json, path);
    item.text = scalar_text(reader, term->plan->fields[term->field].type, (enum stw_operator)op, json, path);
    return item.text ? stw_term_test(reader, term, (enum stw_operator)op, &item, 1) : NULL;
}

/* One member {"field": value} or {"field": {"op": value, ...}}. */
static void read_member(struct stw_reader *reader, const char *name, json_t *json, const char *path,
                        struct stw_filter_list *list)
{
    struct stw_term term;
    bool closed;
    const char *word;
    json_t *value;

    if (!take_node(reader, path))
        return;
    if (!stw_term_find(reader, name, &term, &closed)) {
        /* A field that the caller sees is no unknown one, it just takes no filter. */
        stw_reader_fault(reader, path, closed ? STW_NOT_ALLOWED : STW_UNKNOWN_FIELD,
                         closed ? NULL : stw_term_nearest(reader, name, NULL, 0), NULL);
        return;
    }
    if (!json_is_object(json)) {
        stw_filter_append(list, read_test(reader, &term, stw_operator_word(STW_EQ), json, path));
        return;
    }
    if (json_object_size(json) == 0)
        stw_reader_fault(reader, path, STW_REQUIRED, NULL, NULL);
    json_object_foreach(json, word, value)
    {
        if (reader->full)
            return;
        stw_filter_append(list, read_test(reader, &term, word, value, stw_reader_member(reader, path, word)));
    }
}

static struct stw_filter *read_object(struct stw_reader *reader, json_t *json, const char *path, int depth);

static struct stw_filter *read_connective(struct stw_reader *reader, enum stw_node node, json_t *json,
                                          const char *path, int depth)
{
    struct stw_filter_list list = {0};
    struct stw_filter *negation;

    if (depth > STW_FILTER_DEPTH) {
        stw_reader_fault(reader, path, STW_TOO_MANY, STW_TEXT_OF(STW_FILTER_DEPTH), NULL);
        return NULL;
    }
    if (node == STW_NODE_NOT) {
        negation = STW_NEW(reader->ctx->arena, struct stw_filter);
        negation->node = STW_NODE_NOT;
        negation->children = read_object(reader, json, path, depth);
        return negation;
    }
    if (!json_is_array(json)) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, "array", NULL);
        return NULL;
    }
    /* An empty OR matches nothing and an empty AND everything, which nobody means. */
    if (json_array_size(json) == 0)
        stw_reader_fault(reader, path, STW_REQUIRED, NULL, NULL);
    for (size_t i = 0; i < json_array_size(json) && !reader->full; i++)
        stw_filter_append(
            &list, read_object(reader, json_array_get(json, i), stw_reader_element(reader, path, i), depth));
    return stw_filter_join(reader->ctx->arena, node, &list);
}

/* `depth` connectives stand around it. NULL for an empty object at the root, or with violations. */
static struct stw_filter *read_object(struct stw_reader *reader, json_t *json, const char *path, int depth)
{
    struct stw_filter_list list = {0};
    enum stw_node node;
    const char *name;
    json_t *value;

    if (!take_node(reader, path))
        return NULL;
    if (!json_is_object(json)) {
        stw_reader_fault(reader, path, STW_INVALID_TYPE, "object", NULL);
        return NULL;
    }
    if (depth > 0 && json_object_size(json) == 0)
        stw_reader_fault(reader, path, STW_REQUIRED, NULL, NULL);
    json_object_foreach(json, name, value)
    {
        const char *below = stw_reader_member(reader, path, name);

        if (reader->full)
            return NULL;
        if (is_connective(name, &node))
            stw_filter_append(&list, read_connective(reader, node, value, below, depth + 1));
        else
            read_member(reader, name, value, below, &list);
    }
    return stw_filter_join(reader->ctx->arena, STW_NODE_AND, &list);
}

struct stw_filter *stw_filter_tree(struct stw_reader *reader, json_t *json, const char *path)
{
    struct stw_filter *filter = read_object(reader, json, path, 0);

    return reader->failed ? NULL : filter;
}

enum stw_code stw_filter_read_json(struct stw_context *ctx, const struct stw_plan *plan, json_t *json,
                                   const char *pointer, struct stw_filter **ret_filter)
{
    struct stw_reader reader = {.ctx = ctx, .plan = plan, .where = STW_AT_POINTER};
    struct stw_filter *filter = stw_filter_tree(&reader, json, pointer);

    if (reader.failed)
        return STW_VALIDATION_FAILED;
    *ret_filter = filter;
    return STW_OK;
}
