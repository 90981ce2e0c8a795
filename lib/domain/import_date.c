#include <stdio.h>
#include <string.h>

#include "domain/import_options.h"

enum part { YEAR, MONTH, DAY, PARTS };

struct token {
    const char *word;
    enum part part;
    int least, most; /* digits */
};

/* Longer words first, or MM would be read as M twice. */
static const struct token tokens[] = {
    {"YYYY", YEAR, 4, 4}, {"MM", MONTH, 2, 2}, {"DD", DAY, 2, 2}, {"M", MONTH, 1, 2}, {"D", DAY, 1, 2},
};

static const struct token *token_at(const char *format)
{
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        if (strncmp(format, tokens[i].word, strlen(tokens[i].word)) == 0)
            return &tokens[i];
    }
    return NULL;
}

bool stw_import_date_format_valid(const char *format)
{
    int seen[PARTS] = {0};
    bool open = false; /* a number whose length is not fixed came right before */

    while (*format) {
        const struct token *token = token_at(format);

        if (!token) {
            if (!strchr("/-. ,", *format) && (unsigned char)*format < 0x80)
                return false;
            open = false;
            format++;
            continue;
        }
        if (open || seen[token->part]++)
            return false;
        open = token->least != token->most;
        format += strlen(token->word);
    }
    return seen[YEAR] && seen[MONTH] && seen[DAY];
}

static bool read_number(const char **text, const struct token *token, int *ret_number)
{
    int digits = 0, number = 0;

    while (digits < token->most && **text >= '0' && **text <= '9') {
        number = number * 10 + (*(*text)++ - '0');
        digits++;
    }
    *ret_number = number;
    return digits >= token->least;
}

bool stw_import_date_read(const char *format, const char *text, char ret_date[11])
{
    int parts[PARTS] = {0};

    while (*format) {
        const struct token *token = token_at(format);

        if (token) {
            if (!read_number(&text, token, &parts[token->part]))
                return false;
            format += strlen(token->word);
        } else if (*format++ != *text++) {
            return false;
        }
    }
    if (*text)
        return false;
    /* whether there is such a day is the date type's to say */
    snprintf(ret_date, 11, "%04u-%02u-%02u", (unsigned)parts[YEAR] % 10000, (unsigned)parts[MONTH] % 100,
             (unsigned)parts[DAY] % 100);
    return true;
}
