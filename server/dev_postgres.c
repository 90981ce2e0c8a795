#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "server/command.h"
#include "server/dev.h"

#define SOCKET_PATH_MAX 100
#define SOCKET_NAME     "/.s.PGSQL.5432"
#define START_LIMIT_US  (INT64_C(60) * 1000000)
#define STOP_LIMIT_US   (INT64_C(30) * 1000000)
#define LOG_TAIL        2000

static void sleep_ms(long milliseconds)
{
    struct timespec pause = {.tv_nsec = milliseconds * 1000000};

    nanosleep(&pause, NULL);
}

static bool has_program(const char *folder, const char *name)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) && access(path, X_OK) == 0;
}

/* A folder with the server and initdb; Debian's psql wrappers alone are of no use. */
static bool is_bin(const char *folder)
{
    return has_program(folder, "postgres") && has_program(folder, "initdb");
}

static bool find_in_path(struct srv_dev *dev)
{
    const char *at = getenv("PATH");

    while (at && *at) {
        size_t length = strcspn(at, ":");

        if (length > 0 && length < sizeof(dev->bin)) {
            memcpy(dev->bin, at, length);
            dev->bin[length] = '\0';
            if (dev->bin[0] == '/' && is_bin(dev->bin))
                return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

static bool find_bin(struct srv_dev *dev)
{
    glob_t found;
    long newest = 0;

    if (find_in_path(dev))
        return true;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            long version = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);

            if (version > newest && is_bin(found.gl_pathv[i])) {
                newest = version;
                snprintf(dev->bin, sizeof(dev->bin), "%s", found.gl_pathv[i]);
            }
        }
    }
    globfree(&found);
    if (newest > 0)
        return true;
    srv_command_say(
        "dev: no PostgreSQL server found, neither in PATH nor in /usr/lib/postgresql; on Debian: apt install "
        "postgresql");
    return false;
}

#define ARGUMENTS_MAX 31

/* In the child: output to the cluster's log, nothing of ours inherited, then the program. */
static _Noreturn void run_program(const struct srv_dev *dev, const char *name, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 1] = {NULL};
    char path[PATH_MAX + 64];
    pid_t parent = getppid();
    int log_fd;

    /* The terminal's Ctrl-C is for us alone: the server drains before its database goes. */
    setpgid(0, 0);
    umask(077);
    if (!srv_dev_become(dev))
        _exit(126);
    log_fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log_fd < 0 || dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(126);
    close(STDIN_FILENO);
    if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
        _exit(126);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    /* After the change of user, which forgets it. */
    if (prctl(PR_SET_PDEATHSIG, SIGINT) < 0 || getppid() != parent)
        _exit(126);
    snprintf(path, sizeof(path), "%s/%s", dev->bin, name);
    /* By its whole path: PostgreSQL's programs find each other beside themselves, and their folder is in
     * nobody's PATH. */
    all[0] = path;
    for (int i = 1; i < ARGUMENTS_MAX && arguments[i]; i++)
        all[i] = arguments[i];
    execv(path, (char *const *)(uintptr_t)all);
    _exit(127);
}

static pid_t start_program(const struct srv_dev *dev, const char *name, const char *const *arguments)
{
    pid_t child = fork();

    if (child == 0)
        run_program(dev, name, arguments);
    if (child < 0)
        srv_command_say("dev: %s cannot be started: %s", name, strerror(errno));
    return child;
}

/* The last lines of the cluster's log, for whoever has to find out. */
static void show_log(const struct srv_dev *dev)
{
    char path[PATH_MAX];
    char text[LOG_TAIL + 1];
    size_t length;
    FILE *file;

    if (snprintf(path, sizeof(path), "%s/log", dev->cluster) >= (int)sizeof(path) ||
        !(file = fopen(path, "re")))
        return;
    if (fseek(file, -LOG_TAIL, SEEK_END) < 0)
        rewind(file);
    length = fread(text, 1, LOG_TAIL, file);
    text[length] = '\0';
    fprintf(stderr, "%s\n(from %s)\n", text, path);
    fclose(file);
}

