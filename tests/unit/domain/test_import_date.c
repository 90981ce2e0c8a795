#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/import_options.h"

static void knows_formats(void **state)
{
    static const char *const good[] = {"YYYY-MM-DD", "M/D/YYYY", "DD.MM.YYYY",
                                       "YYYYMMDD",   "D-M-YYYY", "YYYY年MM月DD日"};
    static const char *const bad[] = {"",         "YYYY",   "MM/DD",        "MM/MM/YYYY",
                                      "YY-MM-DD", "MDYYYY", "YYYY-MM-DDThh"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(stw_import_date_format_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(stw_import_date_format_valid(bad[i]));
}

static void reads_days(void **state)
{
    static const struct {
        const char *format, *text, *day; /* NULL: refused */
    } cases[] = {
        {"M/D/YYYY", "3/1/2017", "2017-03-01"},
        {"M/D/YYYY", "12/31/2017", "2017-12-31"},
        {"MM/DD/YYYY", "03/01/2017", "2017-03-01"},
        {"MM/DD/YYYY", "3/1/2017", NULL},
        {"YYYYMMDD", "20170301", "2017-03-01"},
        {"YYYY年MM月DD日", "2017年03月01日", "2017-03-01"},
        {"M/D/YYYY", "3/1/17", NULL},
        {"M/D/YYYY", "3/1/2017 ", NULL},
        {"M/D/YYYY", "3-1-2017", NULL},
        {"M/D/YYYY", "", NULL},
        {"M/D/YYYY", "123/1/2017", NULL},
        {"D.M.YYYY", "31.2.2017", "2017-02-31"},
    };
    char day[11];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool read = stw_import_date_read(cases[i].format, cases[i].text, day);

        assert_int_equal(read, cases[i].day != NULL);
        if (read)
            assert_string_equal(day, cases[i].day);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_formats),
        cmocka_unit_test(reads_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
