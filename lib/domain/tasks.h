#ifndef STW_DOMAIN_TASKS_H
#define STW_DOMAIN_TASKS_H

#include "resource/resource.h"

enum stw_task_field {
    STW_TASK_SUBJECT = 1,
    STW_TASK_NOTES,
    STW_TASK_STATUS,
    STW_TASK_PRIORITY,
    STW_TASK_DUE_AT,
    STW_TASK_CONTACT_ID,
    STW_TASK_OPPORTUNITY_ID,
    STW_TASK_LEAD_ID,
    STW_TASK_ACCOUNT_ID,
    STW_TASK_ASSIGNEE_ID,
    STW_TASK_TEAM_ID,
    STW_TASK_COMPLETED_AT
};
extern const struct stw_resource stw_tasks;

#endif
