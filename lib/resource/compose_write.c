#include "resource/compose_write.h"

#include <stdio.h>

#include "core/uuid.h"
#include "resource/access.h"
#include "resource/engine.h"

/* Who may be made owner, or which team may be given the record: those within the reach of "assign"; without
 * that right only the caller's own. */
static void add_assignable(struct stw_sql *sql, const struct stw_plan *plan, const struct stw_plan *target,
                           int field)
{
    enum stw_scope scope = stw_access_grant(sql->ctx, plan)->scope[STW_ASSIGN];

    if (scope == STW_NONE) {
        stw_sql_add(sql, " and r.id = ");
        stw_sql_slot(sql, plan->fields[field].flags & STW_OWNER ? STW_SLOT_ME : STW_SLOT_TEAM);
        return;
    }
    stw_access_scope(sql, target, scope, "r");
}

/* "r0 as (select 1 from accounts r where … for key share of r), " for each reference given. */
static void add_checks(struct stw_sql *sql, const struct stw_input *input,
                       struct stw_reference_checks *ret_checks)
{
    const struct stw_plan *plan = input->plan;

    ret_checks->count = 0;
    for (int i = 0; i < plan->reference_count; i++) {
        const struct stw_reference *reference = &plan->references[i];
        const struct stw_plan *target = &sql->ctx->engine->plans[reference->to];
        unsigned flags = plan->fields[reference->field].flags;
        if (!(input->given >> reference->field & 1) || !input->values[reference->field].text)
            continue;
        stw_sql_printf(sql, "r%d as (select 1 from %s r where ", ret_checks->count, target->resource->path);
        if (input->settled >> reference->field & 1) {
            stw_sql_add(sql, "r.org_id = $1::uuid");
        } else if (flags & (STW_OWNER | STW_TEAM)) {
            stw_sql_add(sql, "r.org_id = $1::uuid");
            add_assignable(sql, plan, target, reference->field);
        } else {
            stw_access_where(sql, target, flags & STW_PART_OF ? STW_UPDATE : STW_READ, "r");
        }
        stw_sql_add(sql, " and r.deleted_at is null and r.id = ");
        stw_sql_value(sql, input->values[reference->field].text, "uuid");
        stw_sql_add(sql, " for key share of r), ");
        ret_checks->field[ret_checks->count++] = reference->field;
    }
}

static void add_checks_hold(struct stw_sql *sql, const struct stw_reference_checks *checks,
                            const char *before)
{
    for (int i = 0; i < checks->count; i++) {
        stw_sql_printf(sql, "%sexists (select 1 from r%d)", before, i);
        before = " and ";
    }
}

static void add_verdicts(struct stw_sql *sql, const struct stw_reference_checks *checks)
{
    for (int i = 0; i < checks->count; i++)
        stw_sql_printf(sql, ", exists (select 1 from r%d)", i);
}

/* The team follows the owner when only the owner is given. */
static bool team_follows(const struct stw_input *input)
{
    const struct stw_plan *plan = input->plan;
    return plan->owner_field > 0 && plan->team_field > 0 && (input->given >> plan->owner_field & 1) &&
           !(input->given >> plan->team_field & 1) && input->values[plan->owner_field].text;
}

static void add_team_of_owner(struct stw_sql *sql, const struct stw_input *input)
{
    const struct stw_plan *plan = input->plan;
    const struct stw_plan *users = stw_engine_find(sql->ctx->engine, plan->fields[plan->owner_field].refers);
    stw_sql_printf(sql, "(select u.%s from %s u where u.org_id = $1::uuid and u.id = ",
                   users->fields[users->team_field].name, users->resource->path);
    stw_sql_value(sql, input->values[plan->owner_field].text, "uuid");
    stw_sql_add(sql, ")");
}

static bool has_column(const struct stw_input *input, int field)
{
    return input->given >> field & 1 && input->plan->first_column[field] >= 0 && field != STW_PLAN_ID;
}

/* What a list of columns is made of: names, values for a row that is new, name = value, values that are
 * there, or the values that an existing row would get. */
enum column_part { PART_NAME, PART_FRESH, PART_SET, PART_OLD, PART_VALUE };

