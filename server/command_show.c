#include <unistd.h>

#include "domain/registry.h"
#include "server/command.h"
#include "server/start.h"

/* Commands that show what this binary is made of; none of them needs a database. */

static struct stw_engine *make_engine(void)
{
    static const unsigned char no_cursors[32];

    return stw_engine_new(stw_registry, stw_registry_count, no_cursors);
}

static int finish(void)
{
    if (fflush(stdout) == 0)
        return 0;
    srv_command_say("the answer could not be written");
    return SRV_EXIT_FAILURE;
}

int srv_command_config(char **arguments)
{
    struct srv_config config;

    if (*arguments)
        return SRV_EXIT_USAGE;
    if (!srv_config_read(&config, environ, stderr))
        return SRV_EXIT_FAILURE;
    srv_config_print(&config, stdout);
    srv_config_release(&config);
    return finish();
}

int srv_command_routes(char **arguments)
{
    struct stw_engine *engine;
    struct srv_router *router;

    if (*arguments)
        return SRV_EXIT_USAGE;
    engine = make_engine();
    router = srv_start_router(engine);
    for (size_t i = 0; i < srv_router_count(router); i++) {
        const struct srv_route *route = srv_router_at(router, i);

        printf("%-7s %-48s %-7s %s\n", srv_method_name(route->method), route->pattern,
               route->auth == SRV_AUTH_BEARER ? "bearer" : "public", route->doc);
    }
    srv_router_free(router);
    stw_engine_free(engine);
    return finish();
}
