#include "resource/access.h"

#include "resource/engine.h"

/* More walks than these cost more than they save, and a connection keeps half a megabyte for each four. */
#define WALKS_MAX 9

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

/* ---- what the actor reaches ---- */

static void add_arm(struct stw_reach *reach, struct stw_arm arm)
{
    reach->arms[reach->count++] = arm;
}

static struct stw_reach reach_of_scope(const struct stw_plan *plan, enum stw_scope scope)
{
    struct stw_reach reach = {.all = scope == STW_ALL};

    if (scope == STW_ALL || scope == STW_NONE)
        return reach;
    if (plan->owner_field >= 0)
        add_arm(&reach,
                (struct stw_arm){STW_ARM_SAME, plan->fields[plan->owner_field].name, .slot = STW_SLOT_ME});
    if (plan->team_field >= 0 && scope == STW_TREE)
        add_arm(&reach,
                (struct stw_arm){STW_ARM_AMONG, plan->fields[plan->team_field].name, .slot = STW_SLOT_TREE});
    else if (plan->team_field >= 0 && scope == STW_IN_TEAM)
        add_arm(&reach,
                (struct stw_arm){STW_ARM_SAME, plan->fields[plan->team_field].name, .slot = STW_SLOT_TEAM});
    return reach;
}

static struct stw_arm arm_through(const struct stw_engine *engine, const struct stw_field *field,
                                  enum stw_verb verb)
{
    return (struct stw_arm){STW_ARM_THROUGH, field->name, .through = stw_engine_find(engine, field->refers),
                            .verb = verb};
}

/* A part is reached with its parent, and changed by who may change that. */
static struct stw_reach reach_of_part(const struct stw_sql *sql, const struct stw_plan *plan,
                                      enum stw_verb verb)
{
    struct stw_reach reach = {0};
    struct stw_arm arm = arm_through(sql->ctx->engine, &plan->fields[plan->parent_field],
                                     verb == STW_READ ? STW_READ : STW_UPDATE);
    const struct stw_grant *on_parent = &sql->actor->grants[arm.through->index];

    if (on_parent->scope[arm.verb] == STW_ALL && !on_parent->source_bound)
        reach.all = true;
    else
        add_arm(&reach, arm);
    return reach;
}

/* Rows of the scope, and when reading those whose account (say) the actor reaches. */
struct stw_reach stw_access_reach(const struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb)
{
    const struct stw_grant *grant = &sql->actor->grants[plan->index];
    enum stw_scope scope = (enum stw_scope)grant->scope[verb];

    if (plan->parent_field >= 0 && scope != STW_NONE)
        return reach_of_part(sql, plan, verb);
    struct stw_reach reach = reach_of_scope(plan, scope);
    if (scope == STW_NONE)
        return reach;
    if (!reach.all && verb == STW_READ && plan->seen_with_field >= 0) {
        struct stw_arm arm = arm_through(sql->ctx->engine, &plan->fields[plan->seen_with_field], STW_READ);
        enum stw_scope on_seen = (enum stw_scope)sql->actor->grants[arm.through->index].scope[STW_READ];
        /* reaching all accounts is a role's right, not a relation to this one */
        if (on_seen != STW_NONE && on_seen != STW_ALL)
            add_arm(&reach, arm);
    }
    /* what an integration key created bears its source; without ":all" it reaches only that */
    if (grant->source_bound && plan->source_field >= 0)
        reach.source_column = plan->fields[plan->source_field].name;
    else if (grant->source_bound)
        reach = (struct stw_reach){0};
    return reach;
}

/* ---- as a predicate ---- */

static void add_reach(struct stw_sql *sql, const struct stw_reach *reach, const char *alias, int depth);

