#include "domain/accounts.h"

#include "domain/tree.h"

static const char *const kinds[] = {"company", "person", NULL};
static const char *const tiers[] = {"strategic", "key", "standard", "basic", NULL};
static const char *const stages[] = {"potential", "first_purchase", "repeat", "loyal", "lapsed", NULL};

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "The customer's name."},
    {.name = "kind",
     .type = STW_TYPE_ENUM,
     .words = kinds,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "company",
     .doc = "A company or a person."},
    {.name = "industry", .max = 100, .flags = STW_FILTER | STW_SORT, .doc = "Its industry, in the organisation's words."},
    {.name = "employee_count",
     .type = STW_TYPE_INT,
     .max = 100000000,
     .flags = STW_FILTER | STW_SORT,
     .doc = "How many people work there."},
    {.name = "annual_revenue", .type = STW_TYPE_MONEY, .flags = STW_FILTER | STW_SORT, .doc = "What it turns over in a year."},
    {.name = "founded_year",
     .type = STW_TYPE_INT,
     .min = 1000,
     .max = 2200,
     .flags = STW_FILTER | STW_SORT,
     .doc = "The year it was founded."},
    {.name = "country", .type = STW_TYPE_COUNTRY, .flags = STW_FILTER | STW_SORT, .doc = "ISO 3166-1 alpha-2."},
    {.name = "city", .max = 100, .flags = STW_FILTER | STW_SORT, .doc = "The city of its seat."},
    {.name = "website", .type = STW_TYPE_URL, .doc = "Its site."},
    {.name = "phone", .type = STW_TYPE_PHONE, .flags = STW_FILTER | STW_PERSONAL, .doc = "E.164."},
    {.name = "email", .type = STW_TYPE_EMAIL, .flags = STW_FILTER | STW_PERSONAL, .doc = "Its general address."},
    {.name = "tier", .type = STW_TYPE_ENUM, .words = tiers, .flags = STW_FILTER, .doc = "How much attention it gets."},
    {.name = "lifecycle_stage",
     .type = STW_TYPE_ENUM,
     .words = stages,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "potential",
     .doc = "Where it stands between first contact and loyalty."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    {.name = "tags",
     .type = STW_TYPE_TEXTS,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "{}",
     .doc = "Free words to group by."},
    {.name = "source", .max = 63, .flags = STW_SOURCE | STW_FILTER, .doc = "Where it came from; an integration's is its own."},
    {.name = "parent_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_FILTER,
     .doc = "The group it belongs to; no account is above itself."},
    {.name = "owner_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = STW_OWNER | STW_FILTER,
     .doc = "The account manager. Given alone, the team follows."},
    {.name = "team_id", .type = STW_TYPE_REF, .refers = "teams", .flags = STW_TEAM | STW_FILTER, .doc = "The team it belongs to."},
    {.name = "last_touch_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_DERIVED | STW_FILTER | STW_SORT,
     .doc = "When somebody last had contact."},
    STW_EXTERNAL_IDS,
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    return stw_tree_check(ctx, write, STW_ACCOUNT_PARENT_ID);
}

static const char *const wakes[] = {"parent_id", NULL};

const struct stw_resource stw_accounts = {
    .path = "accounts",
    .singular = "account",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_TEAM_LEAD] = STW_MAY_ASSIGN(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_ASSIGN(STW_ALL),
            [STW_SERVICE_AGENT] = {.scope = {[STW_READ] = STW_ALL}, .masked = true},
            [STW_ANALYST] = {.scope = {[STW_READ] = STW_ALL}, .masked = true},
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes, .check_write = check_write},
    .needs_precondition = true,
    .doc = "The customers: companies and persons, in groups.",
};
