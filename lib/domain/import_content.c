#include "domain/import_content.h"

#include <stdio.h>
#include <string.h>

#include "db/db.h"

#define SIGHT (STW_CSV_RECORD_MAX + 2) /* so much is enough for any record */

void stw_import_content_init(struct stw_import_content *content, struct stw_arena *arena,
                             const char *import_id, const char *content_id)
{
    *content = (struct stw_import_content){
        .import_id = import_id, .content_id = content_id, .room = SIGHT + STW_IMPORT_CHUNK_MAX};
    content->bytes = stw_arena_alloc(arena, content->room);
}

static unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* The chunk that holds the byte at `place`, from that byte on, behind what the window shows. */
static enum stw_code load(struct stw_context *ctx, struct stw_import_content *content, int64_t place)
{
    static const struct stw_stmt stmt = {
        .name = "import_chunk_read",
        .sql = "select substr(content, ($4::bigint - start + 1)::integer) from import_chunks "
               "where org_id = $1::uuid and import_id = $2::uuid and content_id = $3::uuid and start <= "
               "$4::bigint "
               "and start + length(content) > $4::bigint order by start desc limit 1",
        .param_count = 4,
        .kind = STW_STMT_READ};
    char text[24];
    const char *const params[] = {ctx->org_id, content->import_id, content->content_id, text};
    struct stw_rows *rows;

    snprintf(text, sizeof text, "%lld", (long long)place);
    enum stw_code code = stw_db_run(ctx, &stmt, params, &rows);
    if (code != STW_OK)
        return code;
    content->last = stw_rows_count(rows) == 0;
    if (content->last)
        return STW_OK;
    const char *hex = stw_rows_text(rows, 0, 0) + 2; /* behind "\x" */
    size_t size = (stw_rows_length(rows, 0, 0) - 2) / 2;
    if (size == 0 || size > content->room - content->length) {
        snprintf(ctx->details->internal, sizeof ctx->details->internal, "a chunk of %zu bytes", size);
        return STW_INTERNAL;
    }
    for (size_t i = 0; i < size; i++)
        content->bytes[content->length++] = (char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return STW_OK;
}

/* Moves the window so that it starts at `at` and shows enough. */
static enum stw_code look(struct stw_context *ctx, struct stw_import_content *content, int64_t at)
{
    enum stw_code code = STW_OK;
    bool inside = at >= content->start && at <= content->start + (int64_t)content->length;
    size_t before = inside ? (size_t)(at - content->start) : content->length;

    if (inside && (content->last || content->length - before >= SIGHT))
        return STW_OK;
    memmove(content->bytes, content->bytes + before, content->length - before);
    content->length -= before;
    content->start = at;
    content->last = content->last && inside;
    while (code == STW_OK && !content->last && content->length < SIGHT)
        code = load(ctx, content, content->start + (int64_t)content->length);
    return code;
}

/* One step of the reader; false when nothing was found that is to be told. */
static bool advance(struct stw_context *ctx, const struct stw_import_content *content, char delimiter,
                    struct stw_import_place *place, struct stw_csv_record *record,
                    enum stw_csv_found *ret_found)
{
    size_t before = (size_t)(place->at - content->start);
    const char *bytes = content->bytes + before;
    size_t length = content->length - before;
    bool ended;

    if (place->skipping && length > 0) {
        place->at += (int64_t)stw_csv_skip(bytes, length, content->last, &ended);
        place->skipping = !ended;
        place->line += ended;
        return false;
    }
    *ret_found = stw_csv_next(ctx->arena, delimiter, bytes, length, content->last, record);
    if (*ret_found == STW_CSV_END)
        return true;
    place->at += (int64_t)record->size;
    place->line += record->lines;
    place->skipping = record->cut;
    return *ret_found != STW_CSV_BLANK;
}

enum stw_code stw_import_content_next(struct stw_context *ctx, struct stw_import_content *content,
                                      char delimiter, struct stw_import_place *place,
                                      struct stw_csv_record *ret_record, int *ret_line,
                                      enum stw_csv_found *ret_found)
{
    static const char mark[] = "\xef\xbb\xbf";

    for (;;) {
        enum stw_code code = look(ctx, content, place->at);
        if (code != STW_OK)
            return code;
        if (place->at == 0 && content->length >= sizeof mark - 1 &&
            memcmp(content->bytes, mark, sizeof mark - 1) == 0) {
            place->at = sizeof mark - 1;
            continue;
        }
        *ret_line = place->line;
        if (advance(ctx, content, delimiter, place, ret_record, ret_found))
            return STW_OK;
    }
}
