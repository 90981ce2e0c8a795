#ifndef SRV_LISTEN_H
#define SRV_LISTEN_H

#include <stdbool.h>

#define SRV_LISTEN_MAX 64

struct srv_listeners {
    int fds[SRV_LISTEN_MAX]; /* one per loop */
    int count;
    bool own; /* opened here, not inherited */
    int port;
    char url[128]; /* "http://127.0.0.1:8080" */
};

/* One listening socket for each of `count` loops: those of LISTEN_FDS (shared when they are fewer), else
 * SO_REUSEPORT sockets on `address` (numeric) and `port` (0: a free one, the same for all). May raise the
 * count to the number of inherited ones. False with a message on stderr. */
bool srv_listen_open(struct srv_listeners *listeners, const char *address, int port, int count);
void srv_listen_close(struct srv_listeners *listeners);
/* New connections are no longer answered (clients try again, and find a successor); those whose handshake is
 * under way come in. */
void srv_listen_refuse(int fd);

#endif
