#include "server/openapi.h"

#include <stdlib.h>
#include <string.h>

#include "server/openapi_parts.h"
#include "server/problem.h"
#include "server/yaml.h"

#ifndef STEWARD_VERSION
#define STEWARD_VERSION "0.1.0"
#endif
#define NAMES_CAP ((size_t)16 << 20)

/* Embedded by cmake/texts.cmake. */
#define EMBEDDED extern __attribute__((visibility("hidden")))
EMBEDDED const char srv_text_openapi_head_md[];
EMBEDDED const char srv_text_openapi_base_json[];
EMBEDDED const char srv_text_openapi_schemas_json[];

json_t *srv_openapi_ref(const struct srv_openapi *openapi, const char *kind, const char *name)
{
    (void)openapi;
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

const char *srv_openapi_pascal(const struct srv_openapi *openapi, const char *name)
{
    char *pascal = stw_arena_strdup(openapi->arena, name);
    char *to = pascal;
    bool start = true;

    for (; *name; name++) {
        if (*name != '_')
            *to++ = (char)(start && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
        start = *name == '_';
    }
    *to = '\0';
    return pascal;
}

const char *srv_openapi_words(const struct srv_openapi *openapi, const char *name)
{
    char *words = stw_arena_strdup(openapi->arena, name);

    for (char *c = strchr(words, '_'); c; c = strchr(c, '_'))
        *c = ' ';
    return words;
}

const char *srv_openapi_text(const struct srv_openapi *openapi, const char *table, const char *name)
{
    return json_string_value(json_object_get(json_object_get(openapi->base, table), name));
}

static json_t *read_piece(const char *name, const char *text)
{
    json_error_t error;
    json_t *piece = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!piece) {
        fprintf(stderr, "steward: server/%s: line %d: %s\n", name, error.line, error.text);
        abort();
    }
    return piece;
}

static void add_head(struct srv_openapi *openapi)
{
    json_t *root = openapi->root;

    json_object_set_new(root, "openapi", json_string("3.1.0"));
    json_object_set_new(root, "info",
                        json_pack("{s:s, s:s, s:{s:s, s:s}, s:s}", "title", "Steward", "version",
                                  STEWARD_VERSION, "license", "name", "Apache-2.0", "identifier",
                                  "Apache-2.0", "description", srv_text_openapi_head_md));
    json_object_set_new(root, "servers",
                        json_pack("[{s:s, s:s}]", "url", "/", "description", "The server itself."));
    json_object_set_new(root, "security", json_pack("[{s:[]}]", "bearer"));
}

/* What each route's tag means, in the order of their first use. */
static void add_tags(struct srv_openapi *openapi)
{
    json_t *tags = json_array();
    json_t *seen = json_object();

    json_object_set_new(openapi->root, "tags", tags);
    for (size_t i = 0; i < srv_router_count(openapi->router); i++) {
        const struct srv_route *route = srv_router_at(openapi->router, i);
        const char *tag = srv_openapi_tag(openapi, route);
        const char *doc = srv_openapi_text(openapi, "tags", tag);

        if (route->flags & SRV_ROUTE_UNLISTED || json_object_get(seen, tag))
            continue;
        json_object_set_new(seen, tag, json_true());
        if (!doc && route->plan)
            doc = route->plan->resource->doc;
        json_array_append_new(tags,
                              json_pack("{s:s, s:s}", "name", tag, "description", doc ? doc : route->doc));
    }
    json_decref(seen);
}

/* ---- problems ---- */

struct problem_lists {
    json_t *codes;      /* of problems */
    json_t *violations; /* of their errors */
    json_t *by_status;  /* "400": "`a`, `b`" */
};

static void take_problem(void *self, const struct srv_problem *problem)
{
    struct problem_lists *lists = self;
    const char *name = stw_code_name(problem->code);
    char status[8];
    const char *before;

    /* A conflict's errors bear problem codes themselves. */
    json_array_append_new(lists->violations, json_string(name));
    if (problem->status == 0)
        return;
    json_array_append_new(lists->codes, json_string(name));
    snprintf(status, sizeof(status), "%d", problem->status);
    before = json_string_value(json_object_get(lists->by_status, status));
    json_object_set_new(lists->by_status, status,
                        json_sprintf("%s%s%s: `%s`", before ? before : "", before ? "; " : "",
                                     problem->title[SRV_ENGLISH], name));
}

static json_t *problem_headers(const struct srv_openapi *openapi, const char *status)
{
    json_t *headers = json_object();
    const char *name;
    json_t *always;

    json_object_foreach(json_object_get(json_object_get(openapi->base, "problem_headers"), status), name,
                        always) json_object_set_new(headers, name, srv_openapi_ref(openapi, "headers", name));
    return headers;
}

static void set_enum(const struct srv_openapi *openapi, const char *schema, json_t *words)
{
    json_t *properties = json_object_get(json_object_get(openapi->schemas, schema), "properties");

    json_object_set_new(json_object_get(properties, "code"), "enum", words);
}

static void add_problems(struct srv_openapi *openapi)
{
    struct problem_lists lists = {json_array(), json_array(), json_object()};
    json_t *responses = json_object();
    const char *status;
    json_t *name;

    srv_problem_each(take_problem, &lists);
    set_enum(openapi, "Problem", lists.codes);
    set_enum(openapi, "Violation", lists.violations);
    json_object_foreach(json_object_get(openapi->base, "statuses"), status, name)
    {
        const char *text = json_string_value(json_object_get(lists.by_status, status));
        json_t *response = json_pack("{s:s}", "description", text ? text : status);
        json_t *headers = problem_headers(openapi, status);

        if (json_object_size(headers) > 0)
            json_object_set(response, "headers", headers);
        json_decref(headers);
        json_object_set_new(response, "content",
                            json_pack("{s:{s:o}}", "application/problem+json", "schema",
                                      srv_openapi_ref(openapi, "schemas", "Problem")));
        json_object_set_new(responses, json_string_value(name), response);
    }
    json_object_set_new(openapi->components, "responses", responses);
    json_decref(lists.by_status);
}

/* ---- what nobody refers to ---- */

static void mark_refs(json_t *root, const json_t *node, json_t *marked)
{
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)node, i, value) mark_refs(root, value, marked);
    json_object_foreach((json_t *)(uintptr_t)node, name, value)
    {
        const char *target = strcmp(name, "$ref") == 0 ? json_string_value(value) : NULL;
        char kind[32], piece[128];

        if (!target) {
            mark_refs(root, value, marked);
            continue;
        }
        if (json_object_get(marked, target) || sscanf(target, "#/components/%31[^/]/%127s", kind, piece) != 2)
            continue;
        json_object_set_new(marked, target, json_true());
        mark_refs(root, json_object_get(json_object_get(json_object_get(root, "components"), kind), piece),
                  marked);
    }
}

