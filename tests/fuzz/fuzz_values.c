/* All parsers of core/value.h and core/uuid.h on the same bytes: what they accept must come out as text that
 * they accept again and leave as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "core/value.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum stw_code parser(struct stw_arena *arena, const char *text, size_t length, char **ret_text);

static enum stw_code money(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    return stw_value_decimal(arena, text, length, 19, 4, ret_text);
}

static enum stw_code share(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    return stw_value_decimal(arena, text, length, 4, 4, ret_text);
}

static char *fixed_point(struct stw_arena *arena, parser *parse, const char *text, size_t length)
{
    char untouched[1] = "";
    char *canonical = untouched;
    char *again = untouched;
    enum stw_code code = parse(arena, text, length, &canonical);

    if (code != STW_OK) {
        CHECK(code == STW_INVALID_FORMAT || code == STW_TOO_LARGE || code == STW_TOO_LONG);
        CHECK(canonical == untouched);
        return NULL;
    }
    CHECK(stw_text_valid(canonical, strlen(canonical)));
    CHECK(parse(arena, canonical, strlen(canonical), &again) == STW_OK);
    CHECK(strcmp(canonical, again) == 0);
    return canonical;
}

/* The first half of the input against the second. */
static void compare_decimals(struct stw_arena *arena, const char *text, size_t length)
{
    char *left = fixed_point(arena, money, text, length / 2);
    char *right = fixed_point(arena, money, text + length / 2, length - length / 2);
    int order;

    if (!left || !right)
        return;
    order = stw_value_decimal_compare(left, right);
    CHECK(order >= -1 && order <= 1);
    CHECK(stw_value_decimal_compare(right, left) == -order);
    CHECK(stw_value_decimal_compare(left, left) == 0);
}

/* A canonical timestamp, written as the database writes it, is rendered to itself. */
static void render_back(struct stw_arena *arena, const char *canonical)
{
    char *database = stw_arena_printf(arena, "%.10s %.15s+00", canonical, canonical + 11);
    char text[32];

    CHECK(stw_value_timestamp_render(database, strlen(database), text) == strlen(canonical));
    CHECK(strcmp(text, canonical) == 0);
}

static void check_terminated(struct stw_arena *arena, const char *text)
{
    char id[STW_UUID_TEXT] = "";
    char again[STW_UUID_TEXT] = "";
    char rendered[32] = "";
    char *canonical;

    if (stw_uuid_parse(text, id)) {
        CHECK(stw_uuid_parse(id, again) && strcmp(id, again) == 0);
        CHECK(strlen(id) == STW_UUID_TEXT - 1);
        CHECK(!stw_uuid_is_v7_until(id, -1, 0) && (id[14] == '7' || !stw_uuid_is_v7_until(id, INT64_MAX, 0)));
    } else {
        CHECK(id[0] == '\0' && !stw_uuid_is_v7_until(text, INT64_MAX, 0));
    }
    if (stw_value_timestamp_render(text, strlen(text), rendered))
        CHECK(stw_value_timestamp(arena, rendered, strlen(rendered), &canonical) == STW_OK &&
              strcmp(rendered, canonical) == 0);
    else
        CHECK(rendered[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static parser *const parsers[] = {
        money,
        share,
        stw_value_date,
        stw_value_email,
        stw_value_phone,
        stw_value_url,
        stw_value_country,
        stw_value_currency,
        stw_value_language,
    };
    struct stw_arena *arena = stw_arena_new(SIZE_MAX);
    const char *text = (const char *)data;
    char *canonical;

    for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++)
        fixed_point(arena, parsers[i], text, size);
    canonical = fixed_point(arena, stw_value_timestamp, text, size);
    if (canonical)
        render_back(arena, canonical);
    compare_decimals(arena, text, size);
    check_terminated(arena, stw_arena_strndup(arena, text, size));
    stw_arena_free(arena);
    return 0;
}
