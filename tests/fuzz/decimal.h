#ifndef TESTS_FUZZ_DECIMAL_H
#define TESTS_FUZZ_DECIMAL_H

#include <string.h>

#include "check.h"

/* A decimal in its one form fits numeric(precision, scale), and is no negative zero. NULL passes. */
static inline void check_decimal(const char *text, int precision, int scale)
{
    const char *number = text && text[0] == '-' ? text + 1 : text;
    const char *point = number ? strchr(number, '.') : NULL;
    size_t integer = !number ? 0 : point ? (size_t)(point - number) : strlen(number);

    if (!number)
        return;
    CHECK(strspn(number, "0123456789.") == strlen(number) && integer > 0);
    CHECK(number[0] != '0' || integer == 1);
    CHECK(integer - (number[0] == '0') <= (size_t)(precision - scale));
    CHECK(!point || (strlen(point) > 1 && strlen(point + 1) <= (size_t)scale && !strchr(point + 1, '.')));
    CHECK(number == text || strspn(number, "0.") < strlen(number));
}

#endif
