#include "resource/compose.h"

#include <stdio.h>

#include "resource/access.h"
#include "resource/engine.h"

static void add_liveness(struct stw_sql *sql, enum stw_deleted deleted, const char *alias)
{
    if (deleted == STW_DELETED_INCLUDE)
        return;
    stw_sql_add(sql, " and ");
    stw_sql_add(sql, alias);
    stw_sql_add(sql, deleted == STW_DELETED_EXCLUDE ? ".deleted_at is null" : ".deleted_at is not null");
}

static void add_from(struct stw_sql *sql, const char *columns, const struct stw_plan *plan)
{
    stw_sql_add(sql, "select ");
    stw_sql_add(sql, columns);
    stw_sql_add(sql, " from ");
    stw_sql_add(sql, plan->resource->path);
    stw_sql_add(sql, " t where ");
}

struct stw_stmt stw_compose_get(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb,
                                const char *id, enum stw_deleted deleted)
{
    add_from(sql, plan->columns, plan);
    stw_access_where(sql, plan, verb, "t");
    stw_sql_add(sql, " and t.id = ");
    size_t key = sql->text.length;
    stw_sql_value(sql, id, "uuid");
    add_liveness(sql, deleted, "t");
    struct stw_stmt stmt = stw_sql_finish(sql, STW_STMT_POINT, true);
    stmt.key = key;
    return stmt;
}

/* What q looks at: the folded text of all searchable fields. The migration's index has the same expression.
 */
static void add_search_key(struct stw_sql *sql, const struct stw_plan *plan, const char *alias)
{
    const char *between = "";
    bool several = __builtin_popcountll(plan->searchable) > 1;

    stw_sql_add(sql, "app.fold(");
    for (int i = 0; i < plan->field_count; i++) {
        if (!(plan->searchable >> i & 1))
            continue;
        stw_sql_printf(sql, several ? "%scoalesce(%s.%s, '')" : "%s%s.%s", between, alias,
                       plan->fields[i].name);
        between = " || e'\\n' || ";
    }
    stw_sql_add(sql, ")");
}

/* The grams find candidates by index, the key itself decides. */
static void add_search(struct stw_sql *sql, const struct stw_plan *plan, const char *text, const char *alias)
{
    stw_sql_add(sql, " and app.grams(");
    add_search_key(sql, plan, alias);
    stw_sql_add(sql, ") @> app.grams_asked(app.fold(");
    int number = stw_sql_value(sql, text, "text");
    stw_sql_add(sql, ")) and strpos(");
    add_search_key(sql, plan, alias);
    stw_sql_printf(sql, ", app.fold($%d::text)) > 0", number);
}

