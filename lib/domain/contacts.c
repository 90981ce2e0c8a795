#include "domain/contacts.h"

static const char *const decision_roles[] = {"decision_maker", "influencer", "champion", "user",
                                             "buyer",          "gatekeeper", NULL};

static const struct stw_field fields[] = {
    {.name = "account_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_MANDATORY | STW_PART_OF | STW_FILTER,
     .doc = "The account they belong to; whoever reaches it reaches them."},
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "Their full name."},
    {.name = "position", .doc = "Their position."},
    {.name = "phone", .type = STW_TYPE_PHONE, .flags = STW_FILTER | STW_PERSONAL, .doc = "E.164."},
    {.name = "email", .type = STW_TYPE_EMAIL, .flags = STW_FILTER | STW_PERSONAL, .doc = "Their address."},
    {.name = "decision_role",
     .type = STW_TYPE_ENUM,
     .words = decision_roles,
     .flags = STW_FILTER,
     .doc = "Their part in the decision to buy."},
    {.name = "is_primary",
     .type = STW_TYPE_BOOL,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "false",
     .doc = "The first one to call; an account has at most one."},
    {.name = "language", .type = STW_TYPE_LANGUAGE, .doc = "BCP 47."},
    {.name = "notes", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    STW_EXTERNAL_IDS,
};

static const struct stw_constraint constraints[] = {
    {.name = "contacts_is_primary_key", .field = "is_primary", .code = STW_DUPLICATE},
    {0},
};

const struct stw_resource stw_contacts = {
    .path = "contacts",
    .singular = "contact",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .constraints = constraints,
    .doc = "People at an account.",
};
