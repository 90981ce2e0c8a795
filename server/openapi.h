#ifndef SRV_OPENAPI_H
#define SRV_OPENAPI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "resource/engine.h"
#include "server/router.h"

/*
 * The contract, OpenAPI 3.1: made of the routes, the resources' tables, the actions and the table of
 * problems, with the prose of openapi_head.md and the fixed pieces of openapi_base.json and
 * openapi_schemas.json. A new resource, action or field appears by itself; a route that is neither gets its
 * line in `operations` of openapi_base.json.
 */

/* The whole tree; a new reference. Aborts with a message when the fixed pieces cannot be read. */
json_t *srv_openapi(const struct srv_router *router, const struct stw_engine *engine);
/* The tree as YAML; false when it could not be written. */
bool srv_openapi_yaml(const struct srv_router *router, const struct stw_engine *engine, FILE *out);

/* Both renderings in memory, for serving. */
struct srv_contract;
struct srv_contract *srv_contract_new(const struct srv_router *router, const struct stw_engine *engine);
void srv_contract_free(struct srv_contract *contract);

/* GET /openapi.yaml, /openapi.json */
extern const struct srv_route srv_openapi_routes[];
extern const size_t srv_openapi_route_count;

#endif
