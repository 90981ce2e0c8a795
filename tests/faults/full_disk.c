/*
 * Preloaded into PostgreSQL: while the file that FULL_DISK_WHEN names exists, no file below the folder named
 * in it can grow, as on a disk that is full. What lies within a file can still be overwritten.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(function) ((__typeof__(&function))(uintptr_t)dlsym(RTLD_NEXT, #function))

/* False when no disk is full. */
static bool read_where(char *ret_where, size_t size)
{
    const char *when = getenv("FULL_DISK_WHEN");
    FILE *file = when ? fopen(when, "re") : NULL;

    if (!file)
        return false;
    ret_where[fread(ret_where, 1, size - 1, file)] = '\0';
    fclose(file);
    return ret_where[0] != '\0';
}

static bool is_full(int fd, off_t end)
{
    char where[64], link[64], path[PATH_MAX];
    struct stat file;
    ssize_t length;

    if (fstat(fd, &file) || !S_ISREG(file.st_mode) || end <= file.st_size || !read_where(where, sizeof where))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return strstr(path, where) != NULL;
}

static ssize_t refuse(void)
{
    errno = ENOSPC;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    return is_full(fd, at + (off_t)count) ? refuse() : REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at)
{
    off_t end = at;

    for (int i = 0; i < count; i++)
        end += (off_t)pieces[i].iov_len;
    return is_full(fd, end) ? refuse() : REAL(pwritev)(fd, pieces, count, at);
}

int posix_fallocate(int fd, off_t at, off_t length)
{
    return is_full(fd, at + length) ? ENOSPC : REAL(posix_fallocate)(fd, at, length);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    off_t at = lseek(fd, 0, SEEK_CUR);

    return at >= 0 && is_full(fd, at + (off_t)count) ? refuse() : REAL(write)(fd, bytes, count);
}
