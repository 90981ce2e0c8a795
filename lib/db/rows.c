#include "db/binary.h"
#include "db/internal.h"

struct stw_rows {
    PGresult *result;
    struct stw_arena *arena;
    int first, count;     /* its rows of the result */
    unsigned char *forms; /* enum stw_form of each column; NULL: all came as text */
};

static void clear_rows(void *what)
{
    PQclear(((struct stw_rows *)what)->result);
}

static unsigned char *forms_of(struct stw_arena *arena, const PGresult *result)
{
    int count = PQnfields(result);

    if (!PQbinaryTuples(result) || count == 0)
        return NULL;
    unsigned char *forms = stw_arena_alloc(arena, (size_t)count);
    for (int i = 0; i < count; i++)
        forms[i] = (unsigned char)stw_form_of(PQftype(result, i));
    return forms;
}

struct stw_rows *stw_rows_new(struct stw_arena *arena, PGresult *result)
{
    struct stw_rows *rows = STW_NEW(arena, struct stw_rows);
    *rows = (struct stw_rows){
        .result = result, .arena = arena, .count = PQntuples(result), .forms = forms_of(arena, result)};
    stw_arena_defer(arena, clear_rows, rows);
    return rows;
}

static void clear_shared(void *what)
{
    stw_shared_release(what);
}

struct stw_rows *stw_rows_share(struct stw_arena *arena, struct stw_shared *shared, int row)
{
    struct stw_rows *rows = STW_NEW(arena, struct stw_rows);
    *rows = (struct stw_rows){.result = shared->result,
                              .arena = arena,
                              .first = row,
                              .count = row >= 0,
                              .forms = forms_of(arena, shared->result)};
    stw_arena_defer(arena, clear_shared, shared);
    return rows;
}

int stw_rows_count(const struct stw_rows *rows)
{
    return rows->count;
}

int stw_rows_columns(const struct stw_rows *rows)
{
    return PQnfields(rows->result);
}

const char *stw_rows_cell(const struct stw_rows *rows, int row, int column, char scratch[STW_CELL_SCRATCH],
                          size_t *ret_length)
{
    const char *value = PQgetvalue(rows->result, rows->first + row, column);
    size_t length = (size_t)PQgetlength(rows->result, rows->first + row, column);

    if (length == 0 && PQgetisnull(rows->result, rows->first + row, column))
        return NULL;
    if (rows->forms && rows->forms[column] != STW_FORM_TEXT)
        return stw_form_text(rows->forms[column], value, length, scratch, ret_length);
    *ret_length = length;
    return value;
}

const char *stw_rows_text(const struct stw_rows *rows, int row, int column)
{
    char scratch[STW_CELL_SCRATCH];
    size_t length;
    const char *text = stw_rows_cell(rows, row, column, scratch, &length);

    return text == scratch ? stw_arena_strndup(rows->arena, text, length) : text;
}

size_t stw_rows_length(const struct stw_rows *rows, int row, int column)
{
    char scratch[STW_CELL_SCRATCH];
    size_t length = 0;

    (void)stw_rows_cell(rows, row, column, scratch, &length);
    return length;
}
