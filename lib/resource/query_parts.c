#include "resource/query_parts.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "resource/access.h"
#include "resource/actor.h"
#include "resource/engine.h"
#include "resource/input_parts.h"

#define SEARCH_MAX 200 /* characters of q */

void stw_reader_fault(struct stw_reader *reader, const char *path, enum stw_code code, const char *argument,
                      const char *const *allowed)
{
    reader->failed = true;
    stw_details_add(reader->ctx->details, reader->where, path, code, argument, allowed);
}

void stw_reader_unknown(struct stw_reader *reader, const char *path, enum stw_code code, const char *word,
                        const char *const *names, int count)
{
    const char *near = stw_input_full(reader->ctx) ? NULL : stw_text_nearest(word, names, (size_t)count);

    stw_reader_fault(reader, path, code, near, NULL);
}

const char *stw_reader_member(struct stw_reader *reader, const char *path, const char *name)
{
    /* A path that no violation will carry any more is not worth its memory. */
    return stw_input_full(reader->ctx) ? path : stw_input_member(reader->ctx->arena, path, name);
}

const char *stw_reader_element(struct stw_reader *reader, const char *path, size_t index)
{
    return stw_input_full(reader->ctx) ? path : stw_arena_printf(reader->ctx->arena, "%s/%zu", path, index);
}

bool stw_reader_split(struct stw_reader *reader, const struct stw_item *item, int max,
                      struct stw_item **ret_items, int *ret_count)
{
    struct stw_item *items;
    const char *from = item->text;
    int count = 1;

