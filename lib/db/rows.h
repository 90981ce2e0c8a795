#ifndef STW_DB_ROWS_H
#define STW_DB_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What a statement found; valid as long as the request's arena. However values travelled, they are read as
 * text; a moment is PostgreSQL's text of it or, of a statement whose columns travel in binary, RFC 3339. */
struct stw_rows;
int stw_rows_count(const struct stw_rows *rows);
int stw_rows_columns(const struct stw_rows *rows);

/* The text of a cell, NULL for SQL NULL; as long as the rows. */
const char *stw_rows_text(const struct stw_rows *rows, int row, int column);
size_t stw_rows_length(const struct stw_rows *rows, int row, int column);

/* Of a column that is never NULL: should it be, an empty text. */
static inline const char *stw_rows_value(const struct stw_rows *rows, int row, int column)
{
    const char *text = stw_rows_text(rows, row, column);
    return text ? text : "";
}

/* Of a column of whole numbers; 0 for NULL. */
static inline int64_t stw_rows_number(const struct stw_rows *rows, int row, int column)
{
    return strtoll(stw_rows_value(rows, row, column), NULL, 10);
}

/* The same for those who read many: where the text has to be made it is made in `scratch`, and lasts as long
 * as that. `ret_length` is untouched for NULL. */
#define STW_CELL_SCRATCH 64
const char *stw_rows_cell(const struct stw_rows *rows, int row, int column, char scratch[STW_CELL_SCRATCH],
                          size_t *ret_length);

#endif
