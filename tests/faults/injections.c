/*
 * The server in which one call can be made to fail, for ./dev faults injections: linked around libpq's ways
 * to send, and with malloc, calloc, realloc and strdup of its own, which all libraries of the process use.
 *
 * STEWARD_TEST_INJECTIONS names a file that holds a struct control; the tests map it too. Of each kind the
 * calls are counted, and the one whose number stands in `at` fails. Only the threads that serve requests
 * count, or (`jobs`) only the one that does jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domain/jobs.h"
#include "resource/json_memory.h"
#include "server/handle.h"

/* tests/faults/injector.py knows them in this order. */
enum kind {
    SEND,      /* a call of libpq that puts something on its way says that it cannot */
    STATEMENT, /* the database refuses a statement with the SQLSTATE in `how`, or ends the session: "end" */
    SYNC,      /* the connection is cut, before the Sync leaves or (`how` is "sent") behind it */
    LIBPQ,     /* from here on an allocation of that library fails */
    JANSSON,
    MICROHTTPD,
    JWT,
    OWN, /* one of the server itself */
    KINDS
};

struct control {
    _Atomic int64_t seen[KINDS];
    _Atomic int64_t at[KINDS]; /* 0: none fails */
    _Atomic int64_t jobs;
    _Atomic int64_t held; /* no job is begun */
    char how[8];
};

static struct control *control; /* NULL: nothing ever fails */
static _Thread_local bool serves, works;
static _Thread_local bool for_jansson; /* what is allocated is, by the server's own function */

static bool fails(enum kind kind)
{
    if (!control || !(atomic_load(&control->jobs) ? works : serves))
        return false;
    return atomic_fetch_add(&control->seen[kind], 1) + 1 == atomic_load(&control->at[kind]);
}

/* ---- sanitizers, where it is built with them ---- */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* Debian's libraries have no frame pointers: without this their callers would not be known. */
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

/* libjwt 1.10.2 loses the texts that it has made so far when its next allocation fails. */
const char *__lsan_default_suppressions(void)
{
    return "leak:jwt_encode_str\n";
}

/* ---- allocations ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THEIRS(function) __interceptor_##function
#else
#define THEIRS(function) __libc_##function
#endif
void *THEIRS(malloc)(size_t size);
void *THEIRS(calloc)(size_t count, size_t size);
void *THEIRS(realloc)(void *old, size_t size);

/* Where the code of each of them lies, by the start of its file's name. */
static struct {
    const char *name;
    uintptr_t begin, end;
} rooms[KINDS] = {
    [LIBPQ] = {.name = "libpq.so"},
    [JANSSON] = {.name = "libjansson.so"},
    [MICROHTTPD] = {.name = "libmicrohttpd.so"},
    [JWT] = {.name = "libjwt.so"},
    [OWN] = {.name = ""}, /* the program */
};

static int find_room(struct dl_phdr_info *file, size_t size, void *unused)
{
    const char *slash = strrchr(file->dlpi_name, '/');
    const char *name = slash ? slash + 1 : file->dlpi_name;

    (void)size;
    (void)unused;
    for (int kind = LIBPQ; kind < KINDS; kind++) {
        const char *wanted = rooms[kind].name;

        if (*wanted ? strncmp(name, wanted, strlen(wanted)) != 0 : *name != '\0')
            continue;
        for (int i = 0; i < file->dlpi_phnum; i++) {
            const ElfW(Phdr) *part = &file->dlpi_phdr[i];

            if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
                rooms[kind].begin = file->dlpi_addr + part->p_vaddr;
                rooms[kind].end = rooms[kind].begin + part->p_memsz;
            }
        }
    }
    return 0;
}

/* Whether the allocation that returns to `caller` is the one to fail. */
static bool is_refused(const void *caller)
{
    if (!control)
        return false;
    if (for_jansson)
        return fails(JANSSON);
    for (int kind = LIBPQ; kind < KINDS; kind++)
        if ((uintptr_t)caller >= rooms[kind].begin && (uintptr_t)caller < rooms[kind].end)
            return fails((enum kind)kind);
    return false;
}

