#ifndef SRV_AGGREGATE_H
#define SRV_AGGREGATE_H

#include "server/router.h"

/* POST /v1/{collection}/aggregate */
srv_handler srv_aggregate;

#endif
