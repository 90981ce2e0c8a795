#ifndef SRV_METRICS_H
#define SRV_METRICS_H

#include <stdint.h>

#include "server/request.h"

/* Counters and histograms in Prometheus text format, valid for promtool. Labels are route templates, never
 * paths. Each loop counts in its own slots (atomics, relaxed); the scrape adds them. */
struct srv_metrics;
struct srv_router;
struct srv_metrics *srv_metrics_new(int loops, const struct srv_router *router);
void srv_metrics_free(struct srv_metrics *metrics);
void srv_metrics_request(struct srv_metrics *metrics, int loop, const struct srv_route *route, int status,
                         int64_t duration_us, size_t reply_bytes);
void srv_metrics_connections(struct srv_metrics *metrics, int loop, int open);
struct stw_db_stats;
void srv_metrics_db(struct srv_metrics *metrics, int loop, const struct stw_db_stats *stats);
/* GET /metrics */
void srv_metrics_write(const struct srv_metrics *metrics, struct stw_buf *out);

#endif
