#ifndef SRV_WRITE_H
#define SRV_WRITE_H

#include "server/request.h"

/*
 * What all writing routes share: ?dry_run=true and Idempotency-Key. `effect` does the work and writes the
 * reply; it may run twice (a serialization failure, a retry). Without either it runs as it is, as one commit
 * of its own. With dry_run it runs in a transaction that is rolled back. With a key it runs in a transaction
 * that also stores its answer, or the stored answer of the first time is replied, byte for byte, with
 * Idempotency-Replayed: true.
 */
typedef enum stw_code srv_effect(struct srv_request *request, struct srv_reply *reply, void *argument);
enum stw_code srv_write(struct srv_request *request, struct srv_reply *reply, srv_effect *effect,
                        void *argument) STW_MUST_CHECK;

#endif
