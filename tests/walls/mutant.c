/*
 * The server with its statements tampered with, for tests/api/test_walls_apart.py and test_mutants.py: linked
 * around libpq's ways to send one, it sees every statement, composed or written by hand, as it goes out.
 *
 *   MUTANT_ALL    set: each "org_id = $1" of any statement is true for every row. What keeps organizations
 *                 apart then is the views alone.
 *   MUTANT_LOG    a file to which each statement is written as it runs, with its values: the text and each
 *                 value end in 0x1f, the statement in 0x1e.
 *   MUTANT_SWAP   a file of two texts, each ending in 0x1e: from the moment it is there, the statement with
 *                 the first text is sent as the second. Replace it by another (rename) and that one counts.
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREDICATE "org_id = $1"
#define NOTHING   "($1::uuid is not null)"
#define VALUE_END '\x1f'
#define TEXT_END  '\x1e'

/* ld --wrap gives these names. */
int __real_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types);
int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types);
int __real_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format);
int __real_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */

/* ---- what a name stands for: lib/db gives no two texts one ---- */

struct known {
    struct known *next;
    char *name, *sql;
};
static struct known *known[4096];

static struct known **slot_of(const char *name)
{
    unsigned hash = 2166136261u;

    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct known **slot = &known[hash % (sizeof known / sizeof known[0])];
    while (*slot && strcmp((*slot)->name, name) != 0)
        slot = &(*slot)->next;
    return slot;
}

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void remember(const char *name, const char *sql)
{
    pthread_mutex_lock(&lock);
    struct known **slot = slot_of(name);
    if (!*slot) {
        *slot = must(calloc(1, sizeof **slot));
        (*slot)->name = must(strdup(name));
        (*slot)->sql = must(strdup(sql));
    }
    pthread_mutex_unlock(&lock);
}

static const char *recall(const char *name)
{
    pthread_mutex_lock(&lock);
    const struct known *found = *slot_of(name);
    pthread_mutex_unlock(&lock);
    return found ? found->sql : NULL;
}

/* ---- all predicates ---- */

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
static char *without_predicates(const char *sql)
{
    char *text = must(calloc(2, strlen(sql) + sizeof NOTHING)), *to = text;
    const char *from = sql, *found = sql;

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

/* ---- one statement ---- */

static char *swap; /* the file as it was last read, its two texts as strings */
static const char *swap_to;

static void read_swap(const char *path, off_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    free(swap);
    swap = must(calloc(1, (size_t)size + 1));
    swap_to = NULL;
    if (file < 0 || read(file, swap, (size_t)size) != size)
        abort();
    close(file);
    char *middle = strchr(swap, TEXT_END);
    char *end = middle ? strchr(middle + 1, TEXT_END) : NULL;
    if (end) {
        *middle = *end = '\0';
        swap_to = middle + 1;
    }
}

/* A copy of what is sent in place of `sql`, or NULL. */
static char *swapped(const char *sql)
{
    static struct stat last;
    const char *path = getenv("MUTANT_SWAP");
    struct stat now;
    char *found = NULL;

    if (!path || stat(path, &now) != 0)
        return NULL;
    pthread_mutex_lock(&lock);
    if (now.st_ino != last.st_ino || now.st_mtim.tv_nsec != last.st_mtim.tv_nsec ||
        now.st_mtim.tv_sec != last.st_mtim.tv_sec)
        read_swap(path, now.st_size);
    last = now;
    if (swap_to && strcmp(sql, swap) == 0)
        found = must(strdup(swap_to));
    pthread_mutex_unlock(&lock);
    return found;
}

static void write_log(const char *sql, int count, const char *const *values)
{
    const char *path = getenv("MUTANT_LOG");
    FILE *file;

    if (!path)
        return;
    pthread_mutex_lock(&lock);
    file = must(fopen(path, "ae"));
    fprintf(file, "%s%c", sql, VALUE_END);
    for (int i = 0; i < count; i++)
        fprintf(file, "%s%c", values[i] ? values[i] : "", VALUE_END);
    fputc(TEXT_END, file);
    fclose(file);
    pthread_mutex_unlock(&lock);
}

/* ---- libpq's ways ---- */

/* To be freed. */
static char *text_of(const char *sql)
{
    return getenv("MUTANT_ALL") ? without_predicates(sql) : must(strdup(sql));
}

int __wrap_PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
    char *text = text_of(sql);
    int sent = __real_PQsendPrepare(conn, name, text, count, types);

    remember(name, sql);
    free(text);
    return sent;
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats, int format)
{
    char *text = swapped(sql);

    write_log(sql, count, values);
    if (!text)
        text = text_of(sql);
    int sent = __real_PQsendQueryParams(conn, text, count, types, values, lengths, formats, format);
    free(text);
    return sent;
}

int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format)
{
    const char *sql = recall(name);
    char *text = sql ? swapped(sql) : NULL;

    if (sql)
        write_log(sql, count, values);
    int sent = text ? __real_PQsendQueryParams(conn, text, count, NULL, values, lengths, formats, format)
                    : __real_PQsendQueryPrepared(conn, name, count, values, lengths, formats, format);
    free(text);
    return sent;
}
