#include "resource/input.h"

#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "resource/input_parts.h"

/* Clocks differ a little; an id from further ahead would stand above all new records in the default order. */
#define ID_TOLERANCE_US (INT64_C(60) * 1000 * 1000)

#define BIT(field) (UINT64_C(1) << (field))

/* One reading of a body. */
struct reader {
    struct stw_context *ctx;
    const struct stw_plan *plan;
    bool creates;
    uint64_t hidden, locked; /* for this actor */
    uint64_t seen;           /* named in the body, right or wrong */
    struct stw_input *input;
};

static uint64_t fields_flagged(const struct stw_plan *plan, unsigned flag)
{
    uint64_t bits = 0;

    for (int i = 0; i < plan->field_count; i++)
        bits |= plan->fields[i].flags & flag ? BIT(i) : 0;
    return bits;
}

/* Fails closed: who has no grants has no fields. */
static void read_grant(struct reader *reader)
{
    const struct stw_actor *actor = reader->ctx->actor;
    const struct stw_grant *grant = actor && actor->grants ? &actor->grants[reader->plan->index] : NULL;

    reader->hidden = grant ? grant->hidden : ~UINT64_C(0);
    reader->locked = grant ? grant->locked : ~UINT64_C(0);
    if (actor && actor->kind == STW_ACTOR_KEY)
        reader->locked |= fields_flagged(reader->plan, STW_SOURCE);
}

/* Names of hidden fields are no help to give. */
static void refuse_unknown(const struct reader *reader, const char *name)
{
    const char *names[STW_FIELDS_MAX];
    int count = stw_plan_names(reader->plan, ~reader->hidden, names);

    stw_input_unknown(reader->ctx, "#", name, names, (size_t)count);
}

/* Why this member may not be written whatever its value, or STW_OK. */
static enum stw_code refusal(const struct reader *reader, int field)
{
    unsigned flags = reader->plan->fields[field].flags;

    if (field == STW_PLAN_ID && reader->creates)
        return STW_OK;
    if ((flags & STW_SERVER_KEPT) || (reader->locked & BIT(field)))
        return STW_READ_ONLY;
    if ((flags & STW_CREATE_ONLY) && !reader->creates)
        return STW_IMMUTABLE;
    return STW_OK;
}

/* A client may choose the id of what it creates, so that it can repeat the request. */
static bool read_own_id(struct reader *reader, const json_t *json, struct stw_value *ret_value)
{
    struct stw_context *ctx = reader->ctx;
    struct stw_field field = reader->plan->fields[STW_PLAN_ID];
    struct stw_value value;

    field.flags |= STW_NOT_NULL;
    if (!stw_input_value(ctx, &field, json, "#/id", &value))
        return false;
    if (!stw_uuid_is_v7_until(value.text, ctx->now_us, ID_TOLERANCE_US)) {
        stw_details_add(ctx->details, STW_AT_POINTER, "#/id", STW_INVALID_FORMAT, "UUIDv7", NULL);
        return false;
    }
    *ret_value = value;
    return true;
}

static bool read_member(struct reader *reader, const char *name, const json_t *json)
{
    struct stw_context *ctx = reader->ctx;
    int field = stw_plan_field(reader->plan, name);
    struct stw_value *value;
    enum stw_code code;
    const char *pointer;
    bool good;

    if (field < 0 || (reader->hidden & BIT(field))) {
        refuse_unknown(reader, name);
        return false;
    }
    reader->seen |= BIT(field);
    pointer = stw_input_member(ctx->arena, "#", name);
    code = refusal(reader, field);
    if (code != STW_OK) {
        stw_details_add(ctx->details, STW_AT_POINTER, pointer, code, NULL, NULL);
        return false;
    }
    value = &reader->input->values[field];
    good = field == STW_PLAN_ID ? read_own_id(reader, json, value)
                                : stw_input_value(ctx, &reader->plan->fields[field], json, pointer, value);
    if (good)
        reader->input->given |= BIT(field);
    return good;
}

/* Demanded of everyone, also of who may not write the field: the column cannot be empty. Only the source of a
 * key's records comes by itself. */
static bool check_required(const struct reader *reader)
{
    bool is_key = reader->ctx->actor && reader->ctx->actor->kind == STW_ACTOR_KEY;
    bool good = true;

    for (int i = 0; i < reader->plan->field_count; i++) {
        const struct stw_field *field = &reader->plan->fields[i];

        if (!(field->flags & STW_MANDATORY) || (reader->seen & BIT(i)) ||
            (is_key && (field->flags & STW_SOURCE)))
            continue;
        stw_details_field(reader->ctx->details, field->name, STW_REQUIRED, NULL);
        good = false;
    }
    return good;
}

enum stw_code stw_input_read(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb,
                             json_t *body, struct stw_input *ret_input)
{
    struct stw_input input = {
        .plan = plan,
        .values = STW_NEW_N(ctx->arena, struct stw_value, (size_t)plan->field_count),
    };
    struct reader reader = {.ctx = ctx, .plan = plan, .creates = verb == STW_CREATE, .input = &input};
    bool good = true;
    const char *name;
    json_t *json;

    if (!json_is_object(body)) {
        stw_details_add(ctx->details, STW_AT_POINTER, "#", STW_INVALID_TYPE, "object", NULL);
        return STW_VALIDATION_FAILED;
    }
    read_grant(&reader);
    json_object_foreach(body, name, json) good = read_member(&reader, name, json) && good;
    if (reader.creates)
        good = check_required(&reader) && good;
    if (!good)
        return STW_VALIDATION_FAILED;
    *ret_input = input;
    return STW_OK;
}