static void add_condition(struct stw_sql *sql, const struct stw_arm *arm, const char *alias, int depth)
{
    if (arm->kind == STW_ARM_THROUGH) {
        char other[8] = {'p', (char)('0' + depth), 0};
        struct stw_reach reach = stw_access_reach(sql, arm->through, arm->verb);
        stw_sql_printf(sql, "exists (select 1 from %s %s where %s.org_id = $1::uuid and %s.id = %s.%s",
                       arm->through->resource->path, other, other, other, alias, arm->column);
        add_reach(sql, &reach, other, depth + 1);
        stw_sql_add(sql, ")");
        return;
    }
    stw_sql_printf(sql, "%s.%s = %s", alias, arm->column, arm->kind == STW_ARM_AMONG ? "any(" : "");
    stw_sql_slot(sql, arm->slot);
    stw_sql_add(sql, arm->kind == STW_ARM_AMONG ? ")" : "");
}

static void add_source(struct stw_sql *sql, const struct stw_reach *reach, const char *alias)
{
    if (!reach->source_column)
        return;
    stw_sql_printf(sql, " and %s.%s = ", alias, reach->source_column);
    stw_sql_slot(sql, STW_SLOT_SOURCE);
}

static void add_reach(struct stw_sql *sql, const struct stw_reach *reach, const char *alias, int depth)
{
    if (!reach->all) {
        stw_sql_add(sql, reach->count ? " and (" : " and (false");
        for (int i = 0; i < reach->count; i++) {
            stw_sql_add(sql, i ? " or " : "");
            add_condition(sql, &reach->arms[i], alias, depth);
        }
        stw_sql_add(sql, ")");
    }
    add_source(sql, reach, alias);
}

void stw_access_scope(struct stw_sql *sql, const struct stw_plan *plan, enum stw_scope scope,
                      const char *alias)
{
    struct stw_reach reach = reach_of_scope(plan, scope);

    add_reach(sql, &reach, alias, 0);
}

void stw_access_where(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb, const char *alias)
{
    struct stw_reach reach = stw_access_reach(sql, plan, verb);

    stw_sql_printf(sql, "%s.org_id = $1::uuid", alias);
    add_reach(sql, &reach, alias, 0);
}

/* ---- as walks ---- */

static int members(const struct stw_sql *sql, const struct stw_reach *reach, const struct stw_arm *arm)
{
    int count = 1;

    if (arm->kind != STW_ARM_AMONG || reach->whole)
        return 1;
    if (sql->actor->tree[1] == '}')
        return 0;
    for (const char *c = sql->actor->tree; *c; c++)
        count += *c == ',';
    return count;
}

static struct stw_reach reach_behind(const struct stw_sql *sql, const struct stw_arm *arm)
{
    return stw_access_reach(sql, arm->through, arm->verb);
}

const struct stw_arm *stw_access_through(const struct stw_reach *reach)
{
    const struct stw_arm *last = reach->count > 0 ? &reach->arms[reach->count - 1] : NULL;

    return last && last->kind == STW_ARM_THROUGH ? last : NULL;
}

int stw_access_walks(const struct stw_sql *sql, struct stw_reach *reach)
{
    const struct stw_arm *through = stw_access_through(reach);
    int walks = 0;

    if (through && reach_behind(sql, through).count == 0)
        return 0;
    for (int i = 0; i < reach->count; i++)
        walks += members(sql, reach, &reach->arms[i]);
    if (walks <= WALKS_MAX)
        return walks;
    reach->whole = true;
    return reach->count;
}

bool stw_access_is_split(const struct stw_sql *sql, const struct stw_reach *reach)
{
    const struct stw_arm *through = stw_access_through(reach);

    if (!through)
        return false;
    struct stw_reach behind = reach_behind(sql, through);
    return reach->count > 1 || stw_access_through(&behind);
}

bool stw_access_may_be_many(const struct stw_sql *sql, const struct stw_arm *through)
{
    struct stw_reach behind = reach_behind(sql, through);
    bool many = false;

    for (int i = 0; i < behind.count; i++)
        many = many || behind.arms[i].slot != STW_SLOT_ME;
    return many && !stw_access_through(&behind);
}

