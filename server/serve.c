#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/confine.h"
#include "server/listen.h"
#include "server/loop_private.h"
#include "server/memory.h"

#define LOOPS_BY_DEFAULT 8
#define GIVE_BACK_MS     5000

/* A signal handler knows nothing but globals. */
static int stop_fd = -1;
static volatile sig_atomic_t stop_wanted, reload_wanted;

static void on_signal(int number)
{
    uint64_t one = 1;
    int before = errno;

    if (number == SIGHUP)
        reload_wanted = 1;
    else
        stop_wanted = 1;
    (void)!write(stop_fd, &one, sizeof(one));
    errno = before;
}

/* A handler and a descriptor instead of signalfd: it works whatever threads exist already and whatever they
 * block. */
static bool catch_signals(bool can_reload, struct sigaction *ret_before_interrupt)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    stop_wanted = reload_wanted = 0;
    stop_fd = eventfd(0, EFD_CLOEXEC);
    if (stop_fd < 0)
        return false;
    return !sigaction(SIGPIPE, &ignore, NULL) && !sigaction(SIGTERM, &stop, NULL) &&
           !sigaction(SIGINT, &stop, ret_before_interrupt) &&
           (!can_reload || !sigaction(SIGHUP, &stop, NULL));
}

/* The process is about to end: being told so again must not end it sooner, as if it had failed. */
static void release_signals(const struct sigaction *before_interrupt)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGTERM, &ignore, NULL);
    sigaction(SIGINT, before_interrupt, NULL);
    close(stop_fd);
    stop_fd = -1;
}

/* Until a signal comes, or until the time is over. */
static void wait_for_signal(int milliseconds)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    uint64_t count;
    int found;

    do
        found = poll(&stop, 1, milliseconds);
    while (found < 0);
    if (found > 0)
        (void)!read(stop_fd, &count, sizeof(count));
}

/* Until a signal to stop. From then on nothing is read anew. */
static void wait_for_end(struct srv_server *server)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    while (!stop_wanted) {
        wait_for_signal(GIVE_BACK_MS);
        srv_memory_give_back();
        if (reload_wanted) {
            reload_wanted = 0;
            server->reload(server);
        }
    }
    if (server->reload)
        sigaction(SIGHUP, &ignore, NULL);
}

/* sd_notify(3) without its library: one datagram. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    int fd;

    if (!length || length >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
}

static int loop_count(const struct srv_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->loops > 0)
        return config->loops < SRV_LISTEN_MAX ? config->loops : SRV_LISTEN_MAX;
    return cores < 1 ? 1 : cores > LOOPS_BY_DEFAULT ? LOOPS_BY_DEFAULT : (int)cores;
}

/* Every connection is a descriptor. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool start_threads(struct srv_loop **loops, int count, int *ret_started)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (*ret_started = 0; *ret_started < count; ++*ret_started)
        if (pthread_create(&loops[*ret_started]->thread, NULL, srv_loop_run, loops[*ret_started]))
            break;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return *ret_started == count;
}

/* True when every loop answered all it had in time. */
static bool stop_threads(struct srv_shared *shared, struct srv_loop **loops, int count)
{
    bool clean = true;

    atomic_store(&shared->leaving, true);
    atomic_store(&shared->stopping, true);
    for (int i = 0; i < count; i++)
        srv_loop_wake(loops[i]);
    for (int i = 0; i < count; i++) {
        pthread_join(loops[i]->thread, NULL);
        clean = clean && loops[i]->clean;
    }
    return clean;
}

static bool make_loops(struct srv_shared *shared, struct srv_listeners *listeners, struct srv_loop **loops)
{
    for (int i = 0; i < listeners->count; i++) {
        int fd = listeners->fds[i];

        listeners->fds[i] = -1;
        loops[i] = srv_loop_new(shared, i, fd, listeners->own);
        if (!loops[i])
            return false;
    }
    return true;
}

static bool confine(const struct srv_config *config)
{
    int error = srv_confine(srv_confine_named(config->seccomp));

    if (error)
        fprintf(stderr,
                "serve: the kernel does not take the filter of system calls: %s; STEWARD_SECCOMP=off serves "
                "without\n",
                strerror(error));
    return !error;
}

static int serve(struct srv_shared *shared, struct srv_listeners *listeners,
                 void (*on_ready)(void *self, int port), void *self)
{
    struct srv_loop *loops[SRV_LISTEN_MAX] = {0};
    int started = 0;
    bool clean = true;
    bool ok = make_loops(shared, listeners, loops) && start_threads(loops, listeners->count, &started) &&
              confine(shared->server->config);

    if (ok) {
        printf("listening on %s\n", listeners->url);
        fflush(stdout);
        notify("READY=1");
        if (on_ready)
            on_ready(self, listeners->port);
        wait_for_end(shared->server);
        notify("STOPPING=1");
        atomic_store(&shared->leaving, true);
        wait_for_signal(shared->server->config->drain_delay_ms);
    }
    if (started)
        clean = stop_threads(shared, loops, started);
    /* What still runs after the drain uses all this: then the process ends with it. */
    for (int i = 0; clean && i < listeners->count; i++)
        srv_loop_free(loops[i]);
    return ok && clean ? EXIT_SUCCESS : EXIT_FAILURE;
}

int srv_serve(struct srv_server *server, void (*on_ready)(void *self, int port), void *self)
{
    /* Not on the stack: handlers that outlast the drain still look at it. */
    static struct srv_shared shared;
    struct srv_listeners listeners;
    struct sigaction before_interrupt;
    int status;

    shared =
        (struct srv_shared){.server = server, .proxies = srv_proxies_new(server->config->trusted_proxies)};
    if (!shared.proxies) {
        fprintf(stderr, "out of memory\n"); /* the setting was checked */
        return EXIT_FAILURE;
    }
    raise_limits();
    if (!srv_listen_open(&listeners, server->config->listen, server->config->port,
                         loop_count(server->config)) ||
        !catch_signals(server->reload != NULL, &before_interrupt))
        return EXIT_FAILURE;
    shared.loop_count = listeners.count;
    status = serve(&shared, &listeners, on_ready, self);
    for (int i = 0; i < listeners.count; i++)
        if (listeners.fds[i] >= 0)
            close(listeners.fds[i]);
    release_signals(&before_interrupt);
    if (status == EXIT_SUCCESS)
        srv_proxies_free(shared.proxies);
    return status;
}
