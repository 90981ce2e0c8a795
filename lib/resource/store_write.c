#include "resource/store.h"

#include <stdio.h>
#include <string.h>

#include "core/uuid.h"
#include "resource/access.h"
#include "resource/compose_write.h"
#include "resource/constraint.h"
#include "resource/engine.h"

/* One write on its way; also the argument of its transaction. */
struct job {
    struct stw_write write;
    const char *version;
    struct stw_record old;
    struct stw_record *ret_record;
    struct stw_input pristine; /* as it came: each run of the hooks starts from it */
};

static void keep_pristine(struct stw_context *ctx, struct job *job)
{
    size_t size = sizeof(struct stw_value) * (size_t)job->write.plan->field_count;
    job->pristine = *job->write.input;
    job->pristine.values = stw_arena_alloc(ctx->arena, size);
    memcpy(job->pristine.values, job->write.input->values, size);
}

static void begin_run(struct job *job)
{
    job->write.input->given = job->pristine.given;
    job->write.input->settled = job->pristine.settled;
    memcpy(job->write.input->values, job->pristine.values,
           sizeof(struct stw_value) * (size_t)job->write.plan->field_count);
}

const char *stw_write_text(const struct stw_write *write, int field)
{
    if (write->input->given >> field & 1)
        return write->input->values[field].text;
    return write->old ? stw_record_text(write->old, field) : NULL;
}

void stw_write_set(struct stw_write *write, int field, const char *text)
{
    const struct stw_input *input = write->input;
    const char *asked = input->given >> field & 1 ? input->values[field].text : NULL;

    /* what the caller asked for all the same stays theirs to answer for */
    if (!asked || !text || strcmp(asked, text) != 0)
        write->input->settled |= UINT64_C(1) << field;
    stw_input_give(write->input, field, text);
}

bool stw_write_gives(const struct stw_write *write, int field)
{
    return write->input->given >> field & 1;
}

static bool is_awake(const struct stw_plan *plan, const struct stw_input *input)
{
    const char *const *wakes = plan->resource->hooks.wakes;
    if (!wakes)
        return true;
    for (; *wakes; wakes++) {
        if (input->given >> stw_plan_field(plan, *wakes) & 1)
            return true;
    }
    return false;
}

static bool has_hooks(const struct stw_plan *plan, const struct stw_input *input)
{
    const struct stw_hooks *hooks = &plan->resource->hooks;
    return (hooks->check_write || hooks->after_write) && is_awake(plan, input);
}

static enum stw_code refuse(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb)
{
    ctx->details->rule = stw_arena_printf(ctx->arena, "%s.%s", plan->resource->path, stw_verb_name(verb));
    return STW_FORBIDDEN;
}

/* An integration key never sets owner, team or source; nobody hands a record to others without "assign". */
static enum stw_code check_assignment(struct stw_context *ctx, const struct stw_input *input)
{
    const struct stw_plan *plan = input->plan;
    const struct stw_actor *actor = ctx->actor;
    const struct stw_grant *grant = stw_access_grant(ctx, plan);
    const int fields[] = {plan->owner_field, plan->team_field};
    const char *const own[] = {actor->id, actor->team_id};

    if (actor->kind == STW_ACTOR_KEY && plan->source_field >= 0 && input->given >> plan->source_field & 1) {
        stw_details_field(ctx->details, plan->fields[plan->source_field].name, STW_READ_ONLY, NULL);
        return STW_VALIDATION_FAILED;
    }
    for (int i = 0; i < 2; i++) {
        if (fields[i] <= STW_PLAN_ID || !(input->given >> fields[i] & 1))
            continue;
        const char *value = input->values[fields[i]].text;
        bool to_nobody = !value && grant->scope[STW_ASSIGN] != STW_ALL;
        bool to_others = value && grant->scope[STW_ASSIGN] == STW_NONE && strcmp(value, own[i]) != 0;
        /* without an owner a record still belongs to its team, which who assigns in the tree keeps seeing */
        if (to_nobody && fields[i] == plan->owner_field && grant->scope[STW_ASSIGN] >= STW_IN_TEAM &&
            plan->team_field > 0)
            to_nobody = false;
        if (to_nobody || to_others)
            return refuse(ctx, plan, STW_ASSIGN);
    }
    return STW_OK;
}

struct stw_input stw_input_new(struct stw_context *ctx, const struct stw_plan *plan)
{
    return (struct stw_input){.plan = plan,
                              .values = STW_NEW_N(ctx->arena, struct stw_value, (size_t)plan->field_count)};
}