    for (const char *c = from; *c; c++)
        count += *c == ',';
    if (count > max) {
        stw_reader_fault(reader, item->path, STW_TOO_MANY, stw_arena_printf(reader->ctx->arena, "%d", max),
                         NULL);
        return false;
    }
    items = STW_NEW_N(reader->ctx->arena, struct stw_item, (size_t)count);
    for (int i = 0; i < count; i++) {
        size_t length = strcspn(from, ",");

        if (length == 0) {
            stw_reader_fault(reader, item->path, STW_INVALID_FORMAT, "a comma separated list", NULL);
            return false;
        }
        items[i].text = stw_arena_strndup(reader->ctx->arena, from, length);
        items[i].path = item->path;
        from += length + 1;
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* Index of a field that the actor sees, or -1 with a violation that names the nearest of `near`. */
static int find_visible(struct stw_reader *reader, const char *name, const char *path, uint64_t near)
{
    uint64_t visible = stw_access_visible(reader->ctx, reader->plan);
    int field = stw_plan_field(reader->plan, name);
    const char *names[STW_FIELDS_MAX];

    if (field >= 0 && visible >> field & 1)
        return field;
    stw_reader_unknown(reader, path, STW_UNKNOWN_FIELD, name, names,
                       stw_plan_names(reader->plan, visible & near, names));
    return -1;
}

static void take_limit(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                       int count)
{
    static const struct stw_field limit = {
        .name = "limit", .type = STW_TYPE_INT, .min = 1, .max = STW_LIMIT_MAX};
    struct stw_value value;

    (void)count;
    if (stw_input_text(reader->ctx, &limit, items->text, reader->where, items->path, &value))
        query->limit = (int)strtol(value.text, NULL, 10);
    else
        reader->failed = true;
}

static void take_cursor(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                        int count)
{
    (void)query;
    (void)count;
    reader->cursor = items->text;
}

static bool is_sorted_by(const struct stw_query *query, int field)
{
    for (int i = 0; i < query->sort_count; i++) {
        if (query->sort[i].field == field)
            return true;
    }
    return false;
}

static void take_sort(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                      int count)
{
    const struct stw_plan *plan = reader->plan;
    /* An order would tell what the mask hides. */
    uint64_t sortable = (plan->sortable | UINT64_C(1) << STW_PLAN_ID) &
                        stw_access_visible(reader->ctx, plan) & ~stw_access_grant(reader->ctx, plan)->masked;

    for (int i = 0; i < count; i++) {
        bool descending = items[i].text[0] == '-';
        int field = find_visible(reader, items[i].text + descending, items[i].path, sortable);

        if (field < 0)
            continue;
        if (!(sortable >> field & 1))
            stw_reader_fault(reader, items[i].path, STW_NOT_ALLOWED, NULL,
                             stw_words_of(reader->ctx, plan, sortable));
        else if (is_sorted_by(query, field))
            stw_reader_fault(reader, items[i].path, STW_NOT_ALLOWED, NULL, NULL);
        else
            query->sort[query->sort_count++] = (struct stw_sort){.field = field, .descending = descending};
    }
}

static void take_fields(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                        int count)
{
    query->fields = UINT64_C(1) << STW_PLAN_ID;
    for (int i = 0; i < count; i++) {
        int field = find_visible(reader, items[i].text, items[i].path, UINT64_MAX);

        if (field >= 0)
            query->fields |= UINT64_C(1) << field;
    }
}

/* What the actor may expand: references and the collections of parts. Returns how many; `ret_names` in step.
 */
static int list_expandable(const struct stw_reader *reader, const struct stw_reference **ret_references,
                           const char **ret_names)
{
    const struct stw_plan *plan = reader->plan;
    int count = 0;

    for (int i = 0; i < plan->reference_count; i++) {
        if (stw_may_follow(reader->ctx, &plan->references[i]))
            ret_references[count++] = &plan->references[i];
    }
    for (int i = 0; i < plan->referrer_count; i++) {
        const struct stw_reference *referrer = &plan->referrers[i];
        const struct stw_plan *from = &reader->ctx->engine->plans[referrer->from];

        if (from->fields[referrer->field].flags & STW_PART_OF && stw_may_follow(reader->ctx, referrer))
            ret_references[count++] = referrer;
    }
    for (int i = 0; i < count; i++)
        ret_names[i] = ret_references[i]->name;
    return count;
}

static bool is_expanded(const struct stw_query *query, const struct stw_reference *reference)
{
    for (int i = 0; i < query->expand_count; i++) {
        if (query->expand[i] == reference)
            return true;
    }
    return false;
}

static void take_expand(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                        int count)
{
    size_t room = (size_t)reader->plan->reference_count + (size_t)reader->plan->referrer_count;
    const struct stw_reference **references =
        STW_NEW_N(reader->ctx->arena, const struct stw_reference *, room);
    const char **names = STW_NEW_N(reader->ctx->arena, const char *, room);
    int known = list_expandable(reader, references, names);

    for (int i = 0; i < count; i++) {
        int at = 0;

        while (at < known && strcmp(names[at], items[i].text) != 0)
            at++;
        if (at == known)
            stw_reader_unknown(reader, items[i].path, STW_UNKNOWN_FIELD, items[i].text, names, known);
        else if (is_expanded(query, references[at]))
            stw_reader_fault(reader, items[i].path, STW_NOT_ALLOWED, NULL, NULL);
        else
            query->expand[query->expand_count++] = references[at];
    }
}

/* Length of the blank (or of the ideographic one) that the text starts with, 0 without. */
static size_t blank_length(const char *text)
{
    return text[0] == ' ' ? 1 : strncmp(text, "\xe3\x80\x80", 3) == 0 ? 3 : 0;
}

static const char *without_blanks_around(struct stw_arena *arena, const char *text)
{
    size_t length;

    while (blank_length(text))
        text += blank_length(text);
    for (length = strlen(text); length > 0;) {
        if (text[length - 1] == ' ')
            length--;
        else if (length >= 3 && blank_length(text + length - 3) == 3)
            length -= 3;
        else
            break;
    }
    return stw_arena_strndup(arena, text, length);
}

static void take_search(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                        int count)
{
    size_t length = strlen(items->text);
    char *folded;

    (void)count;
    if (!stw_text_valid(items->text, length) || stw_text_has_control(items->text, length)) {
        stw_reader_fault(reader, items->path, STW_INVALID_FORMAT, NULL, NULL);
        return;
    }
    if (stw_text_length(items->text, length) > SEARCH_MAX) {
        stw_reader_fault(reader, items->path, STW_TOO_LONG, STW_TEXT_OF(SEARCH_MAX), NULL);
        return;
    }
    folded = stw_text_fold(reader->ctx->arena, items->text, length);
    /* Folded it is by the database, in the way that the keys of its index are. */
    if (folded && folded[0])
        query->search = without_blanks_around(reader->ctx->arena, items->text);
    else
        stw_reader_fault(reader, items->path, STW_INVALID_FORMAT, NULL, NULL);
}

/* Index of the text among the words, or -1 with a violation. */
static int find_word(struct stw_reader *reader, const struct stw_item *item, const char *const *words)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], item->text) == 0)
            return i;
    }
    stw_reader_fault(reader, item->path, STW_NOT_ALLOWED, NULL, words);
    return -1;
}

