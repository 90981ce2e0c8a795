#ifndef SRV_ROUTER_H
#define SRV_ROUTER_H

#include <stddef.h>

#include "server/request.h"

struct stw_action;
struct stw_plan;

enum srv_auth {
    SRV_AUTH_NONE,   /* anyone: health, sign-in, contract */
    SRV_AUTH_BEARER, /* an actor is resolved before the handler runs */
};

enum srv_route_flags {
    SRV_ROUTE_BODY = 1 << 0, /* takes a JSON body: Content-Type is checked, an empty body is invalid_json */
    SRV_ROUTE_IDEMPOTENT = 1 << 1,    /* honours Idempotency-Key */
    SRV_ROUTE_BODY_OPTIONAL = 1 << 2, /* an empty body means {} */
    SRV_ROUTE_UNCOUNTED = 1 << 3,     /* answered even when admission is full: /livez, /metrics */
    SRV_ROUTE_STREAM = 1 << 4,        /* takes a body of any size in pieces, see `take` */
    SRV_ROUTE_CSV = 1 << 5,           /* answers text/csv */
    SRV_ROUTE_MAY_LAG = 1 << 7,       /* reads what a standby may serve, too */
    SRV_ROUTE_UNLISTED = 1 << 6,      /* for people, no operation of the contract: /docs */
};

/* Returns STW_OK with reply->status set, or the code of the problem to answer. */
typedef enum stw_code srv_handler(struct srv_request *request, struct srv_reply *reply);
/* One piece of a body, in order; `run` comes behind the last. Its state is request->upload. Any code but
 * STW_OK is the answer. */
typedef enum stw_code srv_taker(struct srv_request *request, const char *bytes, size_t length);

struct srv_route {
    enum srv_method method;
    const char *pattern; /* "/v1/accounts/{id}": the label of metrics and log, the path of openapi */
    enum srv_auth auth;
    unsigned flags;
    srv_handler *run;
    const struct stw_action *subject; /* the action it serves, or NULL */
    const char *verb;              /* operationId's verb: "list", "create", ...; or the whole operationId */
    const char *doc;               /* one line, English */
    const struct stw_plan *plan;   /* the resource whose records it is about, or NULL */
    const struct stw_plan *parent; /* {collection}/{id}/{parts}: the resource the id is of */
    srv_taker *take;               /* SRV_ROUTE_STREAM: called at least once, with the first bytes or none */
    const char *media;             /* SRV_ROUTE_STREAM: the one Content-Type it takes */
};

/* A trie over path segments, built once at start, read-only afterwards, shared by all loops. Literal segments
 * win over parameters. */
struct srv_router;
struct srv_router *srv_router_new(void);
void srv_router_free(struct srv_router *router);
/* Routes must outlive the router; two routes with the same method and shape abort at start. */
void srv_router_add(struct srv_router *router, const struct srv_route *routes, size_t count);
size_t srv_router_count(const struct srv_router *router);
/* In the order added. */
const struct srv_route *srv_router_at(const struct srv_router *router, size_t index);
/* Sets request->route and ->parameters. STW_UNKNOWN_ROUTE; STW_METHOD_NOT_ALLOWED with details->allow set;
 * HEAD falls back to GET. A segment with a bad escape, an empty segment or a trailing slash is an unknown
 * route. */
enum stw_code srv_router_find(const struct srv_router *router, struct srv_request *request) STW_MUST_CHECK;

#endif
