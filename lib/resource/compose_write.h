#ifndef STW_RESOURCE_COMPOSE_WRITE_H
#define STW_RESOURCE_COMPOSE_WRITE_H

#include "resource/compose.h"
#include "resource/input.h"

/*
 * Writing statements: the row, its references' checks and its event are one statement. References are locked
 * FOR KEY SHARE, so that none can be deleted between check and commit.
 */

/* The references that a write names; column of its verdict in the result = plan->column_count + 1 + position.
 */
struct stw_reference_checks {
    int field[STW_FIELDS_MAX];
    int count;
};

/* One row: plan->columns (null when a reference was refused), 1 or 0 for written, then a boolean per
 * reference. */
struct stw_stmt stw_compose_create(struct stw_sql *sql, const struct stw_input *input, const char *id,
                                   struct stw_reference_checks *ret_checks);
/* No row: no such record within reach. Else one: plan->columns (as they now stand), 1 when it was written,
 * then a boolean per reference. Not written and no reference refused: the version differs from `version`, or
 * nothing changed. `version` NULL: any. */
struct stw_stmt stw_compose_update(struct stw_sql *sql, const struct stw_input *input, const char *id,
                                   const char *version, struct stw_reference_checks *ret_checks);
/* Soft; parts go with it. Columns and meaning as for update. */
struct stw_stmt stw_compose_delete(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                   const char *version);
/* A deleted record and the parts that went with it, when all that it refers to is live. Columns and meaning
 * as for update. */
struct stw_stmt stw_compose_restore(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                    struct stw_reference_checks *ret_checks);
/* One row: the id of the live record that holds what the deleted one has under the unique index, or null. */
struct stw_stmt stw_compose_holder(struct stw_sql *sql, const char *index, const char *id);
/* The record as stw_compose_get gives it, locked against other writers until the transaction ends. */
struct stw_stmt stw_compose_lock(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb,
                                 const char *id, enum stw_deleted deleted);

#endif
