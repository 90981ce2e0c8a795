#ifndef STW_DOMAIN_TEAMS_H
#define STW_DOMAIN_TEAMS_H

#include "resource/resource.h"

enum stw_team_field { STW_TEAM_NAME = 1, STW_TEAM_PARENT_ID, STW_TEAM_DESCRIPTION };
extern const struct stw_resource stw_teams;

#endif
