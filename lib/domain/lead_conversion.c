#include <string.h>

#include "domain/accounts.h"
#include "domain/contacts.h"
#include "domain/leads.h"
#include "domain/opportunities.h"
#include "resource/engine.h"
#include "resource/store.h"

enum {
    IN_ACCOUNT_ID,
    IN_ACCOUNT_NAME,
    IN_CONTACT_NAME,
    IN_OPPORTUNITY_NAME,
    IN_OPPORTUNITY_AMOUNT,
    IN_OPPORTUNITY_PRODUCT_ID
};
static const struct stw_field in_fields[] = {
    [IN_ACCOUNT_ID] = {.name = "account_id",
                       .type = STW_TYPE_REF,
                       .refers = "accounts",
                       .doc = "An existing account to join; left out: a new one is made."},
    [IN_ACCOUNT_NAME] = {.name = "account_name",
                         .type = STW_TYPE_NAME,
                         .doc = "The new account's name; left out: the lead's company, else its person."},
    [IN_CONTACT_NAME] = {.name = "contact_name",
                         .type = STW_TYPE_NAME,
                         .doc = "Left out: the lead's person."},
    [IN_OPPORTUNITY_NAME] = {.name = "opportunity_name",
                             .type = STW_TYPE_NAME,
                             .doc = "Begins a sale of this name in the default pipeline; left out: none."},
    [IN_OPPORTUNITY_AMOUNT] = {.name = "opportunity_amount",
                               .type = STW_TYPE_MONEY,
                               .doc = "What the sale is worth."},
    [IN_OPPORTUNITY_PRODUCT_ID] = {.name = "opportunity_product_id",
                                   .type = STW_TYPE_REF,
                                   .refers = "products",
                                   .doc = "What is sold."},
};

enum { OUT_LEAD_ID, OUT_ACCOUNT_ID, OUT_CONTACT_ID, OUT_OPPORTUNITY_ID };
static const struct stw_field out_fields[] = {
    [OUT_LEAD_ID] = {.name = "lead_id",
                     .type = STW_TYPE_REF,
                     .refers = "leads",
                     .flags = STW_NOT_NULL,
                     .doc = "The lead."},
    [OUT_ACCOUNT_ID] = {.name = "account_id",
                        .type = STW_TYPE_REF,
                        .refers = "accounts",
                        .flags = STW_NOT_NULL,
                        .doc = "The account it became or joined."},
    [OUT_CONTACT_ID] = {.name = "contact_id",
                        .type = STW_TYPE_REF,
                        .refers = "contacts",
                        .flags = STW_NOT_NULL,
                        .doc = "The new contact."},
    [OUT_OPPORTUNITY_ID] = {.name = "opportunity_id",
                            .type = STW_TYPE_REF,
                            .refers = "opportunities",
                            .doc = "The new opportunity; null when none was asked for."},
};

static void copy(struct stw_input *input, int field, const char *text)
{
    if (text)
        stw_input_give(input, field, text);
}

static enum stw_code make_account(struct stw_context *ctx, const struct stw_record *lead,
                                  const struct stw_value *in, const char **ret_id)
{
    struct stw_input input = stw_input_new(ctx, stw_engine_find(ctx->engine, "accounts"));
    const char *company = stw_record_text(lead, STW_LEAD_COMPANY);
    const char *name = in[IN_ACCOUNT_NAME].text ? in[IN_ACCOUNT_NAME].text
                       : company                ? company
                                                : stw_record_text(lead, STW_LEAD_NAME);
    struct stw_record account;

    stw_input_give(&input, STW_ACCOUNT_NAME, name);
    stw_input_give(&input, STW_ACCOUNT_KIND, company || in[IN_ACCOUNT_NAME].text ? "company" : "person");
    copy(&input, STW_ACCOUNT_SOURCE, stw_record_text(lead, STW_LEAD_SOURCE));
    copy(&input, STW_ACCOUNT_OWNER_ID, stw_record_text(lead, STW_LEAD_OWNER_ID));
    copy(&input, STW_ACCOUNT_TEAM_ID, stw_record_text(lead, STW_LEAD_TEAM_ID));
    if (!company) {
        copy(&input, STW_ACCOUNT_PHONE, stw_record_text(lead, STW_LEAD_PHONE));
        copy(&input, STW_ACCOUNT_EMAIL, stw_record_text(lead, STW_LEAD_EMAIL));
    }
    enum stw_code code = stw_store_create(ctx, &input, &account);
    if (code == STW_OK)
        *ret_id = stw_record_text(&account, 0);
    return code;
}

