/*
 * The server without the first wall, for tests/api/test_walls_apart.py: linked around libpq's two ways to
 * send a statement, it makes each "org_id = $1" of any of them, composed or written by hand, true for every
 * row. What keeps organizations apart then is the views alone.
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREDICATE "org_id = $1"
#define NOTHING   "($1::uuid is not null)"

/* ld --wrap gives these names. */
int __real_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types);
int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types);
int __real_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Where the predicate begins: with its alias, if it has one; NULL when it is the end of a longer name or of
 * another parameter's number. */
static const char *start_of(const char *sql, const char *found)
{
    const char *end = found + strlen(PREDICATE), *start = found;

    if ((*end >= '0' && *end <= '9') || (found > sql && is_name(found[-1])))
        return NULL;
    if (found > sql && found[-1] == '.') {
        start--;
        while (start > sql && is_name(start[-1]))
            start--;
    }
    return start;
}

/* To be freed. */
static char *without_predicate(const char *sql)
{
    char *text = calloc(2, strlen(sql) + sizeof NOTHING), *to = text;
    const char *from = sql, *found = sql;

    if (!text)
        abort();
    while ((found = strstr(found, PREDICATE))) {
        const char *start = start_of(sql, found);
        found += strlen(PREDICATE);
        if (!start)
            continue;
        to = mempcpy(to, from, (size_t)(start - from));
        to = mempcpy(to, NOTHING, strlen(NOTHING));
        from = found += strncmp(found, "::uuid", 6) == 0 ? 6 : 0;
    }
    strcpy(to, from);
    return text;
}

int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
    char *text = without_predicate(sql);
    int sent = __real_PQsendPrepare(conn, name, text, count, types);

    free(text);
    return sent;
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format)
{
    char *text = without_predicate(sql);
    int sent = __real_PQsendQueryParams(conn, text, count, types, values, lengths, formats, format);

    free(text);
    return sent;
}