/* " and (…) is not true": with a null on either side a row was not reached either. */
static void add_exclusion(struct stw_sql *sql, const struct stw_arm *arm, const char *alias)
{
    stw_sql_add(sql, " and (");
    add_condition(sql, arm, alias, 0);
    stw_sql_add(sql, ") is not true");
}

/* The arm of a walk, and which of its members. */
static const struct stw_arm *find_arm(const struct stw_sql *sql, const struct stw_reach *reach, int walk,
                                      int *ret_member)
{
    const struct stw_arm *arm = reach->arms;

    for (; walk >= members(sql, reach, arm); arm++)
        walk -= members(sql, reach, arm);
    *ret_member = walk;
    return arm;
}

const struct stw_arm *stw_access_arm(const struct stw_sql *sql, const struct stw_reach *reach, int walk)
{
    int member;

    return find_arm(sql, reach, walk, &member);
}

void stw_access_walk(struct stw_sql *sql, const struct stw_reach *reach, int walk, const char *alias)
{
    int member;
    const struct stw_arm *arm = find_arm(sql, reach, walk, &member);

    stw_sql_printf(sql, "%s.org_id = $1::uuid and %s.%s = ", alias, alias, arm->column);
    if (arm->kind == STW_ARM_THROUGH) {
        stw_sql_add(sql, "k.id");
    } else if (arm->kind == STW_ARM_AMONG) {
        stw_sql_add(sql, reach->whole ? "any(" : "(");
        stw_sql_slot(sql, arm->slot);
        stw_sql_add(sql, ")");
        if (!reach->whole)
            stw_sql_printf(sql, "[%d]", member + 1);
    } else {
        stw_sql_slot(sql, arm->slot);
    }
    for (const struct stw_arm *before = reach->arms; before < arm; before++)
        add_exclusion(sql, before, alias);
    add_source(sql, reach, alias);
}

/* A row that is reached in two ways is told by "union", not by looking at it: then an index is all that is
 * read. "offset 0" keeps the join what it is: one look by index for each key.
 */
void stw_access_keys(struct stw_sql *sql, const struct stw_arm *arm, bool once)
{
    struct stw_reach reach = reach_behind(sql, arm);

    for (int i = 0; i < reach.count; i++) {
        const struct stw_arm *way = &reach.arms[i];
        bool further = way->kind == STW_ARM_THROUGH;

        stw_sql_add(sql, !i ? "" : once ? " union " : " union all ");
        if (further) {
            stw_sql_add(sql, "select s.id from (");
            stw_access_keys(sql, way, true);
            stw_sql_add(sql, ") k cross join lateral (");
        }
        stw_sql_printf(sql, "select s.id from %s s where s.org_id = $1::uuid and ",
                       arm->through->resource->path);
        if (further)
            stw_sql_printf(sql, "s.%s = k.id", way->column);
        else
            add_condition(sql, way, "s", 0);
        add_source(sql, &reach, "s");
        stw_sql_add(sql, further ? " offset 0) s" : "");
    }
}

void stw_access_among(struct stw_sql *sql, const struct stw_reach *reach, const char *alias)
{
    stw_sql_add(sql, "(");
    for (int i = 0; i < reach->count; i++) {
        const struct stw_arm *arm = &reach->arms[i];

        stw_sql_add(sql, i ? " or " : "");
        if (arm->kind == STW_ARM_THROUGH) {
            stw_sql_printf(sql, "%s.%s in (", alias, arm->column);
            stw_access_keys(sql, arm, false);
            stw_sql_add(sql, ")");
        } else {
            add_condition(sql, arm, alias, 0);
        }
    }
    stw_sql_add(sql, ")");
    add_source(sql, reach, alias);
}

uint64_t stw_access_visible(const struct stw_context *ctx, const struct stw_plan *plan)
{
    uint64_t all = (UINT64_C(1) << plan->field_count) - 1;
    return all & ~plan->write_only & ~stw_access_grant(ctx, plan)->hidden;
}
