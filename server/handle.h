#ifndef SRV_HANDLE_H
#define SRV_HANDLE_H

#include "server/request.h"

/* A request's way through the server (srv_server.handle): router → negotiation → authentication → the route's
 * handler, and a problem wherever it ends. Always leaves a complete reply. */
void srv_handle(struct srv_request *request, struct srv_reply *reply);
/* A piece of a streamed body (srv_server.take). Before the first one everything is decided that the head
 * alone decides: route, type of the body, who sends it. */
enum stw_code srv_handle_take(struct srv_request *request, const char *bytes, size_t length) STW_MUST_CHECK;

#endif
