#include "domain/import_run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "domain/import_content.h"
#include "domain/import_lines.h"
#include "domain/import_options.h"
#include "resource/input.h"

#define BATCH_BYTES ((int64_t)1 << 20)

/* What need not be read again by each step. */
struct run {
    struct stw_import_options options;
    struct stw_import_content content;
    int *cell_of; /* by column of the options: which cell of a line */
    int key_cell;
    int width;                     /* cells of a line */
    struct stw_import_place first; /* behind the header */
};

/* How far it is: the job's progress, and what of it the import shows. */
struct state {
    struct stw_import_place place; /* at 0: nothing was read */
    int errors;                    /* kept */
    struct stw_import_counts counts;
};

/* ---- state ---- */

static long long number_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* What was stored by us: it cannot be wrong, but there can be no memory for it. */
static enum stw_code read_stored(struct stw_context *ctx, const char *text, size_t length, json_t **ret_json)
{
    enum stw_code code = stw_input_json(ctx, text, length, ret_json);

    return code == STW_OK || code == STW_OVERLOADED ? code : STW_INTERNAL;
}

static enum stw_code read_state(struct stw_context *ctx, const char *progress, struct state *state)
{
    json_t *json;
    enum stw_code code = read_stored(ctx, progress, strlen(progress), &json);

    if (code != STW_OK)
        return code;
    *state = (struct state){.place = {.at = number_of(json, "at"),
                                      .line = (int)number_of(json, "line"),
                                      .skipping = json_is_true(json_object_get(json, "skipping"))},
                            .errors = (int)number_of(json, "errors"),
                            .counts = {.lines = number_of(json, "lines"),
                                       .created = number_of(json, "created"),
                                       .updated = number_of(json, "updated"),
                                       .unchanged = number_of(json, "unchanged"),
                                       .failed = number_of(json, "failed")}};
    return STW_OK;
}

static const char *counts_text(struct stw_context *ctx, const struct stw_import_counts *counts)
{
    return stw_arena_printf(
        ctx->arena, "\"lines\":%lld,\"created\":%lld,\"updated\":%lld,\"unchanged\":%lld,\"failed\":%lld",
        counts->lines, counts->created, counts->updated, counts->unchanged, counts->failed);
}

static const char *state_text(struct stw_context *ctx, const struct state *state)
{
    return stw_arena_printf(ctx->arena, "{\"at\":%lld,\"line\":%d,\"skipping\":%s,\"errors\":%d,%s}",
                            (long long)state->place.at, state->place.line,
                            state->place.skipping ? "true" : "false", state->errors,
                            counts_text(ctx, &state->counts));
}

