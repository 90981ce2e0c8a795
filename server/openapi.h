#ifndef SRV_OPENAPI_H
#define SRV_OPENAPI_H

#include <stdio.h>

#include "resource/engine.h"
#include "server/router.h"

/* Writes the contract (OpenAPI 3.1, YAML) of all routes from the tables that serve them. */
void srv_openapi_yaml(const struct srv_router *router, const struct stw_engine *engine, FILE *out);

#endif
