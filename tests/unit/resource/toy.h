#ifndef TESTS_UNIT_RESOURCE_TOY_H
#define TESTS_UNIT_RESOURCE_TOY_H

#include "resource/engine.h"

/*
 * A toy registry: shelves have an owner and a team, books are parts of shelves and have one field of every
 * type. The engine's unit tests and fuzz targets use it, so that none depends on what Steward knows about
 * customers. Everything is static: include it in one file of each test program.
 */
enum toy_resource { TOY_TEAMS, TOY_USERS, TOY_SHELVES, TOY_BOOKS, TOY_COUNT };

/* Descriptor indices of books; STW_PLAN_FIELD makes plan indices of them. */
enum toy_book {
    BOOK_TITLE,
    BOOK_SUMMARY,
    BOOK_AUTHOR,
    BOOK_IN_PRINT,
    BOOK_PAGES,
    BOOK_WEIGHT,
    BOOK_DISCOUNT,
    BOOK_PRICE,
    BOOK_PUBLISHED_ON,
    BOOK_READ_AT,
    BOOK_BINDING,
    BOOK_CONTACT_EMAIL,
    BOOK_CONTACT_PHONE,
    BOOK_HOME_PAGE,
    BOOK_COUNTRY,
    BOOK_CURRENCY,
    BOOK_LANGUAGE,
    BOOK_SHELF_ID,
    BOOK_EDITOR_ID,
    BOOK_TAGS,
    BOOK_EXTRA,
    BOOK_ISBN,
    BOOK_PIN,
    BOOK_LOANS,
    BOOK_COUNT
};

static const char *const toy_bindings[] = {"hardcover", "paperback", "e_book", NULL};

static const struct stw_field toy_book_fields[] = {
    [BOOK_TITLE] = {.name = "title",
                    .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
                    .doc = "What is on the cover."},
    [BOOK_SUMMARY] = {.name = "summary", .type = STW_TYPE_NOTE, .flags = STW_SEARCH},
    [BOOK_AUTHOR] = {.name = "author",
                     .type = STW_TYPE_NAME,
                     .max = 80,
                     .flags = STW_FILTER | STW_SORT | STW_SEARCH},
    [BOOK_IN_PRINT] = {.name = "in_print",
                       .type = STW_TYPE_BOOL,
                       .flags = STW_NOT_NULL | STW_FILTER,
                       .initial = "true"},
    [BOOK_PAGES] =
        {.name = "pages", .type = STW_TYPE_INT, .min = 1, .max = 20000, .flags = STW_FILTER | STW_SORT},
    [BOOK_WEIGHT] = {.name = "weight", .type = STW_TYPE_DECIMAL, .flags = STW_FILTER | STW_SORT},
    [BOOK_DISCOUNT] = {.name = "discount", .type = STW_TYPE_PERCENT, .flags = STW_FILTER | STW_SORT},
    [BOOK_PRICE] = {.name = "price", .type = STW_TYPE_MONEY, .flags = STW_FILTER | STW_SORT},
    [BOOK_PUBLISHED_ON] = {.name = "published_on", .type = STW_TYPE_DATE, .flags = STW_FILTER | STW_SORT},
    [BOOK_READ_AT] = {.name = "read_at", .type = STW_TYPE_TIMESTAMP, .flags = STW_FILTER | STW_SORT},
    [BOOK_BINDING] = {.name = "binding",
                      .type = STW_TYPE_ENUM,
                      .words = toy_bindings,
                      .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
                      .initial = "hardcover"},
    [BOOK_CONTACT_EMAIL] = {.name = "contact_email",
                            .type = STW_TYPE_EMAIL,
                            .flags = STW_PERSONAL | STW_FILTER | STW_SORT | STW_SEARCH},
    [BOOK_CONTACT_PHONE] = {.name = "contact_phone",
                            .type = STW_TYPE_PHONE,
                            .flags = STW_PERSONAL | STW_FILTER},
    [BOOK_HOME_PAGE] = {.name = "home_page", .type = STW_TYPE_URL},
    [BOOK_COUNTRY] = {.name = "country", .type = STW_TYPE_COUNTRY, .flags = STW_FILTER | STW_SORT},
    [BOOK_CURRENCY] = {.name = "currency", .type = STW_TYPE_CURRENCY, .flags = STW_FILTER},
    [BOOK_LANGUAGE] = {.name = "language", .type = STW_TYPE_LANGUAGE, .flags = STW_FILTER},
    [BOOK_SHELF_ID] = {.name = "shelf_id",
                       .type = STW_TYPE_REF,
                       .refers = "shelves",
                       .flags = STW_MANDATORY | STW_PART_OF | STW_FILTER},
    [BOOK_EDITOR_ID] = {.name = "editor_id", .type = STW_TYPE_REF, .refers = "users", .flags = STW_FILTER},
    [BOOK_TAGS] = {.name = "tags",
                   .type = STW_TYPE_TEXTS,
                   .max = 5,
                   .flags = STW_NOT_NULL | STW_FILTER,
                   .initial = "{}"},
    [BOOK_EXTRA] = {.name = "extra", .type = STW_TYPE_OBJECT},
    [BOOK_ISBN] = {.name = "isbn", .min = 10, .max = 17, .flags = STW_CREATE_ONLY | STW_FILTER},
    [BOOK_PIN] = {.name = "pin", .min = 4, .max = 8, .flags = STW_WRITE_ONLY},
    [BOOK_LOANS] = {.name = "loans",
                    .type = STW_TYPE_INT,
                    .flags = STW_SERVER_KEPT | STW_DERIVED | STW_FILTER | STW_SORT,
                    .initial = "0"},
};