static void *refuse(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0)) ? refuse() : THEIRS(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? refuse() : THEIRS(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? refuse() : THEIRS(realloc)(old, size);
}

/* The C library's would call the above from within itself. */
char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = is_refused(__builtin_return_address(0)) ? refuse() : THEIRS(malloc)(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

/* ---- the database; ld --wrap gives the names ---- */

#define AROUND(type, function, ...)                                                                          \
    type __real_##function(__VA_ARGS__);                                                                     \
    type __wrap_##function(__VA_ARGS__);                                                                     \
    type __wrap_##function(__VA_ARGS__)

/* What is sent in place of a statement that is to fail: the database itself shall say no, and undo what it
 * undoes then. NULL: nothing. */
static const char *replacement(void)
{
    static _Thread_local char sql[128];

    if (!fails(STATEMENT))
        return NULL;
    if (strcmp(control->how, "end") == 0)
        return "select pg_terminate_backend(pg_backend_pid())";
    snprintf(sql, sizeof sql, "do $$ begin raise exception 'injected' using errcode = '%.5s'; end $$",
             control->how);
    return sql;
}

AROUND(int, PQsendPrepare, PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
    return fails(SEND) ? 0 : __real_PQsendPrepare(conn, name, sql, count, types);
}

AROUND(int, PQsendQueryParams, PGconn *conn, const char *sql, int count, const Oid *types,
       const char *const *values, const int *lengths, const int *formats, int format)
{
    if (fails(SEND))
        return 0;
    const char *other = replacement();
    return other ? __real_PQsendQueryParams(conn, other, 0, NULL, NULL, NULL, NULL, 0)
                 : __real_PQsendQueryParams(conn, sql, count, types, values, lengths, formats, format);
}

AROUND(int, PQsendQueryPrepared, PGconn *conn, const char *name, int count, const char *const *values,
       const int *lengths, const int *formats, int format)
{
    if (fails(SEND))
        return 0;
    const char *other = replacement();
    return other ? __real_PQsendQueryParams(conn, other, 0, NULL, NULL, NULL, NULL, 0)
                 : __real_PQsendQueryPrepared(conn, name, count, values, lengths, formats, format);
}

AROUND(int, PQpipelineSync, PGconn *conn)
{
    if (fails(SEND))
        return 0;
    if (!fails(SYNC))
        return __real_PQpipelineSync(conn);
    if (strcmp(control->how, "sent") != 0) {
        shutdown(PQsocket(conn), SHUT_RDWR);
        return __real_PQpipelineSync(conn);
    }
    int sent = __real_PQpipelineSync(conn);
    PQflush(conn);
    shutdown(PQsocket(conn), SHUT_RDWR);
    return sent;
}

AROUND(void *, stw_json_malloc, size_t size)
{
    for_jansson = true;
    void *memory = __real_stw_json_malloc(size);
    for_jansson = false;
    return memory;
}

/* ---- whose calls count ---- */

AROUND(void, srv_handle, struct srv_request *request, struct srv_reply *reply)
{
    serves = true;
    __real_srv_handle(request, reply);
}

AROUND(enum stw_code, stw_job_take, struct stw_context *ctx, struct stw_job *ret_job, bool *ret_taken)
{
    while (control && atomic_load(&control->held))
        usleep(1000);
    works = true;
    return __real_stw_job_take(ctx, ret_job, ret_taken);
}

__attribute__((constructor)) static void prepare(void)
{
    const char *path = getenv("STEWARD_TEST_INJECTIONS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped =
        file >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;

    if (mapped == MAP_FAILED)
        return;
    close(file);
    dl_iterate_phdr(find_room, NULL);
    control = mapped;
}
