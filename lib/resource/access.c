#include "resource/access.h"

#include "resource/engine.h"

const struct stw_grant *stw_access_grant(const struct stw_context *ctx, const struct stw_plan *plan)
{
    return &ctx->actor->grants[plan->index];
}

enum stw_code stw_access_demand(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb)
{
    if (stw_access_grant(ctx, plan)->scope[verb] != STW_NONE)
        return STW_OK;
    ctx->details->rule = stw_arena_printf(ctx->arena, "%s.%s", plan->resource->path, stw_verb_name(verb));
    return STW_FORBIDDEN;
}

static const struct stw_plan *parent_of(const struct stw_engine *engine, const struct stw_plan *plan)
{
    return stw_engine_find(engine, plan->fields[plan->parent_field].refers);
}

/* A part is changed by who may change its parent. */
static enum stw_verb verb_on_parent(enum stw_verb verb)
{
    return verb == STW_READ ? STW_READ : STW_UPDATE;
}

/* The condition of a scope that is neither all nor none, in parentheses' place: "t.owner_id = $2 or t.team_id
 * = any($3)". */
static void add_condition(struct stw_sql *sql, const struct stw_plan *plan, enum stw_scope scope,
                          const char *alias)
{
    const char *owner = plan->owner_field >= 0 ? plan->fields[plan->owner_field].name : NULL;
    const char *team = plan->team_field >= 0 && scope != STW_OWN ? plan->fields[plan->team_field].name : NULL;

    if (!owner && !team) {
        stw_sql_add(sql, "false");
        return;
    }
    if (owner) {
        stw_sql_printf(sql, "%s.%s = ", alias, owner);
        stw_sql_slot(sql, STW_SLOT_ME);
    }
    if (!team)
        return;
    stw_sql_printf(sql, "%s%s.%s = ", owner ? " or " : "", alias, team);
    if (scope == STW_TREE) {
        stw_sql_add(sql, "any(");
        stw_sql_slot(sql, STW_SLOT_TREE);
        stw_sql_add(sql, ")");
    } else {
        stw_sql_slot(sql, STW_SLOT_TEAM);
    }
}

void stw_access_scope(struct stw_sql *sql, const struct stw_plan *plan, enum stw_scope scope,
                      const char *alias)
{
    if (scope == STW_ALL)
        return;
    stw_sql_add(sql, " and (");
    if (scope == STW_NONE)
        stw_sql_add(sql, "false");
    else
        add_condition(sql, plan, scope, alias);
    stw_sql_add(sql, ")");
}

/* What an integration key created bears its source; without ":all" it reaches only that. */
static void add_source(struct stw_sql *sql, const struct stw_plan *plan, const char *alias)
{
    if (plan->source_field < 0) {
        stw_sql_add(sql, " and false");
        return;
    }
    stw_sql_printf(sql, " and %s.%s = ", alias, plan->fields[plan->source_field].name);
    stw_sql_slot(sql, STW_SLOT_SOURCE);
}

/* Rows of the scope, and when reading those whose account (say) the actor reaches. */
static void add_scope_and_seen(struct stw_sql *sql, const struct stw_engine *engine,
                               const struct stw_plan *plan, enum stw_verb verb, const char *alias)
{
    enum stw_scope scope = (enum stw_scope)sql->actor->grants[plan->index].scope[verb];
    const struct stw_field *with = plan->seen_with_field >= 0 ? &plan->fields[plan->seen_with_field] : NULL;
    const struct stw_plan *seen = with ? stw_engine_find(engine, with->refers) : NULL;
    enum stw_scope on_seen = seen ? (enum stw_scope)sql->actor->grants[seen->index].scope[verb] : STW_NONE;

    /* reaching all accounts is a role's right, not a relation to this one */
    if (verb != STW_READ || scope == STW_ALL || scope == STW_NONE || on_seen == STW_NONE ||
        on_seen == STW_ALL) {
        stw_access_scope(sql, plan, scope, alias);
        return;
    }
    stw_sql_add(sql, " and (");
    add_condition(sql, plan, scope, alias);
    stw_sql_printf(sql, " or exists (select 1 from %s s where s.org_id = $1::uuid and s.id = %s.%s and (",
                   seen->resource->path, alias, with->name);
    add_condition(sql, seen, on_seen, "s");
    stw_sql_add(sql, ")))");
}

static void add_rows(struct stw_sql *sql, const struct stw_engine *engine, const struct stw_plan *plan,
                     enum stw_verb verb, const char *alias, int depth)
{
    const struct stw_grant *grant = &sql->actor->grants[plan->index];
    enum stw_scope scope = grant->scope[verb];

    if (plan->parent_field >= 0 && scope != STW_NONE) {
        const struct stw_plan *parent = parent_of(engine, plan);
        const struct stw_grant *on_parent = &sql->actor->grants[parent->index];
        enum stw_verb parent_verb = verb_on_parent(verb);
        if (on_parent->scope[parent_verb] == STW_ALL && !on_parent->source_bound)
            return;
        char parent_alias[8] = {'p', (char)('0' + depth), 0};
        stw_sql_printf(sql, " and exists (select 1 from %s %s where %s.org_id = $1 and %s.id = %s.%s",
                       parent->resource->path, parent_alias, parent_alias, parent_alias, alias,
                       plan->fields[plan->parent_field].name);
        add_rows(sql, engine, parent, parent_verb, parent_alias, depth + 1);
        stw_sql_add(sql, ")");
        return;
    }
    add_scope_and_seen(sql, engine, plan, verb, alias);
    if (grant->source_bound && scope != STW_NONE)
        add_source(sql, plan, alias);
}

void stw_access_where(struct stw_sql *sql, const struct stw_engine *engine, const struct stw_plan *plan,
                      enum stw_verb verb, const char *alias)
{
    stw_sql_printf(sql, "%s.org_id = $1::uuid", alias);
    add_rows(sql, engine, plan, verb, alias, 0);
}

uint64_t stw_access_visible(const struct stw_context *ctx, const struct stw_plan *plan)
{
    uint64_t all = (UINT64_C(1) << plan->field_count) - 1;
    return all & ~plan->write_only & ~stw_access_grant(ctx, plan)->hidden;
}

bool stw_access_varies(const struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb)
{
    return stw_access_grant(ctx, plan)->scope[verb] != STW_ALL || stw_access_grant(ctx, plan)->source_bound;
}
