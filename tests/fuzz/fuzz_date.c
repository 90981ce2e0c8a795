/* domain/import_options.h, dates: a format in the first line, a cell in the rest. What is read as a day,
 * written by the same format, is that day again. */
#include <stdio.h>

#include "core/buf.h"
#include "domain/import_options.h"
#include "lines.h"

/* By the words alone, without looking at how they are read. */
static const char *write_date(struct stw_arena *arena, const char *format, const char *day)
{
    struct stw_buf text;

    stw_buf_init(&text, arena, 64, (size_t)1 << 20);
    while (*format) {
        bool two = format[0] == format[1];

        if (*format == 'Y') {
            CHECK(strncmp(format, "YYYY", 4) == 0);
            stw_buf_printf(&text, "%.4s", day);
            format += 4;
        } else if (*format == 'M' || *format == 'D') {
            const char *number = day + (*format == 'M' ? 5 : 8);
            bool one = !two && number[0] == '0';
            stw_buf_printf(&text, "%.*s", one ? 1 : 2, number + one);
            format += 1 + two;
        } else {
            stw_buf_add_char(&text, *format++);
        }
    }
    CHECK(!text.failed);
    return text.data;
}

/* A month or a day of one letter may be sent with a zero before it. */
static bool may_be_longer(const char *format)
{
    for (; *format; format++) {
        if (*format == 'M' || *format == 'D') {
            if (format[1] != *format)
                return true;
            format++;
        }
    }
    return false;
}

static void check_day(const char *day)
{
    static const char shape[] = "dddd-dd-dd";

    CHECK(strlen(day) == sizeof shape - 1);
    for (size_t i = 0; shape[i]; i++)
        CHECK(shape[i] == '-' ? day[i] == '-' : day[i] >= '0' && day[i] <= '9');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)4 << 20);
    struct lines lines = {(const char *)data, (const char *)data + size};
    const char *line = "", *format, *text, *again;
    size_t length = 0;
    char day[11], second[11];

    next_line(&lines, &line, &length);
    format = stw_arena_strndup(arena, line, length);
    text = lines.at < lines.end ? stw_arena_strndup(arena, lines.at, (size_t)(lines.end - lines.at)) : "";
    if (stw_import_date_format_valid(format) && stw_import_date_read(format, text, day)) {
        check_day(day);
        again = write_date(arena, format, day);
        CHECK(stw_import_date_read(format, again, second));
        CHECK(strcmp(day, second) == 0);
        CHECK(strlen(text) >= strlen(again) && (may_be_longer(format) || strcmp(text, again) == 0));
        /* and a digit more is none */
        CHECK(!stw_import_date_read(format, stw_arena_printf(arena, "%s7", again), second) ||
              strcmp(day, second) != 0);
    }
    stw_arena_free(arena);
    return 0;
}
