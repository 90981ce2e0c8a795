#ifndef SRV_LOG_H
#define SRV_LOG_H

#include <stdint.h>

#include "server/request.h"

/* One JSON object a line on stderr; never a body, a token or a query value. A write holds whole lines only,
 * and so few that a pipe takes them in one piece. A write that fails loses its lines and stops nothing. */
enum srv_log_level { SRV_LOG_ERROR, SRV_LOG_WARNING, SRV_LOG_INFO, SRV_LOG_DEBUG };
void srv_log_level_set(enum srv_log_level level);
void srv_log(enum srv_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The access line: request id, method, route template, status, duration, bytes, organisation, actor, code,
 * and details->internal when there is one. */
void srv_log_request(const struct srv_request *request, const struct srv_reply *reply, enum stw_code code,
                     int64_t duration_us);

/* From now on the access lines of this thread wait until they fill a write, the next line of srv_log, the
 * flush below or an abort. The thread flushes before each answer that it sends, before it sleeps and before
 * it ends. */
void srv_log_gather(void);
/* Writes what waits. Safe in a signal handler. */
void srv_log_flush(void);

#endif
