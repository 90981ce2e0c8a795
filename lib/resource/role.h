#ifndef STW_RESOURCE_ROLE_H
#define STW_RESOURCE_ROLE_H

/* The eight shipped roles. A role in the database is one of these plus its own overrides. */
enum stw_role {
    STW_ACCOUNT_MANAGER,
    STW_KEY_ACCOUNT_MANAGER,
    STW_TEAM_LEAD,
    STW_DIRECTOR,
    STW_SERVICE_AGENT,
    STW_ANALYST,
    STW_ADMIN,
    STW_INTEGRATION,
    STW_ROLE_COUNT
};

const char *stw_role_name(enum stw_role role); /* "account_manager" */
int stw_role_find(const char *name);           /* -1 when unknown */

#endif
