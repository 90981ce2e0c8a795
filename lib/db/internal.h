#ifndef STW_DB_INTERNAL_H
#define STW_DB_INTERNAL_H

/* What the files of lib/db share. Nothing outside lib/db may include it (unit tests of lib/db excepted). */

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/context.h"
#include "core/turns.h"
#include "db/db.h"

#define STW_REPEATS           3 /* of what a deadlock or a serialization failure took back */
#define STW_LANE_DEPTH        32
#define STW_LANE_BATCHES      2     /* Syncs on their way on a lane; what comes meanwhile shares the next */
#define STW_PAUSE_FIRST_US    50000 /* between attempts to connect */
#define STW_PAUSE_MOST_US     2000000
#define STW_CONNECT_LIMIT_US  5000000 /* one attempt, a black hole included */
#define STW_DRAIN_LIMIT_US    5000000 /* an abandoned segment, then the connection is closed */
#define STW_ENCRYPTED_LOOK_US 5000
#define STW_CANCEL_LOOK_US    2000
#define STW_GATE_LIMIT_US     50000   /* a read that takes longer does not count at the gate any more */
#define STW_REPLICA_LOOK_US   100000  /* how often busy connections to a standby are looked at */
#define STW_REPLICA_STALL_US  3000000 /* a standby that was not heard for so long is not waited for */
#define STW_LANE_STALL_US                                                                                    \
    5000000 /* a lane that answers nothing for so long is dead: its timeouts are 250 ms */

/* ---- waiting (wait.c) ---- */

struct stw_sleeper {
    struct stw_wait wait;
    bool asleep; /* the driver may be told to wake only who sleeps */
};

/* Returns true when it was woken, false when the deadline (0: none) passed. */
bool stw_sleep(struct stw_db *db, struct stw_sleeper *sleeper, int64_t deadline_us);
void stw_wake(struct stw_db *db, struct stw_sleeper *sleeper);
void stw_wait_install_blocking(struct stw_db *db);

/* ---- prepared statements of one connection (prepared.c) ---- */

enum stw_prepared_state { STW_UNPREPARED, STW_PREPARE_SENT, STW_PREPARED };

struct stw_prepared {
    const char *name;
    const char *sql;
    unsigned generation; /* part of the name on the server: a stale statement is left behind, not replaced */
    unsigned epoch;      /* of the db when it was prepared */
    enum stw_prepared_state state;
};

struct stw_prepared_table {
    struct stw_prepared **slots; /* open addressing, NULL: free */
    unsigned size;               /* power of two or 0 */
    unsigned used;
};

#define STW_PREPARED_NAME 64 /* NAMEDATALEN: longer names would be cut by the server */

/* The entry of `stmt`, made when missing; NULL when it must run unnamed (no name, name too long, or the same
 * name with another text). */
struct stw_prepared *stw_prepared_get(struct stw_prepared_table *table, const struct stw_stmt *stmt,
                                      unsigned epoch);
void stw_prepared_server_name(const struct stw_prepared *entry, char ret_name[STW_PREPARED_NAME]);
void stw_prepared_clear(struct stw_prepared_table *table);

/* ---- segments and their tickets (segment.c) ---- */

/* What goes out under one Sync: `before` commands, the organisation, the calls, the `after` command. */
struct stw_segment {
    const char *before[2]; /* "begin", "savepoint s1"; NULL: none */
    const char *org;       /* NULL: leave the setting alone */
    const struct stw_call *calls;
    int count;
    const char *after; /* "commit"; NULL: none */
    bool writes;       /* something commits at its end: in doubt when the connection is lost */
    bool unnamed;      /* do not use prepared statements for the calls */
    bool asks;         /* of one that writes: where its commit stands, in the ticket's position */
    bool apart;        /* on a lane: shares its Sync with nobody */
    bool outside_tx;   /* no transaction is around it */
};

enum stw_step_kind { STW_STEP_COMMAND, STW_STEP_PREPARE, STW_STEP_ORG, STW_STEP_CALL, STW_STEP_AFTER };

