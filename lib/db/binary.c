#include "db/binary.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"

/* From PostgreSQL's catalogue (pg_type.dat): they never change. */
enum {
    BOOL_OID = 16,
    INT8_OID = 20,
    INT2_OID = 21,
    INT4_OID = 23,
    DATE_OID = 1082,
    TIMESTAMPTZ_OID = 1184,
    NUMERIC_OID = 1700,
    UUID_OID = 2950,
    JSONB_OID = 3802
};

#define DAY_US           INT64_C(86400000000)
#define DAYS_TO_2000     730425    /* from 0000-03-01, where the years of the algorithm begin */
#define DAYS_OF_400      146097    /* years */
#define FIRST_DAY        (-730119) /* 0001-01-01 and 9999-12-31, from 2000-01-01 */
#define LAST_DAY         2921939
#define NUMERIC_HEAD     8
#define NUMERIC_GROUPS   7 /* of four digits before the point, at most */
#define NUMERIC_FRACTION 24
#define NUMERIC_MINUS    0x4000 /* neither this nor 0: not a number, or infinite */

enum stw_form stw_form_of(unsigned oid)
{
    switch (oid) {
    case BOOL_OID:
        return STW_FORM_BOOL;
    case INT2_OID:
        return STW_FORM_INT2;
    case INT4_OID:
        return STW_FORM_INT4;
    case INT8_OID:
        return STW_FORM_INT8;
    case DATE_OID:
        return STW_FORM_DATE;
    case TIMESTAMPTZ_OID:
        return STW_FORM_TIMESTAMP;
    case NUMERIC_OID:
        return STW_FORM_NUMERIC;
    case UUID_OID:
        return STW_FORM_UUID;
    case JSONB_OID:
        return STW_FORM_JSONB;
    default:
        return STW_FORM_TEXT;
    }
}

static int16_t short_at(const char *bytes)
{
    uint16_t value;

    memcpy(&value, bytes, sizeof(value));
    return (int16_t)be16toh(value);
}

static int32_t word_at(const char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return (int32_t)be32toh(value);
}

static int64_t long_at(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return (int64_t)be64toh(value);
}

static char *put_pair(char *at, unsigned value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";

    return (char *)memcpy(at, pairs + (size_t)value * 2, 2) + 2;
}

static char *put_four(char *at, unsigned value)
{
    return put_pair(put_pair(at, value / 100), value % 100);
}

static char *put_int(char *at, int64_t value)
{
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[20];
    char *first = digits + sizeof(digits);

    do
        *--first = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *at++ = '-';
    return stw_buf_put(at, first, (size_t)(digits + sizeof(digits) - first));
}

/* Four bytes as eight digits, all at once: a half byte in each byte, and 39 more for those that are letters.
 */
static char *put_hex(char *at, const char *bytes)
{
    uint64_t halves = (uint32_t)word_at(bytes);

    halves = (halves << 16 | halves) & UINT64_C(0x0000ffff0000ffff);
    halves = (halves << 8 | halves) & UINT64_C(0x00ff00ff00ff00ff);
    halves = (halves << 4 | halves) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    halves +=
        UINT64_C(0x3030303030303030) +
        ((halves + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101)) * ('a' - '0' - 10);
    for (int i = 0; i < 8; i++)
        at[i] = (char)(halves >> (56 - 8 * i));
    return at + 8;
}

static char *put_uuid(char *at, const char *bytes)
{
    char digits[32];

    for (int i = 0; i < 4; i++)
        put_hex(digits + (ptrdiff_t)i * 8, bytes + (ptrdiff_t)i * 4);
    memcpy(at, digits, 8);
    at[8] = '-';
    memcpy(at + 9, digits + 8, 4);
    at[13] = '-';
    memcpy(at + 14, digits + 12, 4);
    at[18] = '-';
    memcpy(at + 19, digits + 16, 4);
    at[23] = '-';
    memcpy(at + 24, digits + 20, 12);
    return at + 36;
}

/* Days from 2000-01-01, within the bounds. Years are counted from March on, so that a leap day is their last;
 * 153 days are five months from March on, whose lengths repeat. */
static char *put_date(char *at, int32_t days)
{
    unsigned day = (unsigned)(days + DAYS_TO_2000);
    unsigned era = day / DAYS_OF_400;
    unsigned of_era = day % DAYS_OF_400;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_OF_400 - 1)) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;

    day = of_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10);
    at = put_four(at, year);
    *at++ = '-';
    at = put_pair(at, month < 10 ? month + 3 : month - 9);
    *at++ = '-';
    return put_pair(at, day);
}