/* The import as it is to be seen after this step, and the errors of its lines. */
static enum stw_code show(struct stw_context *ctx, const struct stw_job *job, const struct state *state,
                          struct stw_import_errors *errors, const char *word, const char *failure)
{
    static const struct stw_stmt update = {
        .name = "import_show",
        .sql = "with gone as (delete from import_chunks where org_id = $1::uuid and import_id = $2::uuid "
               "and $3 <> 'running') "
               "update imports set state = $3, failure = $4, progress = $5::jsonb, "
               "started_at = coalesce(started_at, now()), finished_at = case when $3 <> 'running' then now() "
               "end "
               "where org_id = $1::uuid and id = $2::uuid",
        .param_count = 5,
        .kind = STW_STMT_WRITE};
    static const struct stw_stmt insert = {
        .name = "import_errors_add",
        .sql = "insert into import_errors (org_id, import_id, number, line, column_name, code, argument) "
               "select $1::uuid, $2::uuid, e.number, e.line, e.column_name, e.code, e.argument from "
               "jsonb_to_recordset($3::jsonb) "
               "e (number integer, line integer, column_name text, code text, argument text)",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const char *progress = stw_arena_printf(ctx->arena, "{%s}", counts_text(ctx, &state->counts));
    const char *const params[] = {ctx->org_id, job->id, word, failure, progress};
    const char *const more[] = {ctx->org_id, job->id, errors->json.data};
    struct stw_call calls[] = {{.stmt = &update, .params = params}, {.stmt = &insert, .params = more}};

    if (errors->count > 0)
        stw_buf_add_char(&errors->json, ']');
    if (errors->json.failed)
        return STW_INTERNAL;
    return stw_db_run_all(ctx, calls, errors->count > 0 ? 2 : 1);
}

/* ---- what the file starts with ---- */

static const char *trimmed(struct stw_arena *arena, const char *text)
{
    size_t length;

    text += strspn(text, " \t");
    length = strlen(text);
    while (length > 0 && strchr(" \t", text[length - 1]))
        length--;
    return stw_arena_strndup(arena, text, length);
}

static int cell_named(const char *const *names, int count, const char *name)
{
    int i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i < count ? i : -1;
}

/* Where each column of the options stands in a line; what is missing is told at the line of the header. */
static bool map_columns(struct stw_arena *arena, struct run *run, const struct stw_csv_record *header,
                        int line, struct stw_import_errors *errors)
{
    const struct stw_import_options *options = &run->options;
    const char **names = STW_NEW_N(arena, const char *, (size_t)header->count);
    bool good = true;

    for (int i = 0; i < header->count; i++)
        names[i] = trimmed(arena, header->fields[i]);
    run->width = header->count;
    run->cell_of = STW_NEW_N(arena, int, (size_t)options->column_count);
    for (int i = 0; i < options->column_count; i++) {
        run->cell_of[i] = cell_named(names, header->count, options->columns[i].name);
        if (run->cell_of[i] >= 0)
            continue;
        stw_import_error_add(errors, line, options->columns[i].name, STW_REQUIRED, NULL);
        good = false;
    }
    run->key_cell = options->key_column ? cell_named(names, header->count, options->key_column) : -1;
    if (options->key_column && run->key_cell < 0) {
        stw_import_error_add(errors, line, options->key_column, STW_REQUIRED, NULL);
        good = false;
    }
    return good;
}

/* Options, content and header, kept in the job's arena. `ret_failure`: why the import cannot run at all. */
static enum stw_code start(struct stw_context *ctx, struct stw_job *job, struct stw_import_errors *errors,
                           const char **ret_failure)
{
    static const struct stw_stmt stmt = {
        .name = "import_start",
        .sql = "select options, content_id from imports where org_id = $1::uuid and id = $2::uuid",
        .param_count = 2,
        .kind = STW_STMT_READ};
    const char *const params[] = {ctx->org_id, job->id};
    struct run *run = STW_NEW(job->arena, struct run);
    struct stw_context lasting = *ctx;
    struct stw_details details;
    struct stw_csv_record header;
    enum stw_csv_found found;
    struct stw_rows *rows;
    json_t *body;
    int line;

    enum stw_code code = stw_db_run(ctx, &stmt, params, &rows);
    if (code != STW_OK)
        return code;
    stw_details_init(&details, job->arena);
    lasting.arena = job->arena;
    lasting.details = &details;
    code = read_stored(&lasting, stw_rows_text(rows, 0, 0), stw_rows_length(rows, 0, 0), &body);
    if (code != STW_OK)
        return code;
    if (stw_import_options_read(&lasting, body, &run->options) != STW_OK) {
        *ret_failure = "access_lost";
        return STW_OK;
    }
    stw_import_content_init(&run->content, job->arena, job->id,
                            stw_arena_strdup(job->arena, stw_rows_text(rows, 0, 1)));
    run->first.line = 1;
    code = stw_import_content_next(ctx, &run->content, run->options.delimiter, &run->first, &header, &line,
                                   &found);
    if (code != STW_OK)
        return code;
    if (found == STW_CSV_END)
        *ret_failure = "no_content";
    else if (found != STW_CSV_RECORD)
        *ret_failure = "malformed_header";
    else if (!map_columns(job->arena, run, &header, line, errors))
        *ret_failure = "missing_columns";
    else
        job->memory = run;
    return STW_OK;
}

/* ---- a batch ---- */

static void tell_record(const struct run *run, enum stw_csv_found found, const struct stw_csv_record *record,
                        struct stw_import_line *line, struct stw_import_errors *errors)
{
    line->failed = found != STW_CSV_RECORD || record->count != run->width;
    if (found == STW_CSV_TOO_LONG)
        stw_import_error_add(errors, line->number, NULL, STW_TOO_LONG, NULL);
    else if (found == STW_CSV_MALFORMED)
        stw_import_error_add(errors, line->number, NULL, STW_INVALID_FORMAT, "CSV");
    else if (record->count > run->width)
        stw_import_error_add(errors, line->number, NULL, STW_TOO_MANY, NULL);
    else if (record->count < run->width)
        stw_import_error_add(errors, line->number, NULL, STW_REQUIRED, NULL);
    line->cells = line->failed ? NULL : record->fields;
}

/* Lines from the place on; it moves behind them. `ret_more` false: the file ends here. */
static enum stw_code read_lines(struct stw_context *ctx, struct run *run, struct stw_import_place *place,
                                struct stw_import_batch *batch, bool *ret_more)
{
    int64_t before = place->at;

