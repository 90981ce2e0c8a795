#ifndef SRV_PROBLEM_H
#define SRV_PROBLEM_H

#include "server/request.h"
#include "server/router.h"

/*
 * The one table of problems: status, title and text in both languages for every published code, and the only
 * writer of application/problem+json (RFC 9457).
 */
struct srv_problem {
    enum stw_code code;
    int status;           /* 0: a violation only, never a problem by itself */
    const char *title[2]; /* by enum srv_language */
    /* For a problem: its detail. For a violation: text with at most one %s for the violation's argument,
     * inside a part in square brackets that is left out when there is no argument. */
    const char *detail[2];
};

const struct srv_problem *srv_problem_get(enum stw_code code);
/* Fills the reply: status, body, content type, and the headers the status demands (WWW-Authenticate, Allow,
 * Retry-After). Codes that are never published come out as internal. */
void srv_problem_write(const struct srv_request *request, enum stw_code code, struct srv_reply *reply);
/* GET /problems and /problems/{code}: the page that `type` names (JSON with all texts; HTML by Accept). */
enum stw_code srv_problem_page(struct srv_request *request, struct srv_reply *reply);
/* The table as rows, for docs and tests: calls `visit` for each published code. */
void srv_problem_each(void (*visit)(void *self, const struct srv_problem *problem), void *self);

extern const struct srv_route srv_problem_routes[];
extern const size_t srv_problem_route_count;

#endif
