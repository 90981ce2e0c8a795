#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "server/openapi_parts.h"

/* What the fixed texts may have in braces. */
struct words {
    const char *name, *value;
};
#define WORDS_MAX 13

/* One route on its way into the tree. */
struct work {
    const struct srv_openapi *openapi;
    const struct srv_route *route;
    const char *id;      /* of the operation, without what the entry says */
    const json_t *entry; /* of openapi_base.json's operations; NULL: none */
    struct words words[WORDS_MAX];
};

/* "getMyAccess" -> "get_my_access" */
static const char *snake(struct stw_arena *arena, const char *name)
{
    char *text = stw_arena_alloc(arena, 2 * strlen(name) + 1);
    char *to = text;

    for (; *name; name++) {
        if (isupper((unsigned char)*name))
            *to++ = '_';
        *to++ = (char)tolower((unsigned char)*name);
    }
    *to = '\0';
    return text;
}

static const char *with_article(struct stw_arena *arena, const char *words)
{
    return stw_arena_printf(arena, "%s %s", strchr("aeio", words[0]) ? "an" : "a", words);
}

static const char *sentence(struct stw_arena *arena, const char *words)
{
    char *text = stw_arena_strdup(arena, words);

    text[0] = (char)toupper((unsigned char)text[0]);
    return text;
}

static void set_words(struct work *work)
{
    const struct srv_openapi *openapi = work->openapi;
    const struct srv_route *route = work->route;
    struct stw_arena *arena = openapi->arena;
    const char *doc = route->subject ? route->subject->doc : route->doc;
    int count = 0;

    work->words[count++] = (struct words){"doc", doc};
    work->words[count++] = (struct words){"action", work->id};
    work->words[count++] = (struct words){"Action", sentence(arena, srv_openapi_words(openapi, work->id))};
    if (route->plan) {
        const struct stw_resource *resource = route->plan->resource;
        const char *singular = srv_openapi_words(openapi, resource->singular);

        work->words[count++] = (struct words){"Name", srv_openapi_pascal(openapi, resource->singular)};
        work->words[count++] = (struct words){"path", resource->path};
        work->words[count++] = (struct words){"path_one", resource->singular};
        work->words[count++] = (struct words){"plural", srv_openapi_words(openapi, resource->path)};
        work->words[count++] = (struct words){"singular", singular};
        work->words[count++] = (struct words){"a_singular", with_article(arena, singular)};
    }
    if (route->parent) {
        const char *parent = route->parent->resource->singular;
        const char *spoken = srv_openapi_words(openapi, parent);

        work->words[count++] = (struct words){"parent", parent};
        work->words[count++] = (struct words){"parent_words", spoken};
        work->words[count++] = (struct words){"a_parent", with_article(arena, spoken)};
    }
    work->words[count] = (struct words){NULL, NULL};
}

/* Fills the braces of a fixed text; other braces stay. */
static const char *fill(const struct work *work, const char *template)
{
    struct stw_buf text;

    stw_buf_init(&text, work->openapi->arena, 256, 16384);
    while (*template) {
        const struct words *word = work->words;
        size_t length = template[0] == '{' ? strcspn(template + 1, "}") : 0;

        while (word->name && (length != strlen(word->name) || strncmp(template + 1, word->name, length) != 0))
            word++;
        if (length > 0 && word->name) {
            stw_buf_add_text(&text, word->value);
            template += length + 2;
        } else {
            stw_buf_add_char(&text, *template ++);
        }
    }
    return text.data;
}

static const char *entry_text(const struct work *work, const char *name)
{
    const char *template = json_string_value(json_object_get(work->entry, name));

    return template ? fill(work, template) : NULL;
}

static void find_entry(struct work *work)
{
    const json_t *operations = json_object_get(work->openapi->base, "operations");

    work->id = snake(work->openapi->arena, work->route->verb);
    work->entry = json_object_get(operations, work->id);
    if (!work->entry && work->route->subject)
        work->entry = json_object_get(operations, "action");
}

