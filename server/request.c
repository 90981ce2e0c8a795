#include "server/request.h"

#include <string.h>
#include <strings.h>

#include "core/text.h"

#define FIRST_BODY ((size_t)2048)
#define BODY_MAX   ((size_t)16 << 20)

const char *srv_method_name(enum srv_method method)
{
    static const char *const names[SRV_METHOD_COUNT] = {
        [SRV_GET] = "GET", [SRV_HEAD] = "HEAD",     [SRV_POST] = "POST",       [SRV_PATCH] = "PATCH",
        [SRV_PUT] = "PUT", [SRV_DELETE] = "DELETE", [SRV_OPTIONS] = "OPTIONS",
    };

    return names[method];
}

const char *srv_request_header(const struct srv_request *request, const char *name)
{
    /* Names that differ in a letter at their start, in any case, are told apart at once. */
    for (int i = 0; i < request->header_count; i++)
        if (!((request->headers[i].name[0] ^ name[0]) & ~0x20) && !strcasecmp(request->headers[i].name, name))
            return request->headers[i].value;
    return NULL;
}

void srv_reply_init(struct srv_reply *reply, struct stw_arena *arena)
{
    *reply = (struct srv_reply){.code = STW_OK, .content_type = "application/json"};
    stw_buf_init(&reply->body, arena, FIRST_BODY, BODY_MAX);
}

void srv_reply_reset(struct srv_reply *reply)
{
    reply->status = 0;
    reply->code = STW_OK;
    reply->content_type = "application/json";
    reply->header_count = 0;
    reply->body.length = 0;
    reply->body.data[0] = '\0';
    reply->body.failed = false;
}

void srv_reply_header(struct srv_reply *reply, const char *name, const char *value)
{
    if (reply->header_count == SRV_REPLY_HEADERS_MAX || stw_text_has_control(value, strlen(value)) ||
        strpbrk(value, "\t\n"))
        return;
    reply->headers[reply->header_count++] = (struct srv_header){
        .name = name,
        .value = stw_arena_strdup(reply->body.arena, value),
    };
}
