#ifndef SRV_INTAKE_H
#define SRV_INTAKE_H

#include "server/guard.h"
#include "server/proxy.h"
#include "server/request.h"

/* From the head of a request, as the parser gives it, to struct srv_request. Everything is copied or lives as
 * long as the request: names and values of `head` must. */

/* Fills all but the query, the route and the body. Works for heads that the guard refused, too: a problem is
 * written in the client's language and carries its request id. */
void srv_intake_head(struct srv_request *request, const struct srv_head *head,
                     const struct srv_proxies *proxies, const char *peer);
/* Gives the request an id of our own. */
void srv_intake_id(struct srv_request *request);
/* Decodes the query. STW_MALFORMED_REQUEST on a bad escape. */
enum stw_code srv_intake_query(struct srv_request *request) STW_MUST_CHECK;
/* The method of that name, SRV_METHOD_COUNT when unknown. */
enum srv_method srv_intake_method(const char *name);
/* [A-Za-z0-9._-]{1,64} */
bool srv_intake_request_id(const char *text);
/* W3C Trace Context: version-traceid-parentid-flags, lower-case hexadecimal, no id all zeros. */
bool srv_intake_traceparent(const char *text);

#endif