void stw_input_give(struct stw_input *input, int field, const char *text)
{
    input->given |= UINT64_C(1) << field;
    input->values[field] = (struct stw_value){.text = text};
}

/* Values that a create gets when they are left out: the descriptor's, and whose it is. */
static void fill_defaults(struct stw_context *ctx, struct stw_input *input)
{
    const struct stw_plan *plan = input->plan;
    const struct stw_actor *actor = ctx->actor;
    enum stw_scope scope = stw_access_grant(ctx, plan)->scope[STW_CREATE];
    bool owner_given = plan->owner_field > 0 && input->given >> plan->owner_field & 1;
    bool team_given = plan->team_field > 0 && input->given >> plan->team_field & 1;

    for (int i = 0; i < plan->field_count; i++) {
        if (!(input->given >> i & 1) && plan->fields[i].initial && plan->first_column[i] >= 0)
            stw_input_give(input, i, plan->fields[i].initial);
    }
    if (actor->kind == STW_ACTOR_KEY && plan->source_field >= 0)
        stw_input_give(input, plan->source_field, actor->source);
    if (actor->kind != STW_ACTOR_USER || scope == STW_ALL)
        return;
    /* what somebody of limited reach makes stays within it */
    if (plan->owner_field > 0 && !owner_given && (!team_given || scope == STW_OWN))
        stw_input_give(input, plan->owner_field, actor->id);
    else if (plan->team_field > 0 && !team_given && (!owner_given || !input->values[plan->owner_field].text))
        stw_input_give(input, plan->team_field, actor->team_id[0] ? actor->team_id : NULL);
}

/* A refused reference names its field; the first column behind the record's is "written", then one verdict
 * each. */
static enum stw_code check_verdicts(struct stw_context *ctx, const struct stw_plan *plan,
                                    const struct stw_rows *rows, const struct stw_reference_checks *checks)
{
    enum stw_code code = STW_OK;
    for (int i = 0; i < checks->count; i++) {
        if (stw_rows_value(rows, 0, plan->column_count + 1 + i)[0] == 't')
            continue;
        stw_details_field(ctx->details, plan->fields[checks->field[i]].name, STW_UNKNOWN_REFERENCE, NULL);
        code = STW_VALIDATION_FAILED;
    }
    return code;
}

static bool was_written(const struct stw_plan *plan, const struct stw_rows *rows)
{
    return stw_rows_value(rows, 0, plan->column_count)[0] == '1';
}

static enum stw_code insert(struct stw_context *ctx, struct job *job)
{
    const struct stw_plan *plan = job->write.plan;
    struct stw_reference_checks checks;
    struct stw_sql sql;
    struct stw_rows *rows;

    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_create(&sql, job->write.input, job->write.id, &checks);
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return stw_constraint_translate(ctx, plan, code);
    *job->ret_record = (struct stw_record){.plan = plan, .rows = rows, .row = 0};
    return check_verdicts(ctx, plan, rows, &checks);
}

static enum stw_code create_body(struct stw_context *ctx, void *argument)
{
    struct job *job = argument;
    const struct stw_hooks *hooks = &job->write.plan->resource->hooks;
    enum stw_code code = STW_OK;

    begin_run(job);
    if (hooks->check_write)
        code = hooks->check_write(ctx, &job->write);
    if (code == STW_OK)
        code = insert(ctx, job);
    if (code == STW_OK && hooks->after_write) {
        job->write.record = job->ret_record;
        code = hooks->after_write(ctx, &job->write);
    }
    return code;
}

enum stw_code stw_store_create(struct stw_context *ctx, struct stw_input *input,
                               struct stw_record *ret_record)
{
    const struct stw_plan *plan = input->plan;
    char *id = stw_arena_alloc(ctx->arena, STW_UUID_TEXT);
    struct job job = {.write = {.verb = STW_CREATE, .plan = plan, .id = id, .input = input},
                      .ret_record = ret_record};
    enum stw_code code = stw_access_demand(ctx, plan, STW_CREATE);

    if (code == STW_OK)
        code = check_assignment(ctx, input);
    if (code != STW_OK)
        return code;
    if (input->given & 1)
        snprintf(id, STW_UUID_TEXT, "%s", input->values[STW_PLAN_ID].text);
    else
        stw_uuid_v7(ctx->now_us, id);
    fill_defaults(ctx, input);
    if (!has_hooks(plan, input))
        return insert(ctx, &job);
    keep_pristine(ctx, &job);
    return stw_tx_run(ctx, create_body, &job, false);
}