const char *srv_openapi_tag(const struct srv_openapi *openapi, const struct srv_route *route)
{
    const char *word = strncmp(route->pattern, "/v1/", 4) == 0 ? route->pattern + 4 : route->pattern + 1;

    if (route->auth == SRV_AUTH_NONE)
        return "public";
    return route->plan ? route->plan->resource->path
                       : stw_arena_strndup(openapi->arena, word, strcspn(word, "/"));
}

static bool changes_record(const struct work *work)
{
    return work->route->plan && work->route->method != SRV_GET &&
           (work->route->flags & SRV_ROUTE_IDEMPOTENT || json_object_get(work->entry, "parameters"));
}

/* ---- parameters ---- */

static void refer(const struct work *work, json_t *parameters, const char *component)
{
    json_array_append_new(parameters, srv_openapi_ref(work->openapi, "parameters", component));
}

static void add_path_parameters(const struct work *work, json_t *parameters)
{
    const char *open = strchr(work->route->pattern, '{');

    for (; open; open = strchr(open + 1, '{')) {
        const char *name = stw_arena_strndup(work->openapi->arena, open + 1, strcspn(open + 1, "}"));
        const char *component = srv_openapi_text(work->openapi, "path_parameters", name);

        if (component)
            refer(work, parameters, component);
        else
            json_array_append_new(parameters, json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in",
                                                        "path", "required", 1, "description",
                                                        srv_openapi_words(work->openapi, name), "schema",
                                                        "type", "string"));
    }
}

static json_t *parameters_of(const struct work *work)
{
    const struct srv_route *route = work->route;
    const char *query = entry_text(work, "query");
    json_t *parameters = json_array();
    json_t *name;
    size_t i;

    add_path_parameters(work, parameters);
    if (query && route->plan)
        srv_openapi_query(work->openapi, route->plan, strcmp(query, "single") == 0, parameters);
    json_array_foreach(json_object_get(work->entry, "parameters"), i, name)
        refer(work, parameters, json_string_value(name));
    if (json_is_true(json_object_get(work->entry, "if_match")))
        refer(work, parameters,
              route->plan && route->plan->resource->needs_precondition ? "IfMatchRequired" : "IfMatch");
    if (route->subject && route->plan && !route->subject->keeps_secret)
        refer(work, parameters, "DryRun");
    if (route->flags & SRV_ROUTE_IDEMPOTENT)
        refer(work, parameters, "IdempotencyKey");
    return parameters;
}

/* ---- body ---- */

/* Where an empty body means {}, a field that must be given asks for a body all the same. */
static bool needs_body(const struct srv_route *route)
{
    const struct stw_action *action = route->subject;

    for (int i = 0; action && i < action->in_count; i++)
        if (action->in_fields[i].flags & STW_MANDATORY)
            return true;
    return !(route->flags & SRV_ROUTE_BODY_OPTIONAL);
}

static json_t *request_of(const struct work *work)
{
    const struct stw_action *subject = work->route->subject;
    const char *schema = entry_text(work, "request");
    json_t *content;

    if (work->route->flags & SRV_ROUTE_STREAM)
        return json_pack("{s:b, s:{s:{s:{s:s}}}}", "required", 1, "content", work->route->media, "schema",
                         "type", "string");
    if (!(work->route->flags & (SRV_ROUTE_BODY | SRV_ROUTE_BODY_OPTIONAL)))
        return NULL;
    if (!schema && subject && subject->in_count > 0) {
        schema =
            stw_arena_printf(work->openapi->arena, "%sRequest", srv_openapi_pascal(work->openapi, work->id));
        srv_openapi_rows(work->openapi, schema, subject->in_fields, subject->in_count, true);
    }
    content = json_pack("{s:{s:o}}", "application/json", "schema",
                        srv_openapi_ref(work->openapi, "schemas", schema ? schema : "Nothing"));
    if (json_is_true(json_object_get(work->entry, "merge_patch")))
        json_object_set(content, "application/merge-patch+json",
                        json_object_get(content, "application/json"));
    return json_pack("{s:b, s:o}", "required", needs_body(work->route), "content", content);
}

