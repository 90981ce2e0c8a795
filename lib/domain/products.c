#include "domain/products.h"

static const struct stw_field fields[] = {
    {.name = "name",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "What it is sold as, unique."},
    {.name = "sku",
     .max = 100,
     .flags = STW_FILTER | STW_SORT,
     .doc = "Its number in the catalogue, unique."},
    {.name = "family", .max = 100, .flags = STW_FILTER | STW_SORT, .doc = "The line it belongs to."},
    {.name = "list_price",
     .type = STW_TYPE_MONEY,
     .flags = STW_FILTER | STW_SORT,
     .doc = "What one costs before any discount."},
    {.name = "active",
     .type = STW_TYPE_BOOL,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "true",
     .doc = "Whether it is still sold."},
    {.name = "description", .type = STW_TYPE_NOTE, .doc = "What one should know."},
    STW_EXTERNAL_IDS,
};

const struct stw_resource stw_products = {
    .path = "products",
    .singular = "product",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_READ(STW_ALL),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_READ(STW_ALL),
            [STW_TEAM_LEAD] = STW_MAY_READ(STW_ALL),
            [STW_DIRECTOR] = STW_MAY_WRITE(STW_ALL),
            [STW_SERVICE_AGENT] = STW_MAY_READ(STW_ALL),
            [STW_ANALYST] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_WRITE(STW_ALL),
        },
    .doc = "What is sold.",
};
