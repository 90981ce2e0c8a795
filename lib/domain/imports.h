#ifndef STW_DOMAIN_IMPORTS_H
#define STW_DOMAIN_IMPORTS_H

#include <jansson.h>
#include <stddef.h>

#include "resource/action.h"
#include "resource/store.h"

/* Files that become records: described first, then uploaded, then read by a job. */

enum stw_import_field {
    STW_IMPORT_COLLECTION = 1,
    STW_IMPORT_MODE,
    STW_IMPORT_STATE,
    STW_IMPORT_FAILURE,
    STW_IMPORT_OPTIONS,
    STW_IMPORT_PROGRESS,
    STW_IMPORT_OWNER_ID,
    STW_IMPORT_STARTED_AT,
    STW_IMPORT_FINISHED_AT
};
extern const struct stw_resource stw_imports;
extern const struct stw_action stw_import_cancellation;

/* From the options (import_options.h). STW_FORBIDDEN for an API key: a job needs a user to run as. */
enum stw_code stw_import_create(struct stw_context *ctx, json_t *body,
                                struct stw_record *ret_record) STW_MUST_CHECK;

/* An upload: begun, added to piece by piece, finished. Each piece is a commit of its own, and none of them
 * counts before the last step, which puts the job into the queue. Only its owner uploads to an import, since
 * its job runs as them, and only once: STW_CONFLICT. The upload lives in the arena of the first call's
 * context; `ctx` may differ in all else. */
struct stw_import_upload;
enum stw_code stw_import_upload_begin(struct stw_context *ctx, const char *id,
                                      struct stw_import_upload **ret_upload) STW_MUST_CHECK;
enum stw_code stw_import_upload_add(struct stw_context *ctx, struct stw_import_upload *upload,
                                    const char *bytes, size_t length) STW_MUST_CHECK;
enum stw_code stw_import_upload_finish(struct stw_context *ctx, struct stw_import_upload *upload,
                                       struct stw_record *ret_record) STW_MUST_CHECK;

/* What was wrong with its lines, in their order. Columns: line, column, code, argument. STW_NOT_FOUND. */
#define STW_IMPORT_ERRORS_KEPT 10000
enum stw_code stw_import_errors(struct stw_context *ctx, const char *id,
                                struct stw_rows **ret_rows) STW_MUST_CHECK;

#endif
