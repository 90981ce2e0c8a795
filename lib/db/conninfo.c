#include "db/conninfo.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Where an unescaped / or ? ends the user too early, libpq takes what follows the colon for the port. */
static bool is_number(const PQconninfoOption *option)
{
    /* one for each host */
    return !option->val || option->val[strspn(option->val, "0123456789,")] == '\0';
}

const char *stw_conninfo_fault(const char *text)
{
    PQconninfoOption *all = PQconninfoParse(text, NULL);
    const char *fault = NULL;

    if (!all)
        return "cannot be read: in a URL the characters %/?#@[] of a password are percent-encoded, in a "
               "connection "
               "string a value with spaces is quoted";
    for (const PQconninfoOption *option = all; option->keyword && !fault; option++) {
        if (strcmp(option->keyword, "port") == 0 && !is_number(option))
            fault = "has a port that is no number: the characters %/?#@[] of a password are percent-encoded";
    }
    PQconninfoFree(all);
    return fault;
}