/* A contract without ballast: a piece that this registry does not need is left out. */
static void prune(struct srv_openapi *openapi)
{
    json_t *marked = json_object();
    const char *kind, *name;
    json_t *pieces, *piece;
    void *next;

    mark_refs(openapi->root, openapi->paths, marked);
    json_object_foreach(openapi->components, kind, pieces)
    {
        if (strcmp(kind, "securitySchemes") == 0)
            continue;
        json_object_foreach_safe(pieces, next, name, piece)
        {
            if (!json_object_get(marked, stw_arena_printf(openapi->arena, "#/components/%s/%s", kind, name)))
                json_object_del(pieces, name);
        }
    }
    json_decref(marked);
}

static void list_resources(struct srv_openapi *openapi)
{
    json_t *schema = json_object_get(json_object_get(openapi->parameters, "Resource"), "schema");

    for (int i = 0; i < openapi->engine->count; i++)
        json_array_append_new(json_object_get(schema, "enum"),
                              json_string(openapi->engine->plans[i].segment));
}

json_t *srv_openapi(const struct srv_router *router, const struct stw_engine *engine)
{
    struct srv_openapi openapi = {
        .arena = stw_arena_new(NAMES_CAP),
        .engine = engine,
        .router = router,
        .base = read_piece("openapi_base.json", srv_text_openapi_base_json),
        .root = json_object(),
        .paths = json_object(),
    };

    openapi.components = json_object_get(openapi.base, "components");
    openapi.schemas = read_piece("openapi_schemas.json", srv_text_openapi_schemas_json);
    openapi.parameters = json_object_get(openapi.components, "parameters");
    json_object_set_new(openapi.components, "schemas", openapi.schemas);
    add_head(&openapi);
    add_tags(&openapi);
    json_object_set_new(openapi.root, "paths", openapi.paths);
    json_object_set(openapi.root, "components", openapi.components);
    add_problems(&openapi);
    list_resources(&openapi);
    for (int i = 0; i < engine->count; i++) {
        srv_openapi_resource_schemas(&openapi, &engine->plans[i]);
        srv_openapi_query_components(&openapi, &engine->plans[i]);
    }
    for (size_t i = 0; i < srv_router_count(router); i++) {
        if (!(srv_router_at(router, i)->flags & SRV_ROUTE_UNLISTED))
            srv_openapi_operation(&openapi, srv_router_at(router, i));
    }
    prune(&openapi);
    json_decref(openapi.base);
    stw_arena_free(openapi.arena);
    return openapi.root;
}

bool srv_openapi_yaml(const struct srv_router *router, const struct stw_engine *engine, FILE *out)
{
    json_t *root = srv_openapi(router, engine);

    srv_yaml_write(root, out);
    json_decref(root);
    return fflush(out) == 0 && !ferror(out);
}
