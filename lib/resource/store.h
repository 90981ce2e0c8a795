#ifndef STW_RESOURCE_STORE_H
#define STW_RESOURCE_STORE_H

#include "db/db.h"
#include "resource/input.h"
#include "resource/query.h"

/*
 * What can be done with the records of a resource: access, validation against the database, hooks and events
 * included. Every way in (routes, actions, batch, import, command line) goes through here.
 */

/* One row of a result in the columns of its plan. */
struct stw_record {
    const struct stw_plan *plan;
    const struct stw_rows *rows;
    int row;
};
/* By plan index; NULL is null. */
const char *stw_record_text(const struct stw_record *record, int field);

/* What a hook sees of a write. */
struct stw_write {
    enum stw_verb verb; /* STW_CREATE or STW_UPDATE */
    const struct stw_plan *plan;
    const char *id;
    struct stw_input *input;         /* check_write may change it */
    const struct stw_record *old;    /* STW_UPDATE with hooks.needs_old */
    const struct stw_record *record; /* after_write: as written */
};
/* An empty input to fill by stw_input_give, for writes that the domain makes by itself. */
struct stw_input stw_input_new(struct stw_context *ctx, const struct stw_plan *plan);
void stw_input_give(struct stw_input *input, int field, const char *text);
/* The value the record will have: from the input when given there, else the old one. */
const char *stw_write_text(const struct stw_write *write, int field);
/* For check_write. A reference set so must be a live record, but need not be one that the caller may see:
 * what follows from something else that they named and may see is not theirs to answer for. */
void stw_write_set(struct stw_write *write, int field, const char *text);
bool stw_write_gives(const struct stw_write *write, int field);

enum stw_code stw_store_get(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                            enum stw_deleted deleted, struct stw_record *ret_record) STW_MUST_CHECK;

/* A page and what was asked along with it. */
struct stw_related {
    const struct stw_reference *reference;
    bool part;
    const struct stw_plan *plan;
    struct stw_rows *rows;
};
struct stw_page {
    const struct stw_rows *rows;
    int count; /* rows of the page; the row behind it only tells that there are more */
    bool more;
    int64_t total; /* -1: not asked for */
    struct stw_related related[STW_EXPAND_MAX];
    int related_count;
};
enum stw_code stw_store_list(struct stw_context *ctx, const struct stw_query *query,
                             struct stw_page *ret_page) STW_MUST_CHECK;
/* Fills ret_page->related for rows that are there already. */
enum stw_code stw_store_expand(struct stw_context *ctx, const struct stw_query *query,
                               struct stw_page *page) STW_MUST_CHECK;

/* Each is one commit of its own, or part of the transaction that ctx holds. */
enum stw_code stw_store_create(struct stw_context *ctx, struct stw_input *input,
                               struct stw_record *ret_record) STW_MUST_CHECK;
/* `version` NULL: any. `ret_record` is the record as it now stands; unchanged input writes nothing and is
 * STW_OK. */
enum stw_code stw_store_update(struct stw_context *ctx, struct stw_input *input, const char *id,
                               const char *version, struct stw_record *ret_record) STW_MUST_CHECK;
/* The same without the resource's hooks, for actions that have checked their own rules. */
enum stw_code stw_store_set(struct stw_context *ctx, struct stw_input *input, const char *id,
                            struct stw_record *ret_record) STW_MUST_CHECK;
enum stw_code stw_store_delete(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                               const char *version) STW_MUST_CHECK;
enum stw_code stw_store_restore(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                                struct stw_record *ret_record) STW_MUST_CHECK;

/* For actions: the live record, locked until the transaction in ctx ends. STW_NOT_FOUND, or STW_FORBIDDEN
 * when the actor sees it but may not `verb` it. `version` NULL: any; else STW_VERSION_MISMATCH. */
enum stw_code stw_store_lock(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb,
                             const char *id, const char *version,
                             struct stw_record *ret_record) STW_MUST_CHECK;

/* Columns as stw_compose_history. STW_NOT_FOUND when the record is not within the actor's reach. `before`
 * NULL: newest. */
enum stw_code stw_store_history(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                                const char *before, int limit, struct stw_rows **ret_rows) STW_MUST_CHECK;

#endif
