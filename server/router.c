#include "server/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* Deeper paths than any route has are unknown without a look at the trie. */
#define SEGMENTS_MAX 16

struct node {
    char *segment;          /* literal text, decoded; NULL for the root and for parameters */
    struct node **literals; /* sorted by segment */
    size_t literal_count;
    struct node *parameter;
    const struct srv_route *routes[SRV_METHOD_COUNT];
    bool ends; /* some route ends here */
    char allow[64];
};

struct srv_router {
    struct node *root;
    const struct srv_route **routes;
    size_t count;
    size_t room;
};

/* A routing table that cannot be built is a mistake in the source, found at the first start. */
static _Noreturn void refuse(const struct srv_route *route, const char *reason)
{
    fprintf(stderr, "router: %s %s: %s\n", route ? srv_method_name(route->method) : "-",
            route ? route->pattern : "-", reason);
    abort();
}

static void *grown(void *old, size_t count, size_t size)
{
    void *memory = reallocarray(old, count, size);

    if (!memory)
        refuse(NULL, "out of memory");
    return memory;
}

static struct node *node_new(const char *segment, size_t length)
{
    struct node *node = calloc(1, sizeof(*node));

    if (node && segment)
        node->segment = strndup(segment, length);
    if (!node || (segment && !node->segment))
        refuse(NULL, "out of memory");
    return node;
}

static void node_free(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->literal_count; i++)
        node_free(node->literals[i]);
    node_free(node->parameter);
    free(node->literals);
    free(node->segment);
    free(node);
}

struct srv_router *srv_router_new(void)
{
    struct srv_router *router = calloc(1, sizeof(*router));

    if (!router)
        refuse(NULL, "out of memory");
    router->root = node_new(NULL, 0);
    return router;
}

void srv_router_free(struct srv_router *router)
{
    if (!router)
        return;
    node_free(router->root);
    free(router->routes);
    free(router);
}

