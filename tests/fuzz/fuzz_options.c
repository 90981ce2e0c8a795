/* JSON bytes as the options of an import: what is accepted names only what the caller may write and see,
 * reads the same when the job reads it again, and is allowed no longer when the right to any of it is taken
 * away. The first byte chooses what is kept from the caller. */
#include "domain/import_options.h"
#include "registry_check.h"

/* ---- what may be accepted ---- */

static bool is_source(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= 63 && text[0] != '-' && text[0] != '_' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

static void check_aliases(const json_t *aliases)
{
    const char *word;
    json_t *value;

    CHECK(json_is_object(aliases) && json_object_size(aliases) <= STW_IMPORT_ALIASES_MAX);
    json_object_foreach((json_t *)(uintptr_t)aliases, word, value)
        CHECK(json_is_string(value) || json_is_null(value));
}

/* The field of its target that a reference is looked up by. */
static int looked_up_by(const struct stw_import_column *column)
{
    if (column->by == STW_IMPORT_BY_EXTERNAL_ID)
        return column->target->keys_field;
    return stw_plan_field(column->target, column->by == STW_IMPORT_BY_NAME ? "name" : "email");
}

static void check_reference(const struct registry *r, const struct stw_field *field,
                            const struct stw_import_column *column)
{
    const struct stw_grant *grant;

    CHECK((column->target == NULL) == (column->by == STW_IMPORT_AS_IT_IS));
    CHECK((column->source != NULL) == (column->by == STW_IMPORT_BY_EXTERNAL_ID));
    CHECK(!column->source || is_source(column->source));
    if (!column->target)
        return;
    grant = &r->grants[column->target->index];
    CHECK(field->type == STW_TYPE_REF && column->target == stw_engine_find(r->engine, field->refers));
    CHECK(looked_up_by(column) >= 0);
    CHECK(!((grant->hidden | grant->masked) & BIT(looked_up_by(column))));
}

/* `said`: the column as the body has it. */
static void check_column(const struct registry *r, const struct stw_field *field, const json_t *said,
                         const struct stw_import_column *column)
{
    const json_t *unit = json_object_get(said, "unit");
    json_int_t moved = 1;

    CHECK(column->name && column->name[0]);
    CHECK((field->type == STW_TYPE_MONEY) == (column->currency != NULL));
    CHECK(!column->currency || strlen(column->currency) == 3);
    CHECK(column->shift >= 0 && column->shift <= 9);
    for (int i = 0; i < column->shift; i++)
        moved *= 10;
    CHECK(json_is_integer(unit) ? json_integer_value(unit) == moved : moved == 1);
    CHECK(column->shift == 0 || field->type == STW_TYPE_INT || field->type == STW_TYPE_DECIMAL ||
          field->type == STW_TYPE_MONEY);
    if (column->aliases)
        check_aliases(column->aliases);
    if (column->date_format) {
        CHECK(field->type == STW_TYPE_DATE);
        CHECK(stw_import_date_format_valid(column->date_format));
    }
    check_reference(r, field, column);
}

/* What a line can fill: no id, no keys (key_column brings them), no secrets. */
static uint64_t fillable(const struct registry *r, const struct stw_plan *plan)
{
    const struct stw_grant *grant = &r->grants[plan->index];
    uint64_t bits = plan->writable & ~(grant->hidden | grant->locked | plan->write_only | BIT(STW_PLAN_ID));

    return plan->keys_field >= 0 ? bits & ~BIT(plan->keys_field) : bits;
}

static void check_key(const struct registry *r, const struct stw_import_options *options)
{
    const struct stw_grant *grant = &r->grants[options->plan->index];
    int keys = options->plan->keys_field;

    CHECK((options->key_column != NULL) == (options->source != NULL));
    CHECK(options->mode == STW_IMPORT_CREATE || options->key_column);
    if (!options->key_column)
        return;
    CHECK(is_source(options->source));
    CHECK(keys >= 0 && !(grant->hidden & BIT(keys)));
    CHECK(options->mode == STW_IMPORT_UPDATE || !(grant->locked & BIT(keys)));
}

static void check_options(const struct registry *r, const json_t *body,
                          const struct stw_import_options *options)
{
    const struct stw_plan *plan = options->plan;
    const struct stw_grant *grant = &r->grants[plan->index];
    uint64_t may = fillable(r, plan), given = options->defaults.given;

    CHECK(options->mode == STW_IMPORT_UPDATE ||
          (plan->resource->operations & STW_CAN_CREATE && grant->scope[STW_CREATE] != STW_NONE));
    CHECK(options->mode == STW_IMPORT_CREATE ||
          (plan->resource->operations & STW_CAN_UPDATE && grant->scope[STW_UPDATE] != STW_NONE));
    CHECK(options->delimiter && strchr(",;\t|", options->delimiter));
    check_key(r, options);
    CHECK(!(given & ~may));
    CHECK(options->column_count >= 1 && options->column_count <= STW_IMPORT_COLUMNS_MAX);
    for (int i = 0; i < options->column_count; i++) {
        const struct stw_import_column *column = &options->columns[i];

        CHECK(column->field >= 0 && column->field < plan->field_count && may & BIT(column->field));
        may &= ~BIT(column->field);
        given |= BIT(column->field);
        check_column(r, &plan->fields[column->field],
                     json_array_get(json_object_get(body, "columns"), (size_t)i), column);
    }
    for (int i = 0; i < plan->field_count; i++) {
        bool mandatory = plan->fields[i].flags & STW_MANDATORY;

        CHECK(!mandatory || options->mode == STW_IMPORT_UPDATE || given & BIT(i));
        CHECK(!mandatory || !(options->defaults.given & BIT(i)) || options->defaults.values[i].text);
    }
}

/* ---- the same twice ---- */

static bool same_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

static void check_same(const struct stw_import_options *left, const struct stw_import_options *right)
{
    CHECK(left->plan == right->plan && left->mode == right->mode && left->gb18030 == right->gb18030);
    CHECK(left->delimiter == right->delimiter && left->dry_run == right->dry_run);
    CHECK(same_text(left->source, right->source) && same_text(left->key_column, right->key_column));
    CHECK(left->column_count == right->column_count && left->defaults.given == right->defaults.given);
    for (int i = 0; i < left->column_count; i++) {
        const struct stw_import_column *one = &left->columns[i], *other = &right->columns[i];

        CHECK(same_text(one->name, other->name) && one->field == other->field);
        CHECK(one->aliases == other->aliases || json_equal(one->aliases, other->aliases));
        CHECK(same_text(one->date_format, other->date_format) && one->shift == other->shift);
        CHECK(same_text(one->currency, other->currency) && same_text(one->source, other->source));
        CHECK(one->by == other->by && one->target == other->target);
    }
    for (int i = 0; i < left->plan->field_count; i++) {
        CHECK(same_text(left->defaults.values[i].text, right->defaults.values[i].text));
        CHECK(same_text(left->defaults.values[i].currency, right->defaults.values[i].currency));
    }
}

/* The job reads what the request stored. */
static void check_stored(struct registry *r, const json_t *body, const struct stw_import_options *options)
{
    static const struct stw_field whole = {.name = "options", .type = STW_TYPE_OBJECT};
    struct stw_import_options again;
    struct stw_value stored;
    json_t *root;

    CHECK(stw_input_value(&r->ctx, &whole, body, "#", &stored));
    CHECK(stw_input_json(&r->ctx, stored.text, strlen(stored.text), &root) == STW_OK);
    CHECK(stw_import_options_read(&r->ctx, root, &again) == STW_OK);
    check_same(options, &again);
}

/* ---- rights that are lost ---- */

static void check_need(struct registry *r, const struct stw_import_options *options, uint64_t *bits,
                       int field)
{
    uint64_t before = *bits;

    *bits |= BIT(field);
    CHECK(!stw_import_options_allowed(&r->ctx, options));
    *bits = before;
}

static void check_allowed(struct registry *r, const struct stw_import_options *options)
{
    struct stw_grant *grant = &r->grants[options->plan->index];
    enum stw_verb verb = options->mode == STW_IMPORT_UPDATE ? STW_UPDATE : STW_CREATE;
    uint8_t scope = grant->scope[verb];

    CHECK(stw_import_options_allowed(&r->ctx, options));
    for (int i = 0; i < options->column_count; i++) {
        const struct stw_import_column *column = &options->columns[i];

        check_need(r, options, &grant->locked, column->field);
        if (column->target)
            check_need(r, options, &r->grants[column->target->index].masked, looked_up_by(column));
    }
    for (int i = 0; i < options->plan->field_count; i++) {
        if (options->defaults.given & BIT(i))
            check_need(r, options, &grant->hidden, i);
    }
    if (options->key_column)
        check_need(r, options, &grant->hidden, options->plan->keys_field);
    grant->scope[verb] = STW_NONE;
    CHECK(!stw_import_options_allowed(&r->ctx, options));
    grant->scope[verb] = scope;
}

/* ---- what is refused ---- */

/* The nearest field that a violation names is one that the caller may know of. */
static void check_hints(const struct registry *r, const json_t *body)
{
    const char *collection = json_string_value(json_object_get(body, "collection"));
    const struct stw_plan *plan = collection ? stw_engine_find(r->engine, collection) : NULL;

    for (int i = 0; plan && i < r->details.violation_count; i++) {
        const struct stw_violation *violation = &r->details.violations[i];
        size_t length = strlen(violation->path);
        bool of_field = strncmp(violation->path, "#/defaults/", 11) == 0 ||
                        (length > 6 && strcmp(violation->path + length - 6, "/field") == 0);
        int named = violation->argument ? stw_plan_field(plan, violation->argument) : -1;

        if (of_field && violation->code == STW_UNKNOWN_FIELD && named >= 0)
            CHECK(!(r->grants[plan->index].hidden & BIT(named)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct registry r;
    struct stw_import_options options = {.plan = NULL};
    enum stw_code code;
    json_t *body;

    if (!r.engine)
        registry_init(&r);
    if (size == 0)
        return 0;
    registry_again(&r, data[0]);
    if (stw_input_json(&r.ctx, (const char *)data + 1, size - 1, &body) != STW_OK)
        return 0;

    code = stw_import_options_read(&r.ctx, body, &options);
    if (code == STW_OK) {
        CHECK(r.details.violation_count == 0 && r.details.violations_dropped == 0);
        check_options(&r, body, &options);
        check_stored(&r, body, &options);
        check_allowed(&r, &options);
        return 0;
    }
    CHECK(!options.plan);
    if (code == STW_FORBIDDEN) {
        CHECK(r.details.rule);
        return 0;
    }
    CHECK(code == STW_VALIDATION_FAILED);
    check_violations(&r.details);
    check_hints(&r, body);
    return 0;
}