/* ---- answers ---- */

/* Actions that answer the same rows answer the same schema: that of the first one. */
static const char *result_schema(const struct work *work)
{
    const struct srv_openapi *openapi = work->openapi;
    const struct stw_action *subject = work->route->subject;

    for (size_t i = 0; i < srv_router_count(openapi->router); i++) {
        const struct srv_route *route = srv_router_at(openapi->router, i);
        const char *name;

        if (!route->subject || route->subject->out_fields != subject->out_fields)
            continue;
        name = stw_arena_printf(openapi->arena, "%sResult",
                                srv_openapi_pascal(openapi, snake(openapi->arena, route->verb)));
        if (!json_object_get(openapi->schemas, name))
            srv_openapi_rows(openapi, name, subject->out_fields, subject->out_count, false);
        return name;
    }
    return NULL;
}

static json_t *answer(const struct work *work, const char *text, const char *schema, const json_t *media)
{
    json_t *content = json_object();
    json_t *headers = json_object();
    json_t *response = json_pack("{s:s}", "description", text);
    const char *type;
    json_t *own;

    if (schema)
        json_object_set_new(content, "application/json",
                            json_pack("{s:o}", "schema", srv_openapi_ref(work->openapi, "schemas", schema)));
    json_object_foreach((json_t *)(uintptr_t)media, type, own)
        json_object_set_new(content, type, json_pack("{s:O}", "schema", own));
    if (work->route->flags & SRV_ROUTE_IDEMPOTENT)
        json_object_set_new(headers, "Idempotency-Replayed",
                            srv_openapi_ref(work->openapi, "headers", "Idempotency-Replayed"));
    if (json_object_size(headers) > 0)
        json_object_set(response, "headers", headers);
    if (json_object_size(content) > 0)
        json_object_set(response, "content", content);
    json_decref(headers);
    json_decref(content);
    return response;
}

static void add_entry_answers(const struct work *work, json_t *responses)
{
    const char *status;
    json_t *line;

    json_object_foreach(json_object_get(work->entry, "responses"), status, line)
    {
        const char *schema = json_string_value(json_object_get(line, "schema"));
        json_t *response = answer(work, fill(work, json_string_value(json_object_get(line, "text"))),
                                  schema ? fill(work, schema) : NULL, json_object_get(line, "media"));
        json_t *headers = json_object_get(response, "headers");
        json_t *name;
        size_t i;

        json_array_foreach(json_object_get(line, "headers"), i, name)
        {
            if (!headers) {
                headers = json_object();
                json_object_set_new(response, "headers", headers);
            }
            json_object_set_new(headers, json_string_value(name),
                                srv_openapi_ref(work->openapi, "headers", json_string_value(name)));
        }
        json_object_set_new(responses, status, response);
    }
}

static void add_answers(const struct work *work, json_t *responses)
{
    const struct stw_action *subject = work->route->subject;
    const char *status;

    if (json_object_get(work->entry, "responses")) {
        add_entry_answers(work, responses);
        return;
    }
    if (!subject) {
        json_t *any = json_pack("{s:{s:s}}", "application/json", "type", "object");

        json_object_set_new(responses, "200", answer(work, work->route->doc, NULL, any));
        json_decref(any);
        return;
    }
    status = stw_arena_printf(work->openapi->arena, "%d", subject->status);
    json_object_set_new(
        responses, status,
        answer(work, "It is done.", subject->out_count > 0 ? result_schema(work) : NULL, NULL));
}

/* ---- errors ---- */

