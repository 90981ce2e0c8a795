#include "server/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "server/metrics_process.h"
#include "server/router.h"

/* Each status that Steward or MHD can answer has a place of its own; any other is counted together as the
 * last. */
static const short statuses[] = {200, 201, 202, 204, 206, 207, 301, 302, 303, 304, 307, 308,
                                 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414,
                                 415, 417, 422, 428, 429, 431, 499, 500, 501, 503, 504, 505};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

/* Upper ends of the histogram's buckets. */
static const struct {
    int64_t us;
    const char *label;
} buckets[] = {
    {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"}, {25000, "0.025"},
    {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"}, {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"},
};
#define BUCKET_COUNT (sizeof(buckets) / sizeof(buckets[0]))

typedef _Atomic uint64_t counter;

/* One route on one loop. */
struct slot {
    counter by_status[STATUS_COUNT + 1];
    counter by_bucket[BUCKET_COUNT + 1]; /* not cumulative; the last is beyond all ends */
    counter duration_us;
    counter bytes;
};

enum db_sample {
    UP,
    MAX,
    HELD,
    WAITING,
    IN_FLIGHT,
    STATEMENTS,
    RECONNECTS,
    TIMEOUTS,
    REPLICA_READS,
    FALLBACKS,
    DB_SAMPLE_COUNT
};

static const struct {
    const char *name;
    const char *type;
    const char *help;
} db_families[DB_SAMPLE_COUNT] = {
    [UP] = {"steward_db_connections_up", "gauge", "Database connections that are up, by loop."},
    [MAX] = {"steward_db_connections_max", "gauge", "Database connections wanted, by loop."},
    [HELD] = {"steward_db_leases_held", "gauge", "Leased database connections, by loop."},
    [WAITING] = {"steward_db_leases_waiting", "gauge", "Requests that wait for a lease, by loop."},
    [IN_FLIGHT] = {"steward_db_lane_in_flight", "gauge", "Reads in flight on shared connections, by loop."},
    [STATEMENTS] = {"steward_db_statements_total", "counter", "Statements sent to the database, by loop."},
    [RECONNECTS] = {"steward_db_reconnects_total", "counter", "Database connections made again, by loop."},
    [TIMEOUTS] = {"steward_db_lease_timeouts_total", "counter",
                  "Requests that waited for a lease in vain, by loop."},
    [REPLICA_READS] = {"steward_db_replica_reads_total", "counter",
                       "Reads served by the read replica, by loop."},
    [FALLBACKS] = {"steward_db_replica_fallbacks_total", "counter",
                   "Reads sent to the read replica that the primary had to serve, by loop."},
};

struct part {
    struct slot *slots; /* by route, the last for requests without one */
    atomic_int connections;
    counter db[DB_SAMPLE_COUNT];
};

struct indexed {
    const struct srv_route *route;
    size_t index;
};

struct srv_metrics {
    const struct srv_router *router;
    struct indexed *indexes; /* sorted by address */
    size_t route_count;
    struct part **parts;
    int loops;
    double started;
};

static int compare_indexed(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const struct indexed *)left)->route;
    uintptr_t b = (uintptr_t)((const struct indexed *)right)->route;

    return (a > b) - (a < b);
}

/* Zeroed memory that starts a cache line of its own, so that no two loops write to the same one. */
static void *line_alloc(size_t size)
{
    size_t rounded = (size + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);

    if (!memory) {
        fputs("metrics: out of memory\n", stderr);
        abort();
    }
    return memset(memory, 0, rounded);
}

struct srv_metrics *srv_metrics_new(int loops, const struct srv_router *router)
{
    struct srv_metrics *metrics = line_alloc(sizeof(*metrics));

    metrics->router = router;
    metrics->route_count = srv_router_count(router);
    metrics->loops = loops < 1 ? 1 : loops;
    metrics->started = srv_metrics_started();
    metrics->indexes = line_alloc((metrics->route_count + 1) * sizeof(*metrics->indexes));
    for (size_t i = 0; i < metrics->route_count; i++)
        metrics->indexes[i] = (struct indexed){srv_router_at(router, i), i};
    qsort(metrics->indexes, metrics->route_count, sizeof(*metrics->indexes), compare_indexed);
    metrics->parts = line_alloc((size_t)metrics->loops * sizeof(struct part *));
    for (int i = 0; i < metrics->loops; i++) {
        metrics->parts[i] = line_alloc(sizeof(struct part));
        metrics->parts[i]->slots = line_alloc((metrics->route_count + 1) * sizeof(struct slot));
    }
    return metrics;
}

