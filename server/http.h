#ifndef SRV_HTTP_H
#define SRV_HTTP_H

#include <stdbool.h>
#include <stdint.h>

struct srv_loop;

/* The HTTP side of one loop: a libmicrohttpd daemon driven through its epoll descriptor, its connections and
 * their deadlines. Each complete request runs as a coroutine of the loop. */
struct srv_http;

/* `listen_fd` stays the caller's. NULL with a message on stderr. */
struct srv_http *srv_http_new(struct srv_loop *loop, int listen_fd);
/* No request may be running. */
void srv_http_free(struct srv_http *http);
/* Readable when srv_http_run has something to do. */
int srv_http_fd(const struct srv_http *http);
void srv_http_run(struct srv_http *http);
/* True when srv_http_run must be called again without waiting for the descriptor. */
bool srv_http_pending(struct srv_http *http);
/* Changes whenever a request made progress. */
unsigned srv_http_calls(const struct srv_http *http);
/* Closes what is over its deadline. `drain_since_us` (0: not draining): also closes idle connections. */
void srv_http_sweep(struct srv_http *http, int64_t now_us, int64_t drain_since_us);
/* Tells those whose requests did not come whole that they will not be answered. */
void srv_http_give_up(struct srv_http *http);
/* Accepts nothing more; the listening socket is not touched afterwards. */
void srv_http_quiesce(struct srv_http *http);
/* Open connections, those that linger among them. */
int srv_http_open(const struct srv_http *http);

#endif