struct stw_step {
    enum stw_step_kind kind;
    struct stw_prepared *prepared; /* of PREPARE, and of what runs by name; else NULL */
    unsigned epoch;                /* the db's when it was sent */
    bool answered;
    PGresult *result; /* of CALL and AFTER */
};

/* A result whose rows belong to several callers. */
struct stw_shared {
    PGresult *result;
    int refs;
};

/* A segment on its way. Held by its connection until its Sync came and by its caller until he has read it or
 * left, so it lives neither on a stack nor in an arena. */
struct stw_ticket {
    struct stw_ticket *next; /* on the connection, in order of sending; or in the free list */
    struct stw_sleeper sleeper;
    int refs;
    bool ends_batch;   /* a Sync was sent behind it */
    bool synced;       /* its Sync came */
    bool skipped;      /* a neighbour's error ended the batch first: nothing was done */
    bool lost;         /* the connection went first */
    bool warned;       /* notice 01000: a commit that was not replicated */
    bool stale;        /* a prepared statement must be made anew; nothing was done */
    PGresult *error;   /* the first */
    uint64_t position; /* of its commit or later, when it was asked for; 0: not known */
    /* of a gathered read (gather.c) */
    const struct stw_call *asked; /* its caller's, until it is sent or the caller leaves; then NULL */
    const char *org;
    char key[37];
    struct stw_shared *shared; /* the carrier's result, and the row of it that was asked for; -1: none */
    int row;
    struct stw_ticket *members; /* of a carrier: those it was sent for */
    int at;                     /* step whose results come next */
    int count, room;
    struct stw_step steps[];
};

/* NULL when nothing can have been done by it: the connection was not usable (and is dropped). On a lane the
 * Sync is sent by stw_lane_sync, at the latest at the end of the loop's turn, for all segments of the batch.
 */
struct stw_ticket *stw_segment_send(struct stw_conn *conn, const struct stw_segment *segment);
/* Sends its statements without a Sync, for `ticket` or (NULL) for a new one, which it returns. NULL: the
 * connection had to be dropped; `ticket` is still the caller's. */
struct stw_ticket *stw_segment_put(struct stw_conn *conn, const struct stw_segment *segment,
                                   struct stw_ticket *ticket);
/* Its caller may read it; the connection lets it go. */
void stw_ticket_finish(struct stw_conn *conn, struct stw_ticket *ticket);
/* Ends the lane's open batch, if it has one and not too many are on their way. */
void stw_lane_sync(struct stw_conn *conn);
/* Reads what has arrived; may drop the connection. */
void stw_segment_read(struct stw_conn *conn);
void stw_ticket_release(struct stw_db *db, struct stw_ticket *ticket);
/* Pops and finishes every ticket of a connection that is gone. */
void stw_tickets_lose(struct stw_conn *conn);
void stw_tickets_free_spares(struct stw_db *db);

/* ---- reads by key that go out as one (gather.c) ---- */

bool stw_gather_can(const struct stw_segment *segment);
void stw_gather_add(struct stw_conn *conn, struct stw_ticket *ticket, const struct stw_segment *segment);
/* Sends what was gathered, without a Sync; may drop the connection. */
void stw_gather_send(struct stw_conn *conn);
/* The connection is gone. */
void stw_gather_lose(struct stw_conn *conn);
/* Gives the members of a carrier that has ended their parts, and ends them. Returns how many they were. */
int stw_gather_deal(struct stw_conn *conn, struct stw_ticket *carrier);
void stw_shared_release(struct stw_shared *shared);

/* ---- connections (conn.c, connect.c) ---- */

enum stw_conn_state { STW_CONN_DOWN, STW_CONN_CONNECTING, STW_CONN_UP };

struct stw_cancel; /* drain.c */

