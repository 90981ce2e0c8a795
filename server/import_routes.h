#ifndef SRV_IMPORT_ROUTES_H
#define SRV_IMPORT_ROUTES_H

#include "resource/engine.h"
#include "server/router.h"

/* Beside what every resource has: POST /v1/imports, PUT …/{id}/content, GET …/{id}/errors.csv. */
void srv_import_routes(struct srv_router *router, const struct stw_engine *engine);

#endif
