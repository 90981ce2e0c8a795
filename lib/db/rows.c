#include "db/internal.h"

struct stw_rows {
    PGresult *result;
};

static void clear_rows(void *what)
{
    PQclear(((struct stw_rows *)what)->result);
}

struct stw_rows *stw_rows_new(struct stw_arena *arena, PGresult *result)
{
    struct stw_rows *rows = STW_NEW(arena, struct stw_rows);
    rows->result = result;
    stw_arena_defer(arena, clear_rows, rows);
    return rows;
}

int stw_rows_count(const struct stw_rows *rows)
{
    return PQntuples(rows->result);
}

int stw_rows_columns(const struct stw_rows *rows)
{
    return PQnfields(rows->result);
}

const char *stw_rows_text(const struct stw_rows *rows, int row, int column)
{
    const char *text = PQgetvalue(rows->result, row, column);
    /* NULL reads as an empty text: only then is it worth a question. */
    return text != NULL && text[0] == '\0' && PQgetisnull(rows->result, row, column) ? NULL : text;
}

size_t stw_rows_length(const struct stw_rows *rows, int row, int column)
{
    return (size_t)PQgetlength(rows->result, row, column);
}
