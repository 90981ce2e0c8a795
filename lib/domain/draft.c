#include "domain/draft.h"

#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "domain/api_keys.h"
#include "resource/engine.h"
#include "resource/store.h"

enum stw_code stw_draft_create(struct stw_context *ctx, const char *path, json_t *body, char ret_id[37])
{
    const struct stw_plan *plan = stw_engine_find(ctx->engine, path);
    struct stw_input input;
    struct stw_record record;
    enum stw_code code = STW_INTERNAL;

    if (plan && body)
        code = stw_input_read(ctx, plan, STW_CREATE, body, &input);
    if (code == STW_OK)
        code = stw_store_create(ctx, &input, &record);
    /* Values of the input may point into the body. */
    json_decref(body);
    if (code == STW_OK)
        snprintf(ret_id, 37, "%s", stw_record_text(&record, STW_PLAN_ID));
    return code;
}

enum stw_code stw_draft_update(struct stw_context *ctx, const char *path, const char *id, json_t *body)
{
    const struct stw_plan *plan = stw_engine_find(ctx->engine, path);
    struct stw_input input;
    struct stw_record record;
    enum stw_code code = STW_INTERNAL;

    if (plan && body)
        code = stw_input_read(ctx, plan, STW_UPDATE, body, &input);
    if (code == STW_OK)
        code = stw_store_update(ctx, &input, id, NULL, &record);
    json_decref(body);
    return code;
}

struct key_draft {
    json_t *body;
    char id[STW_UUID_TEXT];
    const char *key;
};

static enum stw_code create_key(struct stw_context *ctx, void *argument)
{
    struct key_draft *draft = argument;
    struct stw_value *out = STW_NEW_N(ctx->arena, struct stw_value, (size_t)stw_api_key_secret.out_count);
    enum stw_code code = stw_draft_create(ctx, "api_keys", json_incref(draft->body), draft->id);

    if (code == STW_OK)
        code = stw_api_key_secret.run(ctx, draft->id, NULL, out);
    /* Its one output is the key. */
    draft->key = out[0].text;
    return code;
}

enum stw_code stw_draft_key(struct stw_context *ctx, json_t *body, char ret_id[37],
                            char ret_key[STW_SECRET_TEXT])
{
    struct key_draft draft = {.body = body};
    enum stw_code code = body ? stw_tx_run(ctx, create_key, &draft, false) : STW_INTERNAL;

    json_decref(body);
    if (code != STW_OK)
        return code;
    memcpy(ret_id, draft.id, sizeof(draft.id));
    snprintf(ret_key, STW_SECRET_TEXT, "%s", draft.key);
    return STW_OK;
}
