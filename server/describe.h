#ifndef SRV_DESCRIBE_H
#define SRV_DESCRIBE_H

#include "server/router.h"

/* GET /v1/describe/{resource}: the resource as the caller meets it. */
extern const struct srv_route srv_describe_routes[];
extern const size_t srv_describe_route_count;

#endif
