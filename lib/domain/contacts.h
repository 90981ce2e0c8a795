#ifndef STW_DOMAIN_CONTACTS_H
#define STW_DOMAIN_CONTACTS_H

#include "resource/resource.h"

enum stw_contact_field {
    STW_CONTACT_ACCOUNT_ID = 1,
    STW_CONTACT_NAME,
    STW_CONTACT_POSITION,
    STW_CONTACT_PHONE,
    STW_CONTACT_EMAIL,
    STW_CONTACT_DECISION_ROLE,
    STW_CONTACT_IS_PRIMARY,
    STW_CONTACT_LANGUAGE,
    STW_CONTACT_NOTES
};
extern const struct stw_resource stw_contacts;

#endif
