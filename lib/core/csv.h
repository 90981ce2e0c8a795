#ifndef STW_CORE_CSV_H
#define STW_CORE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

/*
 * CSV as RFC 4180 has it, record by record out of a window onto a file, so that a reader can stop behind any
 * record and go on there later. Lines end in LF, CR LF or CR; quoted fields may hold line breaks and doubled
 * quotes.
 */
#define STW_CSV_RECORD_MAX ((size_t)256 * 1024) /* bytes of one record */
#define STW_CSV_FIELDS_MAX 1000

enum stw_csv_found {
    STW_CSV_RECORD,    /* fields are set */
    STW_CSV_BLANK,     /* an empty line */
    STW_CSV_MALFORMED, /* quotes in wrong places, a NUL byte, too many fields */
    STW_CSV_TOO_LONG,  /* a line without end; with `cut` the rest of it is still to come, see stw_csv_skip */
    STW_CSV_MORE,      /* the window ends within the record: nothing was consumed */
    STW_CSV_END        /* an empty window at the end of the file */
};

struct stw_csv_record {
    size_t size; /* bytes consumed, the line's end included */
    int lines;   /* line ends among them */
    bool cut;
    const char *const *fields; /* NUL-terminated, in the arena; any bytes but NUL */
    int count;
};

/* `last`: the window reaches the end of the file. A window of STW_CSV_RECORD_MAX + 2 bytes never asks for
 * more. */
enum stw_csv_found stw_csv_next(struct stw_arena *arena, char delimiter, const char *bytes, size_t length,
                                bool last, struct stw_csv_record *ret_record);
/* Behind a cut line: how many bytes still belong to it; `ret_ended` when its end is among them. */
size_t stw_csv_skip(const char *bytes, size_t length, bool last, bool *ret_ended);

#endif
