#ifndef SRV_AUTH_H
#define SRV_AUTH_H

#include "server/request.h"

/*
 * Authorization: Bearer <JWT or API key> to request->ctx.actor and ->org_id. The actor lives as long as the
 * request. STW_UNAUTHENTICATED without a bearer, STW_INVALID_TOKEN, STW_TOKEN_EXPIRED; STW_TOO_MANY_REQUESTS
 * after too many bad tokens from one address; whatever the database says when the actor has to be read.
 */
enum stw_code srv_auth_bearer(struct srv_request *request) STW_MUST_CHECK;

#endif
