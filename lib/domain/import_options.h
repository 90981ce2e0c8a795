#ifndef STW_DOMAIN_IMPORT_OPTIONS_H
#define STW_DOMAIN_IMPORT_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "resource/input.h"

/* How a file becomes records: the body of POST /v1/imports, kept with the import and read again by its job.
 */

enum stw_import_mode { STW_IMPORT_CREATE, STW_IMPORT_UPDATE, STW_IMPORT_UPSERT };
enum stw_import_by {
    STW_IMPORT_AS_IT_IS,
    STW_IMPORT_BY_NAME,
    STW_IMPORT_BY_EXTERNAL_ID,
    STW_IMPORT_BY_EMAIL
};

struct stw_import_column {
    const char *name;        /* in the file's first line */
    int field;               /* plan index */
    const json_t *aliases;   /* object of text to text or null; NULL: none */
    const char *date_format; /* NULL: YYYY-MM-DD */
    int shift;               /* decimal places that a number moves by its unit: 6 for millions */
    const char *currency;    /* of a money field */
    enum stw_import_by by;   /* how a reference is written */
    const char *source;      /* of its external id */
    const struct stw_plan *target;
};

struct stw_import_options {
    const struct stw_plan *plan;
    enum stw_import_mode mode;
    const char *source, *key_column; /* NULL: lines have no key */
    struct stw_import_column *columns;
    int column_count;
    struct stw_input defaults; /* what a new record gets where its line says nothing */
    bool gb18030;
    char delimiter;
    bool dry_run;
};

#define STW_IMPORT_COLUMNS_MAX 100
#define STW_IMPORT_ALIASES_MAX 1000

/* Reads and checks, for the actor of ctx; all violations collected, STW_VALIDATION_FAILED then; STW_FORBIDDEN
 * when the actor may not create or update in the collection at all. `body` must outlive the options. */
enum stw_code stw_import_options_read(struct stw_context *ctx, json_t *body,
                                      struct stw_import_options *ret_options) STW_MUST_CHECK;
/* Whether the actor, whose rights may have changed, may still write what the options name. */
bool stw_import_options_allowed(struct stw_context *ctx, const struct stw_import_options *options);

/* "MM/DD/YYYY": whether it names year, month and day once each, with something between those of varying
 * length. */
bool stw_import_date_format_valid(const char *format);
/* The day that `text` is by that format as YYYY-MM-DD; false when it is none of that shape. */
bool stw_import_date_read(const char *format, const char *text, char ret_date[11]);

#endif
