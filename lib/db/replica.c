#include "db/replica.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "db/internal.h"

#define CALLERS  8192 /* a power of two */
#define MARKS    64
#define FRESH_US INT64_C(1000000)
#define SPACE_US INT64_C(40000)    /* between marks, at least */
#define DOUBT_US INT64_C(30000000) /* a commit in doubt has ended by then, one way or the other */

/* Where the primary stood at a moment. */
struct mark {
    int64_t at_us;
    uint64_t position;
};

/* Positions of two servers compare only on one timeline of one cluster. */
struct identity {
    char cluster[24];
    char timeline[12];
    char born[32]; /* when a server that is no standby started: which one it is */
};

struct caller {
    _Atomic uint64_t wrote;
    _Atomic int64_t doubt_us; /* until then */
};

struct stw_replica {
    _Atomic uint64_t replayed;
    _Atomic int64_t heard_us; /* when the newest look that the standby answered began; 0: never */
    _Atomic int64_t fresh_us; /* it holds what the primary held then; 0: not known */
    int64_t lag_us, space_us;
    /* the looking thread's */
    struct mark marks[MARKS];
    unsigned first, count;
    struct identity primary;
    struct caller callers[CALLERS];
};

struct stw_replica *stw_replica_new(int64_t lag_us)
{
    struct stw_replica *replica = stw_db_calloc(1, sizeof *replica);
    replica->lag_us = lag_us;
    /* Marks reach back for twice the bound: what is older would not be fresh enough anyway. */
    replica->space_us = lag_us * 2 / MARKS > SPACE_US ? lag_us * 2 / MARKS : SPACE_US;
    return replica;
}

void stw_replica_free(struct stw_replica *replica)
{
    free(replica);
}

/* ---- looking ---- */

static enum stw_code ask(struct stw_context *ctx, const struct stw_stmt *stmt, uint64_t *ret_position,
                         struct identity *ret_identity)
{
    struct stw_rows *rows;
    enum stw_code code = stw_db_run(ctx, stmt, NULL, &rows);
    if (code != STW_OK)
        return code;
    const char *position = stw_rows_text(rows, 0, 0);
    const char *born = stw_rows_text(rows, 0, 3);
    if (position == NULL || !stw_position_parse(position, ret_position)) {
        stw_db_explain(ctx, "a database without a position");
        return STW_INTERNAL;
    }
    *ret_identity = (struct identity){0};
    snprintf(ret_identity->cluster, sizeof ret_identity->cluster, "%s", stw_rows_text(rows, 0, 1));
    snprintf(ret_identity->timeline, sizeof ret_identity->timeline, "%s", stw_rows_text(rows, 0, 2));
    snprintf(ret_identity->born, sizeof ret_identity->born, "%s", born != NULL ? born : "");
    return STW_OK;
}

static void set_mark(struct stw_replica *replica, int64_t at_us, uint64_t position)
{
    const struct mark *newest = &replica->marks[(replica->first + replica->count - 1) % MARKS];
    if (replica->count > 0 && at_us < newest->at_us + replica->space_us)
        return;
    if (replica->count == MARKS) {
        replica->first = (replica->first + 1) % MARKS;
        replica->count--;
    }
    replica->marks[(replica->first + replica->count++) % MARKS] = (struct mark){at_us, position};
}

#define TIMELINE_WRITTEN "ltrim(left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), '0')"
/* As of its last restartpoint or the last page it wrote: late, never early. */
#define TIMELINE_REPLAYED                                                                                    \
    "upper(to_hex(greatest((select timeline_id from pg_control_checkpoint()), "                              \
    "(select min_recovery_end_timeline from pg_control_recovery()))))"
#define BORN "extract(epoch from pg_postmaster_start_time())::text"

static enum stw_code look_at_primary(struct stw_replica *replica, struct stw_context *ctx)
{
    /* What is flushed: the standby is sent nothing else, and what others see has been. */
    static const struct stw_stmt stmt = {
        .name = "replica_primary",
        .sql = "select pg_current_wal_flush_lsn(), system_identifier, " TIMELINE_WRITTEN ", " BORN
               " from pg_control_system()",
        .kind = STW_STMT_READ};
    int64_t begun_us = stw_clock_monotonic_us();
    uint64_t position;
    enum stw_code code = ask(ctx, &stmt, &position, &replica->primary);
    if (code != STW_OK)
        return code;
    set_mark(replica, begun_us, position);
    return STW_OK;
}

/* NULL if its position says how much of the primary it holds. */
static const char *stranger(const struct identity *primary, const struct identity *standby)
{
    if (strcmp(primary->cluster, standby->cluster) != 0)
        return "it is not a copy of the primary";
    if (strcmp(primary->timeline, standby->timeline) != 0)
        return "it does not follow the primary's timeline";
    /* After a failover both ways may lead to one server. */
    if (standby->born[0] != '\0' && strcmp(primary->born, standby->born) != 0)
        return "it is no standby any more";
    return NULL;
}

