#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INHERITED_FIRST 3 /* SD_LISTEN_FDS_START */
#define BACKLOG         4096

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

static bool failed(const char *what)
{
    fprintf(stderr, "listen: %s: %s\n", what, strerror(errno));
    return false;
}

/* Port and URL from the first socket. */
static bool describe(struct srv_listeners *listeners)
{
    union address address = {0};
    socklen_t length = sizeof(address);
    char text[INET6_ADDRSTRLEN];

    if (getsockname(listeners->fds[0], &address.any, &length))
        return failed("getsockname");
    if (address.any.sa_family == AF_INET) {
        listeners->port = ntohs(address.v4.sin_port);
        inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
        snprintf(listeners->url, sizeof(listeners->url), "http://%s:%d", text, listeners->port);
    } else if (address.any.sa_family == AF_INET6) {
        listeners->port = ntohs(address.v6.sin6_port);
        inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
        snprintf(listeners->url, sizeof(listeners->url), "http://[%s]:%d", text, listeners->port);
    } else {
        snprintf(listeners->url, sizeof(listeners->url), "an inherited socket");
    }
    return true;
}

/* How many sockets the service manager passed to this very process. */
static int inherited_count(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    long count = pid && fds && strtol(pid, NULL, 10) == getpid() ? strtol(fds, NULL, 10) : 0;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count < 0 ? 0 : count > SRV_LISTEN_MAX ? SRV_LISTEN_MAX : (int)count;
}

static bool inherit(struct srv_listeners *listeners, int inherited, int count)
{
    for (int i = 0; i < inherited; i++) {
        int fd = INHERITED_FIRST + i;
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
            return failed("LISTEN_FDS");
        listeners->fds[listeners->count++] = fd;
    }
    while (listeners->count < count) {
        int fd = fcntl(listeners->fds[listeners->count % inherited], F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            return failed("LISTEN_FDS");
        listeners->fds[listeners->count++] = fd;
    }
    return describe(listeners);
}

static int open_one(const union address *address, socklen_t length)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    int off = 0;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
        (address->any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
        bind(fd, &address->any, length) || listen(fd, BACKLOG)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The first socket settles the port, also when it was 0. */
static bool open_all(struct srv_listeners *listeners, const char *text, int port, int count)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    union address address;
    socklen_t length;
    char service[16];

    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(text, service, &hints, &found)) {
        fprintf(stderr, "listen: %s is no address\n", text);
        return false;
    }
    memset(&address, 0, sizeof(address));
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    length = found->ai_addrlen;
    freeaddrinfo(found);
    while (listeners->count < count) {
        int fd = open_one(&address, length);

        if (fd < 0)
            return failed(text);
        listeners->fds[listeners->count++] = fd;
        if (listeners->count == 1 && (!describe(listeners) || getsockname(fd, &address.any, &length)))
            return false;
    }
    return true;
}

bool srv_listen_open(struct srv_listeners *listeners, const char *address, int port, int count)
{
    int inherited = inherited_count();
    bool ok;

    *listeners = (struct srv_listeners){.own = !inherited};
    if (count > SRV_LISTEN_MAX)
        count = SRV_LISTEN_MAX;
    ok = inherited ? inherit(listeners, inherited, count < inherited ? inherited : count)
                   : open_all(listeners, address, port, count);
    if (!ok)
        srv_listen_close(listeners);
    return ok;
}

void srv_listen_close(struct srv_listeners *listeners)
{
    while (listeners->count)
        close(listeners->fds[--listeners->count]);
}

void srv_listen_refuse(int fd)
{
    /* Drops segments with SYN and without ACK; byte 13 of the TCP header holds the flags. Closing the socket
     * instead would reset connections whose handshake the client already believes to be complete. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),          BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    /* Without the filter a connection may be reset at the very end; that is no reason not to stop. */
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
