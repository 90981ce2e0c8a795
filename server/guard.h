#ifndef SRV_GUARD_H
#define SRV_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/code.h"

/*
 * The one judge of a request's head, before anything else reads it: framing (request smuggling), sizes,
 * characters. libmicrohttpd 0.9.75 accepts much that two parties could read differently; nothing of that
 * passes here.
 */
#define SRV_TARGET_MAX     ((size_t)4096)
#define SRV_HEAD_MAX       ((size_t)8192) /* request line and fields up to the empty line */
#define SRV_FIELDS_MAX     64
#define SRV_BODY_MAX       ((uint64_t)1 << 20)
#define SRV_BATCH_BODY_MAX ((uint64_t)8 << 20)

struct srv_field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct srv_head {
    const char *method;
    const char *target; /* path and query as sent */
    size_t target_length;
    const char *version; /* "HTTP/1.1" */
    const struct srv_field *fields;
    int field_count;   /* may be more than SRV_FIELDS_MAX; `fields` holds at most that many */
    size_t size;       /* bytes of the whole head; 0: unknown */
    bool has_gaps;     /* the parser swallowed bytes that no field shows */
    uint64_t body_max; /* most bytes of body; 0: as srv_guard_body_max says */
};

struct srv_framing {
    bool chunked;
    bool expects_continue;
    uint64_t content_length; /* 0 when chunked */
};

/* STW_OK, or the problem to answer before closing the connection: STW_MALFORMED_REQUEST, STW_URI_TOO_LONG,
 * STW_HEADERS_TOO_LARGE, STW_NOT_IMPLEMENTED (transfer coding, method), STW_BODY_TOO_LARGE. */
enum stw_code srv_guard_check(const struct srv_head *head, struct srv_framing *ret_framing) STW_MUST_CHECK;
/* Most bytes of body that this path takes. */
uint64_t srv_guard_body_max(const char *path, size_t length);

#endif
