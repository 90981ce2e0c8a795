#ifndef STW_DOMAIN_ACTIVITIES_H
#define STW_DOMAIN_ACTIVITIES_H

#include "resource/action.h"
#include "resource/resource.h"

enum stw_activity_field {
    STW_ACTIVITY_KIND = 1,
    STW_ACTIVITY_SUBJECT,
    STW_ACTIVITY_BODY,
    STW_ACTIVITY_CONTACT_ID,
    STW_ACTIVITY_OPPORTUNITY_ID,
    STW_ACTIVITY_LEAD_ID,
    STW_ACTIVITY_ACCOUNT_ID,
    STW_ACTIVITY_HAPPENED_AT,
    STW_ACTIVITY_DURATION_MINUTES,
    STW_ACTIVITY_PARTICIPANTS,
    STW_ACTIVITY_OUTCOME,
    STW_ACTIVITY_NEXT_ACTION,
    STW_ACTIVITY_NEXT_ACTION_ON,
    STW_ACTIVITY_CHECKED_IN_AT,
    STW_ACTIVITY_LATITUDE,
    STW_ACTIVITY_LONGITUDE,
    STW_ACTIVITY_SOURCE,
    STW_ACTIVITY_OWNER_ID,
    STW_ACTIVITY_TEAM_ID
};
extern const struct stw_resource stw_activities;
/* POST /v1/activities/{id}/check-in */
extern const struct stw_action stw_activity_check_in;

#endif