/* The left side of a column; true when a value follows. */
static bool add_left(struct stw_sql *sql, enum column_part part, const char *name, const char *suffix)
{
    if (part == PART_NAME || part == PART_SET)
        stw_sql_printf(sql, "%s%s", name, suffix);
    if (part == PART_OLD)
        stw_sql_printf(sql, "t.%s%s", name, suffix);
    if (part == PART_SET)
        stw_sql_add(sql, " = ");
    return part != PART_NAME && part != PART_OLD;
}

static void add_column(struct stw_sql *sql, enum column_part part, const struct stw_field *field,
                       const struct stw_value *value)
{
    bool merges = field->type == STW_TYPE_OBJECT || field->type == STW_TYPE_KEYS;

    if (!add_left(sql, part, field->name, ""))
        return;
    /* objects are merge patches all the way down (RFC 7396); a new record has nothing to merge into */
    if (merges && part == PART_FRESH)
        stw_sql_add(sql, "app.merge_patch('{}', ");
    else if (merges)
        stw_sql_printf(sql, "app.merge_patch(t.%s, ", field->name);
    stw_sql_value(sql, value->text, stw_sql_type(field->type));
    stw_sql_add(sql, merges ? ")" : "");
}

static void add_columns(struct stw_sql *sql, const struct stw_input *input, enum column_part part,
                        const char *before)
{
    const struct stw_plan *plan = input->plan;

    for (int i = 0; i < plan->field_count; i++) {
        const struct stw_field *field = &plan->fields[i];
        if (!has_column(input, i))
            continue;
        stw_sql_add(sql, before);
        add_column(sql, part, field, &input->values[i]);
        before = ", ";
        if (field->type == STW_TYPE_MONEY) {
            stw_sql_add(sql, before);
            if (add_left(sql, part, field->name, "_currency"))
                stw_sql_value(sql, input->values[i].currency, "text");
        }
    }
    if (!team_follows(input))
        return;
    stw_sql_add(sql, before);
    if (add_left(sql, part, plan->fields[plan->team_field].name, ""))
        add_team_of_owner(sql, input);
}

/* ", event as (insert into events …)" for the rows of `row`; `old` NULL when there was no row before. */
static void add_event(struct stw_sql *sql, const struct stw_plan *plan, const char *name, const char *row,
                      const char *old, const char *type, bool several)
{
    static const char *const kinds[] = {"user", "key", "system"};
    struct stw_context *ctx = sql->ctx;

    stw_sql_printf(sql,
                   ", %s as (insert into events (org_id, id, actor_kind, actor_id, request_id, resource, "
                   "record_id, type, "
                   "version, changes, after) select $1::uuid, ",
                   name);
    if (several) {
        stw_sql_add(sql, "app.uuid7()");
    } else {
        char *id = stw_arena_alloc(ctx->arena, STW_UUID_TEXT);
        stw_uuid_v7(ctx->now_us, id);
        stw_sql_value(sql, id, "uuid");
    }
    stw_sql_printf(sql, ", '%s', ", kinds[ctx->actor->kind]);
    stw_sql_slot(sql, STW_SLOT_ME);
    stw_sql_add(sql, ", ");
    stw_sql_value(sql, ctx->request_id, "text");
    stw_sql_printf(sql, ", '%s', %s.id, '%s', %s.version, ", plan->resource->path, row, type, row);
    if (old)
        stw_sql_printf(sql, "app.changed(to_jsonb(%s), to_jsonb(%s)), ", old, row);
    else
        stw_sql_add(sql, "null, ");
    stw_sql_printf(sql, "to_jsonb(%s) - 'org_id' from %s", row, row);
    if (old)
        stw_sql_printf(sql, " join %s on %s.id = %s.id", old, old, row);
    stw_sql_add(sql, ")");
}

struct stw_stmt stw_compose_create(struct stw_sql *sql, const struct stw_input *input, const char *id,
                                   struct stw_reference_checks *ret_checks)
{
    const struct stw_plan *plan = input->plan;

    stw_sql_add(sql, "with ");
    add_checks(sql, input, ret_checks);
    stw_sql_printf(sql, "new as (insert into %s (org_id, id", plan->resource->path);
    add_columns(sql, input, PART_NAME, ", ");
    stw_sql_add(sql, ") select $1::uuid, ");
    stw_sql_value(sql, id, "uuid");
    add_columns(sql, input, PART_FRESH, ", ");
    add_checks_hold(sql, ret_checks, " where ");
    stw_sql_add(sql, " returning *)");
    add_event(sql, plan, "event", "new", NULL, "created", false);
    stw_sql_add(sql, " select ");
    stw_sql_add(sql, plan->columns);
    stw_sql_add(sql, ", (select count(*) from new)");
    add_verdicts(sql, ret_checks);
    stw_sql_add(sql, " from (select 1) one left join new t on true");
    return stw_sql_finish(sql, STW_STMT_WRITE, true);
}

