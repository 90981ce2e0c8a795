#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/command.h"
#include "server/dev.h"

/* Where clusters go when their user cannot reach the data folder. */
#define ELSEWHERE "/var/lib/steward-dev"

void srv_dev_path(const struct srv_dev *dev, const char *name, char ret_path[PATH_MAX])
{
    if (snprintf(ret_path, PATH_MAX, "%s/%s", dev->data, name) >= PATH_MAX)
        ret_path[0] = '\0'; /* srv_dev_open has seen to it that this does not happen */
}

static bool fail(const char *what, const char *path)
{
    srv_command_say("dev: %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return fail("cannot make", path);
    return true;
}

/* The folder, the missing ones above it, and its absolute path. */
static bool make_data(struct srv_dev *dev, const char *path)
{
    char step[PATH_MAX];

    if (snprintf(step, sizeof(step), "%s", path) >= PATH_MAX - 64) {
        srv_command_say("dev: the path of the data folder is too long");
        return false;
    }
    for (char *slash = strchr(step + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (!make_folder(step, 0755))
            return false;
        *slash = '/';
    }
    if (!make_folder(step, 0755))
        return false;
    if (!realpath(step, dev->data))
        return fail("cannot use", step);
    if (strlen(dev->data) < PATH_MAX - 64)
        return true;
    srv_command_say("dev: the path of the data folder is too long");
    return false;
}

/* Held until this process ends, however it ends. */
static bool take_lock(struct srv_dev *dev)
{
    char path[PATH_MAX];
    char text[32] = "";

    srv_dev_path(dev, "lock", path);
    dev->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dev->lock_fd < 0)
        return fail("cannot open", path);
    if (flock(dev->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail("cannot lock", path);
        if (read(dev->lock_fd, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        srv_command_say(
            "dev: another steward dev%s%s is running on %s; stop it, or choose another --data-dir",
            text[0] ? " with process id " : "", text, dev->data);
        return false;
    }
    if (ftruncate(dev->lock_fd, 0) < 0 || dprintf(dev->lock_fd, "%d\n", (int)getpid()) < 0)
        return fail("cannot write", path);
    return true;
}

/* PostgreSQL refuses to run as root. */
static bool find_user(struct srv_dev *dev)
{
    const struct passwd *entry;

    dev->uid = geteuid();
    dev->gid = getegid();
    if (dev->uid != 0)
        return true;
    entry = getpwnam("postgres");
    if (!entry) {
        srv_command_say(
            "dev: PostgreSQL cannot run as root and there is no user postgres; run as an ordinary user");
        return false;
    }
    dev->uid = entry->pw_uid;
    dev->gid = entry->pw_gid;
    snprintf(dev->user, sizeof(dev->user), "%s", entry->pw_name);
    return true;
}

bool srv_dev_become(const struct srv_dev *dev)
{
    if (geteuid() == 0 &&
        (initgroups(dev->user, dev->gid) < 0 || setgid(dev->gid) < 0 || setuid(dev->uid) < 0))
        return false;
    return chdir(dev->cluster) == 0;
}

/* Whether the user can get into the cluster's folder: only trying tells, there may be more than mode bits in
 * the way. */
static bool can_reach(const struct srv_dev *dev)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0)
        _exit(srv_dev_become(dev) && access(".", R_OK | W_OK | X_OK) == 0 ? 0 : 1);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool make_cluster_folder(const struct srv_dev *dev)
{
    /* Whoever may look into it may connect as superuser. */
    if (!make_folder(dev->cluster, 0700))
        return false;
    if (geteuid() == 0 && chown(dev->cluster, dev->uid, dev->gid) < 0)
        return fail("cannot give away", dev->cluster);
    return true;
}

/* Where an earlier start has put the cluster, or "". */
static void read_place(const struct srv_dev *dev, char ret_path[PATH_MAX])
{
    char path[PATH_MAX];
    FILE *file;

    srv_dev_path(dev, "cluster", path);
    file = fopen(path, "re");
    ret_path[0] = '\0';
    if (!file)
        return;
    if (!fgets(ret_path, PATH_MAX, file))
        ret_path[0] = '\0';
    ret_path[strcspn(ret_path, "\n")] = '\0';
    fclose(file);
}

static bool place_cluster(struct srv_dev *dev)
{
    srv_dev_path(dev, "postgres", dev->cluster);
    if (!make_cluster_folder(dev))
        return false;
    if (can_reach(dev))
        return true;
    rmdir(dev->cluster);
    read_place(dev, dev->cluster);
    if (dev->cluster[0] && access(dev->cluster, F_OK) == 0 && can_reach(dev))
        return true;
    /* A new name each time: a new data folder must not find an old database. */
    snprintf(dev->cluster, sizeof(dev->cluster), ELSEWHERE "/XXXXXX");
    if (!make_folder(ELSEWHERE, 0755))
        return false;
    if (!mkdtemp(dev->cluster))
        return fail("cannot make a folder in", ELSEWHERE);
    if (!make_cluster_folder(dev))
        return false;
    if (!can_reach(dev)) {
        srv_command_say("dev: user %s can reach neither %s nor %s", dev->user, dev->data, dev->cluster);
        return false;
    }
    return srv_dev_write(dev, "cluster", dev->cluster);
}

bool srv_dev_open(struct srv_dev *dev, const char *path)
{
    memset(dev, 0, sizeof(*dev));
    dev->lock_fd = -1;
    if (make_data(dev, path) && take_lock(dev) && find_user(dev) && place_cluster(dev))
        return true;
    srv_dev_close(dev);
    return false;
}

void srv_dev_close(struct srv_dev *dev)
{
    if (dev->lock_fd >= 0)
        close(dev->lock_fd);
    dev->lock_fd = -1;
}

bool srv_dev_write(const struct srv_dev *dev, const char *name, const char *text)
{
    char path[PATH_MAX];
    char draft[PATH_MAX];
    char draft_name[64];
    size_t length = strlen(text);
    int fd;
    bool good;

    snprintf(draft_name, sizeof(draft_name), "%s.new", name);
    srv_dev_path(dev, name, path);
    srv_dev_path(dev, draft_name, draft);
    unlink(draft);
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail("cannot write", draft);
    good = write(fd, text, length) == (ssize_t)length && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (good && rename(draft, path) == 0)
        return true;
    fail("cannot write", path);
    unlink(draft);
    return false;
}

static bool make_signing_key(const struct srv_dev *dev)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *memory = BIO_new(BIO_s_mem());
    bool good = false;
    char *text;
    long length;

    if (key && memory && PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        BIO_write(memory, "", 1) == 1) {
        length = BIO_get_mem_data(memory, &text);
        good = srv_dev_write(dev, "signing.pem", text);
        explicit_bzero(text, (size_t)length);
    } else {
        srv_command_say("dev: OpenSSL cannot make a key");
    }
    BIO_free(memory);
    EVP_PKEY_free(key);
    return good;
}

static bool make_cursor_key(const struct srv_dev *dev)
{
    unsigned char bytes[32];
    char text[2 * sizeof(bytes) + 1];

    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
    return srv_dev_write(dev, "cursor.key", text);
}

bool srv_dev_keys(const struct srv_dev *dev)
{
    char path[PATH_MAX];

    srv_dev_path(dev, "signing.pem", path);
    if (access(path, F_OK) < 0 && !make_signing_key(dev))
        return false;
    srv_dev_path(dev, "cursor.key", path);
    return access(path, F_OK) == 0 || make_cursor_key(dev);
}