void srv_metrics_free(struct srv_metrics *metrics)
{
    if (!metrics)
        return;
    for (int i = 0; i < metrics->loops; i++) {
        free(metrics->parts[i]->slots);
        free(metrics->parts[i]);
    }
    free(metrics->parts);
    free(metrics->indexes);
    free(metrics);
}

static void add(counter *place, uint64_t amount)
{
    atomic_fetch_add_explicit(place, amount, memory_order_relaxed);
}

static uint64_t value_of(const counter *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static size_t route_index(const struct srv_metrics *metrics, const struct srv_route *route)
{
    struct indexed key = {.route = route};
    const struct indexed *found =
        bsearch(&key, metrics->indexes, metrics->route_count, sizeof(key), compare_indexed);

    return found ? found->index : metrics->route_count;
}

static size_t status_index(int status)
{
    size_t index = 0;

    while (index < STATUS_COUNT && statuses[index] != status)
        index++;
    return index;
}

static size_t bucket_index(int64_t duration_us)
{
    size_t index = 0;

    while (index < BUCKET_COUNT && duration_us > buckets[index].us)
        index++;
    return index;
}

static struct part *part_of(struct srv_metrics *metrics, int loop)
{
    return metrics->parts[loop >= 0 && loop < metrics->loops ? loop : 0];
}

void srv_metrics_request(struct srv_metrics *metrics, int loop, const struct srv_route *route, int status,
                         int64_t duration_us, size_t reply_bytes)
{
    struct slot *slot = &part_of(metrics, loop)->slots[route_index(metrics, route)];

    if (duration_us < 0)
        duration_us = 0;
    add(&slot->by_status[status_index(status)], 1);
    add(&slot->by_bucket[bucket_index(duration_us)], 1);
    add(&slot->duration_us, (uint64_t)duration_us);
    add(&slot->bytes, reply_bytes);
}

void srv_metrics_connections(struct srv_metrics *metrics, int loop, int open)
{
    atomic_store_explicit(&part_of(metrics, loop)->connections, open, memory_order_relaxed);
}

static uint64_t not_negative(int value)
{
    return value > 0 ? (uint64_t)value : 0;
}

void srv_metrics_db(struct srv_metrics *metrics, int loop, const struct stw_db_stats *stats)
{
    struct part *part = part_of(metrics, loop);
    const uint64_t values[DB_SAMPLE_COUNT] = {
        [UP] = not_negative(stats->connections_up),
        [MAX] = not_negative(stats->connections_max),
        [HELD] = not_negative(stats->leases_held),
        [WAITING] = not_negative(stats->leases_waiting),
        [IN_FLIGHT] = not_negative(stats->lane_in_flight),
        [STATEMENTS] = stats->statements,
        [RECONNECTS] = stats->reconnects,
        [TIMEOUTS] = stats->lease_timeouts,
        [REPLICA_READS] = stats->replica_reads,
        [FALLBACKS] = stats->replica_fallbacks,
    };

    for (int i = 0; i < DB_SAMPLE_COUNT; i++)
        atomic_store_explicit(&part->db[i], values[i], memory_order_relaxed);
}

/* ---- the scrape
 * ----------------------------------------------------------------------------------------------- */

/* One route over all loops. */
struct total {
    uint64_t by_status[STATUS_COUNT + 1];
    uint64_t by_bucket[BUCKET_COUNT + 1];
    uint64_t duration_us;
    uint64_t bytes;
    uint64_t count;
};

static void sum_route(const struct srv_metrics *metrics, size_t index, struct total *total)
{
    memset(total, 0, sizeof(*total));
    for (int loop = 0; loop < metrics->loops; loop++) {
        const struct slot *slot = &metrics->parts[loop]->slots[index];

        for (size_t i = 0; i <= STATUS_COUNT; i++)
            total->by_status[i] += value_of(&slot->by_status[i]);
        for (size_t i = 0; i <= BUCKET_COUNT; i++)
            total->by_bucket[i] += value_of(&slot->by_bucket[i]);
        total->duration_us += value_of(&slot->duration_us);
        total->bytes += value_of(&slot->bytes);
    }
    /* The histogram's count is the sum of its buckets as read here, so that the two agree in one scrape. */
    for (size_t i = 0; i <= BUCKET_COUNT; i++)
        total->count += total->by_bucket[i];
}

static void add_label(struct stw_buf *out, const char *name, const char *value)
{
    stw_buf_add_text(out, name);
    stw_buf_add_text(out, "=\"");
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            stw_buf_add_char(out, '\\');
        if (*value == '\n')
            stw_buf_add_text(out, "\\n");
        else
            stw_buf_add_char(out, *value);
    }
    stw_buf_add_char(out, '"');
}

