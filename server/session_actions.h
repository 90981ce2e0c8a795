#ifndef SRV_SESSION_ACTIONS_H
#define SRV_SESSION_ACTIONS_H

#include "resource/action.h"

/* What session_routes.c takes and gives, for its handlers and for the contract. The enums number the input
 * rows. */

enum { LOGIN_ORGANIZATION, LOGIN_EMAIL, LOGIN_PASSWORD, LOGIN_FIELDS };
enum { REFRESH_TOKEN, REFRESH_FIELDS };
enum { PASSWORD_CURRENT, PASSWORD_NEW, PASSWORD_FIELDS };

extern const struct stw_action srv_action_login, srv_action_refresh, srv_action_logout, srv_action_logout_all,
    srv_action_jwks, srv_action_me, srv_action_access, srv_action_password;

#endif
