#ifndef STW_DOMAIN_IMPORT_CONTENT_H
#define STW_DOMAIN_IMPORT_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/context.h"
#include "core/csv.h"

/* Bytes of one stored chunk at most. */
#define STW_IMPORT_CHUNK_MAX ((size_t)1 << 20)

/* A window onto an import's content that moves forward with its reader. What it shows depends on the place
 * asked for alone, so that a step which runs again, here or in another process, reads the same lines. */
struct stw_import_content {
    const char *import_id, *content_id;
    char *bytes;
    size_t room;
    int64_t start; /* place of bytes[0] in the whole */
    size_t length;
    bool last; /* nothing comes behind it */
};

/* Where a reader stands. */
struct stw_import_place {
    int64_t at;
    int line;      /* that starts there, from 1 */
    bool skipping; /* within a line that was given up */
};

/* `arena` must outlive it; the ids too. */
void stw_import_content_init(struct stw_import_content *content, struct stw_arena *arena,
                             const char *import_id, const char *content_id);
/* The next record that is not blank; the place moves behind it. Never STW_CSV_MORE and never STW_CSV_BLANK.
 * `ret_line` is the line that it starts in. */
enum stw_code stw_import_content_next(struct stw_context *ctx, struct stw_import_content *content,
                                      char delimiter, struct stw_import_place *place,
                                      struct stw_csv_record *ret_record, int *ret_line,
                                      enum stw_csv_found *ret_found) STW_MUST_CHECK;

#endif
