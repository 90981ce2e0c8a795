#ifndef SRV_PROXY_H
#define SRV_PROXY_H

#include <stdbool.h>

#include "server/request.h"

/* The addresses and networks whose word on the client's address is taken (TRUSTED_PROXIES). */
struct srv_proxies;

/* `list`: comma-separated addresses or networks ("10.0.0.0/8, ::1"), none of them empty; NULL or a blank one
 * trusts none. NULL when it is malformed. */
struct srv_proxies *srv_proxies_new(const char *list);
void srv_proxies_free(struct srv_proxies *proxies);
bool srv_proxies_trust(const struct srv_proxies *proxies, const char *address);
/* The nearest address that is not a trusted proxy, walking Forwarded (or X-Forwarded-For) from its end;
 * `peer` itself when that is not trusted. Result in the request's arena. */
const char *srv_proxies_client(const struct srv_proxies *proxies, const struct srv_request *request,
                               const char *peer);

#endif
