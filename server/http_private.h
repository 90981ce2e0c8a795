#ifndef SRV_HTTP_PRIVATE_H
#define SRV_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "server/guard.h"
#include "server/http.h"
#include "server/loop_private.h"
#include "server/token_cache.h"

/* For http.c, connection.c, linger.c, stream.c and answer.c alone. */

#define SRV_ARENAS_KEPT 128

struct srv_http {
    struct srv_loop *loop;
    struct MHD_Daemon *daemon;
    int epoll_fd;
    struct srv_connection *connections; /* all open ones */
    int open;
    unsigned calls;                            /* how often libmicrohttpd had something for us */
    struct stw_arena *arenas[SRV_ARENAS_KEPT]; /* idle ones */
    int arena_count;
    struct srv_lingering *lingering; /* linger.c */
    int lingering_count;
};

/* Where a connection stands; each phase has a deadline of its own, since libmicrohttpd only knows inactivity.
 */
enum srv_phase {
    SRV_PHASE_FIRST,  /* accepted, no request line yet */
    SRV_PHASE_HEADER, /* request line seen */
    SRV_PHASE_BODY,
    SRV_PHASE_RUN,    /* the handler has deadlines of its own */
    SRV_PHASE_WRITE,  /* the reply is on its way */
    SRV_PHASE_IDLE,   /* kept alive */
    SRV_PHASE_LINGER, /* refused: answered, what still arrives is dropped */
};

struct srv_connection {
    struct srv_connection *next;
    struct srv_connection *previous;
    struct srv_http *http;
    struct MHD_Connection *mhd;
    int fd;
    enum srv_phase phase;
    int64_t since_us;    /* when the phase began */
    int64_t deadline_us; /* 0: none */
    bool cut;            /* over its time: nothing is owed to it */
    struct srv_exchange *exchange;
    struct srv_token_memo memo;
    char peer[INET6_ADDRSTRLEN];
};

enum srv_stage {
    SRV_STAGE_HEAD,
    SRV_STAGE_BODY,
    SRV_STAGE_RUN,
    SRV_STAGE_REPLY,   /* the reply is complete; libmicrohttpd may not have it yet */
    SRV_STAGE_REFUSED, /* answered past libmicrohttpd; drop the rest */
};

/* One request and its reply; lives in its own arena from the request line to the last byte of the reply. */
struct srv_exchange {
    struct srv_connection *connection;
    struct stw_arena *arena;
    enum srv_stage stage;
    bool suspended;
    bool counted;           /* in shared->in_flight */
    bool close;             /* after the reply */
    const char *raw_target; /* in libmicrohttpd's buffer */
    const char *target;
    size_t target_length;
    struct srv_framing framing;
    size_t uploaded;
    struct stw_buf body;
    bool streams;      /* the route takes its body in pieces */
    bool taking;       /* a piece is being taken */
    uint64_t streamed; /* bytes of it that came */
    struct srv_request request;
    struct srv_reply reply;
};

/* http.c */
/* The request as its handler finds it; its clock starts here. */
void srv_exchange_prepare(struct srv_exchange *exchange);

/* stream.c: bodies that are too large to be held. The connection reads nothing while a piece is being taken.
 */
#define SRV_STREAM_PIECE ((size_t)256 * 1024)
/* Most bytes of body, 0 when the request is not for a route that streams. */
uint64_t srv_stream_max(struct srv_exchange *exchange);
/* Adds what arrived to the piece, and hands it over when it is due. */
void srv_stream_add(struct srv_exchange *exchange, const char *bytes, size_t length);

/* connection.c */
void srv_connection_notify(void *http, struct MHD_Connection *mhd, void **context,
                           enum MHD_ConnectionNotificationCode what);
void srv_connection_phase(struct srv_connection *connection, enum srv_phase phase);

/* linger.c: a connection that ends with its answer while more requests stand behind. Closing it with bytes
 * unread would reset it and may take the answer away from the client, so they are dropped for a while. */
#define SRV_LINGER_US ((int64_t)2000000)
/* `fd` is about to be closed by whoever owns it. */
void srv_linger(struct srv_http *http, int fd);
/* Also ends those whose time is over. */
void srv_linger_sweep(struct srv_http *http, int64_t now_us);

/* answer.c */
/* Fills the reply with the problem of `code`. */
void srv_answer_problem(struct srv_exchange *exchange, enum stw_code code);
/* The reply is complete: repairs one that cannot be sent, logs, counts. */
void srv_answer_complete(struct srv_exchange *exchange);
/* Hands the reply to libmicrohttpd. */
enum MHD_Result srv_answer_queue(struct srv_exchange *exchange);
/* Writes the problem straight to the socket, half closes it and lets the rest of the request run into the
 * void for a while: libmicrohttpd cannot answer in the middle of a body, and closing with unread bytes would
 * reset the connection and may take the answer away from the client. */
void srv_answer_raw(struct srv_exchange *exchange, enum stw_code code);

#endif
