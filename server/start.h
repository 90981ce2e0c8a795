#ifndef SRV_START_H
#define SRV_START_H

#include "resource/engine.h"
#include "server/config.h"
#include "server/router.h"

/* From settings to a serving process. */

/* All routes that Steward has. */
struct srv_router *srv_start_router(const struct stw_engine *engine);
/* Checks the settings and the database, then serves until a signal. Says on stderr why it does not. Returns
 * the exit status. `on_ready` as for srv_serve. */
int srv_start(const struct srv_config *config, void (*on_ready)(void *self, int port), void *self);

#endif
