#include "server/write.h"

#include <string.h>

#include "db/db.h"
#include "resource/query.h"
#include "resource/repeat.h"
#include "server/router.h"

#define KEY_MAX 255

struct write_job {
    struct srv_request *request;
    struct srv_reply *reply;
    srv_effect *effect;
    void *argument;
    struct stw_repeat *repeat; /* NULL without a key */
};

/* dry_run is the only parameter of a write. */
static enum stw_code read_dry_run(struct srv_request *request, bool *ret_dry_run)
{
    static const char *const words[] = {"true", "false", NULL};
    struct stw_details *details = request->ctx.details;

    *ret_dry_run = false;
    for (int i = 0; i < request->query_count; i++) {
        const struct stw_pair *pair = &request->query[i];
        if (strcmp(pair->name, "dry_run") != 0) {
            stw_details_parameter(details, pair->name, STW_UNKNOWN_PARAMETER, "dry_run");
            return STW_UNKNOWN_PARAMETER;
        }
        if (strcmp(pair->value, "true") != 0 && strcmp(pair->value, "false") != 0) {
            stw_details_add(details, STW_AT_PARAMETER, pair->name, STW_NOT_ALLOWED, NULL, words);
            return STW_INVALID_PARAMETER;
        }
        *ret_dry_run = pair->value[0] == 't';
    }
    return STW_OK;
}

static enum stw_code read_key(struct srv_request *request, struct stw_repeat **ret_repeat)
{
    const char *key = srv_request_header(request, "Idempotency-Key");
    struct stw_context *ctx = &request->ctx;

    *ret_repeat = NULL;
    if (!key || !(request->route->flags & SRV_ROUTE_IDEMPOTENT))
        return STW_OK;
    size_t length = strlen(key);
    bool good = length >= 1 && length <= KEY_MAX;
    for (size_t i = 0; good && i < length; i++)
        good = key[i] > ' ' && key[i] < 0x7f;
    if (!good) {
        stw_details_add(ctx->details, STW_AT_HEADER, "Idempotency-Key", STW_INVALID_FORMAT, NULL, NULL);
        return STW_INVALID_PARAMETER;
    }
    struct stw_repeat *repeat = STW_NEW(ctx->arena, struct stw_repeat);
    repeat->scope =
        stw_arena_printf(ctx->arena, "%s %s", srv_method_name(request->method), request->route->pattern);
    repeat->key = key;
    const char *version = srv_request_header(request, "If-Match");
    const char *const pieces[] = {request->target, version ? version : "", request->body};
    const size_t lengths[] = {strlen(pieces[0]), strlen(pieces[1]), request->body_length};
    stw_repeat_hash(ctx, repeat, pieces, lengths, 3);
    *ret_repeat = repeat;
    return STW_OK;
}

static const char *header_of(const struct srv_reply *reply, const char *name)
{
    for (int i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

static void replay(struct srv_reply *reply, const struct stw_answer *answer)
{
    reply->status = answer->status;
    stw_buf_add_text(&reply->body, answer->body);
    if (answer->location)
        srv_reply_header(reply, "Location", answer->location);
    if (answer->etag)
        srv_reply_header(reply, "ETag", answer->etag);
    srv_reply_header(reply, "Idempotency-Replayed", "true");
}

static enum stw_code body(struct stw_context *ctx, void *argument)
{
    struct write_job *job = argument;
    struct stw_answer answer;
    bool found = false;
    enum stw_code code = STW_OK;

    srv_reply_reset(job->reply);
    if (job->repeat)
        code = stw_repeat_find(ctx, job->repeat, &answer, &found);
    if (code != STW_OK)
        return code;
    if (found) {
        replay(job->reply, &answer);
        return STW_OK;
    }
    code = job->effect(job->request, job->reply, job->argument);
    if (code != STW_OK || !job->repeat)
        return code;
    answer = (struct stw_answer){.status = job->reply->status,
                                 .location = header_of(job->reply, "Location"),
                                 .etag = header_of(job->reply, "ETag"),
                                 .body = job->reply->body.data};
    return stw_repeat_store(ctx, job->repeat, &answer);
}

enum stw_code srv_write(struct srv_request *request, struct srv_reply *reply, srv_effect *effect,
                        void *argument)
{
    struct write_job job = {.request = request, .reply = reply, .effect = effect, .argument = argument};
    bool dry_run;
    enum stw_code code = read_dry_run(request, &dry_run);
    if (code == STW_OK)
        code = read_key(request, &job.repeat);
    if (code != STW_OK)
        return code;
    if (dry_run)
        job.repeat = NULL; /* nothing is stored, the answer neither */
    if (!dry_run && !job.repeat)
        return effect(request, reply, argument);
    return stw_tx_run(&request->ctx, body, &job, dry_run);
}