/* Nothing within reach of the verb: either the caller sees it and may not, or it is not there for them. */
static enum stw_code absent_or_forbidden(struct stw_context *ctx, const struct stw_plan *plan,
                                         enum stw_verb verb, const char *id)
{
    struct stw_record record;
    enum stw_code code = stw_store_get(ctx, plan, id, STW_DELETED_EXCLUDE, &record);
    return code == STW_OK ? refuse(ctx, plan, verb) : code;
}

static bool has_columns(const struct stw_input *input)
{
    for (int i = 1; i < input->plan->field_count; i++) {
        if (input->given >> i & 1 && input->plan->first_column[i] >= 0)
            return true;
    }
    return false;
}

enum stw_code stw_store_lock(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb,
                             const char *id, const char *version, struct stw_record *ret_record)
{
    struct stw_sql sql;
    struct stw_rows *rows;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_lock(&sql, plan, verb, id, STW_DELETED_EXCLUDE);
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return code;
    if (stw_rows_count(rows) == 0)
        return absent_or_forbidden(ctx, plan, verb, id);
    *ret_record = (struct stw_record){.plan = plan, .rows = rows, .row = 0};
    if (version && strcmp(stw_record_text(ret_record, plan->version_field), version) != 0)
        return STW_VERSION_MISMATCH;
    return STW_OK;
}

static enum stw_code change(struct stw_context *ctx, struct job *job)
{
    const struct stw_plan *plan = job->write.plan;
    struct stw_reference_checks checks;
    struct stw_sql sql;
    struct stw_rows *rows;

    if (!has_columns(job->write.input))
        return stw_store_lock(ctx, plan, STW_UPDATE, job->write.id, job->version, job->ret_record);
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_update(&sql, job->write.input, job->write.id, job->version, &checks);
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return stw_constraint_translate(ctx, plan, code);
    if (stw_rows_count(rows) == 0)
        return absent_or_forbidden(ctx, plan, STW_UPDATE, job->write.id);
    *job->ret_record = (struct stw_record){.plan = plan, .rows = rows, .row = 0};
    if (was_written(plan, rows))
        return STW_OK;
    code = check_verdicts(ctx, plan, rows, &checks);
    if (code == STW_OK && job->version &&
        strcmp(stw_record_text(job->ret_record, plan->version_field), job->version) != 0)
        code = STW_VERSION_MISMATCH;
    return code;
}

enum stw_code stw_store_set(struct stw_context *ctx, struct stw_input *input, const char *id,
                            struct stw_record *ret_record)
{
    struct job job = {.write = {.verb = STW_UPDATE, .plan = input->plan, .id = id, .input = input},
                      .ret_record = ret_record};
    return change(ctx, &job);
}

static enum stw_code update_body(struct stw_context *ctx, void *argument)
{
    struct job *job = argument;
    const struct stw_hooks *hooks = &job->write.plan->resource->hooks;
    enum stw_code code = STW_OK;

    begin_run(job);
    if (hooks->needs_old) {
        code = stw_store_lock(ctx, job->write.plan, STW_UPDATE, job->write.id, job->version, &job->old);
        job->write.old = &job->old;
    }
    if (code == STW_OK && hooks->check_write)
        code = hooks->check_write(ctx, &job->write);
    if (code == STW_OK)
        code = change(ctx, job);
    if (code == STW_OK && hooks->after_write) {
        job->write.record = job->ret_record;
        code = hooks->after_write(ctx, &job->write);
    }
    return code;
}

enum stw_code stw_store_update(struct stw_context *ctx, struct stw_input *input, const char *id,
                               const char *version, struct stw_record *ret_record)
{
    const struct stw_plan *plan = input->plan;
    struct job job = {.write = {.verb = STW_UPDATE, .plan = plan, .id = id, .input = input},
                      .version = version,
                      .ret_record = ret_record};
    enum stw_code code = stw_access_demand(ctx, plan, STW_UPDATE);

    if (code == STW_OK)
        code = check_assignment(ctx, input);
    if (code != STW_OK)
        return code;
    if (!has_hooks(plan, input))
        return change(ctx, &job);
    keep_pristine(ctx, &job);
    return stw_tx_run(ctx, update_body, &job, false);
}

struct deletion {
    const struct stw_plan *plan;
    const char *id;
    const char *version;
};

static enum stw_code check_in_use(struct stw_context *ctx, const struct deletion *deletion)
{
    struct stw_sql sql;
    struct stw_rows *rows;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_in_use(&sql, deletion->plan, deletion->id);
    if (!stmt.sql)
        return STW_OK;
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK || stw_rows_count(rows) == 0)
        return code;
    for (int row = 0; row < stw_rows_count(rows); row++)
        stw_details_field(ctx->details, stw_rows_text(rows, row, 0), STW_IN_USE, stw_rows_text(rows, row, 1));
    return STW_IN_USE;
}