static enum stw_code make_contact(struct stw_context *ctx, const struct stw_record *lead,
                                  const struct stw_value *in, const char *account_id, const char **ret_id)
{
    struct stw_input input = stw_input_new(ctx, stw_engine_find(ctx->engine, "contacts"));
    struct stw_record contact;

    stw_input_give(&input, STW_CONTACT_ACCOUNT_ID, account_id);
    stw_input_give(&input, STW_CONTACT_NAME,
                   in[IN_CONTACT_NAME].text ? in[IN_CONTACT_NAME].text
                                            : stw_record_text(lead, STW_LEAD_NAME));
    copy(&input, STW_CONTACT_POSITION, stw_record_text(lead, STW_LEAD_TITLE));
    copy(&input, STW_CONTACT_PHONE, stw_record_text(lead, STW_LEAD_PHONE));
    copy(&input, STW_CONTACT_EMAIL, stw_record_text(lead, STW_LEAD_EMAIL));
    enum stw_code code = stw_store_create(ctx, &input, &contact);
    if (code == STW_OK)
        *ret_id = stw_record_text(&contact, 0);
    return code;
}

/* What is wrong with the opportunity is wrong with this action's members about it; that there is no stage to
 * begin in, with asking for one. */
static void rename_violations(struct stw_context *ctx, int from)
{
    for (int i = from; i < ctx->details->violation_count; i++) {
        struct stw_violation *violation = &ctx->details->violations[i];
        if (strcmp(violation->path, "#/stage_id") == 0) {
            violation->path = "#/opportunity_name";
            violation->code = STW_NOT_ALLOWED;
        } else if (strncmp(violation->path, "#/", 2) == 0) {
            violation->path = stw_arena_printf(ctx->arena, "#/opportunity_%s", violation->path + 2);
        }
    }
}

static enum stw_code make_opportunity(struct stw_context *ctx, const struct stw_record *lead,
                                      const struct stw_value *in, const char *account_id, const char **ret_id)
{
    struct stw_input input = stw_input_new(ctx, stw_engine_find(ctx->engine, "opportunities"));
    int violations = ctx->details->violation_count;
    struct stw_record opportunity;

    stw_input_give(&input, STW_OPPORTUNITY_NAME, in[IN_OPPORTUNITY_NAME].text);
    stw_input_give(&input, STW_OPPORTUNITY_ACCOUNT_ID, account_id);
    if (in[IN_OPPORTUNITY_AMOUNT].text) {
        stw_input_give(&input, STW_OPPORTUNITY_AMOUNT, NULL);
        input.values[STW_OPPORTUNITY_AMOUNT] = in[IN_OPPORTUNITY_AMOUNT];
    }
    copy(&input, STW_OPPORTUNITY_PRODUCT_ID, in[IN_OPPORTUNITY_PRODUCT_ID].text);
    copy(&input, STW_OPPORTUNITY_SOURCE, stw_record_text(lead, STW_LEAD_SOURCE));
    copy(&input, STW_OPPORTUNITY_OWNER_ID, stw_record_text(lead, STW_LEAD_OWNER_ID));
    copy(&input, STW_OPPORTUNITY_TEAM_ID, stw_record_text(lead, STW_LEAD_TEAM_ID));
    enum stw_code code = stw_store_create(ctx, &input, &opportunity);
    if (code == STW_OK)
        *ret_id = stw_record_text(&opportunity, 0);
    else
        rename_violations(ctx, violations);
    return code;
}

