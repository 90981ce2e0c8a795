#ifndef STW_DB_DB_H
#define STW_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/context.h"
#include "db/rows.h"

/*
 * One thread's connections to PostgreSQL. Statements run through stw_db_run, which finds the right
 * connection:
 *
 *   kind    connection                                     repeated after a lost connection
 *   POINT   a lane, shared by many requests at once        yes, once, alone
 *   READ    leased for its segment (class quick)           yes, once
 *   WRITE   leased for its segment, commits at its Sync    never: STW_OUTCOME_UNKNOWN once the Sync was sent
 *   SLOW    leased from the bounded class slow             no
 *
 * With a replica (options.replica) READ and SLOW go there while ctx->trail allows it (db/replica.h). When it
 * cannot be reached, goes away or cancels them for its recovery, the primary is asked instead, once.
 *
 * Inside a transaction (ctx->tx) every statement goes to the transaction's connection. Every statement runs
 * with the setting steward.org as ctx->org_id says, so the views show that organisation alone; with an empty
 * org_id they show nothing. It is set in the same round trip: for a transaction or a write until it ends, for
 * other segments for the session, unless it stands there already.
 *
 * STW_OK means: the Sync came back, no error, and for what commits no notice 01000 (that is
 * STW_OUTCOME_UNKNOWN). Other codes: STW_CONSTRAINT (SQLSTATE class 23; details->sqlstate and ->constraint
 * are set), STW_RETRY (40001, 40P01, a stale prepared statement: in a transaction only, else it is repeated),
 * STW_OVERLOADED (no lease in time, 55P03: a lock not in time; 40001 and 40P01 after three repeats),
 * STW_UNAVAILABLE (no connection, 57P0x, 53xxx, 25006), STW_DEADLINE_EXCEEDED (also 57014),
 * STW_OUTCOME_UNKNOWN, STW_INTERNAL (anything else; details->internal says what, for the log). On a lane
 * 57014 and 55P03 repeat the read once on a leased connection. Within a transaction nothing but the COMMIT is
 * ever STW_OUTCOME_UNKNOWN.
 */
enum stw_stmt_kind { STW_STMT_POINT, STW_STMT_READ, STW_STMT_WRITE, STW_STMT_SLOW };

/* Prepared once per connection under `name`; with name NULL, one of more than 51 bytes or one of too many on
 * a connection it is unnamed and planned with its values. Parameters travel as text. */
struct stw_stmt {
    const char *name;
    const char *sql;
    int param_count;
    enum stw_stmt_kind kind;
    /* Of a POINT that finds at most one row by a UUID, its last parameter and its first column: where
     * "$n::uuid" stands in `sql`, behind an equals sign; else 0. Many of them, alike but for the key, go out
     * as one. */
    size_t key;
    /* Outside transactions, of one that is prepared: with its values, without, or without and sorting nothing
     * that an index has in order (slow to plan where much is joined). Writes, transactions and points, which
     * find few rows by keys, whoever they are for, always are without. */
    enum { STW_PLAN_WITH_VALUES, STW_PLAN_ONCE, STW_PLAN_IN_ORDER } planning;
    bool binary; /* how its columns travel; no arrays then */
};

/* The rows belong to ctx->arena. `ret_rows` may be NULL. */
enum stw_code stw_db_run(struct stw_context *ctx, const struct stw_stmt *stmt, const char *const *params,
                         struct stw_rows **ret_rows) STW_MUST_CHECK;

struct stw_call {
    const struct stw_stmt *stmt;
    const char *const *params;
    struct stw_rows *rows; /* set on success */
};
/* Several statements as one segment: one round trip, and one transaction when any of them writes (the kind of
 * the first decides the connection). All or nothing. */
enum stw_code stw_db_run_all(struct stw_context *ctx, struct stw_call *calls, int count) STW_MUST_CHECK;

