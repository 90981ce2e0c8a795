#include <stdlib.h>
#include <string.h>

#include "domain/import_lines.h"
#include "resource/access.h"
#include "resource/external_id.h"
#include "resource/sql.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(((const struct stw_import_known *)left)->text,
                  ((const struct stw_import_known *)right)->text);
}

struct stw_import_known *stw_import_index_find(const struct stw_import_index *index, const char *text)
{
    const struct stw_import_known wanted = {.text = text};

    if (index->count == 0)
        return NULL;
    return bsearch(&wanted, index->entries, (size_t)index->count, sizeof wanted, by_text);
}

/* An entry for each text that differs, nothing behind it yet. */
static void index_texts(struct stw_context *ctx, const char *const *texts, int count,
                        struct stw_import_index *index)
{
    int unique = 0;

    index->entries = STW_NEW_N(ctx->arena, struct stw_import_known, (size_t)count);
    index->count = 0;
    for (int i = 0; i < count; i++) {
        if (texts[i])
            index->entries[index->count++].text = texts[i];
    }
    qsort(index->entries, (size_t)index->count, sizeof *index->entries, by_text);
    for (int i = 0; i < index->count; i++) {
        if (unique == 0 || strcmp(index->entries[unique - 1].text, index->entries[i].text) != 0)
            index->entries[unique++] = index->entries[i];
    }
    index->count = unique;
}

/* "{"a","b"}" of the texts; always quoted, so that NULL, commas and braces are only letters. */
static const char *array_of(struct stw_context *ctx, const struct stw_import_index *index)
{
    struct stw_buf array;

    stw_buf_init(&array, ctx->arena, 4096, (size_t)8 << 20);
    stw_buf_add_char(&array, '{');
    for (int i = 0; i < index->count; i++) {
        stw_buf_add_text(&array, i ? ",\"" : "\"");
        for (const char *c = index->entries[i].text; *c; c++) {
            if (*c == '"' || *c == '\\')
                stw_buf_add_char(&array, '\\');
            stw_buf_add_char(&array, *c);
        }
        stw_buf_add_char(&array, '"');
    }
    stw_buf_add_char(&array, '}');
    return array.data;
}

/* Columns: the text that was asked for, id and (may be absent) version. */
static void note_found(struct stw_import_index *index, const struct stw_rows *rows)
{
    for (int row = 0; row < stw_rows_count(rows); row++) {
        struct stw_import_known *known = stw_import_index_find(index, stw_rows_text(rows, row, 0));

        if (!known)
            continue;
        known->several = known->id != NULL;
        known->id = stw_rows_text(rows, row, 1);
        known->version = stw_rows_columns(rows) > 2 ? stw_rows_text(rows, row, 2) : NULL;
    }
}

/* The text that a row is known by, in SQL. */
static void add_known_as(struct stw_sql *sql, const struct stw_import_column *column)
{
    static const char *const as[] = {[STW_IMPORT_BY_NAME] = "t.name",
                                     [STW_IMPORT_BY_EXTERNAL_ID] = "e.key",
                                     [STW_IMPORT_BY_EMAIL] = "lower(t.email)"};
    stw_sql_add(sql, as[column->by]);
}

enum stw_code stw_import_references(struct stw_context *ctx, const struct stw_import_column *column,
                                    const char *const *texts, int count, struct stw_import_index *ret_index)
{
    const char *path = column->target->resource->path;
    struct stw_import_index index;
    struct stw_rows *rows;
    struct stw_sql sql;

    index_texts(ctx, texts, count, &index);
    *ret_index = index;
    if (index.count == 0)
        return STW_OK;
    stw_sql_init(&sql, ctx);
    stw_sql_add(&sql, "select ");
    add_known_as(&sql, column);
    stw_sql_printf(&sql, ", t.id from %s t", path);
    if (column->by == STW_IMPORT_BY_EXTERNAL_ID) {
        stw_sql_printf(
            &sql,
            " join external_ids e on e.org_id = $1::uuid and e.record_id = t.id and e.resource = '%s' "
            "and e.source = ",
            path);
        stw_sql_value(&sql, column->source, "text");
    }
    stw_sql_add(&sql, " where ");
    stw_access_where(&sql, column->target, STW_READ, "t");
    stw_sql_add(&sql, " and t.deleted_at is null and ");
    add_known_as(&sql, column);
    stw_sql_add(&sql, " = any(");
    stw_sql_value(&sql, array_of(ctx, &index), "text[]");
    stw_sql_add(&sql, ")");
    struct stw_stmt stmt = stw_sql_finish(&sql, STW_STMT_READ, false);
    enum stw_code code = stw_access_grant(ctx, column->target)->scope[STW_READ] == STW_NONE
                             ? STW_NOT_FOUND
                             : stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code == STW_NOT_FOUND)
        return STW_OK; /* who may see none of them refers to none */
    if (code == STW_OK)
        note_found(ret_index, rows);
    return code;
}

enum stw_code stw_import_keys(struct stw_context *ctx, const struct stw_import_options *options,
                              const char *const *keys, int count, struct stw_import_index *ret_index)
{
    struct stw_rows *rows;

    index_texts(ctx, keys, count, ret_index);
    if (ret_index->count == 0)
        return STW_OK;
    enum stw_code code =
        stw_external_ids_hold(ctx, options->plan, options->source, array_of(ctx, ret_index), &rows);
    if (code == STW_OK)
        note_found(ret_index, rows);
    return code;
}
