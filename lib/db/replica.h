#ifndef STW_DB_REPLICA_H
#define STW_DB_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/context.h"

/*
 * What a process knows of its hot standby: how far it has come, and how far it must have come for whom. Any
 * thread may ask; one looks. Positions are those of PostgreSQL's log (LSN), 0: none.
 *
 * The standby may serve a read when
 *   - it was heard of within the last second, and since the newest connection to it came up (a standby that
 *     crashed may have gone back a little);
 *   - it holds all that the primary held `lag_us` ago;
 *   - it has replayed what this caller has seen.
 * The URL must lead to one server: positions of one standby say nothing of another.
 */
struct stw_replica;

struct stw_replica *stw_replica_new(int64_t lag_us);
void stw_replica_free(struct stw_replica *replica);
/* One look at both, with contexts over two databases of the looking thread, which must look many times a
 * second. The code of what failed; STW_INTERNAL when the other one's position says nothing of the primary:
 * another cluster, another timeline, or promoted. */
enum stw_code stw_replica_look(struct stw_replica *replica, struct stw_context *primary,
                               struct stw_context *standby) STW_MUST_CHECK;
bool stw_replica_serves(const struct stw_replica *replica, uint64_t seen, int64_t up_us);
/* Whether the standby answered lately; if not, who waits for it may wait in vain. */
bool stw_replica_is_heard(const struct stw_replica *replica, int64_t now_us);
/* The age of what it is known to hold; -1 while that is not known. */
int64_t stw_replica_lag_us(const struct stw_replica *replica);

/* ---- callers ---- */

#define STW_POSITION_NONE UINT64_MAX /* no standby has come that far */

/* ctx->trail of one request; copies of its context share it. */
struct stw_trail {
    bool may_lag;   /* READ and SLOW may go to the standby; false from the first that did not */
    uint64_t seen;  /* if it has come this far */
    uint64_t wrote; /* where the newest commit stands */
    bool in_doubt;  /* there may be a commit of which nobody knows where it stands */
};

/* What a caller (user or API key) has written through this process, at least; those of one hash share it. For
 * a while after a commit in doubt it is STW_POSITION_NONE. */
uint64_t stw_replica_seen(const struct stw_replica *replica, const char *caller);
/* Keeps what the trail says was written. */
void stw_replica_keep(struct stw_replica *replica, const char *caller, const struct stw_trail *trail);

/* "1A/2B3C4D5E", as PostgreSQL writes it. */
#define STW_POSITION_TEXT 18
void stw_position_write(uint64_t position, char ret_text[STW_POSITION_TEXT]);
bool stw_position_parse(const char *text, uint64_t *ret_position);

#endif