static enum stw_code delete_body(struct stw_context *ctx, void *argument)
{
    struct deletion *deletion = argument;
    const struct stw_hooks *hooks = &deletion->plan->resource->hooks;
    struct stw_record old;
    struct stw_sql sql;
    struct stw_rows *rows;
    /* locked FOR UPDATE first: a reference made at the same time waits or is seen by the count */
    enum stw_code code =
        stw_store_lock(ctx, deletion->plan, STW_DELETE, deletion->id, deletion->version, &old);
    if (code == STW_OK && hooks->check_delete)
        code = hooks->check_delete(ctx, &old);
    if (code == STW_OK)
        code = check_in_use(ctx, deletion);
    if (code != STW_OK)
        return code;
    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_delete(&sql, deletion->plan, deletion->id, deletion->version);
    code = stw_constraint_translate(ctx, deletion->plan, stw_db_run(ctx, &stmt, sql.parameters, &rows));
    if (code != STW_OK || !hooks->after_delete)
        return code;
    return hooks->after_delete(ctx, &(struct stw_record){.plan = deletion->plan, .rows = rows, .row = 0});
}

enum stw_code stw_store_delete(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                               const char *version)
{
    struct deletion deletion = {.plan = plan, .id = id, .version = version};
    enum stw_code code = stw_access_demand(ctx, plan, STW_DELETE);
    return code == STW_OK ? stw_tx_run(ctx, delete_body, &deletion, false) : code;
}

struct restoration {
    const struct stw_plan *plan;
    const char *id;
    struct stw_record *ret_record;
};

static enum stw_code restore_body(struct stw_context *ctx, void *argument)
{
    const struct restoration *restoration = argument;
    const struct stw_plan *plan = restoration->plan;
    const struct stw_hooks *hooks = &plan->resource->hooks;
    struct stw_reference_checks checks;
    struct stw_sql sql;
    struct stw_rows *rows;

    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_restore(&sql, plan, restoration->id, &checks);
    enum stw_code code = stw_db_run(ctx, &stmt, sql.parameters, &rows);
    if (code != STW_OK)
        return stw_constraint_translate(ctx, plan, code);
    if (stw_rows_count(rows) == 0) {
        /* alive already: that is what the caller wanted */
        return stw_store_get(ctx, plan, restoration->id, STW_DELETED_EXCLUDE, restoration->ret_record);
    }
    *restoration->ret_record = (struct stw_record){.plan = plan, .rows = rows, .row = 0};
    if (was_written(plan, rows))
        return hooks->after_delete ? hooks->after_delete(ctx, restoration->ret_record) : STW_OK;
    code = check_verdicts(ctx, plan, rows, &checks);
    return code == STW_VALIDATION_FAILED ? STW_CONFLICT : code;
}

/* Names the record that has taken the deleted one's place, when the caller may know of it. */
static void find_holder(struct stw_context *ctx, const struct stw_plan *plan, const char *id)
{
    struct stw_details details = *ctx->details;
    struct stw_record record;
    struct stw_sql sql;
    struct stw_rows *rows;
    const char *holder = NULL;

    stw_sql_init(&sql, ctx);
    struct stw_stmt stmt = stw_compose_holder(&sql, stw_arena_strdup(ctx->arena, details.constraint), id);
    if (stw_db_run(ctx, &stmt, sql.parameters, &rows) == STW_OK && stw_rows_count(rows) == 1)
        holder = stw_rows_text(rows, 0, 0);
    if (holder && stw_store_get(ctx, plan, holder, STW_DELETED_EXCLUDE, &record) == STW_OK)
        details.conflict_id = holder;
    *ctx->details = details;
}

enum stw_code stw_store_restore(struct stw_context *ctx, const struct stw_plan *plan, const char *id,
                                struct stw_record *ret_record)
{
    struct restoration restoration = {.plan = plan, .id = id, .ret_record = ret_record};
    enum stw_code code = stw_access_demand(ctx, plan, STW_DELETE);

    if (code != STW_OK)
        return code;
    if (plan->resource->hooks.after_delete)
        code = stw_tx_run(ctx, restore_body, &restoration, false);
    else
        code = restore_body(ctx, &restoration);
    /* inside a transaction (dry run, a key) the failed statement has ended it: nothing more can be asked */
    if (code == STW_DUPLICATE && !ctx->tx)
        find_holder(ctx, plan, id);
    return code;
}