/*
 * A transaction holds one lease. BEGIN rides with the first statement. READ COMMITTED.
 * stw_tx_run is the way to use it: begins, runs `body`, commits when it returns STW_OK, else rolls back and
 * returns its code; on STW_RETRY the body runs again, up to three times (it must be safe to run twice), then
 * it is STW_OVERLOADED. With `dry_run` all is rolled back and STW_OK returned. Inside another: a savepoint.
 */
enum stw_code stw_tx_run(struct stw_context *ctx,
                         enum stw_code (*body)(struct stw_context *ctx, void *argument), void *argument,
                         bool dry_run) STW_MUST_CHECK;
enum stw_code stw_tx_begin(struct stw_context *ctx) STW_MUST_CHECK;
/* A statement whose rows nobody needs, which so far is the transaction's last: it shares the COMMIT's round
 * trip. STW_OK says only that it will run; what comes of it is the commit's code. Outside a transaction and
 * in a nested one it runs at once. */
enum stw_code stw_tx_last(struct stw_context *ctx, const struct stw_stmt *stmt,
                          const char *const *params) STW_MUST_CHECK;
enum stw_code stw_tx_commit(struct stw_context *ctx) STW_MUST_CHECK;
/* Always ends the transaction, by dropping the connection if need be. */
void stw_tx_rollback(struct stw_context *ctx);

/* ---- the seam: how a caller waits ---- */

struct stw_wait {
    bool done;
    int64_t deadline_us; /* monotonic, 0: none */
    void *waiter;        /* the driver's: who sleeps here */
};

struct stw_conn;

/* With `hooks` NULL (command line, jobs, unit tests) waiting polls the sockets of this db. In the server it
 * yields. */
struct stw_db_hooks {
    void *self;
    /* Returns once wait->done is set or its deadline has passed. */
    void (*wait)(void *self, struct stw_wait *wait);
    /* wait->done was just set: make its waiter runnable (never runs it here). */
    void (*wake)(void *self, struct stw_wait *wait);
    /* Interest of `conn` in `fd` is now `events` (EPOLLIN | EPOLLOUT, level-triggered); 0: forget the fd, it
     * is about to close. Called from within stw_db_new and stw_db_free too. */
    void (*watch)(void *self, struct stw_conn *conn, int fd, unsigned events);
};

struct stw_replica;

struct stw_db_options {
    const char *url; /* libpq connection string */
    const char *application_name;
    int lanes;                    /* shared read connections; 0: POINT runs as READ */
    int quick;                    /* leases for lists, writes, transactions; at least 1 */
    int reads;                    /* READ statements that run at once on them; 0: as many as there are */
    int slow;                     /* leases for slow statements; 0: they share quick */
    const char *read_url;         /* of the standby; NULL: none */
    struct stw_replica *replica;  /* what is known of it; with read_url, outlives the db */
    int replica_quick;            /* connections to it for READ */
    int replica_slow;             /* for SLOW; 0: they share replica_quick */
    int64_t lease_wait_us;        /* how long a request may wait for a lease */
    int64_t statement_timeout_us; /* of leased connections, also idle in a transaction; lanes have 250 ms */
    const struct stw_db_hooks *hooks;
};

/* Starts connecting; does not wait. Connections that fail are tried again, with pauses of 50 ms to 2 s. */
struct stw_db *stw_db_new(const struct stw_db_options *options);
/* No statement may be in flight. */
void stw_db_free(struct stw_db *db);
/* The socket of `conn` is ready (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP). */
void stw_db_ready(struct stw_conn *conn, unsigned events);
/* Time-driven work: reconnects, leases that waited too long, drains. Returns when it wants to be called next
 * (monotonic microseconds), 0: no need. */
int64_t stw_db_tick(struct stw_db *db, int64_t now_us);
/* True when at least one connection of each class to the primary is up. */
bool stw_db_is_ready(const struct stw_db *db);

struct stw_db_stats {
    int connections_up, connections_max, leases_held, leases_waiting, lane_in_flight;
    uint64_t statements, reconnects, lease_timeouts;
    uint64_t replica_reads, replica_fallbacks; /* segments answered there; and those that had to come back */
};
void stw_db_stats_read(const struct stw_db *db, struct stw_db_stats *ret_stats);

#endif
