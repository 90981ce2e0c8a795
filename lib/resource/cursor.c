#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "core/text.h"
#include "resource/actor.h"
#include "resource/engine.h"
#include "resource/query_parts.h"

/*
 * A cursor is base64url of: version (1 byte), digest of its query (16), one entry for each sort key, tag
 * (16). An entry is 0 for null, or 1, the length in four bytes (big endian) and the bytes. The tag is keyed
 * BLAKE2b over all before it, so what passes it was written by Steward and is read here only with care, not
 * with suspicion of its content.
 */
#define VERSION      1
#define DIGEST       16
#define TAG          16
#define LENGTH       4
#define CURSOR_LEAST (1 + DIGEST + TAG)
#define CURSOR_MOST                                                                                          \
    ((size_t)128 * 1024) /* characters: three of the longest notes that can be sorted by fit well */

_Static_assert(DIGEST >= crypto_generichash_BYTES_MIN, "the digest is too short for libsodium");
_Static_assert(DIGEST == sizeof(((struct stw_query *)0)->digest), "the query's digest has another length");

static void put_length(unsigned char to[LENGTH], size_t length)
{
    for (int i = 0; i < LENGTH; i++)
        to[i] = (unsigned char)(length >> 8 * (LENGTH - 1 - i));
}

/* Each part with its length in front, so that no two queries make the same bytes. */
static void add_text(crypto_generichash_state *state, const char *text)
{
    unsigned char head[1 + LENGTH] = {text ? 1 : 0};
    size_t length = text ? strlen(text) : 0;

    put_length(head + 1, length);
    crypto_generichash_update(state, head, sizeof(head));
    crypto_generichash_update(state, (const unsigned char *)text, length);
}

static void add_number(crypto_generichash_state *state, int number)
{
    unsigned char bytes[LENGTH];

    put_length(bytes, (size_t)number);
    crypto_generichash_update(state, bytes, sizeof(bytes));
}

/* Names, not indices: the cursor outlives a process whose tables were a little different. */
static void add_filter(crypto_generichash_state *state, const struct stw_context *ctx,
                       const struct stw_plan *plan, const struct stw_filter *filter)
{
    int count = 0;

    add_number(state, (int)filter->node);
    if (filter->node != STW_NODE_TEST) {
        for (const struct stw_filter *child = filter->children; child; child = child->next)
            count++;
        add_number(state, count);
        for (const struct stw_filter *child = filter->children; child; child = child->next)
            add_filter(state, ctx, plan, child);
        return;
    }
    if (filter->hop)
        plan = &ctx->engine->plans[filter->hop->to];
    add_text(state, filter->hop ? filter->hop->name : NULL);
    add_text(state, plan->fields[filter->field].name);
    add_text(state, stw_operator_word(filter->op));
    add_number(state, filter->value_count);
    for (int i = 0; i < filter->value_count; i++)
        add_text(state, filter->values[i]);
}

void stw_cursor_digest(const struct stw_context *ctx, struct stw_query *query)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, DIGEST);
    add_text(&state, query->plan->resource->path);
    add_text(&state, ctx->org_id);
    add_text(&state, ctx->actor ? ctx->actor->id : NULL);
    add_number(&state, (int)query->deleted);
    add_text(&state, query->search);
    add_number(&state, query->sort_count);
    for (int i = 0; i < query->sort_count; i++) {
        add_text(&state, query->plan->fields[query->sort[i].field].name);
        add_number(&state, query->sort[i].descending);
    }
    add_number(&state, query->filter != NULL);
    if (query->filter)
        add_filter(&state, ctx, query->plan, query->filter);
    crypto_generichash_final(&state, query->digest, DIGEST);
}

static void make_tag(const struct stw_context *ctx, const unsigned char *bytes, size_t length,
                     unsigned char ret_tag[TAG])
{
    crypto_generichash(ret_tag, TAG, bytes, length, ctx->engine->cursor_key, sizeof(ctx->engine->cursor_key));
}

char *stw_cursor_write(struct stw_context *ctx, const struct stw_query *query, const char *const *values)
{
    size_t room = CURSOR_LEAST;
    unsigned char *bytes;
    unsigned char *to;

    for (int i = 0; i < query->sort_count; i++)
        room += 1 + (values[i] ? LENGTH + strlen(values[i]) : 0);
    bytes = stw_arena_alloc(ctx->arena, room);
    bytes[0] = VERSION;
    memcpy(bytes + 1, query->digest, DIGEST);
    to = bytes + 1 + DIGEST;
    for (int i = 0; i < query->sort_count; i++) {
        size_t length = values[i] ? strlen(values[i]) : 0;

        *to++ = values[i] ? 1 : 0;
        if (!values[i])
            continue;
        put_length(to, length);
        memcpy(to + LENGTH, values[i], length);
        to += LENGTH + length;
    }
    make_tag(ctx, bytes, (size_t)(to - bytes), to);
    return stw_text_base64url(ctx->arena, bytes, room);
}

/* One entry from the bytes between `*at` and `end`; false when they do not hold one. */
static bool read_entry(struct stw_context *ctx, const unsigned char **at, const unsigned char *end,
                       const char **ret_value)
{
    const unsigned char *from = *at;
    size_t length = 0;

    if (from == end || *from > 1)
        return false;
    if (*from++ == 0) {
        *at = from;
        *ret_value = NULL;
        return true;
    }
    if (end - from < LENGTH)
        return false;
    for (int i = 0; i < LENGTH; i++)
        length = length << 8 | *from++;
    if (length > (size_t)(end - from) || !stw_text_valid((const char *)from, length))
        return false;
    *ret_value = stw_arena_strndup(ctx->arena, (const char *)from, length);
    *at = from + length;
    return true;
}

enum stw_code stw_cursor_read(struct stw_context *ctx, const char *text, struct stw_query *query)
{
    size_t length = strnlen(text, CURSOR_MOST + 1);
    unsigned char tag[TAG];
    const unsigned char *at;
    const unsigned char *end;
    unsigned char *bytes;

    if (length > CURSOR_MOST || !stw_text_base64url_decode(ctx->arena, text, length, &bytes, &length) ||
        length < CURSOR_LEAST)
        return STW_INVALID_CURSOR;
    end = bytes + length - TAG;
    make_tag(ctx, bytes, length - TAG, tag);
    if (sodium_memcmp(tag, end, TAG) != 0 || bytes[0] != VERSION)
        return STW_INVALID_CURSOR;
    if (memcmp(bytes + 1, query->digest, DIGEST) != 0)
        return STW_CURSOR_MISMATCH;
    at = bytes + 1 + DIGEST;
    for (int i = 0; i < query->sort_count; i++) {
        if (!read_entry(ctx, &at, end, &query->after[i]))
            return STW_INVALID_CURSOR;
    }
    /* The last key is the id, which is never null. */
    if (at != end || !query->after[query->sort_count - 1])
        return STW_INVALID_CURSOR;
    query->has_after = true;
    return STW_OK;
}