/* "old as (select … for update of t)"; returns the number of the parameter that is the id. */
static int add_old(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb, const char *id,
                   const char *strength, enum stw_deleted deleted)
{
    int number;

    stw_sql_printf(sql, "old as (select t.* from %s t where ", plan->resource->path);
    stw_access_where(sql, plan, verb, "t");
    stw_sql_add(sql, " and t.id = ");
    number = stw_sql_value(sql, id, "uuid");
    stw_sql_printf(sql, " and t.deleted_at is %snull for %s of t)", deleted == STW_DELETED_ONLY ? "not " : "",
                   strength);
    return number;
}

#define OUTCOME_ROWS                                                                                         \
    " from (select * from new union all select * from old where not exists (select 1 from new)) t"

/* The row as it stands after the statement: the new one, or the old one when nothing was written. */
static void add_outcome(struct stw_sql *sql, const struct stw_plan *plan,
                        const struct stw_reference_checks *checks)
{
    stw_sql_add(sql, " select ");
    stw_sql_add(sql, plan->columns);
    stw_sql_add(sql, ", (select count(*) from new)");
    if (checks)
        add_verdicts(sql, checks);
    stw_sql_add(sql, OUTCOME_ROWS);
}

/* The row that was locked. It is named by its id once more: joined to old.id alone, PostgreSQL may read all
 * of an organisation that it thinks is empty, as it thinks of any that came since it last looked. */
static void add_same(struct stw_sql *sql, int id)
{
    stw_sql_printf(sql, " from old where t.org_id = $1::uuid and t.id = $%d::uuid", id);
}

static void add_version(struct stw_sql *sql, const char *version)
{
    if (!version)
        return;
    stw_sql_add(sql, " and old.version = ");
    stw_sql_value(sql, version, "integer");
}

struct stw_stmt stw_compose_update(struct stw_sql *sql, const struct stw_input *input, const char *id,
                                   const char *version, struct stw_reference_checks *ret_checks)
{
    const struct stw_plan *plan = input->plan;
    int number;

    stw_sql_add(sql, "with ");
    add_checks(sql, input, ret_checks);
    number = add_old(sql, plan, STW_UPDATE, id, "no key update", STW_DELETED_EXCLUDE);
    stw_sql_printf(sql, ", new as (update %s t set ", plan->resource->path);
    add_columns(sql, input, PART_SET, "");
    stw_sql_add(sql, ", version = t.version + 1, updated_at = now()");
    add_same(sql, number);
    add_version(sql, version);
    add_checks_hold(sql, ret_checks, " and ");
    stw_sql_add(sql, " and row(");
    add_columns(sql, input, PART_OLD, "");
    stw_sql_add(sql, ") is distinct from row(");
    add_columns(sql, input, PART_VALUE, "");
    stw_sql_add(sql, ") returning t.*)");
    add_event(sql, plan, "event", "new", "old", "updated", false);
    add_outcome(sql, plan, ret_checks);
    return stw_sql_finish(sql, STW_STMT_WRITE, true);
}

/* ", new1 as (update contacts …), event1 as (…)": the parts of what `parent` holds, and theirs. */
static int add_parts(struct stw_sql *sql, const struct stw_plan *plan, const char *parent, bool restore,
                     int number)
{
    for (int i = 0; i < plan->referrer_count; i++) {
        const struct stw_reference *referrer = &plan->referrers[i];
        const struct stw_plan *part = &sql->ctx->engine->plans[referrer->from];
        if (!(part->fields[referrer->field].flags & STW_PART_OF))
            continue;
        char row[24], event[24];
        snprintf(row, sizeof row, "new%d", ++number);
        snprintf(event, sizeof event, "event%d", number);
        stw_sql_printf(
            sql,
            ", %s as (update %s t set deleted_at = %s, version = t.version + 1, updated_at = "
            "now() from old where t.org_id = $1::uuid and t.%s = any (array(select p.id from %s p)) and "
            "t.deleted_at %s returning t.*)",
            row, part->resource->path, restore ? "null" : "now()", part->fields[referrer->field].name, parent,
            restore ? "= old.deleted_at" : "is null");
        add_event(sql, part, event, row, NULL, restore ? "restored" : "deleted", true);
        number = add_parts(sql, part, row, restore, number);
    }
    return number;
}