    batch->lines = STW_NEW_N(ctx->arena, struct stw_import_line, STW_IMPORT_BATCH);
    while (batch->count < STW_IMPORT_BATCH && place->at - before < BATCH_BYTES) {
        struct stw_import_line *line = &batch->lines[batch->count];
        struct stw_csv_record record = {0};
        enum stw_csv_found found;

        enum stw_code code = stw_import_content_next(ctx, &run->content, run->options.delimiter, place,
                                                     &record, &line->number, &found);
        if (code != STW_OK)
            return code;
        *ret_more = found != STW_CSV_END;
        if (!*ret_more)
            break;
        tell_record(run, found, &record, line, batch->errors);
        batch->count++;
    }
    return STW_OK;
}

static enum stw_code run_batch(struct stw_context *ctx, void *argument)
{
    return stw_import_batch_run(ctx, argument);
}

/* All lines at once; if the store refuses one, again line by line. A rehearsal goes the same way and is
 * rolled back; what it found stays. */
static enum stw_code store_batch(struct stw_context *ctx, struct stw_import_batch *batch, bool dry_run)
{
    const struct stw_import_counts counts = *batch->counts;
    const struct stw_import_errors errors = *batch->errors;
    const struct stw_details details = *ctx->details;
    enum stw_code code = stw_tx_run(ctx, run_batch, batch, dry_run);

    if (code != STW_CONFLICT)
        return code;
    *ctx->details = details;
    *batch->counts = counts;
    batch->errors->count = errors.count;
    batch->errors->json.length = errors.json.length;
    for (int i = 0; i < batch->count; i++) {
        batch->lines[i].failed = batch->lines[i].cells == NULL;
        batch->lines[i].key = NULL;
    }
    batch->careful = true;
    return stw_tx_run(ctx, run_batch, batch, dry_run);
}

static enum stw_code step(struct stw_context *ctx, struct stw_job *job, bool *ret_more)
{
    struct stw_import_errors errors;
    const char *failure = NULL;
    struct state state;
    enum stw_code code = read_state(ctx, job->progress, &state);

    /* events of its records name the import as their request */
    ctx->request_id = job->id;
    *ret_more = true;
    if (code != STW_OK)
        return code;
    stw_import_errors_init(ctx, &errors, state.errors);
    if (!job->memory)
        code = start(ctx, job, &errors, &failure);
    if (code != STW_OK)
        return code;
    struct run *run = job->memory;
    if (!failure && !stw_import_options_allowed(ctx, &run->options))
        failure = "access_lost";
    if (!failure) {
        struct stw_import_batch batch = {.options = &run->options,
                                         .cell_of = run->cell_of,
                                         .key_cell = run->key_cell,
                                         .errors = &errors,
                                         .counts = &state.counts};
        if (state.place.at == 0)
            state.place = run->first;
        code = read_lines(ctx, run, &state.place, &batch, ret_more);
        if (code == STW_OK && batch.count > 0)
            code = store_batch(ctx, &batch, run->options.dry_run);
        if (code != STW_OK)
            return code;
    }
    if (failure)
        *ret_more = false;
    state.errors += errors.count;
    job->progress = state_text(ctx, &state);
    return show(ctx, job, &state, &errors, failure ? "failed" : *ret_more ? "running" : "done", failure);
}

static enum stw_code fail(struct stw_context *ctx, const struct stw_job *job, enum stw_code why)
{
    static const struct stw_stmt stmt = {
        .name = "import_fail",
        .sql = "with gone as (delete from import_chunks where org_id = $1::uuid and import_id = $2::uuid) "
               "update imports set state = 'failed', failure = $3, finished_at = now() "
               "where org_id = $1::uuid and id = $2::uuid",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, job->id,
                                  why == STW_UNAUTHENTICATED ? "user_inactive" : "broken"};

    return stw_db_run(ctx, &stmt, params, NULL);
}

const struct stw_job_kind stw_import_job = {.name = "import", .step = step, .fail = fail};