/* All values of a list test as one parameter: an array literal with every word quoted. */
static void add_array(struct stw_sql *sql, const struct stw_filter *test, const char *type)
{
    struct stw_buf words;
    stw_buf_init(&words, sql->ctx->arena, 256, (size_t)1024 * 1024);
    for (int i = 0; i < test->value_count; i++) {
        stw_buf_add_char(&words, i ? ',' : '{');
        stw_buf_add_char(&words, '"');
        for (const char *c = test->values[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                stw_buf_add_char(&words, '\\');
            stw_buf_add_char(&words, *c);
        }
        stw_buf_add_char(&words, '"');
    }
    stw_buf_add_char(&words, '}');
    stw_sql_value(sql, words.data, NULL);
    stw_sql_printf(sql, "::%s[]", type);
}

static void add_comparison(struct stw_sql *sql, const struct stw_filter *test, const char *column,
                           const char *type)
{
    static const char *const signs[STW_OPERATOR_COUNT] = {
        [STW_EQ] = "=", [STW_GT] = ">", [STW_GTE] = ">=", [STW_LT] = "<", [STW_LTE] = "<="};
    switch (test->op) {
    case STW_NE:
        stw_sql_printf(sql, "%s is distinct from ", column);
        stw_sql_value(sql, test->values[0], type);
        return;
    case STW_IN:
        stw_sql_printf(sql, "%s = any(", column);
        add_array(sql, test, type);
        stw_sql_add(sql, ")");
        return;
    case STW_NIN:
        stw_sql_printf(sql, "(%s is null or %s <> all(", column, column);
        add_array(sql, test, type);
        stw_sql_add(sql, "))");
        return;
    case STW_IS_NULL:
        stw_sql_add(sql, column);
        stw_sql_add(sql, test->values[0][0] == 't' ? " is null" : " is not null");
        return;
    case STW_STARTS:
        stw_sql_printf(sql, "%s ^@ ", column);
        stw_sql_value(sql, test->values[0], "text");
        return;
    case STW_CONTAINS:
        stw_sql_printf(sql, "strpos(app.fold(%s), app.fold(", column);
        stw_sql_value(sql, test->values[0], "text");
        stw_sql_add(sql, ")) > 0");
        return;
    case STW_ANY_OF:
    case STW_ALL_OF:
    case STW_NONE_OF:
        stw_sql_add(sql, test->op == STW_NONE_OF ? "not " : "");
        stw_sql_add(sql, column);
        stw_sql_add(sql, test->op == STW_ALL_OF ? " @> " : " && ");
        add_array(sql, test, "text");
        return;
    default:
        stw_sql_printf(sql, "%s %s ", column, signs[test->op]);
        stw_sql_value(sql, test->values[0], type);
    }
}

static void add_test(struct stw_sql *sql, const struct stw_plan *plan, const struct stw_filter *test,
                     const char *alias)
{
    char column[160];

    if (!test->hop) {
        const struct stw_field *field = &plan->fields[test->field];
        snprintf(column, sizeof column, "%s.%s", alias, field->name);
        add_comparison(sql, test, column, stw_sql_type(field->type));
        return;
    }
    const struct stw_plan *target = &sql->ctx->engine->plans[test->hop->to];
    const struct stw_field *field = &target->fields[test->field];
    stw_sql_printf(sql, "exists (select 1 from %s h where ", target->resource->path);
    stw_access_where(sql, target, STW_READ, "h");
    stw_sql_printf(sql, " and h.deleted_at is null and h.id = %s.%s and ", alias,
                   plan->fields[test->hop->field].name);
    snprintf(column, sizeof column, "h.%s", field->name);
    add_comparison(sql, test, column, stw_sql_type(field->type));
    stw_sql_add(sql, ")");
}

static void add_node(struct stw_sql *sql, const struct stw_plan *plan, const struct stw_filter *filter,
                     const char *alias)
{
    const char *between = "";

    if (filter->node == STW_NODE_TEST) {
        add_test(sql, plan, filter, alias);
        return;
    }
    /* a comparison with null is neither true nor false; NOT means every row that the inner filter does not
     * match */
    stw_sql_add(sql, filter->node == STW_NODE_NOT ? "not coalesce((" : "(");
    for (const struct stw_filter *child = filter->children; child; child = child->next) {
        stw_sql_add(sql, between);
        add_node(sql, plan, child, alias);
        between = filter->node == STW_NODE_OR ? " or " : " and ";
    }
    stw_sql_add(sql, filter->node == STW_NODE_NOT ? "), false)" : ")");
}

static void add_filter(struct stw_sql *sql, const struct stw_plan *plan, const struct stw_filter *filter)
{
    stw_sql_add(sql, " and ");
    add_node(sql, plan, filter, "t");
}

void stw_compose_where(struct stw_sql *sql, const struct stw_query *query)
{
    stw_access_where(sql, query->plan, STW_READ, "t");
    stw_compose_asked(sql, query);
}

void stw_compose_asked(struct stw_sql *sql, const struct stw_query *query)
{
    add_liveness(sql, query->deleted, "t");
    if (query->filter)
        add_filter(sql, query->plan, query->filter);
    if (query->search)
        add_search(sql, query->plan, query->search, "t");
}

struct stw_stmt stw_compose_count(struct stw_sql *sql, const struct stw_query *query)
{
    if (query->count == STW_COUNT_ESTIMATED)
        stw_sql_add(sql, "explain (format json) ");
    add_from(sql, query->count == STW_COUNT_ESTIMATED ? "1" : "count(*)", query->plan);
    stw_compose_where(sql, query);
    return stw_sql_finish(sql, STW_STMT_READ, false);
}

struct stw_stmt stw_compose_related(struct stw_sql *sql, const struct stw_reference *reference, bool part,
                                    const char *keys, int each)
{
    const struct stw_plan *target = &sql->ctx->engine->plans[part ? reference->from : reference->to];

    if (!part) {
        add_from(sql, target->columns, target);
        stw_access_where(sql, target, STW_READ, "t");
        stw_sql_add(sql, " and t.deleted_at is null and t.id = any(");
        stw_sql_value(sql, keys, "uuid[]");
        stw_sql_add(sql, ")");
    } else {
        stw_sql_printf(sql, "select t.* from unnest(");
        stw_sql_value(sql, keys, "uuid[]");
        stw_sql_add(sql, ") as k (id) cross join lateral (");
        add_from(sql, target->columns, target);
        stw_access_where(sql, target, STW_READ, "t");
        stw_sql_printf(sql, " and t.deleted_at is null and t.%s = k.id order by t.id desc limit %d) t",
                       target->fields[reference->field].name, each);
    }
    struct stw_stmt stmt = stw_sql_finish(sql, STW_STMT_READ, true);
    stmt.binary = true;
    return stmt;
}

struct stw_stmt stw_compose_history(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                    const char *before, int limit)
{
    stw_sql_add(
        sql,
        "select e.seq, e.at, e.actor_kind, e.actor_id, e.type, e.version, c.key, c.value, e.after ->> c.key"
        " from (select * from events e where e.org_id = $1::uuid and e.resource = ");
    stw_sql_value(sql, plan->resource->path, "text");
    stw_sql_add(sql, " and e.record_id = ");
    stw_sql_value(sql, id, "uuid");
    if (before) {
        stw_sql_add(sql, " and e.seq < ");
        stw_sql_value(sql, before, "bigint");
    }
    stw_sql_printf(sql, " order by e.seq desc limit %d) e", limit + 1);
    stw_sql_add(sql, " left join lateral jsonb_each_text(e.changes) c on true order by e.seq desc, c.key");
    return stw_sql_finish(sql, STW_STMT_READ, true);
}

struct stw_stmt stw_compose_in_use(struct stw_sql *sql, const struct stw_plan *plan, const char *id)
{
    int found = 0;

    for (int i = 0; i < plan->referrer_count; i++) {
        const struct stw_reference *referrer = &plan->referrers[i];
        const struct stw_plan *from = &sql->ctx->engine->plans[referrer->from];
        if (from->fields[referrer->field].flags & STW_PART_OF)
            continue;
        /* a record that nobody can change or delete tells of the past and could never let go */
        if (!(from->resource->operations & (STW_CAN_UPDATE | STW_CAN_DELETE)))
            continue;
        stw_sql_printf(sql,
                       "%sselect '%s', count(*) from %s r where r.org_id = $1::uuid and r.deleted_at is null "
                       "and r.%s = ",
                       found++ ? " union all " : "", from->resource->path, from->resource->path,
                       from->fields[referrer->field].name);
        stw_sql_value(sql, id, "uuid");
        stw_sql_add(sql, " having count(*) > 0");
    }
    struct stw_stmt stmt = stw_sql_finish(sql, STW_STMT_READ, true);
    if (!found)
        stmt.sql = NULL;
    return stmt;
}
