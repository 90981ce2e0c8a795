#include "domain/import_lines.h"

#include <ctype.h>
#include <string.h>

#include "core/text.h"
#include "domain/imports.h"
#include "domain/jobs.h"

#define ERRORS_CAP ((size_t)16 << 20) /* of one batch, as JSON */

void stw_import_errors_init(struct stw_context *ctx, struct stw_import_errors *errors, int first)
{
    *errors = (struct stw_import_errors){.first = first};
    stw_buf_init(&errors->json, ctx->arena, 1024, ERRORS_CAP);
}

static void add_text(struct stw_buf *json, const char *name, const char *text)
{
    if (!text || !stw_text_valid(text, strlen(text)))
        return;
    stw_buf_printf(json, ",\"%s\":", name);
    stw_buf_add_json(json, text, strlen(text));
}

void stw_import_error_add(struct stw_import_errors *errors, int line, const char *column, enum stw_code code,
                          const char *argument)
{
    if (errors->first + errors->count >= STW_IMPORT_ERRORS_KEPT)
        return;
    stw_buf_printf(&errors->json, "%c{\"number\":%d,\"line\":%d,\"code\":\"%s\"", errors->count ? ',' : '[',
                   errors->first + errors->count, line, stw_code_name(code));
    add_text(&errors->json, "column_name", column);
    add_text(&errors->json, "argument", argument);
    stw_buf_add_char(&errors->json, '}');
    errors->count++;
}

static void fail(struct stw_import_batch *batch, struct stw_import_line *line, const char *column,
                 enum stw_code code, const char *argument)
{
    line->failed = true;
    stw_import_error_add(batch->errors, line->number, column, code, argument);
}

/* ---- cells ---- */

/* Without blanks around it; NULL when nothing is left. */
static const char *trimmed(struct stw_arena *arena, const char *cell)
{
    size_t length;

    while (*cell == ' ' || *cell == '\t')
        cell++;
    length = strlen(cell);
    while (length > 0 && (cell[length - 1] == ' ' || cell[length - 1] == '\t'))
        length--;
    return length > 0 ? stw_arena_strndup(arena, cell, length) : NULL;
}

static const char *alias_of(const struct stw_import_column *column, const char *text)
{
    const json_t *alias = column->aliases ? json_object_get(column->aliases, text ? text : "") : NULL;

    return alias ? json_string_value(alias) : text;
}

/* "1100.04" by 6 places is "1100040000"; what is no plain number stays, and is refused as what it is. */
static const char *shifted(struct stw_arena *arena, const char *text, int places)
{
    const char *digits = text + (*text == '-');
    size_t whole = strspn(digits, "0123456789");
    const char *fraction = digits[whole] == '.' ? digits + whole + 1 : "";
    size_t length = strlen(fraction), moved = length < (size_t)places ? length : (size_t)places;

    if (places == 0 || whole == 0 || strspn(fraction, "0123456789") != length ||
        (digits[whole] && !*fraction))
        return text;
    return stw_arena_printf(arena, "%.*s%.*s%.*s%s%s", (int)(digits - text + (ptrdiff_t)whole), text,
                            (int)moved, fraction, places - (int)moved, "000000000", length > moved ? "." : "",
                            fraction + moved);
}

static bool read_date(struct stw_context *ctx, const struct stw_import_column *column, const char **text)
{
    char *date = stw_arena_alloc(ctx->arena, 11);

    if (!stw_import_date_read(column->date_format, *text, date))
        return false;
    *text = date;
    return true;
}

