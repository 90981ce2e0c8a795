#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/confine.h"

/* Each attempt is made by a child of its own: free, refused and under threat of death. It gives 0 or an
 * errno. */
struct attempt {
    const char *name;
    int (*act)(void);
};

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

static int start_a_program(void)
{
    return outcome(execl("/bin/true", "true", (char *)NULL));
}

static int write_a_file(void)
{
    return outcome(open("/dev/null", O_WRONLY));
}

static int make_a_file(void)
{
    return outcome(open("/dev/null", O_RDONLY | O_CREAT, 0600));
}

static int make_a_folder(void)
{
    char name[] = "/tmp/steward-confine-XXXXXX";
    int code = outcome(mkdtemp(name) ? 0 : -1);

    if (!code)
        rmdir(name);
    return code;
}

static int listen_for_others(void)
{
    return outcome(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int send_a_signal(void)
{
    return outcome(kill(getpid(), 0));
}

static int raise_a_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_CORE, &limit);
    return outcome(setrlimit(RLIMIT_CORE, &limit));
}

static int change_folder(void)
{
    return outcome(chdir("/"));
}

static int code_from_nowhere(void)
{
    return outcome(syscall(SYS_memfd_create, "x", 0));
}

static int memory_for_code(void)
{
    void *bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return outcome(bytes == MAP_FAILED ? -1 : 0);
}

static int data_into_code(void)
{
    void *bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return outcome(mprotect(bytes, 4096, PROT_READ | PROT_EXEC));
}

static int a_pair_of_sockets(void)
{
    int pair[2];

    return outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static int a_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return outcome(pid);
}

static int look_into_a_process(void)
{
    return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
#endif

static const struct attempt refused[] = {
    {"execve", start_a_program},
    {"open for writing", write_a_file},
    {"open of a new file", make_a_file},
    {"mkdir", make_a_folder},
    {"listen", listen_for_others},
    {"kill", send_a_signal},
    {"setrlimit", raise_a_limit},
    {"chdir", change_folder},
    {"memfd_create", code_from_nowhere},
    {"mmap, writable and executable", memory_for_code},
    {"mprotect, executable", data_into_code},
    {"socketpair", a_pair_of_sockets},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* LeakSanitizer does this itself. */
    {"fork", a_process},
    {"ptrace", look_into_a_process},
#endif
};

static int read_a_file(void)
{
    char byte;
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return outcome(fd < 0 ? -1 : read(fd, &byte, 1));
}

static void *idle(void *self)
{
    return self;
}

static int a_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, idle, NULL);

    return error ? error : pthread_join(thread, NULL);
}

static int resolve_a_name(void)
{
    struct addrinfo *found = NULL;

    /* Who has no such name has asked for it all the same. */
    if (!getaddrinfo("localhost", "5432", NULL, &found))
        freeaddrinfo(found);
    return 0;
}

static int call_somebody(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) && errno == EPERM;
}

static int much_memory(void)
{
    char *bytes = malloc(64 << 20);

    if (!bytes)
        return ENOMEM;
    bytes[0] = 'x';
    bytes = realloc(bytes, 128 << 20);
    free(bytes);
    return 0;
}

static int a_pause(void)
{
    return outcome(nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL));
}

static void end_well(int number)
{
    (void)number;
    _exit(0);
}

/* The log's last lines are written by a handler of SIGABRT. */
static int stop_at_once(void)
{
    signal(SIGABRT, end_well);
    abort();
}

static const struct attempt granted[] = {
    {"open for reading", read_a_file}, {"pthread_create", a_thread}, {"getaddrinfo", resolve_a_name},
    {"connect", call_somebody},        {"malloc", much_memory},      {"nanosleep", a_pause},
    {"abort", stop_at_once},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* What wait says of a child that makes the attempt. */
static int status_of(const struct attempt *attempt, enum srv_confine how)
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0) {
        int error = srv_confine(how);

        /* cmocka's buffers and a sanitizer's last look are the parent's. */
        _exit(error ? 255 : attempt->act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect_exit(const struct attempt *attempt, enum srv_confine how, int code)
{
    int status = status_of(attempt, how);

    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        fail_msg("%s: status %#x, not exit %d", attempt->name, (unsigned)status, code);
}

static void what_serving_needs_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(granted); i++)
        expect_exit(&granted[i], SRV_CONFINE_KILL, 0);
}

static void all_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        expect_exit(&refused[i], SRV_CONFINE_OFF, 0);
        expect_exit(&refused[i], SRV_CONFINE_REFUSE, EPERM);
    }
}

static void or_ends_the_process(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        int status = status_of(&refused[i], SRV_CONFINE_KILL);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status %#x, not SIGSYS", refused[i].name, (unsigned)status);
    }
}

static pthread_barrier_t before;
static pthread_barrier_t after;

static void *act_when_confined(void *attempt)
{
    int (*act)(void) = ((const struct attempt *)attempt)->act;

    pthread_barrier_wait(&before);
    pthread_barrier_wait(&after);
    return (void *)(intptr_t)act();
}

static int in_a_thread_that_was_there(void)
{
    pthread_t thread;
    void *result = NULL;
    struct attempt attempt = {"chdir", change_folder};

    pthread_barrier_init(&before, NULL, 2);
    pthread_barrier_init(&after, NULL, 2);
    pthread_create(&thread, NULL, act_when_confined, &attempt);
    pthread_barrier_wait(&before);
    if (srv_confine(SRV_CONFINE_REFUSE))
        return 255;
    pthread_barrier_wait(&after);
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

static void threads_that_run_already_are_confined_too(void **state)
{
    struct attempt attempt = {"chdir in a running thread", in_a_thread_that_was_there};

    (void)state;
    expect_exit(&attempt, SRV_CONFINE_OFF, EPERM);
}

static void the_words_of_the_setting(void **state)
{
    (void)state;
    assert_int_equal(srv_confine_named(NULL), SRV_CONFINE_OFF);
    assert_int_equal(srv_confine_named("off"), SRV_CONFINE_OFF);
    assert_int_equal(srv_confine_named("refuse"), SRV_CONFINE_REFUSE);
    assert_int_equal(srv_confine_named("kill"), SRV_CONFINE_KILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_the_setting),
        cmocka_unit_test(what_serving_needs_goes_on),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(or_ends_the_process),
        cmocka_unit_test(threads_that_run_already_are_confined_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
