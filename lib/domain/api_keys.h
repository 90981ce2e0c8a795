#ifndef STW_DOMAIN_API_KEYS_H
#define STW_DOMAIN_API_KEYS_H

#include "resource/action.h"
#include "resource/resource.h"

enum stw_api_key_field {
    STW_API_KEY_NAME = 1,
    STW_API_KEY_SOURCE,
    STW_API_KEY_SCOPES,
    STW_API_KEY_PREFIX,
    STW_API_KEY_EXPIRES_AT
};
extern const struct stw_resource stw_api_keys;
/* POST /v1/api-keys/{id}/secret: a new secret, shown once; the former one stops working. */
extern const struct stw_action stw_api_key_secret;

#endif
