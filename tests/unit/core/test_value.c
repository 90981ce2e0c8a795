#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef enum stw_code parser(struct stw_arena *arena, const char *text, size_t length, char **ret_text);

/* `expected` NULL: refused with `code`. */
struct example {
    const char *text;
    const char *expected;
    enum stw_code code;
};

static int open_arena(void **state)
{
    *state = stw_arena_new(4 << 20);
    return 0;
}

static int close_arena(void **state)
{
    stw_arena_free(*state);
    return 0;
}

static void check(void *arena, parser *parse, const struct example *example)
{
    char untouched[] = "untouched";
    char *text = untouched;
    size_t length = strlen(example->text);
    /* An exact copy, so that a sanitizer sees a read behind the end. */
    char *bytes = memcpy(stw_arena_alloc(arena, length), example->text, length);
    enum stw_code code = parse(arena, bytes, length, &text);

    if (code != example->code)
        print_error("\"%s\" ends with %s\n", example->text, stw_code_name(code));
    assert_int_equal(code, example->code);
    if (code == STW_OK)
        assert_string_equal(text, example->expected);
    else
        assert_ptr_equal(text, untouched);
}

static void check_all(void *arena, parser *parse, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(arena, parse, &examples[i]);
}

/* NULL-terminated words that are canonical already. */
static void accepts(void *arena, parser *parse, const char *const *words)
{
    for (; *words; words++)
        check(arena, parse, &(struct example){*words, *words, STW_OK});
}

