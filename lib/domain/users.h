#ifndef STW_DOMAIN_USERS_H
#define STW_DOMAIN_USERS_H

#include "resource/resource.h"

enum stw_user_field {
    STW_USER_EMAIL = 1,
    STW_USER_NAME,
    STW_USER_ROLE_ID,
    STW_USER_TEAM_ID,
    STW_USER_STATUS,
    STW_USER_TITLE,
    STW_USER_PHONE,
    STW_USER_LANGUAGE,
    STW_USER_PASSWORD
};
extern const struct stw_resource stw_users;

#endif
