#ifndef STW_RESOURCE_QUERY_PARTS_H
#define STW_RESOURCE_QUERY_PARTS_H

#include "resource/query.h"

/* What query.c, query_json.c, filter.c, filter_json.c, cursor.c and describe.c share; nobody else includes
 * it. */

/* A limit as a violation's argument. */
#define STW_TEXT_OF(number)        STW_TEXT_OF_NUMBER(number)
#define STW_TEXT_OF_NUMBER(number) #number

/* One reading of a query or a body. Violations are collected, so every part is looked at in any case. */
struct stw_reader {
    struct stw_context *ctx;
    const struct stw_plan *plan;
    enum stw_where where; /* parameters or pointers */
    bool failed;          /* a violation was found */
    bool unknown;         /* ... a parameter that does not exist among them */
    bool full;            /* too many terms: nothing more is read */
    bool single;          /* a query for one record */
    int terms;
    int nodes;
    const char *cursor; /* as sent; opened when all else is known to be right */
};

/* A text from outside and the place to name when it is wrong. */
struct stw_item {
    const char *text;
    const char *path;
};

void stw_reader_fault(struct stw_reader *reader, const char *path, enum stw_code code, const char *argument,
                      const char *const *allowed);
/* The same with the nearest of `names` as the argument. */
void stw_reader_unknown(struct stw_reader *reader, const char *path, enum stw_code code, const char *word,
                        const char *const *names, int count);
/* The pointer of a member or an element below `path`. */
const char *stw_reader_member(struct stw_reader *reader, const char *path, const char *name);
const char *stw_reader_element(struct stw_reader *reader, const char *path, size_t index);
/* Cuts a comma separated list of 1 to `max` words, none of them empty; false with a violation. */
bool stw_reader_split(struct stw_reader *reader, const struct stw_item *item, int max,
                      struct stw_item **ret_items, int *ret_count);

/* The actor may follow it: it sees the field that holds it and may read what it leads to. */
bool stw_may_follow(const struct stw_context *ctx, const struct stw_reference *reference);
/* Names of the fields in `bits` as a NULL-terminated list in the arena. */
const char *const *stw_words_of(struct stw_context *ctx, const struct stw_plan *plan, uint64_t bits);

/* What a filter's name stands for. */
struct stw_term {
    const struct stw_reference *hop;
    const struct stw_plan *plan; /* that the field belongs to */
    int field;
    bool masked;
};

/* "industry" or "account.industry". On false `ret_closed` tells a visible field that takes no filter from a
 * name that does not exist. */
bool stw_term_find(struct stw_reader *reader, const char *name, struct stw_term *ret_term, bool *ret_closed);
/* The nearest name that a filter may use, or one of `more`; NULL when none is near. */
const char *stw_term_nearest(struct stw_reader *reader, const char *name, const char *const *more,
                             int more_count);
/* -1 with a violation when there is no such operator, or not for this field. */
int stw_term_operator(struct stw_reader *reader, const struct stw_term *term, const char *word,
                      const char *path);
/* True for operators that take a list. */
bool stw_operator_takes_list(enum stw_operator op);
/* NULL with violations. */
struct stw_filter *stw_term_test(struct stw_reader *reader, const struct stw_term *term, enum stw_operator op,
                                 const struct stw_item *items, int count);
/* Counts one more term; false when there are too many, with a violation the first time. */
bool stw_reader_take_term(struct stw_reader *reader, const char *path);

struct stw_filter_list {
    struct stw_filter *first, *last;
};
void stw_filter_append(struct stw_filter_list *list, struct stw_filter *filter);
/* NULL for none, the only one as it is, else a node over all. */
struct stw_filter *stw_filter_join(struct stw_arena *arena, enum stw_node node,
                                   const struct stw_filter_list *list);
/* The tree below `json`; NULL for {} or with violations. */
struct stw_filter *stw_filter_tree(struct stw_reader *reader, json_t *json, const char *path);

/* The parts of a list request other than filters. */
enum stw_part_kind { STW_PART_TEXT, STW_PART_NUMBER, STW_PART_NAMES };
struct stw_part {
    const char *name;
    enum stw_part_kind kind;
    int max;        /* NAMES: how many */
    bool in_single; /* reading one record knows it too */
    bool in_body;   /* ... and the search body */
    void (*take)(struct stw_reader *reader, struct stw_query *query, const struct stw_item *items, int count);
};
#define STW_PART_COUNT 8
extern const struct stw_part stw_query_parts[STW_PART_COUNT];
/* Whether this request knows the part: a resource without searchable fields has no q. */
bool stw_part_known(const struct stw_reader *reader, const struct stw_part *part, bool single);
/* A query before anything was read. */
void stw_query_init(const struct stw_reader *reader, struct stw_query *query);
/* Completes order and digest, then opens the cursor. One record has no cursor and needs no digest. */
enum stw_code stw_query_finish(struct stw_reader *reader, struct stw_query *query) STW_MUST_CHECK;

void stw_cursor_digest(const struct stw_context *ctx, struct stw_query *query);
/* Fills query->after. STW_INVALID_CURSOR, STW_CURSOR_MISMATCH. */
enum stw_code stw_cursor_read(struct stw_context *ctx, const char *text,
                              struct stw_query *query) STW_MUST_CHECK;

#endif
