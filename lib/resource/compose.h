#ifndef STW_RESOURCE_COMPOSE_H
#define STW_RESOURCE_COMPOSE_H

#include "resource/query.h"
#include "resource/sql.h"

/*
 * Statements of the engine. Together with compose_list.c and compose_write.c the only place in this layer
 * that holds SQL. Every statement's rows are of alias t; access comes from access.c.
 */

/* One live record the actor may reach by `verb`; `deleted` widens it to deleted ones. Columns: plan->columns.
 */
struct stw_stmt stw_compose_get(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb,
                                const char *id, enum stw_deleted deleted);
/* A page: limit + 1 rows, so that the last tells whether there are more. Columns: plan->columns. */
struct stw_stmt stw_compose_list(struct stw_sql *sql, const struct stw_query *query);
/* One row, one column: how many the query matches without its cursor. */
struct stw_stmt stw_compose_count(struct stw_sql *sql, const struct stw_query *query);
/* The related records of a page, `keys` an array literal of ids. A reference to another resource: its rows by
 * id. A part collection: at most `each` newest parts of each key. Columns: plan->columns of the target. */
struct stw_stmt stw_compose_related(struct stw_sql *sql, const struct stw_reference *reference, bool part,
                                    const char *keys, int each);
/* The record's events newest first, one row per changed field. Columns: seq, at, actor_kind, actor_id, type,
 * version, field (null when nothing changed), from, to. */
struct stw_stmt stw_compose_history(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                    const char *before, int limit);
/* Live records that refer to this one by plain references, by resource; those of resources that clients only
 * read do not count. Columns: path, count. NULL sql when nothing can refer to it. */
struct stw_stmt stw_compose_in_use(struct stw_sql *sql, const struct stw_plan *plan, const char *id);

/* All that decides which rows a query matches: organisation, access, deletion, filter, search. No cursor. */
void stw_compose_where(struct stw_sql *sql, const struct stw_query *query);
/* The same without organisation and access: " and ..." for deletion, filter and search. */
void stw_compose_asked(struct stw_sql *sql, const struct stw_query *query);

#endif