static void take_count(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                       int count)
{
    static const char *const words[] = {"exact", "estimated", NULL};
    int word = find_word(reader, items, words);

    (void)count;
    if (word >= 0)
        query->count = word == 0 ? STW_COUNT_EXACT : STW_COUNT_ESTIMATED;
}

static void take_deleted(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items,
                         int count)
{
    static const char *const words[] = {"only", "include", NULL};
    int word = find_word(reader, items, words);

    (void)count;
    if (word < 0)
        return;
    /* Who cannot delete has no business in the bin. */
    if (stw_access_grant(reader->ctx, reader->plan)->scope[STW_DELETE] == STW_NONE)
        stw_reader_fault(reader, items->path, STW_NOT_ALLOWED, NULL, NULL);
    else
        query->deleted = word == 0 ? STW_DELETED_ONLY : STW_DELETED_INCLUDE;
}

const struct stw_part stw_query_parts[STW_PART_COUNT] = {
    {"limit", STW_PART_NUMBER, 0, false, true, take_limit},
    {"cursor", STW_PART_TEXT, 0, false, true, take_cursor},
    {"sort", STW_PART_NAMES, STW_SORT_MAX, false, true, take_sort},
    {"fields", STW_PART_NAMES, STW_FIELDS_MAX, true, true, take_fields},
    {"expand", STW_PART_NAMES, STW_EXPAND_MAX, true, true, take_expand},
    {"q", STW_PART_TEXT, 0, false, true, take_search},
    {"count", STW_PART_TEXT, 0, false, true, take_count},
    {"deleted", STW_PART_TEXT, 0, false, false, take_deleted},
};

bool stw_part_known(const struct stw_reader *reader, const struct stw_part *part, bool single)
{
    if (single && !part->in_single)
        return false;
    if (reader->where == STW_AT_POINTER && !part->in_body)
        return false;
    if (part->take != take_search)
        return true;
    /* q looks at all of them at once: one that is hidden or masked could be guessed piece by piece */
    uint64_t open =
        stw_access_visible(reader->ctx, reader->plan) & ~stw_access_grant(reader->ctx, reader->plan)->masked;
    return reader->plan->searchable != 0 && (reader->plan->searchable & ~open) == 0;
}

void stw_query_init(const struct stw_reader *reader, struct stw_query *query)
{
    *query = (struct stw_query){.plan = reader->plan,
                                .limit = STW_LIMIT_DEFAULT,
                                .fields = stw_access_visible(reader->ctx, reader->plan)};
}

/* The id makes the order total; whatever comes after it decides nothing. */
static void complete_sort(struct stw_query *query)
{
    bool descending = query->sort_count == 0 || query->sort[query->sort_count - 1].descending;

    for (int i = 0; i < query->sort_count; i++) {
        if (query->sort[i].field == STW_PLAN_ID) {
            query->sort_count = i + 1;
            query->default_order = i == 0 && query->sort[0].descending;
            return;
        }
    }
    query->default_order = query->sort_count == 0;
    query->sort[query->sort_count++] = (struct stw_sort){.field = STW_PLAN_ID, .descending = descending};
}

enum stw_code stw_query_finish(struct stw_reader *reader, struct stw_query *query)
{
    if (reader->unknown)
        return STW_UNKNOWN_PARAMETER;
    if (reader->failed)
        return reader->where == STW_AT_PARAMETER ? STW_INVALID_PARAMETER : STW_VALIDATION_FAILED;
    complete_sort(query);
    if (!reader->single)
        stw_cursor_digest(reader->ctx, query);
    return reader->cursor ? stw_cursor_read(reader->ctx, reader->cursor, query) : STW_OK;
}
