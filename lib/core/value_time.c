#include <string.h>

#include "core/value.h"

#define MINUTES_PER_DAY (24 * 60)

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

size_t stw_value_timestamp_render(const char *database, char ret_text[32])
{
    size_t length = strnlen(database, 40);
    struct moment moment;
    int fraction;

    if (length < 22 || database[10] != ' ' || !read_date(database, &moment) ||
        !read_time(database + 11, &moment))
        return 0;
    fraction = read_fraction(database + 19, length - 19, 6, moment.fraction);
    if (fraction < 0 || strcmp(database + 19 + fraction, "+00") != 0)
        return 0;
    /* Once per time in a list of thousands of rows: copied, not printed. */
    memcpy(ret_text, database, 10);
    ret_text[10] = 'T';
    memcpy(ret_text + 11, database + 11, 8);
    ret_text[19] = '.';
    memcpy(ret_text + 20, moment.fraction, 6);
    memcpy(ret_text + 26, "Z", 2);
    return 27;
}
