#ifndef SRV_CONFINE_H
#define SRV_CONFINE_H

/*
 * What a serving process may ask of the kernel. From the moment it serves, a filter of system calls lets
 * through what serving needs and nothing else: no other program, no new process, no file opened for writing,
 * no further listening socket, no memory that is writable and executable, no look into other processes. It
 * holds for every thread and cannot be taken off. Children would inherit it, but there are none.
 */

enum srv_confine {
    SRV_CONFINE_OFF,
    SRV_CONFINE_REFUSE, /* such a call fails with EPERM */
    SRV_CONFINE_KILL,   /* such a call ends the process with SIGSYS */
};

/* STEWARD_SECCOMP's words. NULL is off, as for a configuration that nobody read. */
enum srv_confine srv_confine_named(const char *word);
/* Confines all threads of the process, the running ones too. 0, or the errno value that says why it cannot be
 * done. */
int srv_confine(enum srv_confine how) __attribute__((warn_unused_result));

#endif
