#ifndef SRV_RECORD_REPLY_H
#define SRV_RECORD_REPLY_H

#include "resource/store.h"
#include "server/request.h"

/* Records into replies: bodies, entity tags, links. */

/* One record with its expansions (`page` may be NULL) and its ETag (none with expansions). 304 when
 * If-None-Match names it and `status` is 200. */
void srv_record_reply(struct srv_request *request, struct srv_reply *reply, const struct stw_record *record,
                      const struct stw_query *query, const struct stw_page *page, int status);
/* {"data":[…],"next_cursor":…[,"total":…]} with Link. */
void srv_page_reply(struct srv_request *request, struct srv_reply *reply, const struct stw_query *query,
                    const struct stw_page *page);
/* Reads If-Match: `ret_version` NULL when absent or "*". STW_INVALID_PARAMETER with a violation, or
 * STW_PRECONDITION_REQUIRED when `required` and absent. */
enum stw_code srv_if_match(struct srv_request *request, bool required,
                           const char **ret_version) STW_MUST_CHECK;
/* "/v1/accounts/<id>" */
const char *srv_record_location(struct srv_request *request, const struct stw_record *record);

#endif