/* Microseconds from the start of 2000. */
static char *put_timestamp(char *at, int64_t moment)
{
    int64_t days = moment / DAY_US;
    int64_t left = moment % DAY_US;

    if (left < 0) {
        days--;
        left += DAY_US;
    }
    if (days < FIRST_DAY || days > LAST_DAY)
        return at;
    unsigned us = (unsigned)(left % 1000000), seconds = (unsigned)(left / 1000000);
    at = put_date(at, (int32_t)days);
    *at++ = 'T';
    at = put_pair(at, seconds / 3600);
    *at++ = ':';
    at = put_pair(at, seconds / 60 % 60);
    *at++ = ':';
    at = put_pair(at, seconds % 60);
    *at++ = '.';
    at = put_four(put_pair(at, us / 10000), us % 10000);
    *at++ = 'Z';
    return at;
}

struct numeric {
    int count, weight; /* of the groups that are sent: four digits each, the first worth 10000 to the power of
                        * weight; zeros at either end are not */
    const char *groups;
};

/* The group worth 10000 to the power of `place`. */
static unsigned group_of(const struct numeric *numeric, int place)
{
    int index = numeric->weight - place;

    if (index < 0 || index >= numeric->count)
        return 0;
    return (unsigned)short_at(numeric->groups + (ptrdiff_t)index * 2) % 10000;
}

static char *put_numeric(char *at, const char *bytes, size_t length)
{
    const struct numeric numeric = {.count = (int)(length - NUMERIC_HEAD) / 2,
                                    .weight = short_at(bytes + 2),
                                    .groups = bytes + NUMERIC_HEAD};
    int sign = short_at(bytes + 4), scale = short_at(bytes + 6);
    int place = numeric.weight > 0 ? numeric.weight : 0;

    if (sign != 0 && sign != NUMERIC_MINUS)
        return stw_buf_put(at, "NaN", 3);
    if (place >= NUMERIC_GROUPS || scale > NUMERIC_FRACTION)
        return at;
    if (sign == NUMERIC_MINUS)
        *at++ = '-';
    at = put_int(at, group_of(&numeric, place));
    while (--place >= 0)
        at = put_four(at, group_of(&numeric, place));
    if (scale <= 0)
        return at;
    *at++ = '.';
    char *end = at + scale;
    for (; at < end; place--)
        at = put_four(at, group_of(&numeric, place));
    return end;
}

const char *stw_form_text(enum stw_form form, const char *bytes, size_t length,
                          char scratch[STW_CELL_SCRATCH], size_t *ret_length)
{
    static const size_t sizes[] = {
        [STW_FORM_TEXT] = 0, [STW_FORM_BOOL] = 1,      [STW_FORM_INT2] = 2,
        [STW_FORM_INT4] = 4, [STW_FORM_INT8] = 8,      [STW_FORM_UUID] = 16,
        [STW_FORM_DATE] = 4, [STW_FORM_TIMESTAMP] = 8, [STW_FORM_NUMERIC] = NUMERIC_HEAD,
        [STW_FORM_JSONB] = 1};
    char *end = scratch;

    switch (length < sizes[form] ? STW_FORM_TEXT : form) {
    case STW_FORM_TEXT:
        *ret_length = length;
        return bytes;
    case STW_FORM_JSONB: /* behind the version of the form */
        *ret_length = length - 1;
        return bytes + 1;
    case STW_FORM_BOOL:
        *end++ = bytes[0] ? 't' : 'f';
        break;
    case STW_FORM_INT2:
        end = put_int(end, short_at(bytes));
        break;
    case STW_FORM_INT4:
        end = put_int(end, word_at(bytes));
        break;
    case STW_FORM_INT8:
        end = put_int(end, long_at(bytes));
        break;
    case STW_FORM_UUID:
        end = put_uuid(end, bytes);
        break;
    case STW_FORM_DATE:
        if (word_at(bytes) >= FIRST_DAY && word_at(bytes) <= LAST_DAY)
            end = put_date(end, word_at(bytes));
        break;
    case STW_FORM_TIMESTAMP:
        end = put_timestamp(end, long_at(bytes));
        break;
    case STW_FORM_NUMERIC:
        end = put_numeric(end, bytes, length);
        break;
    }
    *end = '\0';
    *ret_length = (size_t)(end - scratch);
    return scratch;
}
