#ifndef SRV_REPLICA_H
#define SRV_REPLICA_H

#include "db/replica.h"
#include "server/config.h"
#include "server/request.h"

/* The hot standby that lists, searches, aggregates and histories may be read from. A thread of its own looks
 * many times a second how far it has come; what may go there decides lib/db (db/replica.h). */
struct srv_replica;

/* Starts the thread; STEWARD_DATABASE_READ_URL must be set. NULL when it cannot be made. The standby is not
 * used before it answered and its role was found to stand behind the views. */
struct srv_replica *srv_replica_start(const struct srv_config *config);
void srv_replica_stop(struct srv_replica *replica);
/* What lib/db wants to know of it; NULL when `replica` is. */
struct stw_replica *srv_replica_known(struct srv_replica *replica);

/* The caller is known: what this request must see, by what the caller wrote here and by the header
 * Steward-Position. STW_INVALID_PARAMETER with details. */
enum stw_code srv_replica_open(struct srv_request *request) STW_MUST_CHECK;
/* Keeps what the request wrote, for the caller's next reads, and tells where it stands in Steward-Position.
 */
void srv_replica_close(struct srv_request *request, struct srv_reply *reply);

/* Its families of the metrics. */
void srv_replica_metrics(const struct srv_replica *replica, struct stw_buf *out);

#endif
