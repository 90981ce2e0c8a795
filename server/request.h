#ifndef SRV_REQUEST_H
#define SRV_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/context.h"
#include "db/replica.h"

/* One complete request and the reply that grows for it. Both live in the request's arena. */

enum srv_method {
    SRV_GET,
    SRV_HEAD,
    SRV_POST,
    SRV_PATCH,
    SRV_PUT,
    SRV_DELETE,
    SRV_OPTIONS,
    SRV_METHOD_COUNT
};
const char *srv_method_name(enum srv_method method);

enum srv_language { SRV_ENGLISH, SRV_CHINESE };

struct stw_pair; /* resource/query.h: name and value of one query parameter */
struct srv_route;
struct srv_token_memo;
struct srv_loop;

#define SRV_PATH_PARAMETERS_MAX 4

struct srv_header {
    const char *name; /* as sent */
    const char *value;
};

struct srv_request {
    struct stw_context ctx;
    struct stw_details details;
    struct stw_trail trail; /* ctx.trail when there is a read replica */
    struct srv_loop *loop;
    enum srv_method method;
    const char *target;           /* as sent: path and query, still encoded */
    const char *path;             /* as sent, without the query */
    const struct stw_pair *query; /* decoded, in the order sent */
    int query_count;
    const struct srv_header *headers; /* values trimmed */
    int header_count;
    const char *body; /* NUL-terminated at body_length; "" when there is none */
    size_t body_length;
    void *upload;                /* what a route that takes its body in pieces keeps between them */
    bool admitted;               /* its caller is known and may send */
    const char *client;          /* the client's address, trusted proxies taken off */
    struct srv_token_memo *memo; /* its connection's; may be NULL */
    enum srv_language language;
    const char *traceparent;                         /* as accepted, or NULL */
    const struct srv_route *route;                   /* NULL when no route matched */
    const char *parameters[SRV_PATH_PARAMETERS_MAX]; /* decoded values of {…} in the order of the pattern */
    int64_t started_us;                              /* monotonic */
};

/* First header of that name without regard to case, or NULL. */
const char *srv_request_header(const struct srv_request *request, const char *name);

#define SRV_REPLY_HEADERS_MAX 16

struct srv_reply {
    int status;               /* 0 until set; the handler's success status */
    enum stw_code code;       /* of the problem that it is; STW_OK by default. For the log and the metrics */
    const char *content_type; /* default application/json */
    struct stw_buf body;
    struct srv_header headers[SRV_REPLY_HEADERS_MAX];
    int header_count;
};

void srv_reply_init(struct srv_reply *reply, struct stw_arena *arena);
/* Drops what was written so far: status, headers and body. */
void srv_reply_reset(struct srv_reply *reply);
/* `value` is copied; a value with a control character is dropped whole (header injection). */
void srv_reply_header(struct srv_reply *reply, const char *name, const char *value);

#endif
