/* All parsers of core/value.h and core/uuid.h on the same bytes: what they accept must come out as text that
 * they accept again and leave as it is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/text.h"
#include "core/uuid.h"
#include "core/value.h"
#include "decimal.h"

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

static int64_t moment_of(int year, int month, int day, int hour, int minute, int second)
{
    struct tm time = {.tm_year = year - 1900,
                      .tm_mon = month - 1,
                      .tm_mday = day,
                      .tm_hour = hour,
                      .tm_min = minute,
                      .tm_sec = second};
    time_t moment = timegm(&time);

    /* a day that does not exist becomes another */
    CHECK(time.tm_mday == day && time.tm_mon == month - 1 && time.tm_hour == hour);
    return (int64_t)moment;
}

/* The same moment by the C library, seconds since 1970; the digits behind the point are the same. */
static void check_moment(struct stw_arena *arena, const char *bytes, size_t length, const char *canonical)
{
    const char *text = stw_arena_strndup(arena, bytes, length), *rest = text + 19;
    int of[6], hours = 0, minutes = 0;

    CHECK(sscanf(text, "%d-%d-%d%*c%d:%d:%d", &of[0], &of[1], &of[2], &of[3], &of[4], &of[5]) == 6);
    if (*rest == '.') {
        size_t digits = strspn(rest + 1, "0123456789");
        CHECK(memcmp(rest + 1, canonical + 20, digits < 6 ? digits : 6) == 0);
        rest += 1 + digits;
    }
    if (*rest != 'Z' && *rest != 'z')
        CHECK(sscanf(rest + 1, "%d:%d", &hours, &minutes) == 2);
    int64_t offset = (rest[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    int64_t sent = moment_of(of[0], of[1], of[2], of[3], of[4], of[5]);
    CHECK(sscanf(canonical, "%d-%d-%dT%d:%d:%d", &of[0], &of[1], &of[2], &of[3], &of[4], &of[5]) == 6);
    CHECK(moment_of(of[0], of[1], of[2], of[3], of[4], of[5]) == sent - offset);
}

static void check_day(const char *canonical)
{
    int year, month, day;

    CHECK(sscanf(canonical, "%d-%d-%d", &year, &month, &day) == 3);
    moment_of(year, month, day, 0, 0, 0);
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
        stw_value_email,   stw_value_phone,    stw_value_url,
        stw_value_country, stw_value_currency, stw_value_language,
    };
    struct stw_arena *arena = stw_arena_new(SIZE_MAX);
    const char *text = (const char *)data;
    char *canonical;

    for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++)
        fixed_point(arena, parsers[i], text, size);
    canonical = fixed_point(arena, stw_value_timestamp, text, size);
    if (canonical) {
        render_back(arena, canonical);
        check_moment(arena, text, size, canonical);
    }
    canonical = fixed_point(arena, stw_value_date, text, size);
    if (canonical)
        check_day(canonical);
    check_decimal(fixed_point(arena, money, text, size), 19, 4);
    check_decimal(fixed_point(arena, share, text, size), 4, 4);
    compare_decimals(arena, text, size);
    check_terminated(arena, stw_arena_strndup(arena, text, size));
    stw_arena_free(arena);
    return 0;
}
