#ifndef STW_DOMAIN_ROLES_H
#define STW_DOMAIN_ROLES_H

#include "resource/resource.h"

enum stw_role_field {
    STW_ROLE_KEY = 1,
    STW_ROLE_NAME,
    STW_ROLE_BASE,
    STW_ROLE_PERMISSIONS,
    STW_ROLE_DESCRIPTION
};
extern const struct stw_resource stw_roles;

#endif