struct stw_conn {
    struct stw_db *db;
    struct stw_pool *pool;
    PGconn *pg; /* NULL when down */
    enum stw_conn_state state;
    unsigned epoch; /* counts drops: a lease of an earlier epoch is void */
    int users;      /* leases granted; on a lane segments granted or in flight */
    bool doomed;    /* to be dropped as soon as it is idle */
    bool was_up;
    bool encrypted; /* bytes may wait in the TLS library, where epoll does not see them */
    int fd;         /* watched, -1: none */
    unsigned interest;
    int64_t retry_us; /* DOWN: when to connect again; CONNECTING: when to give up */
    int64_t pause_us; /* before the next attempt */
    int64_t moved_us; /* last time a segment ended here or the first was sent */
    int64_t gated_us; /* when the gated lease was granted, 0: none */
    struct stw_ticket *first, **last;
    struct stw_ticket *reading; /* whose results come next, or one that has all of its own */
    struct stw_prepared_table prepared;
    /* What the session has set, or a lane's open batch. Unknown from an error on, which may have taken it
     * back. */
    bool org_known;
    char org[37];
    /* lanes: the segments behind the last Sync */
    struct stw_ticket *batch_end; /* the newest, NULL: no open batch */
    struct stw_ticket *gathered, **gathered_last;
    int batches; /* Syncs on their way */
    /* draining: an abandoned segment, nobody's until its Sync came and its cancel request can hit nothing
     * else */
    bool draining, barrier_sent;
    int64_t drain_us; /* when to lose patience */
    struct stw_cancel *cancel;
};

PGconn *stw_connect_start(const struct stw_pool *pool);
void stw_conn_open(struct stw_conn *conn, int64_t now_us);
/* Closes it, ends its tickets as lost and plans the next attempt. */
void stw_conn_drop(struct stw_conn *conn);
void stw_conn_watch(struct stw_conn *conn, unsigned events);
/* Sends what is buffered and sets the interest; may drop the connection. */
void stw_conn_flush(struct stw_conn *conn);
void stw_conn_close(struct stw_conn *conn); /* for good */

/* ---- drain.c ---- */

/* Cancels what runs on a leased connection and lets it drain; the lease is the connection's from here on. */
void stw_drain_start(struct stw_conn *conn);
void stw_drain_step(struct stw_conn *conn);
/* Forgets the cancel request, if any. */
void stw_drain_end(struct stw_conn *conn);
bool stw_drain_waits_for_cancel(const struct stw_conn *conn);

/* ---- pools and leases (lease.c) ---- */

struct stw_waiter {
    struct stw_turn turn; /* first, so that it is the waiter */
    struct stw_sleeper sleeper;
    struct stw_conn *conn; /* granted */
    unsigned epoch;
};

enum stw_pool_kind {
    STW_POOL_LANES,
    STW_POOL_QUICK,
    STW_POOL_SLOW,
    STW_POOL_REPLICA, /* from here on they lead to the standby */
    STW_POOL_REPLICA_SLOW,
    STW_POOL_COUNT
};

/* A READ keeps a core of the database busy, so only a few of them run at once: more than eight at work slow
 * two cores down. What waits for locks or disks does not come through this gate, and a read that takes long
 * leaves it: it keeps its connection, but others may start. */
enum stw_use { STW_USE_FREE, STW_USE_GATED, STW_USE_COUNT };

struct stw_pool {
    struct stw_db *db;
    enum stw_pool_kind kind;
    const char *url;
    struct stw_conn *conns;
    int count;
    int depth; /* users per connection */
    int gate;  /* gated leases at once; 0: as many as there are connections */
    int gated; /* how many there are */
    struct stw_turns queues[STW_USE_COUNT];
};

struct stw_lease {
    struct stw_conn *conn;
    unsigned epoch;
};

bool stw_lease_is_alive(const struct stw_lease *lease);
enum stw_code stw_lease_get(struct stw_context *ctx, struct stw_pool *pool, enum stw_use use,
                            struct stw_lease *ret_lease) STW_MUST_CHECK;
