#include "server/handle.h"

#include <stdio.h>
#include <string.h>

#include "server/auth.h"
#include "server/loop.h"
#include "server/negotiate.h"
#include "server/problem.h"
#include "server/replica.h"
#include "server/router.h"
#include "server/turnstile.h"

/* Under /v1 there is nothing but JSON and some CSV; outside of it the handlers know what they can make. */
static enum stw_code check_accept(struct srv_request *request)
{
    if (request->route->flags & SRV_ROUTE_CSV)
        return srv_negotiate_accept(request, "text/csv");
    return strncmp(request->route->pattern, "/v1/", 4) == 0
               ? srv_negotiate_accept(request, "application/json")
               : STW_OK;
}

/* Whether the body is one that the route can take. */
static enum stw_code check_body(struct srv_request *request)
{
    unsigned flags = request->route->flags;
    enum stw_code code;

    if (flags & SRV_ROUTE_STREAM)
        return srv_negotiate_media(request, request->route->media);
    if (!(flags & (SRV_ROUTE_BODY | SRV_ROUTE_BODY_OPTIONAL))) {
        /* Nothing that a client sent is ignored, and here it could mean nothing. */
        if (request->body_length == 0)
            return STW_OK;
        snprintf(request->details.internal, sizeof(request->details.internal),
                 "a body for a route that takes none");
        return STW_MALFORMED_REQUEST;
    }
    code = srv_negotiate_content_type(request);
    if (code != STW_OK)
        return code;
    if (request->body_length == 0 && !(flags & SRV_ROUTE_BODY_OPTIONAL)) {
        stw_details_add(&request->details, STW_AT_POINTER, "#", STW_REQUIRED, NULL, NULL);
        return STW_INVALID_JSON;
    }
    return STW_OK;
}

static enum stw_code admit(struct srv_request *request)
{
    enum stw_code code = srv_router_find(srv_loop_server(request->loop)->router, request);

    if (code == STW_OK)
        code = check_accept(request);
    if (code == STW_OK)
        code = check_body(request);
    if (code == STW_OK && request->route->auth == SRV_AUTH_BEARER)
        code = srv_auth_bearer(request);
    if (code == STW_OK && request->route->auth == SRV_AUTH_BEARER)
        code = srv_replica_open(request);
    return code;
}

enum stw_code srv_handle_take(struct srv_request *request, const char *bytes, size_t length)
{
    if (!request->admitted) {
        enum stw_code code = admit(request);
        if (code != STW_OK)
            return code;
        request->admitted = true;
    }
    return request->route->take(request, bytes, length);
}

static enum stw_code work(struct srv_request *request, struct srv_reply *reply)
{
    struct srv_place place;
    enum stw_code code;

    if (request->route->auth != SRV_AUTH_BEARER)
        return request->route->run(request, reply);
    code = srv_turnstile_enter(request->loop, &place, request->ctx.org_id);
    if (code != STW_OK)
        return code;
    code = request->route->run(request, reply);
    srv_turnstile_leave(request->loop, &place);
    return code;
}

static enum stw_code run(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code = STW_OK;

    if (!request->admitted)
        code = admit(request);
    if (code == STW_OK && request->route->flags & SRV_ROUTE_STREAM &&
        (!request->admitted || request->body_length > 0))
        code = request->route->take(request, request->body, request->body_length);
    return code == STW_OK ? work(request, reply) : code;
}

void srv_handle(struct srv_request *request, struct srv_reply *reply)
{
    enum stw_code code;

    request->ctx.details = &request->details;
    request->language = srv_negotiate_language(srv_request_header(request, "Accept-Language"));
    code = run(request, reply);
    if (code != STW_OK)
        srv_problem_write(request, code, reply);
    srv_replica_close(request, reply);
    if (code == STW_OK)
        return;
    /* The log shall say what really happened, also where the answer only says "internal". */
    if (reply->code != code && !request->details.internal[0])
        snprintf(request->details.internal, sizeof(request->details.internal), "%s", stw_code_name(code));
}
