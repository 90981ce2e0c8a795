#ifndef TESTS_FUZZ_QUERY_CHECK_H
#define TESTS_FUZZ_QUERY_CHECK_H

#include "../unit/resource/query_fixture.h"
#include "check.h"

/* The first bit of the input decides who asks: one who may do all, or one from whom much is kept. */
static inline void choose_caller(struct fixture *f, uint8_t choice)
{
    uint64_t few = choice & 1 ? UINT64_MAX : 0;

    f->grants[TOY_BOOKS].hidden = few & (book_bit(BOOK_PAGES) | book_bit(BOOK_AUTHOR));
    f->grants[TOY_BOOKS].masked = few & (book_bit(BOOK_CONTACT_EMAIL) | book_bit(BOOK_EDITOR_ID));
    f->grants[TOY_SHELVES].hidden = few & UINT64_C(1) << STW_PLAN_FIELD(SHELF_OWNER_ID);
    f->grants[TOY_SHELVES].masked = few & UINT64_C(1) << STW_PLAN_FIELD(SHELF_KEEPER_PHONE);
    f->grants[TOY_BOOKS].scope[STW_DELETE] = few ? STW_NONE : STW_ALL;
}

/* What the bytes behind the first are as JSON, NULL when they are none. */
static inline json_t *read_body(struct fixture *f, const uint8_t *data, size_t size)
{
    json_t *root;

    if (!f->engine)
        fixture_init(f);
    fixture_again(f);
    if (size == 0)
        return NULL;
    choose_caller(f, data[0]);
    return stw_input_json(&f->ctx, (const char *)data + 1, size - 1, &root) == STW_OK ? root : NULL;
}

/* A tree that was accepted holds only what its caller may ask. Returns its terms. */
static inline int check_filter(const struct fixture *f, const struct stw_plan *plan,
                               const struct stw_filter *filter, int depth)
{
    const struct stw_grant *grant = &f->grants[plan->index];
    const struct stw_plan *of = plan;
    int terms = 0;

    if (filter->node != STW_NODE_TEST) {
        CHECK(filter->children && depth <= 2 * STW_FILTER_DEPTH);
        CHECK((filter->children->next == NULL) == (filter->node == STW_NODE_NOT));
        for (const struct stw_filter *child = filter->children; child; child = child->next)
            terms += check_filter(f, plan, child, depth + 1);
        return terms;
    }
    if (filter->hop) {
        CHECK(!((grant->hidden | grant->masked) >> filter->hop->field & 1));
        CHECK(filter->hop->from == plan->index);
        of = &f->engine->plans[filter->hop->to];
        grant = &f->grants[of->index];
    }
    CHECK(filter->field >= 0 && filter->field < of->field_count);
    CHECK(of->filterable >> filter->field & 1 && !(grant->hidden >> filter->field & 1));
    CHECK(stw_operators_of(of->fields[filter->field].type, false) >> filter->op & 1);
    /* what is masked is found whole or not at all */
    CHECK(!(grant->masked >> filter->field & 1) || filter->op == STW_EQ || filter->op == STW_IN ||
          filter->op == STW_IS_NULL);
    CHECK(filter->value_count >= 1 && filter->value_count <= STW_IN_MAX);
    for (int i = 0; i < filter->value_count; i++)
        CHECK(filter->values[i] && filter->values[i][0]);
    return 1;
}

static inline void check_query(const struct fixture *f, const struct stw_query *query)
{
    const struct stw_grant *grant = &f->grants[query->plan->index];

    CHECK(query->limit >= 1 && query->limit <= STW_LIMIT_MAX);
    CHECK(query->sort_count >= 1 && query->sort_count <= STW_SORT_MAX + 1);
    CHECK(query->sort[query->sort_count - 1].field == STW_PLAN_ID);
    for (int i = 0; i < query->sort_count; i++) {
        CHECK(!((grant->hidden | grant->masked) >> query->sort[i].field & 1));
        for (int j = 0; j < i; j++)
            CHECK(query->sort[j].field != query->sort[i].field);
    }
    CHECK(query->fields & 1 && !(query->fields & (grant->hidden | query->plan->write_only)));
    CHECK(query->expand_count >= 0 && query->expand_count <= STW_EXPAND_MAX);
    CHECK(query->deleted == STW_DELETED_EXCLUDE || grant->scope[STW_DELETE] != STW_NONE);
    CHECK(!query->search || query->search[0]);
    if (query->filter)
        CHECK(check_filter(f, query->plan, query->filter, 0) <= STW_FILTER_TERMS);
}

static inline int violations(const struct fixture *f)
{
    return f->details.violation_count + f->details.violations_dropped;
}

#endif
