#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/command.h"

#define TIMEOUT_SECONDS 5

/* Where to reach the server from this machine: an address that means "all" is no address to call. */
static socklen_t target(const struct srv_config *config, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, config->listen, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)config->port);
        if (v4->sin_addr.s_addr == htonl(INADDR_ANY))
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, config->listen, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)config->port);
        if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
            v6->sin6_addr = in6addr_loopback;
        return sizeof(*v6);
    }
    return 0;
}

/* True when the status line says 200. */
static bool ask(int fd)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[16] = "";
    size_t length = 0;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        return false;
    while (length < sizeof(answer) - 1) {
        ssize_t got = recv(fd, answer + length, sizeof(answer) - 1 - length, 0);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    return strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

static bool lives(const struct srv_config *config)
{
    struct sockaddr_storage address;
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    socklen_t length = target(config, &address);
    int fd = length ? socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    bool alive = false;

    if (fd < 0)
        return false;
    /* The sending timeout bounds connect(2), too. */
    if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) &&
        !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) &&
        !connect(fd, (struct sockaddr *)&address, length))
        alive = ask(fd);
    close(fd);
    return alive;
}

int srv_command_healthcheck(char **arguments)
{
    struct srv_config config;
    bool alive;

    if (*arguments)
        return SRV_EXIT_USAGE;
    if (!srv_config_read(&config, environ, stderr))
        return SRV_EXIT_FAILURE;
    alive = lives(&config);
    if (!alive)
        srv_command_say("no answer from http://%s:%d/livez", config.listen, config.port);
    srv_config_release(&config);
    return alive ? 0 : SRV_EXIT_FAILURE;
}
