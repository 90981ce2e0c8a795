#ifndef STW_DOMAIN_IMPORT_LINES_H
#define STW_DOMAIN_IMPORT_LINES_H

#include "core/buf.h"
#include "domain/import_options.h"
#include "resource/store.h"

/* A batch of lines on its way into the store. */

struct stw_import_line {
    int number;               /* of its first line in the file, from 1 */
    const char *const *cells; /* as in the file; NULL: it could not be read, which has been told */
    const char **texts;       /* by column of the options: aliases and references resolved; NULL: empty */
    const char *key;
    bool failed;
};

/* What went wrong, as a JSON array for one statement. */
struct stw_import_errors {
    struct stw_buf json;
    int first; /* number of the first one here: how many are kept from earlier batches */
    int count;
};
void stw_import_errors_init(struct stw_context *ctx, struct stw_import_errors *errors, int first);
/* `column` and `argument` may be NULL. Beyond STW_IMPORT_ERRORS_KEPT they are dropped. */
void stw_import_error_add(struct stw_import_errors *errors, int line, const char *column, enum stw_code code,
                          const char *argument);

struct stw_import_counts {
    long long lines, created, updated, unchanged, failed;
};

struct stw_import_batch {
    const struct stw_import_options *options;
    const int *cell_of; /* by column of the options */
    int key_cell;       /* -1: none */
    struct stw_import_line *lines;
    int count;
    struct stw_import_errors *errors;
    struct stw_import_counts *counts;
    bool careful; /* each line by itself */
};

/* Inside a transaction. Each line is counted, and told in `errors` when it cannot be stored. `careful`: such
 * a line is undone alone. Else the first that the store refuses ends the batch with STW_CONFLICT: most files
 * have none, and going without a savepoint for each line is much faster. Any other failure is not the lines'
 * fault. After a failure the transaction must be rolled back. */
enum stw_code stw_import_batch_run(struct stw_context *ctx, struct stw_import_batch *batch) STW_MUST_CHECK;

/* ---- import_lookup.c ---- */

/* What stands behind a text. */
struct stw_import_known {
    const char *text, *id, *version; /* id NULL: nothing */
    bool several;
};
struct stw_import_index {
    struct stw_import_known *entries; /* by text */
    int count;
};
struct stw_import_known *stw_import_index_find(const struct stw_import_index *index, const char *text);
/* Records that the texts (NULL entries are skipped) stand for in a reference column, within the actor's
 * reach. */
enum stw_code stw_import_references(struct stw_context *ctx, const struct stw_import_column *column,
                                    const char *const *texts, int count,
                                    struct stw_import_index *ret_index) STW_MUST_CHECK;
/* Records that bear the keys, which are held against others; an entry for each key. */
enum stw_code stw_import_keys(struct stw_context *ctx, const struct stw_import_options *options,
                              const char *const *keys, int count,
                              struct stw_import_index *ret_index) STW_MUST_CHECK;

#endif
