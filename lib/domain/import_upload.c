#include <stdio.h>
#include <string.h>

#include "core/gb18030.h"
#include "core/uuid.h"
#include "domain/import_content.h"
#include "domain/import_options.h"
#include "domain/imports.h"
#include "domain/jobs.h"
#include "resource/engine.h"

#define PIECE ((size_t)256 * 1024) /* of the file as it came */
#define TEXT  (STW_GB18030_WIDER * (PIECE + STW_GB18030_CARRY))

_Static_assert(TEXT <= STW_IMPORT_CHUNK_MAX, "a piece is stored as one chunk");

struct stw_import_upload {
    char id[STW_UUID_TEXT];
    char content_id[STW_UUID_TEXT];
    int64_t start;               /* where the next chunk begins */
    struct stw_gb18030 *decoder; /* NULL: it is UTF-8 */
    char *text;                  /* decoded */
    char *hex;
};

static enum stw_code open_decoder(struct stw_context *ctx, struct stw_import_upload *upload)
{
    upload->decoder = stw_gb18030_open(ctx->arena);
    upload->text = stw_arena_alloc(ctx->arena, TEXT);
    if (upload->decoder)
        return STW_OK;
    snprintf(ctx->details->internal, sizeof ctx->details->internal, "no conversion from GB18030");
    return STW_INTERNAL;
}

/* The encoding that its options say; the rest of them is the job's concern. */
static enum stw_code is_gb18030(struct stw_context *ctx, const struct stw_record *record, bool *ret_is)
{
    const char *text = stw_record_text(record, STW_IMPORT_OPTIONS);
    const char *encoding;
    json_t *options;
    enum stw_code code = stw_input_json(ctx, text, strlen(text), &options);

    if (code != STW_OK)
        return code == STW_OVERLOADED ? code : STW_INTERNAL;
    encoding = json_string_value(json_object_get(options, "encoding"));
    *ret_is = encoding && strcmp(encoding, "gb18030") == 0;
    return STW_OK;
}

static enum stw_code check_state(struct stw_context *ctx, const struct stw_record *record)
{
    const char *state = stw_record_text(record, STW_IMPORT_STATE);

    if (strcmp(stw_record_text(record, STW_IMPORT_OWNER_ID), ctx->actor->id) != 0) {
        ctx->details->rule = "imports.content";
        return STW_FORBIDDEN;
    }
    if (strcmp(state, "waiting_for_content") == 0)
        return STW_OK;
    stw_details_field(ctx->details, "state", STW_INVALID_TRANSITION, state);
    return STW_INVALID_TRANSITION;
}

enum stw_code stw_import_upload_begin(struct stw_context *ctx, const char *id,
                                      struct stw_import_upload **ret_upload)
{
    struct stw_import_upload *upload;
    struct stw_record record;
    bool decodes;
    enum stw_code code =
        stw_store_get(ctx, stw_engine_find(ctx->engine, "imports"), id, STW_DELETED_EXCLUDE, &record);

    if (code == STW_OK)
        code = check_state(ctx, &record);
    if (code == STW_OK)
        code = is_gb18030(ctx, &record, &decodes);
    if (code != STW_OK)
        return code;
    upload = STW_NEW(ctx->arena, struct stw_import_upload);
    snprintf(upload->id, sizeof upload->id, "%s", id);
    stw_uuid_v7(ctx->now_us, upload->content_id);
    if (decodes)
        code = open_decoder(ctx, upload);
    upload->hex = stw_arena_alloc(ctx->arena, 2 * (decodes ? TEXT : PIECE) + 3);
    if (code == STW_OK)
        *ret_upload = upload;
    return code;
}

/* PostgreSQL's text form of bytes. */
static void write_hex(char *to, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";

    *to++ = '\\';
    *to++ = 'x';
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    *to = '\0';
}

static enum stw_code store(struct stw_context *ctx, struct stw_import_upload *upload, const char *bytes,
                           size_t length)
{
    static const struct stw_stmt stmt = {
        .name = "import_chunk_add",
        .sql = "insert into import_chunks (org_id, import_id, content_id, start, content) "
               "values ($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bytea)",
        .param_count = 5,
        .kind = STW_STMT_WRITE};
    char start[24];
    const char *const params[] = {ctx->org_id, upload->id, upload->content_id, start, upload->hex};

    if (length == 0)
        return STW_OK;
    snprintf(start, sizeof start, "%lld", (long long)upload->start);
    write_hex(upload->hex, bytes, length);
    enum stw_code code = stw_db_run(ctx, &stmt, params, NULL);
    if (code == STW_OK)
        upload->start += (int64_t)length;
    return code;
}

static enum stw_code add_piece(struct stw_context *ctx, struct stw_import_upload *upload, const char *bytes,
                               size_t length, bool last)
{
    if (!upload->decoder)
        return store(ctx, upload, bytes, length);
    return store(ctx, upload, upload->text,
                 stw_gb18030_add(upload->decoder, bytes, length, last, upload->text));
}

enum stw_code stw_import_upload_add(struct stw_context *ctx, struct stw_import_upload *upload,
                                    const char *bytes, size_t length)
{
    enum stw_code code = STW_OK;

    while (code == STW_OK && length > 0) {
        size_t size = length < PIECE ? length : PIECE;
        code = add_piece(ctx, upload, bytes, size, false);
        bytes += size;
        length -= size;
    }
    return code;
}

struct finish {
    const struct stw_import_upload *upload;
    struct stw_record *ret_record;
};

static enum stw_code queue(struct stw_context *ctx, void *argument)
{
    static const struct stw_stmt stmt = {
        .name = "import_queue",
        /* what other uploads of it left behind goes with it */
        .sql = "with gone as (delete from import_chunks where org_id = $1::uuid and import_id = $2::uuid "
               "and content_id <> $3::uuid) "
               "update imports set state = 'queued', content_id = $3::uuid where org_id = $1::uuid and id = "
               "$2::uuid",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const struct finish *finish = argument;
    const struct stw_import_upload *upload = finish->upload;
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "imports");
    const char *const params[] = {ctx->org_id, upload->id, upload->content_id};
    struct stw_record record;
    enum stw_code code = stw_store_lock(ctx, plan, STW_UPDATE, upload->id, NULL, &record);

    if (code == STW_OK)
        code = check_state(ctx, &record);
    if (code == STW_OK)
        code = stw_db_run(ctx, &stmt, params, NULL);
    if (code == STW_OK)
        code = stw_job_add(ctx, "import", upload->id, "{}");
    return code == STW_OK ? stw_store_get(ctx, plan, upload->id, STW_DELETED_EXCLUDE, finish->ret_record)
                          : code;
}

enum stw_code stw_import_upload_finish(struct stw_context *ctx, struct stw_import_upload *upload,
                                       struct stw_record *ret_record)
{
    struct finish finish = {upload, ret_record};
    enum stw_code code = add_piece(ctx, upload, NULL, 0, true);

    return code == STW_OK ? stw_tx_run(ctx, queue, &finish, false) : code;
}