/* The literal child, or NULL and its place to be. */
static struct node *literal_find(const struct node *node, const char *segment, size_t length,
                                 size_t *ret_place)
{
    size_t low = 0;
    size_t high = node->literal_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = node->literals[middle]->segment;
        int order = strncmp(segment, other, length);

        if (order == 0 && other[length])
            order = -1;
        if (order == 0)
            return node->literals[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_place = low;
    return NULL;
}

static struct node *literal_child(struct node *node, const char *segment, size_t length)
{
    size_t place = 0;
    struct node *child = literal_find(node, segment, length, &place);

    if (child)
        return child;
    node->literals = grown(node->literals, node->literal_count + 1, sizeof(*node->literals));
    memmove(node->literals + place + 1, node->literals + place,
            (node->literal_count - place) * sizeof(*node->literals));
    child = node->literals[place] = node_new(segment, length);
    node->literal_count++;
    return child;
}

static struct node *parameter_child(struct node *node)
{
    if (!node->parameter)
        node->parameter = node_new(NULL, 0);
    return node->parameter;
}

/* The node a pattern ends at, made on the way. */
static struct node *pattern_node(struct srv_router *router, const struct srv_route *route)
{
    struct node *node = router->root;
    const char *at = route->pattern;
    int parameters = 0;
    int segments = 0;

    if (*at != '/')
        refuse(route, "a pattern starts with a slash");
    if (!at[1])
        return node;
    while (*at) {
        size_t length = strcspn(++at, "/");

        if (length == 0 || ++segments > SEGMENTS_MAX)
            refuse(route, "an empty segment or too many of them");
        if (at[0] == '{') {
            if (length < 3 || at[length - 1] != '}' || ++parameters > SRV_PATH_PARAMETERS_MAX)
                refuse(route, "a malformed parameter or too many of them");
            node = parameter_child(node);
        } else {
            if (memchr(at, '{', length) || memchr(at, '}', length))
                refuse(route, "a parameter is a whole segment");
            node = literal_child(node, at, length);
        }
        at += length;
    }
    return node;
}

/* HEAD goes with GET, and OPTIONS is answered for every path. */
static void update_allow(struct node *node)
{
    char *to = node->allow;

    for (enum srv_method method = SRV_GET; method < SRV_METHOD_COUNT; method++) {
        bool there =
            node->routes[method] || method == SRV_OPTIONS || (method == SRV_HEAD && node->routes[SRV_GET]);

        if (there)
            to = stpcpy(stpcpy(to, to == node->allow ? "" : ", "), srv_method_name(method));
    }
}

static void add_route(struct srv_router *router, const struct srv_route *route)
{
    struct node *node;

    if ((unsigned)route->method >= SRV_METHOD_COUNT || !route->pattern || !route->run)
        refuse(NULL, "a route without method, pattern or handler");
    node = pattern_node(router, route);
    if (node->routes[route->method])
        refuse(route, "the same method and shape twice");
    node->routes[route->method] = route;
    node->ends = true;
    update_allow(node);
    if (router->count == router->room) {
        router->room = router->room ? router->room * 2 : 64;
        router->routes = grown(router->routes, router->room, sizeof(const struct srv_route *));
    }
    router->routes[router->count++] = route;
}

void srv_router_add(struct srv_router *router, const struct srv_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_route(router, &routes[i]);
}

size_t srv_router_count(const struct srv_router *router)
{
    return router->count;
}

const struct srv_route *srv_router_at(const struct srv_router *router, size_t index)
{
    return index < router->count ? router->routes[index] : NULL;
}

/* The path's segments, decoded. False when one is empty, badly escaped or beyond the last place. */
static bool split(struct stw_arena *arena, const char *path, char *segments[SEGMENTS_MAX], int *ret_count)
{
    int count = 0;

    if (*path != '/')
        return false;
    while (path[0] == '/' && (path[1] || count > 0)) {
        size_t length = strcspn(++path, "/");

        if (length == 0 || count == SEGMENTS_MAX)
            return false;
        if (!stw_text_percent_decode(arena, path, length, false, &segments[count]))
            return false;
        count++;
        path += length;
    }
    *ret_count = count;
    return true;
}

struct walk {
    char **segments;
    int count;
    char *parameters[SRV_PATH_PARAMETERS_MAX];
};

/*
 * Literals first; where they lead nowhere, the parameter is tried, so that {source} = "contacts" below one
 * route does not hide another. A walk visits each node of the trie at most once.
 */
static const struct node *descend(const struct node *node, struct walk *walk, int at, int parameters)
{
    const struct node *end = NULL;
    const struct node *literal;
    size_t place;

    if (at == walk->count)
        return node->ends ? node : NULL;
    literal = literal_find(node, walk->segments[at], strlen(walk->segments[at]), &place);
    if (literal)
        end = descend(literal, walk, at + 1, parameters);
    if (!end && node->parameter) {
        end = descend(node->parameter, walk, at + 1, parameters + 1);
        /* Set on the way back: only the walk that arrives may leave its values. */
        if (end)
            walk->parameters[parameters] = walk->segments[at];
    }
    return end;
}

static enum stw_code answer_options(struct srv_request *request, struct srv_reply *reply)
{
    srv_reply_header(reply, "Allow", request->details.allow);
    reply->status = 204;
    return STW_OK;
}

/* Not among the router's routes: openapi does not describe it, and metrics count it as unmatched. */
static const struct srv_route options_route = {
    .method = SRV_OPTIONS,
    .pattern = "*",
    .auth = SRV_AUTH_NONE,
    .run = answer_options,
    .verb = "options",
    .doc = "Lists the methods of a path.",
};

enum stw_code srv_router_find(const struct srv_router *router, struct srv_request *request)
{
    char *segments[SEGMENTS_MAX];
    struct walk walk = {.segments = segments};
    const struct srv_route *route;
    const struct node *node;

    request->route = NULL;
    memset(request->parameters, 0, sizeof(request->parameters));
    if (!split(request->ctx.arena, request->path, segments, &walk.count))
        return STW_UNKNOWN_ROUTE;
    node = descend(router->root, &walk, 0, 0);
    if (!node)
        return STW_UNKNOWN_ROUTE;
    request->details.allow = node->allow;
    route = (unsigned)request->method < SRV_METHOD_COUNT ? node->routes[request->method] : NULL;
    if (!route && request->method == SRV_HEAD)
        route = node->routes[SRV_GET];
    if (!route && request->method == SRV_OPTIONS)
        route = &options_route;
    if (!route)
        return STW_METHOD_NOT_ALLOWED;
    request->route = route;
    for (int i = 0; i < SRV_PATH_PARAMETERS_MAX; i++)
        request->parameters[i] = walk.parameters[i];
    return STW_OK;
}
