#ifndef SRV_SESSION_ROUTES_H
#define SRV_SESSION_ROUTES_H

#include "server/router.h"

/*
 * Sign-in and the caller's own affairs. The subject of each is a `const struct stw_action`.
 *   POST /v1/auth/login, /v1/auth/refresh    tokens for a password, for a refresh token
 *   POST /v1/auth/logout                     ends the session of a refresh token; 204 whatever it is
 *   POST /v1/auth/logout-all                 ends all sessions of the caller
 *   GET  /.well-known/jwks.json              keys that access tokens are verified with
 *   GET  /v1/me, /v1/me/access               who the caller is, what he may do
 *   POST /v1/me/password                     another password; the other sessions end, this one gets new
 * tokens
 */
extern const struct srv_route srv_session_routes[];
extern const size_t srv_session_route_count;

#endif
