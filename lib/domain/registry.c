#include "domain/registry.h"

#include "domain/accounts.h"
#include "domain/activities.h"
#include "domain/api_keys.h"
#include "domain/contacts.h"
#include "domain/imports.h"
#include "domain/leads.h"
#include "domain/opportunities.h"
#include "domain/pipelines.h"
#include "domain/products.h"
#include "domain/roles.h"
#include "domain/stage_changes.h"
#include "domain/stages.h"
#include "domain/tasks.h"
#include "domain/teams.h"
#include "domain/users.h"

const struct stw_resource *const stw_registry[] = {
    &stw_teams,         &stw_roles,         &stw_users,      &stw_api_keys,  &stw_accounts,
    &stw_contacts,      &stw_leads,         &stw_products,   &stw_pipelines, &stw_stages,
    &stw_opportunities, &stw_stage_changes, &stw_activities, &stw_tasks,     &stw_imports,
};
const int stw_registry_count = sizeof stw_registry / sizeof stw_registry[0];

const struct stw_action *const stw_actions[] = {
    &stw_api_key_secret,
    &stw_lead_conversion,
    &stw_activity_check_in,
    &stw_import_cancellation,
};
const int stw_action_count = sizeof stw_actions / sizeof stw_actions[0];
