#ifndef SRV_OPENAPI_PARTS_H
#define SRV_OPENAPI_PARTS_H

#include <jansson.h>

#include "resource/action.h"
#include "resource/engine.h"
#include "resource/query.h"
#include "server/router.h"

/* What openapi.c, openapi_schema.c, openapi_query.c and openapi_paths.c share; nobody else includes it. */

struct srv_openapi {
    struct stw_arena *arena; /* names that live while the tree is made */
    const struct stw_engine *engine;
    const struct srv_router *router;
    json_t *base; /* openapi_base.json */
    json_t *root;
    json_t *components; /* borrowed from root, like the next ones */
    json_t *schemas;
    json_t *parameters;
    json_t *paths;
};

/* ---- openapi.c ---- */

/* {"$ref":"#/components/<kind>/<name>"} */
json_t *srv_openapi_ref(const struct srv_openapi *openapi, const char *kind, const char *name);
/* "api_key", "changePassword" -> "ApiKey", "ChangePassword" */
const char *srv_openapi_pascal(const struct srv_openapi *openapi, const char *name);
/* "api_keys" -> "api keys" */
const char *srv_openapi_words(const struct srv_openapi *openapi, const char *name);
/* Member of a member of the fixed pieces; NULL when there is none. */
const char *srv_openapi_text(const struct srv_openapi *openapi, const char *table, const char *name);

/* ---- openapi_schema.c ---- */

/* Name, NameCreate, NameUpdate, NameList, NameFilter and what else a resource needs. */
void srv_openapi_resource_schemas(const struct srv_openapi *openapi, const struct stw_plan *plan);
/* The object of an action's rows under that name. */
void srv_openapi_rows(const struct srv_openapi *openapi, const char *name, const struct stw_field *fields,
                      int count, bool input);
/* The schema of one value that a client sends: as JSON, or as text of the same. */
json_t *srv_openapi_input(const struct srv_openapi *openapi, const struct stw_field *field);
/* Lets it be null too; takes and returns a reference. */
json_t *srv_openapi_nullable(json_t *schema);
json_t *srv_openapi_string(int min, int max);

/* ---- openapi_query.c ---- */

/* {"type":"string","enum":[names of the fields in `bits`]}; with `both` each a second time with a hyphen. */
json_t *srv_openapi_field_names(const struct srv_openapi *openapi, const struct stw_plan *plan, uint64_t bits,
                                bool both);
json_t *srv_openapi_expandable(const struct srv_openapi *openapi, const struct stw_plan *plan);
/* sort, fields, expand and every filter of the resource, as components. */
void srv_openapi_query_components(const struct srv_openapi *openapi, const struct stw_plan *plan);
/* References to all that a list takes; with `single` to what reading one record takes. */
void srv_openapi_query(const struct srv_openapi *openapi, const struct stw_plan *plan, bool single,
                       json_t *parameters);

/* ---- openapi_paths.c ---- */

void srv_openapi_operation(const struct srv_openapi *openapi, const struct srv_route *route);
/* The tag of a route: "public", the resource, or the word behind /v1/. */
const char *srv_openapi_tag(const struct srv_openapi *openapi, const struct srv_route *route);

#endif
