#include "db/internal.h"

struct stw_rows {
    PGresult *result;
    int first, count; /* its rows of the result */
};

static void clear_rows(void *what)
{
    PQclear(((struct stw_rows *)what)->result);
}

struct stw_rows *stw_rows_new(struct stw_arena *arena, PGresult *result)
{
    struct stw_rows *rows = STW_NEW(arena, struct stw_rows);
    *rows = (struct stw_rows){.result = result, .count = PQntuples(result)};
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
    *rows = (struct stw_rows){.result = shared->result, .first = row, .count = row >= 0};
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

const char *stw_rows_value(const struct stw_rows *rows, int row, int column)
{
    return PQgetvalue(rows->result, rows->first + row, column);
}

int stw_rows_is_null(const struct stw_rows *rows, int row, int column)
{
    return PQgetisnull(rows->result, rows->first + row, column);
}

int stw_rows_size(const struct stw_rows *rows, int row, int column)
{
    return PQgetlength(rows->result, rows->first + row, column);
}
