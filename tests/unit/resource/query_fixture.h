#ifndef TESTS_UNIT_RESOURCE_QUERY_FIXTURE_H
#define TESTS_UNIT_RESOURCE_QUERY_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "resource/actor.h"
#include "resource/query.h"
#include "toy.h"

/* One caller of the toy registry who may do everything until a test takes something away. */
struct fixture {
    struct stw_engine *engine;
    struct stw_arena *arena;
    struct stw_details details;
    struct stw_grant grants[TOY_COUNT];
    struct stw_actor actor;
    struct stw_context ctx;
    const struct stw_plan *books;
    const struct stw_plan *shelves;
};

/* Forgets what the last call left, keeps the grants. */
static inline void fixture_again(struct fixture *f)
{
    stw_arena_clear(f->arena);
    stw_details_init(&f->details, f->arena);
}

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->engine = toy_engine();
    f->arena = stw_arena_new((size_t)64 * 1024 * 1024);
    for (int i = 0; i < TOY_COUNT; i++)
        memset(f->grants[i].scope, STW_ALL, sizeof(f->grants[i].scope));
    snprintf(f->actor.org_id, sizeof(f->actor.org_id), "%s", "0190c0de-0000-7000-8000-000000000001");
    snprintf(f->actor.id, sizeof(f->actor.id), "%s", "0190c0de-0000-7000-8000-000000000002");
    f->actor.tree = "{}";
    f->actor.zone = "UTC";
    f->actor.grants = f->grants;
    f->ctx.arena = f->arena;
    memcpy(f->ctx.org_id, f->actor.org_id, sizeof(f->ctx.org_id));
    f->ctx.actor = &f->actor;
    f->ctx.engine = f->engine;
    f->ctx.details = &f->details;
    f->ctx.now_us = INT64_C(1760000000000000);
    f->books = stw_engine_find(f->engine, "books");
    f->shelves = stw_engine_find(f->engine, "shelves");
    fixture_again(f);
}

static inline void fixture_release(struct fixture *f)
{
    stw_arena_free(f->arena);
    stw_engine_free(f->engine);
}

static inline uint64_t book_bit(enum toy_book field)
{
    return UINT64_C(1) << STW_PLAN_FIELD(field);
}

/* A filter as text, for comparison: and(title eq "a", shelf.name in "b" "c"). */
static inline void write_filter(struct stw_buf *buf, const struct fixture *f, const struct stw_plan *plan,
                                const struct stw_filter *filter)
{
    static const char *const nodes[] = {"test", "and", "or", "not"};
    const struct stw_plan *of = filter->hop ? &f->engine->plans[filter->hop->to] : plan;

    if (filter->node != STW_NODE_TEST) {
        stw_buf_printf(buf, "%s(", nodes[filter->node]);
        for (const struct stw_filter *child = filter->children; child; child = child->next) {
            write_filter(buf, f, plan, child);
            stw_buf_add_text(buf, child->next ? ", " : ")");
        }
        return;
    }
    stw_buf_printf(buf, "%s%s%s %s", filter->hop ? filter->hop->name : "", filter->hop ? "." : "",
                   of->fields[filter->field].name, stw_operator_word(filter->op));
    for (int i = 0; i < filter->value_count; i++)
        stw_buf_printf(buf, " %s", filter->values[i]);
}

static inline const char *filter_text(const struct fixture *f, const struct stw_plan *plan,
                                      const struct stw_filter *filter)
{
    struct stw_buf buf;

    stw_buf_init(&buf, f->arena, 256, (size_t)1024 * 1024);
    if (filter)
        write_filter(&buf, f, plan, filter);
    return buf.data;
}

/* The violations as text: "limit too_large 500; sort unknown_field title". */
static inline const char *violations_text(const struct fixture *f)
{
    struct stw_buf buf;

    stw_buf_init(&buf, f->arena, 256, (size_t)1024 * 1024);
    for (int i = 0; i < f->details.violation_count; i++) {
        const struct stw_violation *violation = &f->details.violations[i];

        stw_buf_printf(&buf, "%s%s %s", i ? "; " : "", violation->path, stw_code_name(violation->code));
        if (violation->argument)
            stw_buf_printf(&buf, " %s", violation->argument);
        for (int j = 0; violation->allowed && violation->allowed[j]; j++)
            stw_buf_printf(&buf, "%s%s", j ? "," : " [", violation->allowed[j]);
        stw_buf_add_text(&buf, violation->allowed ? "]" : "");
    }
    return buf.data;
}

#endif
