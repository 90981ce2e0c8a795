#include "core/value.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/codes_iso.h"
#include "core/text.h"

#define EMAIL_MAX       254
#define EMAIL_LOCAL_MAX 64
#define LABEL_MAX       63
#define URL_MAX         2048
#define PHONE_MIN       7
#define PHONE_MAX       15

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* A byte of a multi-byte character; what it is part of has passed stw_text_valid. */
static bool is_wide(char c)
{
    return (unsigned char)c >= 0x80;
}

static size_t digits_at(const char *text, size_t length)
{
    size_t count = 0;

    while (count < length && is_digit(text[count]))
        count++;
    return count;
}

enum stw_code stw_value_decimal(struct stw_arena *arena, const char *text, size_t length, int precision,
                                int scale, char **ret_text)
{
    bool negative = length > 0 && text[0] == '-';
    size_t integer;
    size_t fraction = 0;
    bool zero = true;

    if (negative || (length > 0 && text[0] == '+')) {
        text++;
        length--;
    }
    integer = digits_at(text, length);
    if (integer == 0)
        return STW_INVALID_FORMAT;
    if (integer < length) {
        fraction = text[integer] == '.' ? digits_at(text + integer + 1, length - integer - 1) : 0;
        if (fraction == 0 || integer + 1 + fraction != length)
            return STW_INVALID_FORMAT;
    }
    for (; integer > 1 && text[0] == '0'; integer--, length--)
        text++;
    /* A lone zero is no significant digit: 0.5 fits numeric(4,4). */
    if (integer - (text[0] == '0') > (size_t)(precision - scale))
        return STW_TOO_LARGE;
    if (fraction > (size_t)scale)
        return STW_TOO_LONG;
    for (size_t i = 0; i < length; i++)
        zero = zero && (text[i] == '0' || text[i] == '.');
    *ret_text = stw_arena_printf(arena, "%s%.*s", negative && !zero ? "-" : "", (int)length, text);
    return STW_OK;
}

/* Compares the sizes of two canonical decimals, signs already taken off. */
static int compare_size(const char *left, const char *right)
{
    size_t left_integer = strcspn(left, ".");
    size_t right_integer = strcspn(right, ".");
    int order;

    if (left_integer != right_integer)
        return left_integer < right_integer ? -1 : 1;
    order = memcmp(left, right, left_integer);
    if (order)
        return order < 0 ? -1 : 1;
    left += left_integer + (left[left_integer] == '.');
    right += right_integer + (right[right_integer] == '.');
    while (*left || *right) {
        int a = *left ? *left++ : '0';
        int b = *right ? *right++ : '0';

        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

int stw_value_decimal_compare(const char *left, const char *right)
{
    bool left_negative = left[0] == '-';
    bool right_negative = right[0] == '-';

    if (left_negative != right_negative)
        return left_negative ? -1 : 1;
    return left_negative ? compare_size(right + 1, left + 1) : compare_size(left, right);
}

static bool is_label_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || is_wide(c);
}

/* Dot-separated labels that neither begin nor end with a hyphen; returns their number, 0 when one is wrong.
 */
static size_t count_labels(const char *text, size_t length)
{
    size_t count = 0;
    size_t start = 0;

    for (size_t at = 0; at <= length; at++) {
        if (at < length && text[at] != '.') {
            if (!is_label_char(text[at]))
                return 0;
            continue;
        }
        if (at == start || at - start > LABEL_MAX || text[start] == '-' || text[at - 1] == '-')
            return 0;
        count++;
        start = at + 1;
    }
    return count;
}

/* RFC 5322 dot-atom and RFC 6531's non-ASCII; quoted local parts are legal on paper only. */
static bool is_local_part(const char *text, size_t length)
{
    if (length == 0 || length > EMAIL_LOCAL_MAX || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '.' && text[i - 1] == '.')
            return false;
        if (!is_letter(c) && !is_digit(c) && !is_wide(c) && (c == '\0' || !strchr(".!#$%&'*+/=?^_`{|}~-", c)))
            return false;
    }
    return true;
}

/* Valid text without control characters and without white space of any script. */
static bool is_solid(const char *text, size_t length)
{
    return stw_text_valid(text, length) && !stw_text_has_control(text, length) &&
           !stw_text_has_space(text, length);
}

enum stw_code stw_value_email(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    const char *at = length ? memchr(text, '@', length) : NULL;
    size_t local;

    if (length > EMAIL_MAX)
        return STW_TOO_LONG;
    if (!at || !is_solid(text, length))
        return STW_INVALID_FORMAT;
    local = (size_t)(at - text);
    if (!is_local_part(text, local) || count_labels(at + 1, length - local - 1) < 2)
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, text, length);
    return STW_OK;
}

