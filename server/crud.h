#ifndef SRV_CRUD_H
#define SRV_CRUD_H

#include "resource/engine.h"
#include "server/router.h"

/* The routes that every resource has by its descriptor, and their one set of handlers. */
void srv_crud_routes(struct srv_router *router, const struct stw_engine *engine);

/* Handlers of crud_write.c. */
srv_handler srv_crud_create, srv_crud_update, srv_crud_delete, srv_crud_restore;
/* By a key of another system; in crud_external.c. */
srv_handler srv_crud_find, srv_crud_upsert;

#endif
