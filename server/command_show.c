#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
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

static const char *type_name(enum stw_type type)
{
    static const char *const names[STW_TYPE_COUNT] = {
        [STW_TYPE_TEXT] = "text",         [STW_TYPE_NOTE] = "note",           [STW_TYPE_NAME] = "name",
        [STW_TYPE_BOOL] = "boolean",      [STW_TYPE_INT] = "integer",         [STW_TYPE_DECIMAL] = "decimal",
        [STW_TYPE_PERCENT] = "percent",   [STW_TYPE_MONEY] = "money",         [STW_TYPE_DATE] = "date",
        [STW_TYPE_TIMESTAMP] = "time",    [STW_TYPE_ENUM] = "enum",           [STW_TYPE_EMAIL] = "email",
        [STW_TYPE_PHONE] = "phone",       [STW_TYPE_URL] = "url",             [STW_TYPE_COUNTRY] = "country",
        [STW_TYPE_CURRENCY] = "currency", [STW_TYPE_LANGUAGE] = "language",   [STW_TYPE_REF] = "reference",
        [STW_TYPE_TEXTS] = "texts",       [STW_TYPE_OBJECT] = "object",       [STW_TYPE_ID] = "id",
    };

    return names[type] ? names[type] : "?";
}

static void print_flags(unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *word;
    } words[] = {
        {STW_MANDATORY, "required"},     {STW_NOT_NULL, "not-null"}, {STW_SERVER_KEPT, "read-only"},
        {STW_CREATE_ONLY, "immutable"},  {STW_WRITE_ONLY, "write-only"}, {STW_FILTER, "filter"},
        {STW_SORT, "sort"},              {STW_SEARCH, "search"},     {STW_PERSONAL, "personal"},
        {STW_PART_OF, "part-of"},        {STW_OWNER, "owner"},       {STW_TEAM, "team"},
        {STW_SOURCE, "source"},          {STW_DERIVED, "derived"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (flags & words[i].flag)
            printf(" %s", words[i].word);
    }
}

static void print_field(const struct stw_field *field)
{
    printf("  %-24s %s", field->name, type_name(field->type));
    if (field->type == STW_TYPE_REF)
        printf(" to %s", field->refers);
    for (int i = 0; field->words && field->words[i]; i++)
        printf("%s%s", i ? "|" : " ", field->words[i]);
    if (field->min || field->max)
        printf(" %d..%d", field->min, field->max);
    print_flags(field->flags);
    if (field->initial)
        printf(" default=%s", field->initial);
    putchar('\n');
    if (field->doc)
        printf("  %-24s   %s\n", "", field->doc);
}

static void print_access(const struct stw_plan *plan)
{
    const struct stw_resource *resource = plan->resource;

    if (plan->parent_field >= 0) {
        printf("access: that of the %s it is part of\n", plan->fields[plan->parent_field].refers);
        return;
    }
    printf("access:\n");
    for (enum stw_role role = 0; role < STW_ROLE_COUNT; role++) {
        printf("  %-20s", stw_role_name(role));
        for (enum stw_verb verb = 0; verb < STW_VERB_COUNT; verb++)
            printf(" %s=%s", stw_verb_name(verb), stw_scope_name(resource->access[role].scope[verb]));
        puts(resource->access[role].masked ? " masked" : "");
    }
}

static int describe(const struct stw_engine *engine, const char *name)
{
    const struct stw_plan *plan = stw_engine_find(engine, name);
    const char *names[64];
    size_t count = 0;

    if (!plan) {
        const char *nearest;

        for (int i = 0; i < engine->count && count < sizeof(names) / sizeof(names[0]); i++)
            names[count++] = engine->resources[i]->path;
        nearest = stw_text_nearest(name, names, count);
        srv_command_say("there is no resource %s%s%s", name, nearest ? "; did you mean " : "", nearest ? nearest : "");
        for (size_t i = 0; i < count; i++)
            fprintf(stderr, "  %s\n", names[i]);
        return SRV_EXIT_FAILURE;
    }
    printf("%s: %s\nfields:\n", plan->resource->path, plan->resource->doc);
    for (int i = 0; i < plan->field_count; i++)
        print_field(&plan->fields[i]);
    print_access(plan);
    return finish();
}

int srv_command_describe(char **arguments)
{
    struct stw_engine *engine;
    int status;

    if (!arguments[0] || arguments[1])
        return SRV_EXIT_USAGE;
    engine = make_engine();
    status = describe(engine, arguments[0]);
    stw_engine_free(engine);
    return status;
}
