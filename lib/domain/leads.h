#ifndef STW_DOMAIN_LEADS_H
#define STW_DOMAIN_LEADS_H

#include "resource/action.h"
#include "resource/resource.h"

enum stw_lead_field {
    STW_LEAD_NAME = 1,
    STW_LEAD_COMPANY,
    STW_LEAD_TITLE,
    STW_LEAD_PHONE,
    STW_LEAD_EMAIL,
    STW_LEAD_SOURCE,
    STW_LEAD_SCORE,
    STW_LEAD_STATUS,
    STW_LEAD_DISQUALIFIED_REASON,
    STW_LEAD_NOTES,
    STW_LEAD_OWNER_ID,
    STW_LEAD_TEAM_ID,
    STW_LEAD_CONVERTED_AT,
    STW_LEAD_CONVERTED_ACCOUNT_ID,
    STW_LEAD_CONVERTED_CONTACT_ID,
    STW_LEAD_CONVERTED_OPPORTUNITY_ID
};
extern const struct stw_resource stw_leads;
/* POST /v1/leads/{id}/conversion */
extern const struct stw_action stw_lead_conversion;

#endif
