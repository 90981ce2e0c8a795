#include <stdlib.h>
#include <unistd.h>

#include "domain/check.h"
#include "server/command.h"
#include "server/migrations.h"

/* migrate and check: what an operator does with the database itself. */

static void tell_applied(void *self, const struct stw_migration *one)
{
    (void)self;
    printf("applied %s\n", one->name);
    fflush(stdout);
}

int srv_command_migrate(char **arguments)
{
    struct srv_config config;
    const char *url;
    char error[1024] = "";
    enum stw_code code = STW_INTERNAL;

    if (*arguments)
        return SRV_EXIT_USAGE;
    if (!srv_config_read(&config, environ, stderr))
        return SRV_EXIT_FAILURE;
    url = srv_command_admin_url(&config);
    if (url) {
        code =
            stw_migrate(url, srv_migrations, srv_migration_count, tell_applied, NULL, error, sizeof(error));
        if (code == STW_OK)
            printf("the database is at version %d\n", srv_migration_count);
        else
            srv_command_say("migrate: %s", error[0] ? error : stw_code_name(code));
    }
    srv_config_release(&config);
    return code == STW_OK ? 0 : SRV_EXIT_FAILURE;
}

static void tell_finding(void *self, const char *invariant, const char *where, int64_t count)
{
    int64_t *total = self;

    *total += count;
    printf("%s: %s%s%lld\n", invariant, where, *where ? ": " : "", (long long)count);
}

int srv_command_check(char **arguments)
{
    struct srv_workbench bench;
    int64_t total = 0;
    enum stw_code code;

    if (*arguments)
        return SRV_EXIT_USAGE;
    if (!srv_workbench_open(&bench))
        return SRV_EXIT_FAILURE;
    code = stw_check_run(&bench.ctx, tell_finding, &total);
    if (code != STW_OK)
        srv_command_fail("check", code, &bench.details);
    else
        printf("%lld findings\n", (long long)total);
    srv_workbench_close(&bench);
    return code == STW_OK && total == 0 ? 0 : SRV_EXIT_FAILURE;
}
