#ifndef STW_DOMAIN_REGISTRY_H
#define STW_DOMAIN_REGISTRY_H

#include "resource/action.h"
#include "resource/resource.h"

/* All resources of Steward in the order of the map: people, customers, sales. */
extern const struct stw_resource *const stw_registry[];
extern const int stw_registry_count;

/* All actions on their records. */
extern const struct stw_action *const stw_actions[];
extern const int stw_action_count;

#endif
