#include "resource/compose.h"

#include "resource/access.h"
#include "resource/engine.h"

/*
 * A page is one select, or several of which each walks an index of its own from where the page begins, merged
 * and cut: then no plan can discard more rows than a page has.
 */

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

/* A page has one row more, so that the last tells whether there are more. */
static void add_order(struct stw_sql *sql, const struct stw_query *query, const char *prefix)
{
    for (int key = 0; key < query->sort_count; key++)
        stw_sql_printf(sql, "%s %s%s%s", key ? "," : " order by", prefix, field_of(query, key)->name,
                       query->sort[key].descending ? " desc" : "");
    stw_sql_printf(sql, " limit %d", query->limit + 1);
}

static void add_columns(struct stw_sql *sql, const struct stw_query *query)
{
    stw_sql_add(sql, "select ");
    stw_sql_add(sql, query->plan->columns);
    stw_sql_printf(sql, " from %s t where ", query->plan->resource->path);
}

static void add_rest(struct stw_sql *sql, const struct stw_query *query, enum stretch stretch)
{
    stw_compose_asked(sql, query);
    add_after(sql, query, stretch);
    add_order(sql, query, "t.");
}

static void add_all(struct stw_sql *sql, const struct stw_query *query, enum stretch stretch)
{
    add_columns(sql, query);
    stw_access_where(sql, query->plan, STW_READ, "t");
    add_rest(sql, query, stretch);
}

/* The walks, and through others one from each of their keys. */
static void add_walks(struct stw_sql *sql, const struct stw_query *query, const struct stw_reach *reach,
                      int walks)
{
    for (int walk = 0; walk < walks; walk++) {
        const struct stw_arm *arm = stw_access_arm(sql, reach, walk);
        bool through = arm->kind == STW_ARM_THROUGH;

        stw_sql_add(sql, walk ? " union all (" : "(");
        if (through) {
            stw_sql_add(sql, "select t.* from (");
            stw_access_keys(sql, arm);
            stw_sql_add(sql, ") k cross join lateral (");
        }
        add_columns(sql, query);
        stw_access_walk(sql, reach, walk, "t");
        add_rest(sql, query, WHOLE);
        if (through) {
            stw_sql_add(sql, ") t");
            add_order(sql, query, "t.");
        }
        stw_sql_add(sql, ")");
    }
    if (walks > 1)
        add_order(sql, query, "");
}

static void add_stretches(struct stw_sql *sql, const struct stw_query *query)
{
    stw_sql_add(sql, "(");
    add_all(sql, query, HEAD);
    stw_sql_add(sql, ") union all (");
    add_all(sql, query, TAIL);
    stw_sql_add(sql, ")");
    add_order(sql, query, "");
}

/* In default order each walk follows an index, or for a rare text the search's. Otherwise, or among too many
 * teams, the planner weighs with the values at hand, and walks are for what it could not serve by any index.
 */
static int walks_of(struct stw_sql *sql, const struct stw_query *query, struct stw_reach *reach, bool plain)
{
    bool searched = query->default_order && query->search;
    bool split = (searched || !query->search) && stw_access_is_split(sql, reach);
    int walks = plain || searched || split ? stw_access_walks(sql, reach) : 0;

    return reach->whole && !split ? 0 : walks;
}

struct stw_stmt stw_compose_list(struct stw_sql *sql, const struct stw_query *query)
{
    struct stw_reach reach = stw_access_reach(sql, query->plan, STW_READ);
    bool plain = query->default_order && !query->filter && !query->search;
    int walks = walks_of(sql, query, &reach, plain);

    if (walks > 0)
        add_walks(sql, query, &reach, walks);
    else if (has_tail(query) && !query->search)
        add_stretches(sql, query);
    else
        add_all(sql, query, WHOLE);
    bool stable = plain && (walks > 0 ? !reach.whole : reach.all);
    return stw_sql_finish(sql, STW_STMT_READ, stable);
}
