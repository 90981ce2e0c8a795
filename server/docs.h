#ifndef SRV_DOCS_H
#define SRV_DOCS_H

#include "server/router.h"

/* GET /docs: Swagger UI over /openapi.json, from files inside the binary (cmake/docs.cmake) and under a
 * policy that lets the page talk to this server alone. A binary built without these files serves a plain list
 * instead. */
extern const struct srv_route srv_docs_routes[];
extern const size_t srv_docs_route_count;

/* That list: a page with the method and path of each operation of the contract. */
void srv_docs_list(const struct srv_router *router, struct stw_buf *body);

#endif
