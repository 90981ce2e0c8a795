/* Bytes as a body: stw_input_json, then stw_input_read for create and update of a toy book. */
#include <string.h>

#include "../unit/resource/toy.h"
#include "check.h"
#include "decimal.h"
#include "resource/input.h"

#define NOW_US     INT64_C(1767225600000000)
#define BIT(field) (UINT64_C(1) << (field))

static struct stw_engine *engine;

/* Reads an array literal as PostgreSQL would; returns its elements as a JSON array. */
static json_t *parse_array(const char *text)
{
    json_t *array = json_array();
    const char *at = text + 1;

    CHECK(text[0] == '{');
    while (*at != '}') {
        char *element = calloc(1, strlen(at) + 1);
        size_t length = 0;

        CHECK(*at++ == '"');
        for (; *at != '"'; at++) {
            if (*at == '\\')
                at++;
            CHECK(*at);
            element[length++] = *at;
        }
        json_array_append_new(array, json_stringn(element, length));
        free(element);
        at++;
        CHECK(*at == ',' || *at == '}');
        at += *at == ',';
    }
    CHECK(at[1] == '\0');
    return array;
}

/* The value as a client would send it, so that reading it again must give the same: canonical forms are fixed
 * points. */
static json_t *to_json(const struct stw_field *field, const struct stw_value *value)
{
    if (!value->text)
        return json_null();
    CHECK(stw_text_valid(value->text, strlen(value->text)));
    switch (field->type) {
    case STW_TYPE_BOOL:
        CHECK(strcmp(value->text, "true") == 0 || strcmp(value->text, "false") == 0);
        return json_boolean(value->text[0] == 't');
    case STW_TYPE_INT:
        return json_integer(strtoll(value->text, NULL, 10));
    case STW_TYPE_DECIMAL:
    case STW_TYPE_PERCENT:
        check_decimal(value->text, field->type == STW_TYPE_PERCENT ? 7 : 19, 4);
        return json_string(value->text);
    case STW_TYPE_MONEY:
        check_decimal(value->text, 19, 4);
        CHECK(value->currency && strlen(value->currency) == 3);
        return json_pack("{s:s,s:s}", "amount", value->text, "currency", value->currency);
    case STW_TYPE_TEXTS:
        return parse_array(value->text);
    case STW_TYPE_OBJECT:
        return json_loads(value->text, JSON_REJECT_DUPLICATES, NULL);
    default:
        CHECK(!value->currency);
        return json_string(value->text);
    }
}

static bool same_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

static void check_again(struct stw_context *ctx, const struct stw_input *input, enum stw_verb verb)
{
    json_t *body = json_object();
    struct stw_input again;
    char *text;
    json_t *root;

    for (int i = 0; i < input->plan->field_count; i++) {
        if (!(input->given & BIT(i)))
            continue;
        json_object_set_new(body, input->plan->fields[i].name,
                            to_json(&input->plan->fields[i], &input->values[i]));
    }
    text = json_dumps(body, JSON_COMPACT);
    CHECK(text);
    CHECK(stw_input_json(ctx, text, strlen(text), &root) == STW_OK);
    CHECK(stw_input_read(ctx, input->plan, verb, root, &again) == STW_OK);
    CHECK(again.given == input->given);
    for (int i = 0; i < input->plan->field_count; i++) {
        CHECK(same_text(input->values[i].text, again.values[i].text));
        CHECK(same_text(input->values[i].currency, again.values[i].currency));
    }
    free(text);
    json_decref(body);
}

static void read_as(struct stw_context *ctx, json_t *root, enum stw_verb verb)
{
    const struct stw_plan *plan = stw_engine_find(engine, "books");
    struct stw_input input;
    enum stw_code code;

    stw_details_init(ctx->details, ctx->arena);
    code = stw_input_read(ctx, plan, verb, root, &input);
    if (code != STW_OK) {
        CHECK(code == STW_VALIDATION_FAILED);
        check_violations(ctx->details);
        return;
    }
    CHECK(ctx->details->violation_count == 0 && ctx->details->violations_dropped == 0);
    CHECK(!(input.given & ~plan->writable & ~BIT(STW_PLAN_ID)));
    CHECK(!(input.given & BIT(STW_PLAN_FIELD(BOOK_PRICE)) && !input.values[STW_PLAN_FIELD(BOOK_PRICE)].text &&
            input.values[STW_PLAN_FIELD(BOOK_PRICE)].currency));
    check_again(ctx, &input, verb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stw_grant grants[TOY_COUNT];
    static const struct stw_actor actor = {.kind = STW_ACTOR_USER, .grants = grants};
    struct stw_arena *arena = stw_arena_new((size_t)64 << 20);
    struct stw_details details;
    struct stw_context ctx = {.arena = arena, .actor = &actor, .details = &details, .now_us = NOW_US};
    json_t *root = NULL;
    enum stw_code code;

    if (!engine)
        engine = toy_engine();
    ctx.engine = engine;
    stw_details_init(&details, arena);
    code = stw_input_json(&ctx, (const char *)data, size, &root);
    if (code == STW_OK) {
        CHECK(json_is_object(root) && details.violation_count == 0);
        read_as(&ctx, root, STW_CREATE);
        read_as(&ctx, root, STW_UPDATE);
    } else {
        CHECK(code == STW_INVALID_JSON || code == STW_VALIDATION_FAILED);
        CHECK(!root && details.violation_count == 1);
        check_violations(&details);
    }
    stw_arena_free(arena);
    return 0;
}