/* `name{route="…",method="…"`, the brace left open. */
static void add_series(struct stw_buf *out, const char *name, const struct srv_route *route)
{
    stw_buf_add_text(out, name);
    stw_buf_add_char(out, '{');
    add_label(out, "route", route ? route->pattern : "unmatched");
    stw_buf_add_char(out, ',');
    add_label(out, "method", route ? srv_method_name(route->method) : "any");
}

static void write_statuses(struct stw_buf *out, const char *name, const struct srv_route *route,
                           const struct total *total)
{
    for (size_t i = 0; i <= STATUS_COUNT; i++) {
        char status[8] = "other";

        if (total->by_status[i] == 0)
            continue;
        if (i < STATUS_COUNT)
            snprintf(status, sizeof(status), "%d", statuses[i]);
        add_series(out, name, route);
        stw_buf_printf(out, ",status=\"%s\"} %" PRIu64 "\n", status, total->by_status[i]);
    }
}

static void write_histogram(struct stw_buf *out, const char *name, const struct srv_route *route,
                            const struct total *total)
{
    char part[64];
    uint64_t so_far = 0;

    snprintf(part, sizeof(part), "%s_bucket", name);
    for (size_t i = 0; i <= BUCKET_COUNT; i++) {
        so_far += total->by_bucket[i];
        add_series(out, part, route);
        stw_buf_printf(out, ",le=\"%s\"} %" PRIu64 "\n", i < BUCKET_COUNT ? buckets[i].label : "+Inf",
                       so_far);
    }
    snprintf(part, sizeof(part), "%s_sum", name);
    add_series(out, part, route);
    stw_buf_printf(out, "} %" PRIu64 ".%06" PRIu64 "\n", total->duration_us / 1000000,
                   total->duration_us % 1000000);
    snprintf(part, sizeof(part), "%s_count", name);
    add_series(out, part, route);
    stw_buf_printf(out, "} %" PRIu64 "\n", total->count);
}

static void write_bytes(struct stw_buf *out, const char *name, const struct srv_route *route,
                        const struct total *total)
{
    add_series(out, name, route);
    stw_buf_printf(out, "} %" PRIu64 "\n", total->bytes);
}

/* A family of the requests; routes that were never asked are left out, they would be most of the scrape. */
static void write_family(const struct srv_metrics *metrics, struct stw_buf *out, const char *name,
                         const char *type, const char *help,
                         void (*write)(struct stw_buf *out, const char *name, const struct srv_route *route,
                                       const struct total *total))
{
    srv_metrics_family(out, name, type, help);
    for (size_t i = 0; i <= metrics->route_count; i++) {
        struct total total;

        sum_route(metrics, i, &total);
        if (total.count > 0)
            write(out, name, i < metrics->route_count ? srv_router_at(metrics->router, i) : NULL, &total);
    }
}

static void write_db(const struct srv_metrics *metrics, struct stw_buf *out)
{
    for (int i = 0; i < DB_SAMPLE_COUNT; i++) {
        srv_metrics_family(out, db_families[i].name, db_families[i].type, db_families[i].help);
        for (int loop = 0; loop < metrics->loops; loop++)
            stw_buf_printf(out, "%s{loop=\"%d\"} %" PRIu64 "\n", db_families[i].name, loop,
                           value_of(&metrics->parts[loop]->db[i]));
    }
}

void srv_metrics_write(const struct srv_metrics *metrics, struct stw_buf *out)
{
    write_family(metrics, out, "steward_http_requests_total", "counter",
                 "Requests answered, by route template, method and status.", write_statuses);
    write_family(metrics, out, "steward_http_request_duration_seconds", "histogram",
                 "Time from a complete request to its answer, by route template and method.",
                 write_histogram);
    write_family(metrics, out, "steward_http_response_bytes_total", "counter",
                 "Bytes of answers' bodies, by route template and method.", write_bytes);
    srv_metrics_family(out, "steward_http_connections", "gauge", "Open client connections, by loop.");
    for (int loop = 0; loop < metrics->loops; loop++)
        stw_buf_printf(out, "steward_http_connections{loop=\"%d\"} %d\n", loop,
                       atomic_load_explicit(&metrics->parts[loop]->connections, memory_order_relaxed));
    write_db(metrics, out);
    srv_metrics_process(out, metrics->started);
}
