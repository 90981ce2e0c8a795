#include "server/record_reply.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "resource/access.h"
#include "resource/engine.h"
#include "resource/render.h"

/* Rows of a related result by the key they belong to. */
struct related_index {
    const struct stw_related *related;
    int key_column;
    struct related_row {
        const char *key;
        int row;
    } * rows;
    int count;
};

static int by_key(const void *left, const void *right)
{
    const struct related_row *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order ? order : a->row - b->row;
}

static void index_related(struct stw_arena *arena, const struct stw_related *related,
                          struct related_index *ret_index)
{
    int key_field = related->part ? related->reference->field : STW_PLAN_ID;
    ret_index->related = related;
    ret_index->key_column = related->plan->first_column[key_field];
    ret_index->count = stw_rows_count(related->rows);
    ret_index->rows = STW_NEW_N(arena, struct related_row, (size_t)ret_index->count);
    for (int row = 0; row < ret_index->count; row++)
        ret_index->rows[row] =
            (struct related_row){stw_rows_text(related->rows, row, ret_index->key_column), row};
    qsort(ret_index->rows, (size_t)ret_index->count, sizeof *ret_index->rows, by_key);
}

/* Position of the first row of that key, or count. */
static int first_of_key(const struct related_index *index, const char *key)
{
    int low = 0, high = index->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(index->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_related_record(struct stw_context *ctx, struct stw_buf *out,
                               const struct stw_related *related, int row)
{
    stw_render_open(out, related->plan, stw_access_grant(ctx, related->plan),
                    stw_access_visible(ctx, related->plan), related->rows, row);
    stw_buf_add_char(out, '}');
}

static void add_related(struct stw_context *ctx, struct stw_buf *out, const struct related_index *index,
                        const char *key)
{
    const struct stw_related *related = index->related;
    int count = key ? index->count : 0;
    int at = key ? first_of_key(index, key) : 0;

    stw_buf_printf(out, ",\"%s\":", related->reference->name);
    if (!related->part) {
        if (at < count && strcmp(index->rows[at].key, key) == 0)
            add_related_record(ctx, out, related, index->rows[at].row);
        else
            stw_buf_add_text(out, "null");
        return;
    }
    stw_buf_add_char(out, '[');
    for (bool first = true; at < count && strcmp(index->rows[at].key, key) == 0; at++, first = false) {
        if (!first)
            stw_buf_add_char(out, ',');
        add_related_record(ctx, out, related, index->rows[at].row);
    }
    stw_buf_add_char(out, ']');
}

static void add_record(struct stw_context *ctx, struct stw_buf *out, const struct stw_query *query,
                       const struct stw_rows *rows, int row, const struct related_index *indexes,
                       int index_count)
{
    const struct stw_plan *plan = query->plan;
    stw_render_open(out, plan, stw_access_grant(ctx, plan), query->fields, rows, row);
    for (int i = 0; i < index_count; i++) {
        const struct stw_related *related = indexes[i].related;
        int key_field = related->part ? STW_PLAN_ID : related->reference->field;
        add_related(ctx, out, &indexes[i], stw_rows_text(rows, row, plan->first_column[key_field]));
    }
    stw_buf_add_char(out, '}');
}

/* The version, which If-Match compares, and a digest of what the caller sees, which If-None-Match needs. */
static const char *entity_tag(struct srv_request *request, const struct stw_record *record,
                              const struct stw_buf *body)
{
    unsigned char digest[8];
    char hex[17];
    static const unsigned char key[crypto_shorthash_KEYBYTES];
    crypto_shorthash(digest, (const unsigned char *)body->data, body->length, key);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    struct stw_buf tag;
    stw_buf_init(&tag, request->ctx.arena, 64, 64);
    stw_buf_add_char(&tag, '"');
    stw_buf_add_text(&tag, stw_record_text(record, record->plan->version_field));
    stw_buf_add_char(&tag, '-');
    stw_buf_add_text(&tag, hex);
    stw_buf_add_char(&tag, '"');
    return tag.data;
}

/* Any of a list of tags, or "*"; weak comparison. */
static bool names_tag(const char *header, const char *tag)
{
    if (!header)
        return false;
    if (strcmp(header, "*") == 0)
        return true;
    for (const char *at = strstr(header, tag); at; at = strstr(at + 1, tag)) {
        int before = at == header ? ',' : at[-1];
        if (before == ',' || before == ' ' || before == '/')
            return true;
    }
    return false;
}

void srv_record_reply(struct srv_request *request, struct srv_reply *reply, const struct stw_record *record,
                      const struct stw_query *query, const struct stw_page *page, int status)
{
    struct stw_context *ctx = &request->ctx;
    struct related_index indexes[STW_EXPAND_MAX] = {0};
    int related_count = page ? page->related_count : 0;

    for (int i = 0; i < related_count; i++)
        index_related(ctx->arena, &page->related[i], &indexes[i]);
    add_record(ctx, &reply->body, query, record->rows, record->row, indexes, related_count);
    reply->status = status;
    if (related_count > 0)
        return;
    const char *tag = entity_tag(request, record, &reply->body);
    if (status == 200 && request->method <= SRV_HEAD &&
        names_tag(srv_request_header(request, "If-None-Match"), tag)) {
        srv_reply_reset(reply);
        reply->status = 304;
    }
    srv_reply_header(reply, "ETag", tag);
}

/* The request's own target with the cursor in place of the one it had. */
static const char *next_link(struct srv_request *request, const char *cursor)
{
    struct stw_buf link;
    stw_buf_init(&link, request->ctx.arena, 512, (size_t)16 * 1024);
    stw_buf_printf(&link, "<%s?", request->path);
    for (int i = 0; i < request->query_count; i++) {
        if (strcmp(request->query[i].name, "cursor") == 0)
            continue;
        stw_text_percent_encode(&link, request->query[i].name, strlen(request->query[i].name));
        stw_buf_add_char(&link, '=');
        stw_text_percent_encode(&link, request->query[i].value, strlen(request->query[i].value));
        stw_buf_add_char(&link, '&');
    }
    stw_buf_printf(&link, "cursor=%s>; rel=\"next\"", cursor);
    return link.failed ? NULL : link.data;
}

static char *next_cursor(struct stw_context *ctx, const struct stw_query *query, const struct stw_page *page)
{
    const char *values[STW_SORT_MAX + 1] = {NULL};
    for (int key = 0; key < query->sort_count; key++)
        values[key] =
            stw_rows_text(page->rows, page->count - 1, query->plan->first_column[query->sort[key].field]);
    return stw_cursor_write(ctx, query, values);
}

/* For the rest of a page, by the size of its first record: growing in steps would copy it several times over.
 */
static void make_room(struct stw_buf *out, int count)
{
    size_t rest = (size_t)(count - 1) * (out->length + out->length / 8) + 256;
    if (!out->failed && rest <= out->cap - out->length)
        stw_buf_reserve(out, rest);
}

void srv_page_reply(struct srv_request *request, struct srv_reply *reply, const struct stw_query *query,
                    const struct stw_page *page)
{
    struct stw_context *ctx = &request->ctx;
    struct related_index indexes[STW_EXPAND_MAX] = {0};
    int index_count = page->related_count;
    struct stw_buf *out = &reply->body;

    for (int i = 0; i < index_count; i++)
        index_related(ctx->arena, &page->related[i], &indexes[i]);
    stw_buf_add_text(out, "{\"data\":[");
    for (int row = 0; row < page->count; row++) {
        if (row)
            stw_buf_add_char(out, ',');
        add_record(ctx, out, query, page->rows, row, indexes, index_count);
        if (row == 0)
            make_room(out, page->count);
    }
    const char *cursor = page->more ? next_cursor(ctx, query, page) : NULL;
    if (cursor)
        stw_buf_printf(out, "],\"next_cursor\":\"%s\"", cursor);
    else
        stw_buf_add_text(out, "],\"next_cursor\":null");
    if (page->total >= 0)
        stw_buf_printf(out, ",\"total\":%lld", (long long)page->total);
    stw_buf_add_char(out, '}');
    reply->status = 200;
    if (cursor && request->method <= SRV_HEAD) {
        const char *link = next_link(request, cursor);
        if (link)
            srv_reply_header(reply, "Link", link);
    }
}

enum stw_code srv_if_match(struct srv_request *request, bool required, const char **ret_version)
{
    const char *value = srv_request_header(request, "If-Match");
    *ret_version = NULL;
    if (!value)
        return required ? STW_PRECONDITION_REQUIRED : STW_OK;
    if (strcmp(value, "*") == 0)
        return STW_OK;
    /* "<version>-<digest>" or "<version>": only the version is compared */
    size_t digits = value[0] == '"' ? strspn(value + 1, "0123456789") : 0;
    size_t length = strlen(value);
    if (digits == 0 || digits > 9 || length < digits + 2 || value[length - 1] != '"' ||
        (value[digits + 1] != '-' && value[digits + 1] != '"') ||
        strchr(value + 1, '"') != value + length - 1) {
        stw_details_add(request->ctx.details, STW_AT_HEADER, "If-Match", STW_INVALID_FORMAT, NULL, NULL);
        return STW_INVALID_PARAMETER;
    }
    *ret_version = stw_arena_strndup(request->ctx.arena, value + 1, digits);
    return STW_OK;
}

const char *srv_record_location(struct srv_request *request, const struct stw_record *record)
{
    return stw_arena_printf(request->ctx.arena, "/v1/%s/%s", record->plan->segment,
                            stw_record_text(record, STW_PLAN_ID));
}
