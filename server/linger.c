#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "server/http_private.h"

#define LINGERING_MAX 1000 /* of one loop; beyond that connections are closed as they are */
#define TURNS_MAX     64   /* reads of one connection at a time */

struct srv_lingering {
    struct srv_lingering *next;
    int fd;
    int64_t until_us;
};

void srv_linger(struct srv_http *http, int fd)
{
    struct srv_lingering *one;
    int unread = 0;

    if (ioctl(fd, FIONREAD, &unread) || !unread || http->lingering_count >= LINGERING_MAX)
        return;
    one = calloc(1, sizeof(*one));
    if (!one)
        return;
    one->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (one->fd < 0) {
        free(one);
        return;
    }
    shutdown(one->fd, SHUT_WR);
    one->until_us = stw_clock_monotonic_us() + SRV_LINGER_US;
    one->next = http->lingering;
    http->lingering = one;
    http->lingering_count++;
}

/* True when the client has said its last word, or is gone. */
static bool drop_input(int fd)
{
    char bytes[16384];
    ssize_t got = 1;

    for (int i = 0; i < TURNS_MAX && got > 0; i++)
        got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return !got || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void srv_linger_sweep(struct srv_http *http, int64_t now_us)
{
    struct srv_lingering **place = &http->lingering;

    while (*place) {
        struct srv_lingering *one = *place;

        if (!drop_input(one->fd) && now_us < one->until_us) {
            place = &one->next;
            continue;
        }
        *place = one->next;
        close(one->fd);
        free(one);
        http->lingering_count--;
    }
}