/* What cannot go together is told before anything is made. */
static enum stw_code check_input(struct stw_context *ctx, const struct stw_value *in)
{
    enum stw_code code = STW_OK;

    if (in[IN_ACCOUNT_ID].text && in[IN_ACCOUNT_NAME].text) {
        stw_details_field(ctx->details, "account_name", STW_NOT_ALLOWED, NULL);
        code = STW_VALIDATION_FAILED;
    }
    if (!in[IN_OPPORTUNITY_NAME].text &&
        (in[IN_OPPORTUNITY_AMOUNT].text || in[IN_OPPORTUNITY_PRODUCT_ID].text)) {
        stw_details_field(ctx->details, "opportunity_name", STW_REQUIRED, NULL);
        code = STW_VALIDATION_FAILED;
    }
    return code;
}

/* The lead's state was checked under its lock; the hook's table has no way to `converted` for anybody else.
 */
static enum stw_code mark_converted(struct stw_context *ctx, const char *id, const struct stw_value *out)
{
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "leads");
    struct stw_input input = stw_input_new(ctx, plan);
    struct stw_record lead;

    stw_input_give(&input, STW_LEAD_STATUS, "converted");
    stw_input_give(&input, STW_LEAD_CONVERTED_AT, "now");
    stw_input_give(&input, STW_LEAD_CONVERTED_ACCOUNT_ID, out[OUT_ACCOUNT_ID].text);
    stw_input_give(&input, STW_LEAD_CONVERTED_CONTACT_ID, out[OUT_CONTACT_ID].text);
    stw_input_give(&input, STW_LEAD_CONVERTED_OPPORTUNITY_ID, out[OUT_OPPORTUNITY_ID].text);
    return stw_store_set(ctx, &input, id, &lead);
}

static enum stw_code convert(struct stw_context *ctx, const char *id, const struct stw_value *in,
                             struct stw_value *out)
{
    struct stw_record lead;
    enum stw_code code =
        stw_store_lock(ctx, stw_engine_find(ctx->engine, "leads"), STW_UPDATE, id, NULL, &lead);
    if (code != STW_OK)
        return code;
    const char *status = stw_record_text(&lead, STW_LEAD_STATUS);
    if (strcmp(status, "converted") == 0 || strcmp(status, "disqualified") == 0) {
        stw_details_field(ctx->details, "status", STW_INVALID_TRANSITION, status);
        return STW_INVALID_TRANSITION;
    }
    code = check_input(ctx, in);
    if (code != STW_OK)
        return code;
    out[OUT_LEAD_ID].text = id;
    out[OUT_ACCOUNT_ID].text = in[IN_ACCOUNT_ID].text;
    if (!in[IN_ACCOUNT_ID].text)
        code = make_account(ctx, &lead, in, &out[OUT_ACCOUNT_ID].text);
    if (code == STW_OK)
        code = make_contact(ctx, &lead, in, out[OUT_ACCOUNT_ID].text, &out[OUT_CONTACT_ID].text);
    if (code == STW_OK && in[IN_OPPORTUNITY_NAME].text)
        code = make_opportunity(ctx, &lead, in, out[OUT_ACCOUNT_ID].text, &out[OUT_OPPORTUNITY_ID].text);
    if (code == STW_OK)
        code = mark_converted(ctx, id, out);
    return code;
}

const struct stw_action stw_lead_conversion = {
    .name = "convert_lead",
    .doc = "Makes an account (or joins one), a contact and, when asked, an opportunity of a lead, all or "
           "nothing.",
    .in_fields = in_fields,
    .in_count = sizeof in_fields / sizeof in_fields[0],
    .out_fields = out_fields,
    .out_count = sizeof out_fields / sizeof out_fields[0],
    .status = 200,
    .resource = "leads",
    .suffix = "conversion",
    .verb = STW_UPDATE,
    .run = convert,
};
