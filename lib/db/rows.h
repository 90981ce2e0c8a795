#ifndef STW_DB_ROWS_H
#define STW_DB_ROWS_H

#include <stddef.h>

/* What a statement found; valid as long as the request's arena. */
struct stw_rows;
int stw_rows_count(const struct stw_rows *rows);
int stw_rows_columns(const struct stw_rows *rows);

/* For the two below: what libpq says of a cell, in one jump. The value of a NULL is an empty text. */
const char *stw_rows_value(const struct stw_rows *rows, int row, int column);
int stw_rows_is_null(const struct stw_rows *rows, int row, int column);
int stw_rows_size(const struct stw_rows *rows, int row, int column);

/* NULL for SQL NULL. */
static inline const char *stw_rows_text(const struct stw_rows *rows, int row, int column)
{
    const char *text = stw_rows_value(rows, row, column);
    return text != NULL && text[0] == '\0' && stw_rows_is_null(rows, row, column) ? NULL : text;
}

static inline size_t stw_rows_length(const struct stw_rows *rows, int row, int column)
{
    return (size_t)stw_rows_size(rows, row, column);
}

#endif