void stw_lease_put(const struct stw_lease *lease);
/* The connection's lease, if any, does not count at the gate any more. */
void stw_gate_leave(struct stw_conn *conn);
bool stw_pool_is_up(const struct stw_pool *pool);
/* Hands free connections to who waits. */
void stw_pool_pump(struct stw_pool *pool);
/* Sends away who waits: there is nothing to wait for any more. */
void stw_pool_dismiss(struct stw_pool *pool);

static inline bool stw_pool_is_replica(const struct stw_pool *pool)
{
    return pool->kind >= STW_POOL_REPLICA;
}

/* ---- running (run.c) ---- */

enum stw_flow {
    STW_FLOW_DONE,   /* the Sync came; look at the ticket's error */
    STW_FLOW_UNSENT, /* nothing was done */
    STW_FLOW_LOST,   /* the connection was lost after sending */
    STW_FLOW_LATE    /* the deadline passed after sending; the connection drains by itself */
};

/* With DONE and LOST *ret_ticket must be released. `limit_us` (0: none) instead of the context's deadline. */
enum stw_flow stw_segment_run(struct stw_db *db, const struct stw_lease *lease,
                              const struct stw_segment *segment, int64_t limit_us,
                              struct stw_ticket **ret_ticket);
/* The error of an ended segment as a code, with details; STW_OK when it has none. */
enum stw_code stw_ticket_code(struct stw_context *ctx, const struct stw_ticket *ticket,
                              const struct stw_call *calls, int count);
/* Gives the results to the arena. `keep` false: drops them. */
void stw_ticket_rows(struct stw_context *ctx, struct stw_ticket *ticket, struct stw_call *calls, bool keep);
/* The outcome of a segment that wrote, for the caller's trail. */
void stw_trail_note(struct stw_context *ctx, enum stw_code code, uint64_t position);
enum stw_code stw_tx_calls(struct stw_context *ctx, struct stw_call *calls, int count,
                           bool keep) STW_MUST_CHECK;
struct stw_rows *stw_rows_new(struct stw_arena *arena, PGresult *result);
/* One row of a shared result, or none (row -1); takes over the reference. */
struct stw_rows *stw_rows_share(struct stw_arena *arena, struct stw_shared *shared, int row);

/* ---- replica_run.c ---- */

/* Whether READ and SLOW of this context may be asked of the standby now. */
bool stw_replica_allowed(const struct stw_context *ctx);
/* Asks it; false when the primary must be asked instead. */
bool stw_replica_run(struct stw_context *ctx, struct stw_call *calls, int count, bool slow, bool keep,
                     enum stw_code *ret_code);

/* ---- sqlstate.c ---- */

enum stw_code stw_sqlstate_code(const char *sqlstate);
/* The server or its role is not one to go on with. */
bool stw_sqlstate_dooms(const char *sqlstate);
const char *stw_sqlstate_of(const PGresult *error); /* "" when the error is libpq's own */
bool stw_sqlstate_is_fatal(const PGresult *error);
/* `details` may be NULL. `statement` names it for the log; may be NULL. */
void stw_sqlstate_describe(struct stw_details *details, const PGresult *error, const char *statement);
void stw_db_explain(struct stw_context *ctx, const char *text);
/* An attempt failed but is made again: what it left in the details is void. */
void stw_db_unexplain(struct stw_context *ctx);

/* ---- the whole ---- */

struct stw_db {
    struct stw_pool pools[STW_POOL_COUNT];
    struct stw_conn *conns; /* all, the pools hold parts of it */
    int conn_count;
    char *url, *read_url, *application_name;
    struct stw_replica *replica; /* NULL: there is none */
    int64_t replica_up_us;       /* when the newest connection to it came up */
    int64_t lease_wait_us, statement_timeout_us;
    struct stw_db_hooks hooks;
    unsigned plan_epoch; /* grows when a result type changed: everything is prepared anew */
    struct stw_ticket *spares;
    struct pollfd *polls; /* of the blocking driver */
    uint64_t statements, reconnects, lease_timeouts, replica_reads, replica_fallbacks;
};

/* Like calloc, but a process without memory stops. */
void *stw_db_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

#endif
