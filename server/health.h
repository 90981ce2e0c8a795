#ifndef SRV_HEALTH_H
#define SRV_HEALTH_H

#include "server/router.h"

/* What an orchestrator and a monitor ask; outside /v1, for anyone who can reach the port.
 *   GET /livez    200 as long as the loop turns
 *   GET /readyz   200 when this loop's database answers, else 503 unavailable
 *   GET /metrics  Prometheus text */
extern const struct srv_route srv_health_routes[];
extern const size_t srv_health_route_count;

#endif
