#ifndef STW_DOMAIN_DEMO_H
#define STW_DOMAIN_DEMO_H

#include "core/context.h"
#include "domain/secret.h"
#include "resource/role.h"

/*
 * The demo organization: generated data of our own, the same at every load but for ids, passwords and the day
 * it ends on. Three levels of teams, people of all roles, a customer base and a year of leads.
 */
#define STW_DEMO_SLUG "demo"
/* One of each role but integration, which no person has. */
#define STW_DEMO_LOGINS (STW_ROLE_COUNT - 1)

/* How to get in. Wipe after use. */
struct stw_demo_access {
    struct {
        enum stw_role role;
        const char *email;
        char password[33];
    } logins[STW_DEMO_LOGINS];
    char integration_key[STW_SECRET_TEXT];
};

/* As the owner of the schema, all in one transaction. STW_DUPLICATE when it is there already. */
enum stw_code stw_demo_load(struct stw_context *ctx, struct stw_demo_access *ret_access) STW_MUST_CHECK;
/* For a loaded one whose passwords were lost: new ones, and another key. STW_NOT_FOUND when it is not there.
 */
enum stw_code stw_demo_renew(struct stw_context *ctx, struct stw_demo_access *ret_access) STW_MUST_CHECK;

#endif