/* NULL-terminated words that are no such value at all. */
static void refuses(void *arena, parser *parse, const char *const *words)
{
    for (; *words; words++)
        check(arena, parse, &(struct example){*words, NULL, STW_INVALID_FORMAT});
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static enum stw_code money(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    return stw_value_decimal(arena, text, length, 19, 4, ret_text);
}

static enum stw_code share(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    return stw_value_decimal(arena, text, length, 4, 4, ret_text);
}

static enum stw_code whole(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    return stw_value_decimal(arena, text, length, 3, 0, ret_text);
}

static void decimals(void **state)
{
    static const struct example examples[] = {
        {"+1", "1", STW_OK},
        {"007", "7", STW_OK},
        {"-000.50", "-0.50", STW_OK},
        {"-0", "0", STW_OK},
        {"-0.00", "0.00", STW_OK},
        {"+00", "0", STW_OK},
        {"0000000000000000000000000000001", "1", STW_OK},
        {"1000000000000000", NULL, STW_TOO_LARGE},
        {"-1000000000000000.0", NULL, STW_TOO_LARGE},
        {"1000000000000000.00000", NULL, STW_TOO_LARGE},
        {"1.00000", NULL, STW_TOO_LONG},
    };

    check_all(*state, money, examples, COUNT(examples));
    accepts(*state, money,
            WORDS("0", "1200.50", "-12.50", "0.0001", "1.5000", "999999999999999.9999", "-999999999999999"));
    refuses(*state, money,
            WORDS("", "-", "+", ".", ".5", "5.", "--5", "+-5", "1e3", "1,5", "1.5.2", "1.5x", " 1", "1 ",
                  "0x10", "NaN", "Infinity", "\uff11"));
}

static void decimals_of_other_shapes(void **state)
{
    accepts(*state, share, WORDS("0", "0.9999", "-0.5"));
    check(*state, share, &(struct example){"1", NULL, STW_TOO_LARGE});
    check(*state, share, &(struct example){"10", NULL, STW_TOO_LARGE});
    accepts(*state, whole, WORDS("0", "999", "-999"));
    check(*state, whole, &(struct example){"1000", NULL, STW_TOO_LARGE});
    check(*state, whole, &(struct example){"1.0", NULL, STW_TOO_LONG});
}

static void decimals_compare_by_value(void **state)
{
    static const char *const rising[] = {"-100", "-99.5", "-99.4999", "-1", "-0.0001", "0",  "0.0001",
                                         "0.1",  "0.11",  "1",        "9",  "10",      "99", "100.0001"};

    (void)state;
    for (size_t i = 0; i < COUNT(rising); i++) {
        for (size_t j = 0; j < COUNT(rising); j++)
            assert_int_equal(stw_value_decimal_compare(rising[i], rising[j]), (i > j) - (i < j));
    }
    assert_int_equal(stw_value_decimal_compare("1.5", "1.5000"), 0);
    assert_int_equal(stw_value_decimal_compare("-1.50", "-1.5"), 0);
    assert_int_equal(stw_value_decimal_compare("0", "0.00"), 0);
    assert_int_equal(stw_value_decimal_compare("2", "2.0001"), -1);
    assert_int_equal(stw_value_decimal_compare("-2", "-2.0001"), 1);
}

static void dates(void **state)
{
    accepts(*state, stw_value_date,
            WORDS("2026-01-02", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"));
    refuses(*state, stw_value_date,
            WORDS("2023-02-29", "1900-02-29", "2023-04-31", "0000-01-01", "2023-00-10", "2023-13-10",
                  "2023-01-00", "2023-01-32", "2023-1-02", "2023/01/02", "20230102", "", "2023-01-02 ",
                  "-023-01-02", "2023-01-0a", "12023-01-02", "2023-01-02T"));
}

static void timestamps(void **state)
{
    static const struct example examples[] = {
        {"2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z", STW_OK},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z", STW_OK},
        {"2026-01-02t03:04:05.6z", "2026-01-02T03:04:05.600000Z", STW_OK},
        {"2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456Z", STW_OK},
        {"2026-01-02T03:04:05.9999999Z", "2026-01-02T03:04:05.999999Z", STW_OK},
        {"2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.000000Z", STW_OK},
        {"2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05.000000Z", STW_OK},
        {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z", STW_OK},
    };

    check_all(*state, stw_value_timestamp, examples, COUNT(examples));
    refuses(*state, stw_value_timestamp,
            WORDS("2016-12-31T23:59:60Z", "2026-01-02T24:00:00Z", "2026-01-02T23:60:00Z",
                  "2023-02-29T00:00:00Z", "2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-01-02 03:04:05Z",
                  "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.", "2026-01-02T03:04:05.1",
                  "2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05+0800",
                  "2026-01-02T03:04:05+08", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+08:60",
                  "2026-01-02T03:04:05+08:00Z", "2026-01-02T03:04:05ZZ", "2026-01-02T0a:04:05Z", "2026-01-02",
                  ""));
}

static void offsets_cross_days_and_years(void **state)
{
    static const struct example examples[] = {
        {"2026-01-01T02:30:00+08:00", "2025-12-31T18:30:00.000000Z", STW_OK},
        {"2025-12-31T23:30:00-01:45", "2026-01-01T01:15:00.000000Z", STW_OK},
        {"2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00.000000Z", STW_OK},
        {"2023-03-01T00:00:00+23:59", "2023-02-28T00:01:00.000000Z", STW_OK},
        {"2024-02-28T23:59:59-23:59", "2024-02-29T23:58:59.000000Z", STW_OK},
        {"2024-04-30T20:00:00-05:00", "2024-05-01T01:00:00.000000Z", STW_OK},
        {"2024-05-01T00:00:00-00:00", "2024-05-01T00:00:00.000000Z", STW_OK},
        {"0001-01-01T00:00:00-00:01", "0001-01-01T00:01:00.000000Z", STW_OK},
        {"0001-01-01T00:00:00+00:01", NULL, STW_INVALID_FORMAT},
        {"9999-12-31T23:59:59-00:01", NULL, STW_INVALID_FORMAT},
    };

    check_all(*state, stw_value_timestamp, examples, COUNT(examples));
}

static void database_times_are_rendered(void **state)
{
    static const char *const good[][2] = {
        {"2026-01-02 03:04:05+00", "2026-01-02T03:04:05.000000Z"},
        {"2026-01-02 03:04:05.6+00", "2026-01-02T03:04:05.600000Z"},
        {"0001-01-01 00:00:00.000001+00", "0001-01-01T00:00:00.000001Z"},
        {"9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"},
        {"2024-02-29 00:00:00.12345+00", "2024-02-29T00:00:00.123450Z"},
        {"2026-10-30 10:20:30.000000+00", "2026-10-30T10:20:30.000000Z"},
        {"2026-10-30T10:20:30.123456Z", "2026-10-30T10:20:30.123456Z"},
    };
    static const char *const wrong[] = {
        "",
        "infinity",
        "-infinity",
        "2026-01-02",
        "2026-01-02 03:04:05",
        "2026-01-02 03:04:05+08",
        "2026-01-02 03:04:05-00",
        "2026-01-02 03:04:05.+00",
        "2026-01-02 03:04:05.1234567+00",
        "2026-01-02T03:04:05+00",
        "0044-03-15 12:00:00+00 BC",
        "12026-01-02 03:04:05+00",
        "2026-01-02 03:04:05+00:00",
        "0000-01-02 03:04:05.123456+00",
        "2026-00-02 03:04:05.123456+00",
        "2026-13-02 03:04:05.123456+00",
        "2026-20-02 03:04:05.123456+00",
        "2026-01-00 03:04:05.123456+00",
        "2026-02-29 03:04:05.123456+00",
        "2026-04-31 03:04:05.123456+00",
        "2026-01-40 03:04:05.123456+00",
        "2026-01-02 24:04:05.123456+00",
        "2026-01-02 03:60:05.123456+00",
        "2026-01-02 03:04:60.123456+00",
        "2026-01-02 03:04:05.12345:+00",
        "2026-01-02 03:04:05,123456+00",
        "2026-01-02 03:04:05.1234567890123456789012345678901234+00",
        "\xb2\xb0\xb2\xb6-01-02 03:04:05.123456+00",
        "2026-01-02T03:04-05.123456Z",
        "2026-02-29T03:04:05.123456Z",
        "2026-01-02 03:04:05.123456Z",
        "2026-01-02T03:04:05.123456+",
        "2026-01-02T03:04:05.12345:Z",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        char text[32];

        assert_int_equal(stw_value_timestamp_render(good[i][0], strlen(good[i][0]), text), 27);
        assert_string_equal(text, good[i][1]);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[32] = "kept";

        assert_int_equal(stw_value_timestamp_render(wrong[i], strlen(wrong[i]), text), 0);
        assert_string_equal(text, "kept");
    }
}

#define TEN   "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void emails(void **state)
{
    accepts(*state, stw_value_email,
            WORDS("li.wei@example.com", "Li.Wei+crm@Mail.Example.COM", "a@b.cn",
                  "o'brien!#$%&*/=?^_`{|}~-@example.org", "张伟@例子.中国", SIXTY "abcd@example.com",
                  "a@" SIXTY "abc.com", "a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefgh"));
    check(*state, stw_value_email,
          &(struct example){"a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefghi", NULL, STW_TOO_LONG});
    refuses(*state, stw_value_email,
            WORDS(SIXTY "abcde@example.com", "a@" SIXTY "abcd.com", "", "@", "a", "a@", "@example.com",
                  "a@example", "a@b@example.com", "a@example..com", "a@.example.com", "a@example.com.",
                  "a@-example.com", "a@example-.com", "a@exa_mple.com", ".a@example.com", "a.@example.com",
                  "a..b@example.com", "a b@example.com", "\"a b\"@example.com", "a@[192.0.2.1]",
                  "a@example.com\n", "a\x01@example.com", "a\u3000z@example.com", "a\xff@example.com",
                  "<a@example.com>"));
}

static void phones(void **state)
{
    accepts(*state, stw_value_phone, WORDS("+8613800138000", "+1234567", "+123456789012345"));
    check(*state, stw_value_phone, &(struct example){"+86 138-0013.8000", "+8613800138000", STW_OK});
    check(*state, stw_value_phone, &(struct example){" +49 (30) 1234567 ", "+49301234567", STW_OK});
    refuses(*state, stw_value_phone,
            WORDS("+123456", "+1234567890123456", "13800138000", "008613800138000", "+0123456789",
                  "++8613800138000", "+86+13800138000", "+86 138 0013 8000 ext 1", "+86/13800138000", "", "+",
                  " -.()"));
}

static void urls(void **state)
{
    accepts(*state, stw_value_url,
            WORDS("http://example.com", "https://example.com/a/b?c=d&e=%20#f", "http://localhost:8080/",
                  "http://example.com?x", "http://example.com#x", "http://example.com./",
                  "http://192.0.2.1:65535", "http://[2001:db8::1]:80/", "http://[::1]",
                  "https://例子.中国/路", "http://my_host/a:b@c"));
    check(*state, stw_value_url,
          &(struct example){"HTTPS://Example.COM/Path?Q", "https://example.com/Path?Q", STW_OK});
    refuses(*state, stw_value_url,
            WORDS("", "example.com", "ftp://example.com", "javascript:alert(1)", "http:/example.com",
                  "http://", "https://", "https:///path", "http://?x", "http://.", "http://a..b", "http://.a",
                  "http://exa mple.com", "http://example.com/a b", "http://example.com/\n",
                  "http://example.com/\u00a0", "http://example.com/\x7f", "http://example.com/\xff",
                  "http://exa%6dple.com/"));
}

static void urls_with_a_tricky_authority(void **state)
{
    refuses(*state, stw_value_url,
            WORDS("http://user:secret@example.com/", "http://example.com@evil.example/",
                  "http://example.com\\@evil.example/", "http://example.com/<script>",
                  "http://example.com/\"", "http://example.com:", "http://example.com:0",
                  "http://example.com:65536", "http://example.com:123456", "http://example.com:8a",
                  "http://:80", "http://[::1", "http://[::1]x", "http://[]", "http://[::g]",
                  "http://[192.0.2.1]", "http://[fe80::1%25eth0]/"));
}

static void urls_have_a_length(void **state)
{
    char text[2100] = "http://example.com/";
    char *result = NULL;

    memset(text + 19, 'x', sizeof(text) - 19);
    assert_int_equal(stw_value_url(*state, text, 2048, &result), STW_OK);
    assert_int_equal(strlen(result), 2048);
    assert_int_equal(stw_value_url(*state, text, 2049, &result), STW_TOO_LONG);
}

/* How many of all words of `length` upper-case letters are accepted. */
static int accepted(parser *parse, size_t length)
{
    struct stw_arena *arena = stw_arena_new(1 << 20);
    int words = length == 2 ? 26 * 26 : 26 * 26 * 26;
    int count = 0;

    for (int i = 0; i < words; i++) {
        char word[3] = {(char)('A' + i / 676), (char)('A' + i / 26 % 26), (char)('A' + i % 26)};
        char *text;

        count += parse(arena, word + 3 - length, length, &text) == STW_OK;
    }
    stw_arena_free(arena);
    return count;
}

static void countries(void **state)
{
    accepts(*state, stw_value_country, WORDS("CN", "DE", "AD", "ZW", "TW", "US"));
    refuses(*state, stw_value_country,
            WORDS("cn", "UK", "EU", "XX", "XK", "CHN", "C", "", "C\n", "ZZ", "AN", "CNDE"));
    assert_int_equal(accepted(stw_value_country, 2), 249);
}

static void currencies(void **state)
{
    accepts(*state, stw_value_currency, WORDS("CNY", "EUR", "AED", "ZWG", "XCG", "SLE", "XAU"));
    refuses(*state, stw_value_currency,
            WORDS("cny", "RMB", "DEM", "HRK", "BGN", "ZWL", "EURO", "EU", "", "$", "ZZZ", "DAE"));
    assert_int_equal(accepted(stw_value_currency, 3), 178);
}

static void languages(void **state)
{
    accepts(*state, stw_value_language,
            WORDS("zh", "zh-Hans-CN", "es-419", "yue", "sr-Latn", "abc-Latn-123"));
    check(*state, stw_value_language, &(struct example){"ZH-hANS-cn", "zh-Hans-CN", STW_OK});
    check(*state, stw_value_language, &(struct example){"EN-us", "en-US", STW_OK});
    refuses(*state, stw_value_language,
            WORDS("", "z", "zhcn", "zh-", "-zh", "zh--CN", "zh-CN-", "zh_CN", "zh-CN-Hans", "zh-Han",
                  "zh-Hans-Hant", "zh-H4ns", "zh-C1", "es-41", "es-4l9", "zh-Hans-CN-x",
                  "zh-Hans-CN-CN-CN-CN", "12", "zh CN"));
}

static void a_nul_byte_is_never_part_of_a_value(void **state)
{
    static const struct {
        parser *parse;
        const char *good;
    } rows[] = {
        {money, "12.5"},
        {stw_value_date, "2026-01-02"},
        {stw_value_timestamp, "2026-01-02T03:04:05Z"},
        {stw_value_email, "a@example.com"},
        {stw_value_phone, "+8613800138000"},
        {stw_value_url, "http://a.example/x"},
        {stw_value_country, "CN"},
        {stw_value_currency, "CNY"},
        {stw_value_language, "zh-CN"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t length = strlen(rows[i].good);
        char *text;

        assert_int_equal(rows[i].parse(*state, rows[i].good, length, &text), STW_OK);
        for (size_t at = 0; at <= length; at++) {
            char *bytes = stw_arena_strndup(*state, rows[i].good, length);

            /* Put over each byte, and behind the last. */
            bytes[at] = '\0';
            assert_int_not_equal(rows[i].parse(*state, bytes, length + (at == length), &text), STW_OK);
        }
    }
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(decimals),
        WITH_ARENA(decimals_of_other_shapes),
        cmocka_unit_test(decimals_compare_by_value),
        WITH_ARENA(dates),
        WITH_ARENA(timestamps),
        WITH_ARENA(offsets_cross_days_and_years),
        cmocka_unit_test(database_times_are_rendered),
        WITH_ARENA(emails),
        WITH_ARENA(phones),
        WITH_ARENA(urls),
        WITH_ARENA(urls_with_a_tricky_authority),
        WITH_ARENA(urls_have_a_length),
        WITH_ARENA(countries),
        WITH_ARENA(currencies),
        WITH_ARENA(languages),
        WITH_ARENA(a_nul_byte_is_never_part_of_a_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
