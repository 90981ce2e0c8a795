#include <jansson.h>

#include "core/text.h"
#include "domain/registry.h"
#include "resource/describe.h"
#include "server/command.h"
#include "server/openapi.h"
#include "server/start.h"

/* Commands that print what the tables say, for programs: tests, generators, the committed contract. */

#define NAMES_MAX 64

static struct stw_engine *make_engine(void)
{
    static const unsigned char no_cursors[32];

    return stw_engine_new(stw_registry, stw_registry_count, no_cursors);
}

static int finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    srv_command_say("the answer could not be written");
    return SRV_EXIT_FAILURE;
}

static int print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
    return finish();
}

static json_t *describe_all(const struct stw_engine *engine)
{
    json_t *list = json_array();

    for (int i = 0; i < engine->count; i++)
        json_array_append_new(list, stw_describe(engine, &engine->plans[i]));
    return json_pack("{s:o}", "resources", list);
}

static int refuse_resource(const struct stw_engine *engine, const char *name)
{
    const char *names[NAMES_MAX] = {NULL};
    const char *nearest;
    size_t count = 0;

    while (count < (size_t)engine->count && count < NAMES_MAX) {
        names[count] = engine->resources[count]->path;
        count++;
    }
    nearest = stw_text_nearest(name, names, count);
    srv_command_say("there is no resource %s%s%s", name, nearest ? "; did you mean " : "",
                    nearest ? nearest : "");
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  %s\n", names[i]);
    return SRV_EXIT_FAILURE;
}

int srv_command_describe(char **arguments)
{
    const struct stw_plan *plan = NULL;
    struct stw_engine *engine;
    int status;

    if (arguments[0] && arguments[1])
        return SRV_EXIT_USAGE;
    engine = make_engine();
    if (arguments[0])
        plan = stw_engine_find(engine, arguments[0]);
    if (arguments[0] && !plan)
        status = refuse_resource(engine, arguments[0]);
    else
        status = print_json(plan ? stw_describe(engine, plan) : describe_all(engine));
    stw_engine_free(engine);
    return status;
}

int srv_command_openapi(char **arguments)
{
    struct stw_engine *engine;
    struct srv_router *router;
    bool good;

    if (*arguments)
        return SRV_EXIT_USAGE;
    engine = make_engine();
    router = srv_start_router(engine);
    good = srv_openapi_yaml(router, engine, stdout);
    srv_router_free(router);
    stw_engine_free(engine);
    if (!good)
        srv_command_say("the answer could not be written");
    return good ? 0 : SRV_EXIT_FAILURE;
}
