#include "server/health.h"

#include "db/db.h"
#include "domain/upkeep.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/negotiate.h"
#include "server/replica.h"

static enum stw_code answer_ok(struct srv_reply *reply)
{
    stw_buf_add_text(&reply->body, "{\"status\":\"ok\"}");
    reply->status = 200;
    return STW_OK;
}

static enum stw_code livez(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code = srv_negotiate_no_query(request);

    return code == STW_OK ? answer_ok(reply) : code;
}

static enum stw_code readyz(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    if (!request->ctx.db || !stw_db_is_ready(request->ctx.db) || srv_loop_leaving(request->loop))
        return STW_UNAVAILABLE;
    /* Whatever the reason, the orchestrator is told one thing: send nothing here for now. */
    if (stw_upkeep_ping(&request->ctx) != STW_OK)
        return STW_UNAVAILABLE;
    return answer_ok(reply);
}

static enum stw_code metrics(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    srv_metrics_write(srv_loop_server(request->loop)->metrics, &reply->body);
    srv_replica_metrics(srv_loop_server(request->loop)->replica, &reply->body);
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply->status = 200;
    return STW_OK;
}

const struct srv_route srv_health_routes[] = {
    {SRV_GET, "/livez", SRV_AUTH_NONE, SRV_ROUTE_UNCOUNTED, livez, NULL, "getLiveness",
     "Tells that the process is alive."},
    {SRV_GET, "/readyz", SRV_AUTH_NONE, 0, readyz, NULL, "getReadiness",
     "Tells whether requests can be served: 503 while the database does not answer, and "
     "before the process stops."},
    {SRV_GET, "/metrics", SRV_AUTH_NONE, SRV_ROUTE_UNCOUNTED, metrics, NULL, "getMetrics",
     "Counters and histograms in Prometheus text format."},
};
const size_t srv_health_route_count = sizeof(srv_health_routes) / sizeof(srv_health_routes[0]);
