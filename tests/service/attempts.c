/*
 * Tries what each setting of deploy/steward.service refuses, and prints the settings that refuse it not. All
 * of this any user may do, or is told another error: who runs it does not matter, only what stands in the
 * unit.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOWHERE "/nonexistent/file"

static void tried(const char *setting, long result, int refusal)
{
    if (result != -1 || errno != refusal)
        printf("%s\n", setting);
}

int main(void)
{
    struct sched_param no_priority = {.sched_priority = -1};
    unsigned long context = 0;
    char byte = 0;

    /* A filter refuses it with EPERM, the kernel's own switch, which systemd takes since 253, with EACCES. */
    void *both = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tried("MemoryDenyWriteExecute", both == MAP_FAILED ? -1 : 0, errno == EACCES ? EACCES : EPERM);
    tried("RestrictAddressFamilies", socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
    tried("RestrictNamespaces", unshare(CLONE_NEWUSER), EPERM);
    tried("RestrictRealtime", sched_setscheduler(0, SCHED_FIFO, &no_priority), EPERM);
    tried("RestrictSUIDSGID", chmod(NOWHERE, S_ISUID | S_IRUSR), EPERM);
    tried("LockPersonality", personality(ADDR_NO_RANDOMIZE), EPERM);
    tried("SystemCallFilter: @aio", syscall(SYS_io_setup, 1, &context), EPERM);
    tried("SystemCallFilter: @chown", chown(NOWHERE, 0, 0), EPERM);
    tried("SystemCallFilter: @keyring", syscall(SYS_keyctl, 0, -3, 0), EPERM);
    tried("SystemCallFilter: @memlock", mlock(&byte, 1), EPERM);
    tried("SystemCallFilter: @setuid", setuid(getuid()), EPERM);
    tried("SystemCallFilter: @system-service", ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
    printf("all tried\n");
    return 0;
}
