#ifndef SRV_NEGOTIATE_H
#define SRV_NEGOTIATE_H

#include "server/request.h"

/* What a client says that it understands and sends (RFC 9110, 8.3, 12.4 and 12.5). Several Accept
 * lines count as one list; members that cannot be read are as if they were not there. */

/* The better of the two languages by Accept-Language (NULL: none sent); the first named on a tie, else
 * English. */
enum srv_language srv_negotiate_language(const char *accept_language);
/* How much Accept likes `media_type` ("text/html"), 0 (not at all) to 1000: the most specific range decides.
 * 1000 without Accept. Parameters of a range other than q are not looked at. */
int srv_negotiate_quality(const struct srv_request *request, const char *media_type);
/* How much Accept-Encoding likes the content coding ("gzip"), 0 to 1000. 0 without the header: who names no
 * coding gets the bytes as they are. */
int srv_negotiate_coding(const struct srv_request *request, const char *coding);
/* STW_NOT_ACCEPTABLE, with a violation, when Accept takes neither `media_type` nor application/problem+json.
 */
enum stw_code srv_negotiate_accept(struct srv_request *request, const char *media_type) STW_MUST_CHECK;
/* STW_UNSUPPORTED_MEDIA_TYPE, with a violation, unless Content-Type is `media_type`, whatever its parameters,
 * without a content coding. */
enum stw_code srv_negotiate_media(struct srv_request *request, const char *media_type) STW_MUST_CHECK;
/* STW_UNSUPPORTED_MEDIA_TYPE, with a violation, unless the body is application/json or
 * application/merge-patch+json (optional charset=utf-8, no other parameter) without a content coding. Without
 * a body and without the header all is well. */
enum stw_code srv_negotiate_content_type(struct srv_request *request) STW_MUST_CHECK;
/* STW_UNKNOWN_PARAMETER, with a violation for each, when the request has a query: for paths that take none.
 */
enum stw_code srv_negotiate_no_query(struct srv_request *request) STW_MUST_CHECK;

#endif
