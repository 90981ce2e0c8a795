#include <string.h>

#include "core/value.h"

#define MINUTES_PER_DAY (24 * 60)
#define CANONICAL       27 /* length of what stw_value_timestamp makes */

struct moment {
    int year, month, day;
    int hour, minute, second;
    char fraction[6];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* `count` digits as a number, -1 when one of them is none. */
static int number_at(const char *text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (!is_digit(text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Reads ten bytes. */
static bool read_date(const char *text, struct moment *ret_moment)
{
    int year = number_at(text, 4);
    int month = number_at(text + 5, 2);
    int day = number_at(text + 8, 2);

    if (text[4] != '-' || text[7] != '-' || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    ret_moment->year = year;
    ret_moment->month = month;
    ret_moment->day = day;
    return true;
}

/* Reads eight bytes. */
static bool read_time(const char *text, struct moment *ret_moment)
{
    ret_moment->hour = number_at(text, 2);
    ret_moment->minute = number_at(text + 3, 2);
    ret_moment->second = number_at(text + 6, 2);
    return text[2] == ':' && text[5] == ':' && ret_moment->hour >= 0 && ret_moment->hour < 24 &&
           ret_moment->minute >= 0 && ret_moment->minute < 60 && ret_moment->second >= 0 &&
           ret_moment->second < 60;
}

/* ".5" and the like at the start of `text`, at most `most` digits, into exactly six; returns its length, -1
 * when it is wrong. */
static int read_fraction(const char *text, size_t length, int most, char ret_fraction[6])
{
    int count = 0;

    memset(ret_fraction, '0', 6);
    if (length == 0 || text[0] != '.')
        return 0;
    while ((size_t)count + 1 < length && is_digit(text[count + 1])) {
        if (count == most)
            return -1;
        if (count < 6)
            ret_fraction[count] = text[count + 1];
        count++;
    }
    return count ? count + 1 : -1;
}

/* "Z" or "+hh:mm" that is all of `text`. */
static bool read_offset(const char *text, size_t length, int *ret_minutes)
{
    int hours;
    int minutes;

    if (length == 1 && (text[0] == 'Z' || text[0] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    if (length != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    hours = number_at(text + 1, 2);
    minutes = number_at(text + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *ret_minutes = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* Moves to UTC. An offset is shorter than a day, so at most one day changes. False when that leaves 0001 to
 * 9999. */
static bool to_utc(struct moment *moment, int offset)
{
    int minutes = moment->hour * 60 + moment->minute - offset;

    if (minutes < 0) {
        minutes += MINUTES_PER_DAY;
        if (--moment->day < 1) {
            if (--moment->month < 1) {
                moment->month = 12;
                moment->year--;
            }
            moment->day = days_in_month(moment->year, moment->month);
        }
    } else if (minutes >= MINUTES_PER_DAY) {
        minutes -= MINUTES_PER_DAY;
        if (++moment->day > days_in_month(moment->year, moment->month)) {
            moment->day = 1;
            if (++moment->month > 12) {
                moment->month = 1;
                moment->year++;
            }
        }
    }
    moment->hour = minutes / 60;
    moment->minute = minutes % 60;
    return moment->year >= 1 && moment->year <= 9999;
}

enum stw_code stw_value_date(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    struct moment moment;

    if (length != 10 || !read_date(text, &moment))
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_strndup(arena, text, length);
    return STW_OK;
}

enum stw_code stw_value_timestamp(struct stw_arena *arena, const char *text, size_t length, char **ret_text)
{
    struct moment moment;
    int fraction;
    int offset;

    if (length < 20 || (text[10] != 'T' && text[10] != 't') || !read_date(text, &moment) ||
        !read_time(text + 11, &moment))
        return STW_INVALID_FORMAT;
    fraction = read_fraction(text + 19, length - 19, 9, moment.fraction);
    if (fraction < 0 || !read_offset(text + 19 + fraction, length - 19 - (size_t)fraction, &offset) ||
        !to_utc(&moment, offset))
        return STW_INVALID_FORMAT;
    *ret_text = stw_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%.6sZ", moment.year, moment.month,
                                 moment.day, moment.hour, moment.minute, moment.second, moment.fraction);
    return STW_OK;
}

/* Eight bytes of a time as the database writes it: each with its digit 0, and how far its greatest digit is
 * from 15; what is no digit has no way to go. */
struct shape {
    char zero[9];
    unsigned char slack[8];
};
static const struct shape year_shape = {"0000-00-", {6, 6, 6, 6, 15, 14, 6, 15}};
static const struct shape day_shape = {"00 00:00", {12, 6, 15, 13, 6, 15, 10, 6}};
static const struct shape time_shape = {"00:00:00", {13, 6, 15, 10, 6, 15, 10, 6}};
static const struct shape fraction_shape = {".000000+", {15, 6, 6, 6, 6, 6, 6, 15}};

/* Not zero where eight bytes leave the shape: all at once, because there are some in each record of a list.
 */
static uint64_t off_shape(const char *text, const struct shape *shape)
{
    uint64_t bytes, zero, slack;

    memcpy(&bytes, text, 8);
    memcpy(&zero, shape->zero, 8);
    memcpy(&slack, shape->slack, 8);
    bytes ^= zero;
    return ((bytes + slack) | bytes) & UINT64_C(0xf0f0f0f0f0f0f0f0);
}

/* Of two bytes that are digits. */
static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "2026-01-02 03:04:05" at the start of at least so many bytes, a moment that exists. */
static bool is_moment(const char *text)
{
    if (off_shape(text, &year_shape) | off_shape(text + 8, &day_shape) | off_shape(text + 11, &time_shape))
        return false;
    int month = two_digits(text + 5), day = two_digits(text + 8);
    return memcmp(text, "0000", 4) != 0 && month > 0 && month <= 12 && two_digits(text + 11) < 24 &&
           day > 0 && (day <= 28 || day <= days_in_month(number_at(text, 4), month));
}

/* Any other fraction than one of six digits, or none; false when it is wrong. */
static __attribute__((noinline)) bool put_fraction(char *at, const char *text, size_t length)
{
    char fraction[6];

    if (read_fraction(text, length, 6, fraction) != (int)length - 3)
        return false;
    memcpy(at, fraction, 6);
    return true;
}

/* What stw_value_timestamp makes, in so many bytes. */
static bool is_canonical(const char *text)
{
    char moment[CANONICAL];

    memcpy(moment, text, CANONICAL);
    moment[10] = ' ';
    moment[CANONICAL - 1] = '+';
    return text[10] == 'T' && text[CANONICAL - 1] == 'Z' && is_moment(moment) &&
           !off_shape(moment + 19, &fraction_shape);
}

size_t stw_value_timestamp_render(const char *database, size_t length, char ret_text[32])
{
    if (length == CANONICAL && is_canonical(database)) {
        memcpy(ret_text, database, CANONICAL);
        ret_text[CANONICAL] = '\0';
        return CANONICAL;
    }
    if (length < 22 || memcmp(database + length - 3, "+00", 3) != 0 || !is_moment(database))
        return 0;
    if (length == 29 && !off_shape(database + 19, &fraction_shape))
        memcpy(ret_text + 20, database + 20, 6);
    else if (!put_fraction(ret_text + 20, database + 19, length - 19))
        return 0;
    memcpy(ret_text, database, 19);
    ret_text[10] = 'T';
    ret_text[19] = '.';
    memcpy(ret_text + CANONICAL - 1, "Z", 2);
    return CANONICAL;
}
