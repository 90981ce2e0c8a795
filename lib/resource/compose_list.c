#include "resource/compose.h"

#include <string.h>

#include "resource/access.h"
#include "resource/engine.h"

/*
 * A page is one select, or several of which each walks an index of its own from where the page begins, merged
 * and cut: then no plan can discard more rows than a page has. Through others that is a walk for each of
 * them, so first some rows are looked at as they come: who reaches many others finds a page among those.
 */

/* In pages: how many others are so many that rows are first looked at as they come, and how many rows. A walk
 * costs what some six of such rows do. */
#define MANY_KEYS 8
#define NEAR_ROWS 48
/* Bytes; what is asked stands in the statement once for each walk. */
#define ASKED_MAX 4096

/* ---- behind the cursor ---- */

/* Null is the largest value in either direction, so a first key that can be null is walked in two stretches.
 */
enum stretch {
    WHOLE,
    HEAD, /* the one that the cursor is in */
    TAIL  /* ascending the nulls, descending what is not null */
};

static const struct stw_field *field_of(const struct stw_query *query, int key)
{
    return &query->plan->fields[query->sort[key].field];
}

static bool can_be_null(const struct stw_field *field)
{
    return !(field->flags & (STW_MANDATORY | STW_NOT_NULL)) && field->type != STW_TYPE_ID &&
           (!(field->flags & STW_SERVER_KEPT) || (field->flags & STW_FILTER && field->flags & STW_DERIVED));
}

static bool has_tail(const struct stw_query *query)
{
    if (!query->has_after || !can_be_null(field_of(query, 0)))
        return false;
    return query->sort[0].descending ? !query->after[0] : query->after[0] != NULL;
}

static void add_value(struct stw_sql *sql, const struct stw_query *query, int key)
{
    stw_sql_value(sql, query->after[key], stw_sql_type(field_of(query, key)->type));
}

/* "this key comes after that of the cursor", of those behind the first, whose nulls are a stretch of their
 * own.
 */
static void add_after_key(struct stw_sql *sql, const struct stw_query *query, int key)
{
    bool descending = query->sort[key].descending;
    const struct stw_field *field = field_of(query, key);

    if (!query->after[key]) {
        stw_sql_printf(sql, descending ? "t.%s is not null" : "false", field->name);
        return;
    }
    bool null_follows = key > 0 && !descending && can_be_null(field);
    stw_sql_printf(sql, "%st.%s %c ", null_follows ? "(" : "", field->name, descending ? '<' : '>');
    add_value(sql, query, key);
    if (null_follows)
        stw_sql_printf(sql, " or t.%s is null)", field->name);
}

static void add_same_key(struct stw_sql *sql, const struct stw_query *query, int key)
{
    if (!query->after[key]) {
        stw_sql_printf(sql, "t.%s is null", field_of(query, key)->name);
        return;
    }
    stw_sql_printf(sql, "t.%s = ", field_of(query, key)->name);
    add_value(sql, query, key);
}

/* One row comparison walks the index from the very row, where all keys run the same way and none can be null
 * ahead. */
static bool is_row_comparison(const struct stw_query *query, int from)
{
    for (int key = from; key < query->sort_count; key++) {
        const struct stw_sort *sort = &query->sort[key];
        if (sort->descending != query->sort[from].descending || !query->after[key])
            return false;
        if (key > 0 && !sort->descending && can_be_null(field_of(query, key)))
            return false;
    }
    return true;
}

static void add_row_comparison(struct stw_sql *sql, const struct stw_query *query, int from)
{
    for (int key = from; key < query->sort_count; key++)
        stw_sql_printf(sql, "%st.%s", key > from ? ", " : "(", field_of(query, key)->name);
    stw_sql_add(sql, query->sort[from].descending ? ") < (" : ") > (");
    for (int key = from; key < query->sort_count; key++) {
        stw_sql_add(sql, key > from ? ", " : "");
        add_value(sql, query, key);
    }
    stw_sql_add(sql, ")");
}

static void add_behind(struct stw_sql *sql, const struct stw_query *query, int from)
{
    if (is_row_comparison(query, from)) {
        add_row_comparison(sql, query, from);
        return;
    }
    if (from == 0) { /* what an index can begin at */
        stw_sql_printf(sql, "t.%s %s ", field_of(query, 0)->name, query->sort[0].descending ? "<=" : ">=");
        add_value(sql, query, 0);
        stw_sql_add(sql, " and ");
    }
    stw_sql_add(sql, "(");
    for (int key = from; key < query->sort_count; key++) {
        stw_sql_add(sql, key > from ? " or (" : "(");
        for (int before = from; before < key; before++) {
            add_same_key(sql, query, before);
            stw_sql_add(sql, " and ");
        }
        add_after_key(sql, query, key);
        stw_sql_add(sql, ")");
    }
    stw_sql_add(sql, ")");
}