enum toy_shelf { SHELF_NAME, SHELF_OWNER_ID, SHELF_TEAM_ID, SHELF_KEEPER_PHONE, SHELF_COUNT };

static const struct stw_field toy_shelf_fields[] = {
    [SHELF_NAME] = {.name = "name",
                    .type = STW_TYPE_NAME,
                    .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH},
    [SHELF_OWNER_ID] = {.name = "owner_id",
                        .type = STW_TYPE_REF,
                        .refers = "users",
                        .flags = STW_OWNER | STW_FILTER},
    [SHELF_TEAM_ID] = {.name = "team_id",
                       .type = STW_TYPE_REF,
                       .refers = "teams",
                       .flags = STW_TEAM | STW_FILTER},
    [SHELF_KEEPER_PHONE] = {.name = "keeper_phone",
                            .type = STW_TYPE_PHONE,
                            .flags = STW_PERSONAL | STW_FILTER},
};

enum toy_user { USER_NAME, USER_EMAIL, USER_TEAM_ID, USER_COUNT };

static const struct stw_field toy_user_fields[] = {
    [USER_NAME] = {.name = "name", .type = STW_TYPE_NAME, .flags = STW_MANDATORY | STW_FILTER | STW_SORT},
    [USER_EMAIL] = {.name = "email", .type = STW_TYPE_EMAIL, .flags = STW_PERSONAL | STW_FILTER},
    [USER_TEAM_ID] = {.name = "team_id",
                      .type = STW_TYPE_REF,
                      .refers = "teams",
                      .flags = STW_TEAM | STW_FILTER},
};

enum toy_team { TEAM_NAME, TEAM_PARENT_ID, TEAM_COUNT };

static const struct stw_field toy_team_fields[] = {
    [TEAM_NAME] = {.name = "name", .type = STW_TYPE_NAME, .flags = STW_MANDATORY | STW_FILTER | STW_SORT},
    [TEAM_PARENT_ID] = {.name = "parent_id", .type = STW_TYPE_REF, .refers = "teams", .flags = STW_FILTER},
};

/* clang-format off */
static const struct stw_resource toy_resources[TOY_COUNT] = {
    [TOY_TEAMS] = {
        .path = "teams", .singular = "team", .operations = STW_CAN_ALL,
        .fields = toy_team_fields, .field_count = TEAM_COUNT,
        .access = {
            [STW_ACCOUNT_MANAGER] = STW_MAY_READ(STW_IN_TEAM), [STW_TEAM_LEAD] = STW_MAY_READ(STW_TREE),
            [STW_DIRECTOR] = STW_MAY_READ(STW_ALL), [STW_ADMIN] = STW_MAY_WRITE(STW_ALL),
        },
        .self = STW_TEAM,
    },
    [TOY_USERS] = {
        .path = "users", .singular = "user", .operations = STW_CAN_ALL,
        .fields = toy_user_fields, .field_count = USER_COUNT,
        .access = {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN), [STW_TEAM_LEAD] = STW_MAY_READ(STW_IN_TEAM),
            [STW_DIRECTOR] = STW_MAY_READ(STW_TREE), [STW_ADMIN] = STW_MAY_WRITE(STW_ALL),
        },
        .self = STW_OWNER, .needs_precondition = true,
    },
    [TOY_SHELVES] = {
        .path = "shelves", .singular = "shelf", .operations = STW_CAN_ALL,
        .fields = toy_shelf_fields, .field_count = SHELF_COUNT,
        .access = {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN), [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_IN_TEAM),
            [STW_TEAM_LEAD] = STW_MAY_ASSIGN(STW_TREE), [STW_DIRECTOR] = STW_MAY_ASSIGN(STW_ALL),
            [STW_SERVICE_AGENT] = {.scope = {[STW_READ] = STW_ALL}, .masked = true},
            [STW_ANALYST] = {.scope = {[STW_READ] = STW_ALL, [STW_UPDATE] = STW_OWN}, .masked = true},
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    },
    [TOY_BOOKS] = {
        .path = "books", .singular = "book", .operations = STW_CAN_ALL,
        .fields = toy_book_fields, .field_count = BOOK_COUNT,
    },
};
/* clang-format on */

static const struct stw_resource *const toy_registry[TOY_COUNT] = {
    [TOY_TEAMS] = &toy_resources[TOY_TEAMS],
    [TOY_USERS] = &toy_resources[TOY_USERS],
    [TOY_SHELVES] = &toy_resources[TOY_SHELVES],
    [TOY_BOOKS] = &toy_resources[TOY_BOOKS],
};

static inline struct stw_engine *toy_engine(void)
{
    static const unsigned char key[32] = {1, 2, 3};

    return stw_engine_new(toy_registry, TOY_COUNT, key);
}

#endif