enum stw_code stw_value_phone(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    char number[1 + PHONE_MAX];
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c != '\0' && strchr(" -.()", c))
            continue;
        if (count == sizeof(number) || (count == 0 ? c != '+' : !is_digit(c)))
            return STW_INVALID_FORMAT;
        number[count++] = c;
    }
    /* No country code begins with 0. */
    if (count < 1 + PHONE_MIN || number[1] == '0')
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, number, count);
    return STW_OK;
}

static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr binary;

    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &binary) == 1;
}

/* Labels as in mail, with underscores (some intranets have them) and one dot at the end. */
static bool is_host(const char *text, size_t length)
{
    size_t label = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if ((!is_label_char(text[i]) && text[i] != '_') || ++label > LABEL_MAX) {
            return false;
        }
    }
    return length > 1 || label == 1;
}

static bool is_port(const char *text, size_t length)
{
    unsigned int port = 0;

    if (length == 0 || length > 5 || digits_at(text, length) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        port = port * 10 + (unsigned int)(text[i] - '0');
    return port >= 1 && port <= 65535;
}

/* host[:port]. User information is refused: it serves to disguise the host and leaks passwords. */
static bool is_authority(const char *text, size_t length)
{
    const char *end = length ? memchr(text, text[0] == '[' ? ']' : ':', length) : NULL;
    size_t host = end ? (size_t)(end - text) : length;

    if (length == 0)
        return false;
    if (text[0] == '[') {
        if (!end || !is_ipv6(text + 1, host - 1))
            return false;
        host++;
    } else if (!is_host(text, host)) {
        return false;
    }
    return host == length || (text[host] == ':' && is_port(text + host + 1, length - host - 1));
}

/* Length of "http://" or "https://" in any case, else 0. */
static size_t scheme_length(const char *text, size_t length)
{
    if (length > 7 && strncasecmp(text, "http://", 7) == 0)
        return 7;
    return length > 8 && strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

enum stw_code stw_value_url(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    size_t scheme = scheme_length(text, length);
    size_t end = scheme;
    char *canonical;

    if (length > URL_MAX)
        return STW_TOO_LONG;
    if (!scheme || !is_solid(text, length))
        return STW_INVALID_FORMAT;
    while (end < length && !strchr("/?#", text[end]))
        end++;
    if (!is_authority(text + scheme, end - scheme))
        return STW_INVALID_FORMAT;
    for (size_t i = end; i < length; i++) {
        /* Never part of a URI (RFC 3986), and each of them means something to a browser or a page. */
        if (strchr("\"<>\\`", text[i]))
            return STW_INVALID_FORMAT;
    }
    canonical = stw_arena_strndup(arena, text, length);
    for (size_t i = 0; i < end; i++)
        canonical[i] = lower(canonical[i]);
    *ret_text = canonical;
    return STW_OK;
}

enum stw_code stw_value_country(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    if (length != 2 || !stw_codes_iso_country(text))
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, text, length);
    return STW_OK;
}

enum stw_code stw_value_currency(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    if (length != 3 || !stw_codes_iso_currency(text))
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, text, length);
    return STW_OK;
}

static bool all_letters(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_letter(text[i]))
            return false;
    }
    return true;
}

/* Length of the subtag at `at`, 0 at the end. `at` stands at its first character. */
static size_t subtag_length(const char *text, size_t length, size_t at)
{
    size_t end = at;

    while (end < length && text[end] != '-')
        end++;
    return at < length ? end - at : 0;
}

enum stw_code stw_value_language(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    char tag[16]; /* the longest is abc-Latn-123 */
    size_t at = 0;
    size_t part = subtag_length(text, length, 0);

    if (length >= sizeof(tag) || part < 2 || part > 3 || !all_letters(text, part))
        return STW_INVALID_FORMAT;
    for (; at < part; at++)
        tag[at] = lower(text[at]);
    part = at < length ? subtag_length(text, length, at + 1) : 0;
    if (part == 4 && all_letters(text + at + 1, part)) {
        tag[at] = '-';
        tag[at + 1] = upper(text[at + 1]);
        for (size_t i = 2; i <= part; i++)
            tag[at + i] = lower(text[at + i]);
        at += 1 + part;
        part = at < length ? subtag_length(text, length, at + 1) : 0;
    }
    if ((part == 2 && all_letters(text + at + 1, part)) ||
        (part == 3 && digits_at(text + at + 1, part) == part)) {
        tag[at] = '-';
        for (size_t i = 1; i <= part; i++)
            tag[at + i] = upper(text[at + i]);
        at += 1 + part;
    }
    /* Anything left is no script and no region, or a hyphen at the end. */
    if (at != length)
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, tag, length);
    return STW_OK;
}
