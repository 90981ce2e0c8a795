#include "server/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* tests/api/test_hardening.py reads this list: deploy/steward.service must allow all of it. */
static const char *const allowed[] = {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* LeakSanitizer stops all threads from a process of its own to look at them. */
    "clone", "getdents", "getppid", "personality", "prctl", "ptrace", "sigaltstack", "tgkill", "wait4",
#endif
    /* clients and the database */
    "accept4", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "poll", "ppoll",
    "connect", "shutdown", "getpeername", "getsockname", "getsockopt", "setsockopt", "read", "recvfrom",
    "recvmsg", "write", "writev", "sendto", "sendmsg",
    /* names: netlink tells which addresses this host has, and its socket is bound */
    "bind", "sendmmsg", "uname",
    /* files that are read: time zones, authorities, /proc/self, converters of encodings */
    "access", "close", "faccessat", "faccessat2", "fcntl", "fstat", "getdents64", "lseek", "newfstatat",
    "pread64", "readlink", "stat", "statx",
    /* memory and threads */
    "brk", "madvise", "mremap", "munmap", "futex", "set_robust_list", "rseq", "exit", "exit_group",
    "restart_syscall", "sched_getaffinity", "sched_yield", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    /* time, chance and itself */
    "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "getrandom", "geteuid", "getpid",
    "getrusage", "gettid", "getuid", "sysinfo"};

/* A call is let through when one of its arguments, as far as the mask goes, is the value of one of its rows.
 */
struct condition {
    const char *call;
    unsigned argument;
    scmp_datum_t mask;
    scmp_datum_t value;
};

#define INT        UINT32_MAX /* of an int the kernel does not look at more */
#define WRITING    (O_ACCMODE | O_CREAT | O_TRUNC)
#define WRITE_EXEC (PROT_WRITE | PROT_EXEC)

static const struct condition conditions[] = {
    {"socket", 0, INT, AF_UNIX},
    {"socket", 0, INT, AF_INET},
    {"socket", 0, INT, AF_INET6},
    {"socket", 0, INT, AF_NETLINK},
    {"open", 1, WRITING, O_RDONLY},
    {"openat", 2, WRITING, O_RDONLY},
    {"ioctl", 1, INT, FIONBIO},
    {"ioctl", 1, INT, FIONREAD},
    {"ioctl", 1, INT, TCGETS},
    /* Libraries are mapped executable, but never writable with it, and nothing is made executable later. */
    {"mmap", 2, WRITE_EXEC, 0},
    {"mmap", 2, WRITE_EXEC, PROT_WRITE},
    {"mmap", 2, WRITE_EXEC, PROT_EXEC},
    {"mprotect", 2, PROT_EXEC, 0},
    {"clone", 0, CLONE_THREAD, CLONE_THREAD},
    {"prlimit64", 2, UINT64_MAX, 0},
    {"prctl", 0, INT, PR_SET_NAME},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum srv_confine srv_confine_named(const char *word)
{
    if (!word || !strcmp(word, "off"))
        return SRV_CONFINE_OFF;
    return strcmp(word, "kill") ? SRV_CONFINE_REFUSE : SRV_CONFINE_KILL;
}

static int allow(scmp_filter_ctx filter, const char *name, unsigned count, struct scmp_arg_cmp condition)
{
    int number = seccomp_syscall_resolve_name(name);

    /* One that this architecture does not have has a number all the same, and stays out of the filter. */
    if (number == __NR_SCMP_ERROR)
        return -EINVAL;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, &condition);
}

static int fill(scmp_filter_ctx filter)
{
    int code = 0;

    for (size_t i = 0; i < COUNT(allowed) && !code; i++)
        code = allow(filter, allowed[i], 0, (struct scmp_arg_cmp){0});
    for (const struct condition *row = conditions; row < conditions + COUNT(conditions) && !code; row++)
        code =
            allow(filter, row->call, 1, SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, row->mask, row->value));
    /* abort() sends itself a signal, and nobody else. */
    if (!code)
        code = allow(filter, "tgkill", 1, SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, INT, (scmp_datum_t)getpid()));
    /* Its flags lie in memory, where no filter looks. Without it the C library takes clone. */
    if (!code)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return code;
}

int srv_confine(enum srv_confine how)
{
    scmp_filter_ctx filter;
    int code;

    if (how == SRV_CONFINE_OFF)
        return 0;
    filter = seccomp_init(how == SRV_CONFINE_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return ENOMEM;
    code = fill(filter);
    if (!code)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    /* These three only help: the kernel's log names what was refused, the many rules are searched as a tree,
     * and older kernels do not slow down all that runs behind a filter as if it were foreign code. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    if (!code)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return -code;
}