static enum stw_code look_at_standby(struct stw_replica *replica, struct stw_context *ctx)
{
    static const struct stw_stmt stmt = {
        .name = "replica_standby",
        .sql = "select case when recovers then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end, "
               "system_identifier, "
               "case when recovers then " TIMELINE_REPLAYED " else " TIMELINE_WRITTEN " end, "
               "case when not recovers then " BORN " end "
               "from pg_control_system(), (select pg_is_in_recovery() as recovers) s",
        .kind = STW_STMT_READ};
    int64_t begun_us = stw_clock_monotonic_us();
    int64_t fresh_us = 0;
    struct identity identity;
    uint64_t position;
    enum stw_code code = ask(ctx, &stmt, &position, &identity);
    if (code != STW_OK)
        return code;
    const char *why = stranger(&replica->primary, &identity);
    if (why != NULL) {
        /* What was heard before counts no more. */
        atomic_store_explicit(&replica->heard_us, 0, memory_order_relaxed);
        atomic_store_explicit(&replica->fresh_us, 0, memory_order_relaxed);
        stw_db_explain(ctx, why);
        return STW_INTERNAL;
    }
    for (; replica->count > 0 && replica->marks[replica->first].position <= position; replica->count--) {
        fresh_us = replica->marks[replica->first].at_us;
        replica->first = (replica->first + 1) % MARKS;
    }
    if (fresh_us != 0)
        atomic_store_explicit(&replica->fresh_us, fresh_us, memory_order_relaxed);
    atomic_store_explicit(&replica->replayed, position, memory_order_relaxed);
    atomic_store_explicit(&replica->heard_us, begun_us, memory_order_release);
    return STW_OK;
}

enum stw_code stw_replica_look(struct stw_replica *replica, struct stw_context *primary,
                               struct stw_context *standby)
{
    enum stw_code code = look_at_primary(replica, primary);
    /* Without its primary a standby answers all the same, and is no longer fresh in time. */
    enum stw_code other = replica->primary.cluster[0] != '\0' ? look_at_standby(replica, standby) : STW_OK;
    return code != STW_OK ? code : other;
}

bool stw_replica_serves(const struct stw_replica *replica, uint64_t seen, int64_t up_us)
{
    int64_t heard_us = atomic_load_explicit(&replica->heard_us, memory_order_acquire);
    int64_t fresh_us = atomic_load_explicit(&replica->fresh_us, memory_order_relaxed);
    int64_t now_us = stw_clock_monotonic_us();
    return heard_us >= up_us && fresh_us != 0 && now_us - heard_us <= FRESH_US &&
           now_us - fresh_us <= replica->lag_us &&
           atomic_load_explicit(&replica->replayed, memory_order_relaxed) >= seen;
}

bool stw_replica_is_heard(const struct stw_replica *replica, int64_t now_us)
{
    return now_us - atomic_load_explicit(&replica->heard_us, memory_order_relaxed) <= STW_REPLICA_STALL_US;
}

int64_t stw_replica_lag_us(const struct stw_replica *replica)
{
    int64_t fresh_us = atomic_load_explicit(&replica->fresh_us, memory_order_relaxed);
    return fresh_us != 0 ? stw_clock_monotonic_us() - fresh_us : -1;
}

/* ---- callers ---- */

static unsigned place_of(const char *caller)
{
    uint32_t hash = 2166136261u;
    for (; *caller != '\0'; caller++)
        hash = (hash ^ (unsigned char)*caller) * 16777619u;
    return (hash ^ hash >> 16) & (CALLERS - 1);
}

uint64_t stw_replica_seen(const struct stw_replica *replica, const char *caller)
{
    const struct caller *place = &replica->callers[place_of(caller)];
    if (atomic_load_explicit(&place->doubt_us, memory_order_relaxed) > stw_clock_monotonic_us())
        return STW_POSITION_NONE;
    return atomic_load_explicit(&place->wrote, memory_order_relaxed);
}

void stw_replica_keep(struct stw_replica *replica, const char *caller, const struct stw_trail *trail)
{
    struct caller *place = &replica->callers[place_of(caller)];
    uint64_t before = atomic_load_explicit(&place->wrote, memory_order_relaxed);
    while (trail->wrote > before &&
           !atomic_compare_exchange_weak_explicit(&place->wrote, &before, trail->wrote, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    if (trail->in_doubt)
        atomic_store_explicit(&place->doubt_us, stw_clock_monotonic_us() + DOUBT_US, memory_order_relaxed);
}

void stw_position_write(uint64_t position, char ret_text[STW_POSITION_TEXT])
{
    snprintf(ret_text, STW_POSITION_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(position >> 32),
             (uint32_t)position);
}

/* One to eight hexadecimal digits; NULL when there are none or more. */
static const char *parse_half(const char *text, uint64_t *ret_half)
{
    size_t length = strspn(text, "0123456789ABCDEFabcdef");
    if (length < 1 || length > 8)
        return NULL;
    *ret_half = strtoull(text, NULL, 16);
    return text + length;
}

bool stw_position_parse(const char *text, uint64_t *ret_position)
{
    uint64_t high, low;
    const char *rest = parse_half(text, &high);
    if (rest == NULL || *rest != '/')
        return false;
    rest = parse_half(rest + 1, &low);
    if (rest == NULL || *rest != '\0')
        return false;
    *ret_position = high << 32 | low;
    return true;
}