static void add_stretch(struct stw_sql *sql, const struct stw_query *query, enum stretch stretch)
{
    const char *first = field_of(query, 0)->name;

    if (stretch == TAIL) {
        stw_sql_printf(sql, "t.%s is %snull", first, query->sort[0].descending ? "not " : "");
    } else if (query->after[0]) {
        add_behind(sql, query, 0);
    } else {
        stw_sql_printf(sql, "t.%s is null and ", first);
        add_behind(sql, query, 1);
    }
}

static void add_after(struct stw_sql *sql, const struct stw_query *query, enum stretch stretch)
{
    if (!query->has_after)
        return;
    stw_sql_add(sql, " and ");
    if (stretch == WHOLE && has_tail(query)) {
        stw_sql_add(sql, "((");
        add_stretch(sql, query, HEAD);
        stw_sql_add(sql, ") or ");
        add_stretch(sql, query, TAIL);
        stw_sql_add(sql, ")");
    } else {
        add_stretch(sql, query, stretch);
    }
}

/* ---- the page ---- */

static void add_order(struct stw_sql *sql, const struct stw_query *query, const char *prefix, int limit)
{
    for (int key = 0; key < query->sort_count; key++)
        stw_sql_printf(sql, "%s %s%s%s", key ? "," : " order by", prefix, field_of(query, key)->name,
                       query->sort[key].descending ? " desc" : "");
    stw_sql_printf(sql, " limit %d", limit);
}

/* A page has one row more, so that the last tells whether there are more. */
static int rows_of(const struct stw_query *query)
{
    return query->limit + 1;
}

static void add_from(struct stw_sql *sql, const struct stw_query *query)
{
    stw_sql_printf(sql, " from %s t where ", query->plan->resource->path);
}

static void add_columns(struct stw_sql *sql, const struct stw_query *query)
{
    stw_sql_add(sql, "select ");
    stw_sql_add(sql, query->plan->columns);
}

/* A page under construction. */
struct page {
    const struct stw_query *query;
    struct stw_reach reach;
    int walks;  /* 0: one select */
    bool sifts; /* others are sifted by their first rows: they may be many, or planning it costs nothing */
    const char *asked; /* " and …" of stw_compose_asked, */
    const char *after; /* and, of walks, of the cursor */
};

static void add_all(struct stw_sql *sql, const struct page *page, enum stretch stretch)
{
    const struct stw_query *query = page->query;

    add_columns(sql, query);
    add_from(sql, query);
    stw_access_where(sql, query->plan, STW_READ, "t");
    stw_sql_add(sql, page->asked);
    add_after(sql, query, stretch);
    add_order(sql, query, "t.", rows_of(query));
}

static void add_stretches(struct stw_sql *sql, const struct page *page)
{
    stw_sql_add(sql, "(");
    add_all(sql, page, HEAD);
    stw_sql_add(sql, ") union all (");
    add_all(sql, page, TAIL);
    stw_sql_add(sql, ")");
    add_order(sql, page->query, "", rows_of(page->query));
}

/* ---- by walks ---- */

static void add_walk(struct stw_sql *sql, const struct page *page, int walk, int limit)
{
    add_from(sql, page->query);
    stw_access_walk(sql, &page->reach, walk, "t");
    stw_sql_add(sql, page->asked);
    stw_sql_add(sql, page->after);
    add_order(sql, page->query, "t.", limit);
}

/* Of which keys a page can be: the first row of each tells, as many as the page has rows. So few are all. */
static void add_first_keys(struct stw_sql *sql, const struct page *page, int walk)
{
    const struct stw_query *query = page->query;
    int rows = rows_of(query);

    stw_sql_printf(sql, "select id from k where not exists (select 1 from k offset %d)", rows);
    stw_sql_add(sql, " union all (select k.id from k cross join lateral (select ");
    for (int key = 0; key < query->sort_count; key++)
        stw_sql_printf(sql, "%st.%s", key ? ", " : "", field_of(query, key)->name);
    add_walk(sql, page, walk, 1);
    stw_sql_printf(sql, ") t where exists (select 1 from k offset %d)", rows);
    add_order(sql, query, "t.", rows);
    stw_sql_add(sql, ")");
}

static void add_walks(struct stw_sql *sql, const struct page *page)
{
    const struct stw_query *query = page->query;

    for (int walk = 0; walk < page->walks; walk++) {
        bool through = stw_access_arm(sql, &page->reach, walk)->kind == STW_ARM_THROUGH;

        stw_sql_add(sql, walk ? " union all (" : "(");
        if (through) {
            stw_sql_add(sql, page->sifts ? "with k as materialized (" : "select t.* from (");
            stw_access_keys(sql, stw_access_through(&page->reach), true);
            if (page->sifts) {
                stw_sql_add(sql, ") select t.* from (");
                add_first_keys(sql, page, walk);
            }
            stw_sql_add(sql, ") k cross join lateral (");
        }
        add_columns(sql, query);
        add_walk(sql, page, walk, rows_of(query));
        if (through) {
            stw_sql_add(sql, ") t");
            add_order(sql, query, "t.", rows_of(query));
        }
        stw_sql_add(sql, ")");
    }
    if (page->walks > 1)
        add_order(sql, query, "", rows_of(query));
}