static void take_status(const struct work *work, json_t *responses, int status)
{
    const char *text = stw_arena_printf(work->openapi->arena, "%d", status);
    const char *component = srv_openapi_text(work->openapi, "statuses", text);

    json_object_set_new(responses, text, srv_openapi_ref(work->openapi, "responses", component));
}

static bool names_error(const struct work *work, int status)
{
    json_t *number;
    size_t i;

    json_array_foreach(json_object_get(work->entry, "errors"), i, number)
    {
        if (json_integer_value(number) == status)
            return true;
    }
    return false;
}

/* Whether the operation can end so; the order of the cases is that of a request's way. */
static bool may_end(const struct work *work, int status)
{
    const struct srv_route *route = work->route;
    bool body = route->flags & (SRV_ROUTE_BODY | SRV_ROUTE_BODY_OPTIONAL);
    bool bearer = route->auth == SRV_AUTH_BEARER;
    bool matches = json_is_true(json_object_get(work->entry, "if_match"));

    switch (status) {
    case 400: /* the guard's, and of each route a parameter that it does not know */
    case 408:
    case 414:
    case 431:
    case 500:
    case 501:
        return true;
    case 413:
        return route->method == SRV_POST || route->method == SRV_PATCH || route->method == SRV_PUT;
    case 503:
        return !(route->flags & SRV_ROUTE_UNCOUNTED);
    case 401:
    case 429:
        return bearer;
    case 403:
        return bearer && route->plan;
    case 404:
        return strchr(route->pattern, '{');
    case 406:
        return strncmp(route->pattern, "/v1/", 4) == 0;
    case 415:
        return body;
    case 422:
        return body || route->flags & SRV_ROUTE_IDEMPOTENT ||
               (route->method == SRV_DELETE && route->plan && route->plan->resource->hooks.check_delete);
    case 409:
        return changes_record(work) || (route->subject && route->plan);
    case 412:
        return matches || strcmp(route->verb, "upsert") == 0;
    case 428:
        return matches && route->plan->resource->needs_precondition;
    default:
        return false;
    }
}

static void add_errors(const struct work *work, json_t *responses)
{
    const char *status;
    json_t *component;

    json_object_foreach(json_object_get(work->openapi->base, "statuses"), status, component)
    {
        int number = (int)strtol(status, NULL, 10);

        if (names_error(work, number) || may_end(work, number))
            take_status(work, responses, number);
    }
}

void srv_openapi_operation(const struct srv_openapi *openapi, const struct srv_route *route)
{
    struct work work = {.openapi = openapi, .route = route};
    char *method = stw_arena_strdup(openapi->arena, srv_method_name(route->method));
    json_t *path = json_object_get(openapi->paths, route->pattern);
    json_t *operation = json_object();
    json_t *parameters, *request, *responses = json_object();
    const char *id, *summary, *text;

    find_entry(&work);
    set_words(&work);
    id = entry_text(&work, "id");
    summary = entry_text(&work, "summary");
    text = entry_text(&work, "text");
    json_object_set_new(operation, "operationId", json_string(id ? id : work.id));
    json_object_set_new(operation, "tags", json_pack("[s]", srv_openapi_tag(openapi, route)));
    json_object_set_new(operation, "summary", json_string(summary ? summary : fill(&work, "{Action}")));
    json_object_set_new(operation, "description", json_string(text ? text : fill(&work, "{doc}")));
    if (route->auth == SRV_AUTH_NONE)
        json_object_set_new(operation, "security", json_array());
    parameters = parameters_of(&work);
    if (json_array_size(parameters) > 0)
        json_object_set(operation, "parameters", parameters);
    json_decref(parameters);
    request = request_of(&work);
    if (request)
        json_object_set_new(operation, "requestBody", request);
    add_answers(&work, responses);
    add_errors(&work, responses);
    json_object_set_new(operation, "responses", responses);
    if (!path) {
        path = json_object();
        json_object_set_new(openapi->paths, route->pattern, path);
    }
    for (char *c = method; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    json_object_set_new(path, method, operation);
}