static void read_cell(struct stw_context *ctx, struct stw_import_batch *batch, struct stw_import_line *line,
                      int index)
{
    const struct stw_import_column *column = &batch->options->columns[index];
    const char *cell = line->cells[batch->cell_of[index]];
    const char *text;

    line->texts[index] = NULL;
    if (!stw_text_valid(cell, strlen(cell))) {
        fail(batch, line, column->name, STW_INVALID_FORMAT, "UTF-8");
        return;
    }
    text = alias_of(column, trimmed(ctx->arena, cell));
    if (!text || !*text)
        return;
    if (column->date_format && !read_date(ctx, column, &text)) {
        fail(batch, line, column->name, STW_INVALID_FORMAT, column->date_format);
        return;
    }
    if (column->by == STW_IMPORT_BY_EMAIL) {
        char *lower = stw_arena_strdup(ctx->arena, text);
        for (char *c = lower; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        text = lower;
    }
    line->texts[index] = shifted(ctx->arena, text, column->shift);
}

static void read_key(struct stw_context *ctx, struct stw_import_batch *batch, struct stw_import_line *line)
{
    static const struct stw_field key = {.name = "key"};
    const char *column = batch->options->key_column;
    const char *cell = line->cells[batch->key_cell];
    struct stw_details details;
    struct stw_context inner = *ctx;
    struct stw_value value;

    stw_details_init(&details, ctx->arena);
    inner.details = &details;
    cell = stw_text_valid(cell, strlen(cell)) ? trimmed(ctx->arena, cell) : cell;
    if (!cell)
        fail(batch, line, column, STW_REQUIRED, NULL);
    else if (!stw_input_text(&inner, &key, cell, STW_AT_POINTER, column, &value))
        fail(batch, line, column, details.violations[0].code, details.violations[0].argument);
    else
        line->key = value.text;
}

/* Texts of one column become ids, by one query. */
static enum stw_code resolve(struct stw_context *ctx, struct stw_import_batch *batch, int index)
{
    const struct stw_import_column *column = &batch->options->columns[index];
    const char **texts = STW_NEW_N(ctx->arena, const char *, (size_t)batch->count);
    struct stw_import_index known;

    for (int i = 0; i < batch->count; i++)
        texts[i] = batch->lines[i].texts[index];
    enum stw_code code = stw_import_references(ctx, column, texts, batch->count, &known);
    if (code != STW_OK)
        return code;
    for (int i = 0; i < batch->count; i++) {
        const struct stw_import_known *found = texts[i] ? stw_import_index_find(&known, texts[i]) : NULL;
        if (!found)
            continue;
        if (!found->id)
            fail(batch, &batch->lines[i], column->name, STW_UNKNOWN_REFERENCE, texts[i]);
        else if (found->several)
            fail(batch, &batch->lines[i], column->name, STW_CONFLICT, texts[i]);
        batch->lines[i].texts[index] = found->id;
    }
    return STW_OK;
}

/* ---- records ---- */

static void give(struct stw_input *input, int field, struct stw_value value)
{
    input->given |= UINT64_C(1) << field;
    input->values[field] = value;
}

/* {"crm":"C-1"} */
static void give_key(struct stw_context *ctx, const struct stw_import_options *options, const char *key,
                     struct stw_input *input)
{
    struct stw_buf json;

    stw_buf_init(&json, ctx->arena, 128, 4096);
    stw_buf_printf(&json, "{\"%s\":", options->source);
    stw_buf_add_json(&json, key, strlen(key));
    stw_buf_add_char(&json, '}');
    give(input, options->plan->keys_field, (struct stw_value){.text = json.data});
}

/* The details of ctx are the line's own. */
static void fill(struct stw_context *ctx, const struct stw_import_batch *batch,
                 const struct stw_import_line *line, bool create, struct stw_input *input)
{
    const struct stw_import_options *options = batch->options;

    for (int i = 0; i < options->column_count; i++) {
        const struct stw_import_column *column = &options->columns[i];
        const struct stw_field *field = &options->plan->fields[column->field];
        struct stw_value value = {NULL, NULL};

        if (!create && field->flags & STW_CREATE_ONLY)
            continue;
        /* an empty cell clears what can be empty; a new record keeps its defaults */
        if (!line->texts[i] && (create || field->flags & (STW_MANDATORY | STW_NOT_NULL)))
            continue;
        if (line->texts[i] && !stw_input_text(ctx, field, line->texts[i], STW_AT_POINTER,
                                              stw_arena_printf(ctx->arena, "#/%s", field->name), &value))
            continue;
        if (value.text)
            value.currency = column->currency;
        give(input, column->field, value);
    }
    if (!create)
        return;
    for (int i = 0; i < options->plan->field_count; i++) {
        const struct stw_field *field = &options->plan->fields[i];
        if (!(input->given >> i & 1) && options->defaults.given >> i & 1)
            give(input, i, options->defaults.values[i]);
        if (field->flags & STW_MANDATORY && !input->values[i].text && ctx->details->violation_count == 0)
            stw_details_field(ctx->details, field->name, STW_REQUIRED, NULL);
    }
    if (line->key)
        give_key(ctx, options, line->key, input);
}

/* "#/amount/currency" -> the column that fills amount, else the field's own name. */
static const char *column_at(struct stw_context *ctx, const struct stw_import_options *options,
                             const char *path)
{
    const char *name = strncmp(path, "#/", 2) == 0 ? path + 2 : path;
    int field = stw_plan_field(options->plan, name = stw_arena_strndup(ctx->arena, name, strcspn(name, "/")));

    for (int i = 0; i < options->column_count; i++) {
        if (options->columns[i].field == field)
            return options->columns[i].name;
    }
    if (field >= 0 && field == options->plan->keys_field && options->key_column)
        return options->key_column;
    return *name && *name != '#' ? name : NULL;
}

static void tell(struct stw_context *ctx, struct stw_import_batch *batch, struct stw_import_line *line,
                 enum stw_code code, const struct stw_details *details)
{
    for (int i = 0; i < details->violation_count; i++) {
        const struct stw_violation *violation = &details->violations[i];
        fail(batch, line, column_at(ctx, batch->options, violation->path), violation->code,
             violation->argument);
    }
    if (details->violation_count == 0)
        fail(batch, line, NULL, code, details->rule);
}

struct write {
    struct stw_input input;
    const char *id; /* NULL: a new record */
    struct stw_record record;
};

static enum stw_code store(struct stw_context *ctx, void *argument)
{
    struct write *write = argument;

    if (write->id)
        return stw_store_update(ctx, &write->input, write->id, NULL, &write->record);
    return stw_store_create(ctx, &write->input, &write->record);
}

static void count(struct stw_import_batch *batch, const struct write *write, struct stw_import_known *known)
{
    const char *version = stw_record_text(&write->record, batch->options->plan->version_field);

    if (!known || !known->id)
        batch->counts->created++;
    else if (strcmp(version, known->version) == 0)
        batch->counts->unchanged++;
    else
        batch->counts->updated++;
    /* a later line of the batch may bear the same key */
    if (known) {
        known->id = stw_record_text(&write->record, STW_PLAN_ID);
        known->version = version;
    }
}

/* With the line's own details in ctx. */
static enum stw_code write_line(struct stw_context *ctx, struct stw_import_batch *batch,
                                struct stw_import_line *line, struct stw_import_known *known)
{
    struct write write = {.input = stw_input_new(ctx, batch->options->plan), .id = known ? known->id : NULL};
    enum stw_code code;

    if (write.id && batch->options->mode == STW_IMPORT_CREATE)
        fail(batch, line, batch->options->key_column, STW_DUPLICATE, NULL);
    else if (!write.id && batch->options->mode == STW_IMPORT_UPDATE)
        fail(batch, line, batch->options->key_column, STW_NOT_FOUND, NULL);
    else
        fill(ctx, batch, line, !write.id, &write.input);
    if (ctx->details->violation_count > 0)
        tell(ctx, batch, line, STW_VALIDATION_FAILED, ctx->details);
    if (line->failed)
        return STW_OK;
    code = batch->careful ? stw_tx_run(ctx, store, &write, false) : store(ctx, &write);
    if (code == STW_OK)
        count(batch, &write, known);
    if (code == STW_OK || stw_job_may_pass(code))
        return code;
    if (!batch->careful)
        return STW_CONFLICT;
    tell(ctx, batch, line, code, ctx->details);
    return STW_OK;
}

static enum stw_code write_lines(struct stw_context *ctx, struct stw_import_batch *batch,
                                 struct stw_import_index *keys)
{
    struct stw_details *outer = ctx->details;
    enum stw_code code = STW_OK;

    for (int i = 0; i < batch->count && code == STW_OK; i++) {
        struct stw_import_line *line = &batch->lines[i];
        struct stw_details own;

        stw_details_init(&own, ctx->arena);
        ctx->details = &own;
        if (!line->failed)
            code = write_line(ctx, batch, line, line->key ? stw_import_index_find(keys, line->key) : NULL);
        if (code != STW_OK)
            *outer = own;
        batch->counts->failed += line->failed;
        batch->counts->lines++;
    }
    ctx->details = outer;
    return code;
}

enum stw_code stw_import_batch_run(struct stw_context *ctx, struct stw_import_batch *batch)
{
    const struct stw_import_options *options = batch->options;
    const char **keys = STW_NEW_N(ctx->arena, const char *, (size_t)batch->count);
    struct stw_import_index known = {0};
    enum stw_code code = STW_OK;

    for (int i = 0; i < batch->count; i++) {
        struct stw_import_line *line = &batch->lines[i];
        line->texts = STW_NEW_N(ctx->arena, const char *, (size_t)options->column_count);
        for (int column = 0; column < options->column_count && line->cells; column++)
            read_cell(ctx, batch, line, column);
        if (options->key_column && line->cells)
            read_key(ctx, batch, line);
        keys[i] = line->failed ? NULL : line->key;
    }
    for (int column = 0; column < options->column_count && code == STW_OK; column++) {
        if (options->columns[column].by != STW_IMPORT_AS_IT_IS)
            code = resolve(ctx, batch, column);
    }
    if (code == STW_OK && options->key_column)
        code = stw_import_keys(ctx, options, keys, batch->count, &known);
    return code == STW_OK ? write_lines(ctx, batch, &known) : code;
}
