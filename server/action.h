#ifndef SRV_ACTION_H
#define SRV_ACTION_H

#include "resource/action.h"
#include "resource/engine.h"
#include "server/router.h"

/* POST /v1/{resource}/{id}/{suffix} for each of the domain's actions: body by its input rows, one
 * transaction, answer by its output rows. */
void srv_action_routes(struct srv_router *router, const struct stw_engine *engine,
                       const struct stw_action *const *actions, int count);

#endif