static bool cluster_file(const struct srv_dev *dev, const char *name, char ret_path[PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/%s", dev->cluster, name) < PATH_MAX;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Into a folder beside, renamed when complete: one that was interrupted is never taken for a cluster. */
static bool make_cluster(const struct srv_dev *dev)
{
    static const char *const arguments[] = {
        "initdb", "-D", "data.new", "-A", "trust", "-U", "steward", "-E", "UTF8", "--locale=C.UTF-8", NULL};
    char from[PATH_MAX];
    char to[PATH_MAX];
    int status = -1;
    pid_t child;

    if (!cluster_file(dev, "data.new", from) || !cluster_file(dev, "data", to))
        return false;
    if (access(to, F_OK) == 0)
        return true;
    nftw(from, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    fprintf(stderr, "steward: making a PostgreSQL cluster in %s\n", dev->cluster);
    child = start_program(dev, "initdb", arguments);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && rename(from, to) == 0)
        return true;
    srv_command_say("dev: initdb failed");
    show_log(dev);
    return false;
}

/* postmaster.pid as far as it goes: its process id (0: none), and whether it says that it takes connections.
 */
static pid_t read_pid_file(const struct srv_dev *dev, bool *ret_ready)
{
    char path[PATH_MAX];
    char line[PATH_MAX];
    pid_t pid = 0;
    FILE *file;

    *ret_ready = false;
    if (!cluster_file(dev, "data/postmaster.pid", path) || !(file = fopen(path, "re")))
        return 0;
    for (int number = 1; fgets(line, sizeof(line), file); number++) {
        if (number == 1)
            pid = (pid_t)strtol(line, NULL, 10);
        if (number == 8)
            *ret_ready = strncmp(line, "ready", 5) == 0;
    }
    fclose(file);
    return pid;
}

/* A postmaster stands in its data folder; a process that only inherited the number does not. */
static bool is_ours(const struct srv_dev *dev, pid_t pid)
{
    char link[64];
    char folder[PATH_MAX];
    char data[PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
    length = readlink(link, folder, sizeof(folder) - 1);
    if (length < 0 || !cluster_file(dev, "data", data))
        return false;
    folder[length] = '\0';
    return strcmp(folder, data) == 0;
}

/* We hold the lock, so what still runs was left behind by one that was killed. */
static bool end_leftover(const struct srv_dev *dev)
{
    char path[PATH_MAX];
    bool ready;
    pid_t pid = read_pid_file(dev, &ready);
    int64_t until = stw_clock_monotonic_us() + STOP_LIMIT_US;

    if (pid <= 0 || !cluster_file(dev, "data/postmaster.pid", path) || kill(pid, 0) < 0)
        return true;
    if (!is_ours(dev, pid)) {
        /* Somebody else's number now, over which PostgreSQL would refuse to start. */
        unlink(path);
        return true;
    }
    fprintf(stderr, "steward: stopping a PostgreSQL that was left behind (process id %d)\n", (int)pid);
    kill(pid, SIGINT);
    while (is_ours(dev, pid) && stw_clock_monotonic_us() < until)
        sleep_ms(20);
    if (!is_ours(dev, pid))
        return true;
    srv_command_say("dev: PostgreSQL process %d does not stop", (int)pid);
    return false;
}

bool srv_dev_socket(struct srv_dev *dev)
{
    dev->socket_is_own = strlen(dev->cluster) + strlen(SOCKET_NAME) > SOCKET_PATH_MAX;
    snprintf(dev->socket, sizeof(dev->socket), "%s",
             dev->socket_is_own ? "/tmp/steward-XXXXXX" : dev->cluster);
    if (!dev->socket_is_own)
        return true;
    if (mkdtemp(dev->socket) && (geteuid() != 0 || chown(dev->socket, dev->uid, dev->gid) == 0))
        return true;
    srv_command_say("dev: no folder for the socket can be made in /tmp: %s", strerror(errno));
    dev->socket_is_own = false;
    return false;
}

void srv_dev_socket_remove(struct srv_dev *dev)
{
    if (dev->socket_is_own)
        nftw(dev->socket, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    dev->socket_is_own = false;
}

/* unix_socket_directories is a list; in quotes a comma or a blank stands for itself. */
static bool socket_setting(const struct srv_dev *dev, char *ret_text, size_t size)
{
    size_t at = (size_t)snprintf(ret_text, size, "unix_socket_directories=\"");

    for (const char *c = dev->socket; *c && at + 4 < size; c++) {
        if (*c == '"')
            ret_text[at++] = '"';
        ret_text[at++] = *c;
    }
    ret_text[at++] = '"';
    ret_text[at] = '\0';
    return at + 4 < size;
}

static bool wait_until_ready(struct srv_dev *dev)
{
    int64_t until = stw_clock_monotonic_us() + START_LIMIT_US;

    while (stw_clock_monotonic_us() < until) {
        bool ready;
        pid_t pid = read_pid_file(dev, &ready);

        if (ready && pid == dev->postmaster)
            return true;
        if (waitpid(dev->postmaster, NULL, WNOHANG) == dev->postmaster) {
            dev->postmaster = 0;
            break;
        }
        sleep_ms(10);
    }
    srv_command_say("dev: PostgreSQL does not start");
    show_log(dev);
    srv_dev_postgres_stop(dev);
    return false;
}

bool srv_dev_postgres_start(struct srv_dev *dev)
{
    char socket[2 * PATH_MAX + 64];
    const char *arguments[] = {"postgres",
                               "-D",
                               "data",
                               "-p",
                               "5432",
                               "-c",
                               "listen_addresses=",
                               "-c",
                               socket,
                               "-c",
                               "unix_socket_permissions=0700",
                               "-c",
                               "cluster_name=steward-dev",
                               NULL};

    if (!find_bin(dev) || !make_cluster(dev) || !end_leftover(dev) ||
        !socket_setting(dev, socket, sizeof(socket)))
        return false;
    dev->postmaster = start_program(dev, "postgres", arguments);
    return dev->postmaster > 0 && wait_until_ready(dev);
}

void srv_dev_postgres_stop(struct srv_dev *dev)
{
    int64_t until = stw_clock_monotonic_us() + STOP_LIMIT_US;
    bool ended = false;

    if (dev->postmaster <= 0)
        return;
    kill(dev->postmaster, SIGINT);
    while (!ended && stw_clock_monotonic_us() < until) {
        ended = waitpid(dev->postmaster, NULL, WNOHANG) != 0;
        if (!ended)
            sleep_ms(10);
    }
    if (!ended) {
        kill(dev->postmaster, SIGQUIT);
        while (waitpid(dev->postmaster, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    dev->postmaster = 0;
}
