#ifndef SRV_HANDLE_H
#define SRV_HANDLE_H

#include "server/request.h"

/* A request's way through the server (srv_server.handle): router → negotiation → authentication → the route's
 * handler, and a problem wherever it ends. Always leaves a complete reply. */
void srv_handle(struct srv_request *request, struct srv_reply *reply);

#endif