/* The rows as they come, and a page of those that are reached when there is one among them; else the walks.
 */
static void add_near(struct stw_sql *sql, const struct page *page)
{
    const struct stw_query *query = page->query;
    int rows = rows_of(query);

    stw_sql_add(sql, "with near as materialized (");
    add_columns(sql, query);
    stw_sql_add(sql, " from (select t.*");
    add_from(sql, query);
    stw_sql_printf(sql, "t.org_id = $1::uuid%s", page->after);
    add_order(sql, query, "t.", NEAR_ROWS * rows);
    stw_sql_add(sql, ") t where exists (select 1 from (");
    stw_access_keys(sql, stw_access_through(&page->reach), false);
    stw_sql_printf(sql, ") k offset %d) and ", MANY_KEYS * rows);
    stw_access_among(sql, &page->reach, "t");
    stw_sql_add(sql, page->asked);
    add_order(sql, query, "t.", rows);
    stw_sql_printf(sql,
                   ") (select * from near where (select count(*) from near) = %d) union all (select * from (",
                   rows);
    add_walks(sql, page);
    stw_sql_printf(sql, ") t where (select count(*) from near) < %d)", rows);
    add_order(sql, query, "", rows);
}

/* Asked for what belongs to one of the others: its few rows are found by it, whoever asks. */
static bool is_of_one(const struct stw_query *query, const struct stw_reach *reach)
{
    const struct stw_arm *through = stw_access_through(reach);
    const struct stw_filter *test = query->filter;

    if (!through || !test)
        return false;
    if (test->node == STW_NODE_AND)
        test = test->children;
    for (; test; test = query->filter->node == STW_NODE_AND ? test->next : NULL)
        if (test->node == STW_NODE_TEST && !test->hop && test->op == STW_EQ &&
            query->plan->fields[test->field].name == through->column)
            return true;
    return false;
}

/* In default order each walk follows an index, or for a rare text the search's. Otherwise, or among too many
 * teams, the planner weighs with the values at hand, and walks are for what it could not serve by any index.
 */
static int walks_of(struct stw_sql *sql, const struct stw_query *query, struct stw_reach *reach, bool plain)
{
    bool searched = query->default_order && query->search;
    bool split = (searched || !query->search) && stw_access_is_split(sql, reach);

    if (is_of_one(query, reach))
        return 0;
    int walks = plain || searched || split ? stw_access_walks(sql, reach) : 0;
    return reach->whole && !split ? 0 : walks;
}

static bool starts_near(const struct page *page, bool many)
{
    const struct stw_query *query = page->query;

    return many && !query->filter && !query->search && !has_tail(query);
}

/* Walks take a connection a megabyte to keep, so not for each limit there is. */
static bool is_usual(int limit)
{
    return limit % 25 == 0 || limit == 10 || limit == 20;
}

/* Worth keeping: the same text for many callers. */
static bool is_stable(const struct page *page, bool plain)
{
    const struct stw_query *query = page->query;

    if (page->walks > 0)
        return plain && !page->reach.whole && is_usual(query->limit);
    return page->reach.all && !query->filter && !query->search && (plain || is_usual(query->limit));
}

struct stw_stmt stw_compose_list(struct stw_sql *sql, const struct stw_query *query)
{
    struct page page = {.query = query, .reach = stw_access_reach(sql, query->plan, STW_READ)};
    bool plain = query->sort_count == 1 && !query->filter && !query->search;

    stw_compose_asked(sql, query);
    page.asked = stw_sql_take(sql);
    page.walks = strlen(page.asked) <= ASKED_MAX ? walks_of(sql, query, &page.reach, plain) : 0;
    if (page.walks > 0) {
        add_after(sql, query, WHOLE);
        page.after = stw_sql_take(sql);
    }
    const struct stw_arm *through = stw_access_through(&page.reach);
    bool many = through && stw_access_may_be_many(sql, through);
    page.sifts = many || plain;
    if (page.walks > 0 && starts_near(&page, many))
        add_near(sql, &page);
    else if (page.walks > 0)
        add_walks(sql, &page);
    else if (has_tail(query) && !query->search)
        add_stretches(sql, &page);
    else
        add_all(sql, &page, WHOLE);
    struct stw_stmt stmt = stw_sql_finish(sql, STW_STMT_READ, is_stable(&page, plain));
    stmt.binary = true;
    /* Of all rows in the order of an index none need be sorted, but PostgreSQL would where it has not heard
     * of the organisation yet and expects one row. The key's index it takes by itself. */
    if (stmt.name && page.walks > 0)
        stmt.planning = STW_PLAN_ONCE;
    else if (stmt.name && !plain)
        stmt.planning = STW_PLAN_IN_ORDER;
    return stmt;
}
