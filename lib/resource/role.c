#include "resource/role.h"

#include <string.h>

#include "resource/resource.h"

int stw_role_find(const char *name)
{
    for (int role = 0; role < STW_ROLE_COUNT; role++) {
        if (strcmp(name, stw_role_name((enum stw_role)role)) == 0)
            return role;
    }
    return -1;
}

const char *stw_role_name(enum stw_role role)
{
    static const char *const names[STW_ROLE_COUNT] = {
        [STW_ACCOUNT_MANAGER] = "account_manager",
        [STW_KEY_ACCOUNT_MANAGER] = "key_account_manager",
        [STW_TEAM_LEAD] = "team_lead",
        [STW_DIRECTOR] = "director",
        [STW_SERVICE_AGENT] = "service_agent",
        [STW_ANALYST] = "analyst",
        [STW_ADMIN] = "admin",
        [STW_INTEGRATION] = "integration",
    };

    return names[role];
}

const char *stw_verb_name(enum stw_verb verb)
{
    static const char *const names[STW_VERB_COUNT] = {
        [STW_READ] = "read",     [STW_CREATE] = "create", [STW_UPDATE] = "update",
        [STW_DELETE] = "delete", [STW_ASSIGN] = "assign",
    };

    return names[verb];
}

const char *stw_scope_name(enum stw_scope scope)
{
    static const char *const names[STW_SCOPE_COUNT] = {
        [STW_NONE] = "none", [STW_OWN] = "own", [STW_IN_TEAM] = "team",
        [STW_TREE] = "tree", [STW_ALL] = "all",
    };

    return names[scope];
}