struct stw_stmt stw_compose_delete(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                   const char *version)
{
    int number;

    stw_sql_add(sql, "with ");
    number = add_old(sql, plan, STW_DELETE, id, "update", STW_DELETED_EXCLUDE);
    stw_sql_printf(
        sql, ", new as (update %s t set deleted_at = now(), version = t.version + 1, updated_at = now()",
        plan->resource->path);
    add_same(sql, number);
    add_version(sql, version);
    stw_sql_add(sql, " returning t.*)");
    add_event(sql, plan, "event", "new", NULL, "deleted", false);
    add_parts(sql, plan, "new", false, 0);
    add_outcome(sql, plan, NULL);
    return stw_sql_finish(sql, STW_STMT_WRITE, true);
}

/* "(old.account_id is null or exists (…))": what the deleted record refers to still lives. */
static void add_lives(struct stw_sql *sql, const struct stw_plan *plan, int field, const char *alias,
                      const char *strength)
{
    const struct stw_field *reference = &plan->fields[field];
    stw_sql_printf(
        sql,
        "(%s.%s is null or exists (select 1 from %s r where r.org_id = $1::uuid and r.id = %s.%s and "
        "r.deleted_at is null%s))",
        alias, reference->name, reference->refers, alias, reference->name, strength);
}

struct stw_stmt stw_compose_restore(struct stw_sql *sql, const struct stw_plan *plan, const char *id,
                                    struct stw_reference_checks *ret_checks)
{
    int number;

    ret_checks->count = 0;
    for (int i = 0; i < plan->reference_count; i++) {
        int field = plan->references[i].field;
        if (plan->writable >> field & 1)
            ret_checks->field[ret_checks->count++] = field;
    }
    stw_sql_add(sql, "with ");
    number = add_old(sql, plan, STW_DELETE, id, "update", STW_DELETED_ONLY);
    stw_sql_printf(sql,
                   ", new as (update %s t set deleted_at = null, version = t.version + 1, updated_at = now()",
                   plan->resource->path);
    add_same(sql, number);
    for (int i = 0; i < ret_checks->count; i++) {
        stw_sql_add(sql, " and ");
        add_lives(sql, plan, ret_checks->field[i], "old", " for key share of r");
    }
    stw_sql_add(sql, " returning t.*)");
    add_event(sql, plan, "event", "new", NULL, "restored", false);
    add_parts(sql, plan, "new", true, 0);
    stw_sql_add(sql, " select ");
    stw_sql_add(sql, plan->columns);
    stw_sql_add(sql, ", (select count(*) from new)");
    for (int i = 0; i < ret_checks->count; i++) {
        stw_sql_add(sql, ", ");
        add_lives(sql, plan, ret_checks->field[i], "t", "");
    }
    stw_sql_add(sql, OUTCOME_ROWS);
    return stw_sql_finish(sql, STW_STMT_WRITE, true);
}

struct stw_stmt stw_compose_holder(struct stw_sql *sql, const char *index, const char *id)
{
    stw_sql_add(sql, "select app.unique_holder(");
    stw_sql_value(sql, index, "text");
    stw_sql_add(sql, ", ");
    stw_sql_value(sql, id, "uuid");
    stw_sql_add(sql, ") where $1::uuid is not null");
    return stw_sql_finish(sql, STW_STMT_READ, true);
}

struct stw_stmt stw_compose_lock(struct stw_sql *sql, const struct stw_plan *plan, enum stw_verb verb,
                                 const char *id, enum stw_deleted deleted)
{
    stw_sql_add(sql, "with ");
    (void)add_old(sql, plan, verb, id, verb == STW_DELETE ? "update" : "no key update", deleted);
    stw_sql_add(sql, " select ");
    stw_sql_add(sql, plan->columns);
    stw_sql_add(sql, " from old t");
    return stw_sql_finish(sql, STW_STMT_WRITE, true);
}
