#include "resource/repeat.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "resource/actor.h"
#include "resource/engine.h"

void stw_repeat_hash(const struct stw_context *ctx, struct stw_repeat *repeat, const char *const *pieces,
                     const size_t *lengths, int count)
{
    crypto_generichash_state state;
    unsigned char digest[32];

    crypto_generichash_init(&state, ctx->engine->cursor_key, sizeof ctx->engine->cursor_key, sizeof digest);
    for (int i = 0; i < count; i++) {
        unsigned char length[8];
        for (size_t byte = 0; byte < sizeof length; byte++)
            length[byte] = (unsigned char)(lengths[i] >> (8 * byte));
        crypto_generichash_update(&state, length, sizeof length);
        crypto_generichash_update(&state, (const unsigned char *)pieces[i], lengths[i]);
    }
    crypto_generichash_final(&state, digest, sizeof digest);
    sodium_bin2hex(repeat->hash, sizeof repeat->hash, digest, sizeof digest);
}

enum stw_code stw_repeat_find(struct stw_context *ctx, const struct stw_repeat *repeat,
                              struct stw_answer *ret_answer, bool *ret_found)
{
    static const struct stw_stmt take = {.name = "repeat_take",
                                         .sql = "select pg_try_advisory_xact_lock(hashtextextended($1 || '/' "
                                                "|| $2 || '/' || $3 || '/' || $4, 0))",
                                         .param_count = 4,
                                         .kind = STW_STMT_WRITE};
    /* a statement of its own: its snapshot must be younger than the lock */
    static const struct stw_stmt find = {.name = "repeat_find",
                                         .sql = "select request_hash, status, location, etag, body from "
                                                "idempotency_keys where org_id = $1::uuid and "
                                                "principal_id = $2::uuid and scope = $3 and key = $4 and "
                                                "created_at > now() - interval '24 hours'",
                                         .param_count = 4,
                                         .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, ctx->actor->id, repeat->scope, repeat->key};
    struct stw_call calls[] = {{.stmt = &take, .params = params}, {.stmt = &find, .params = params}};

    enum stw_code code = stw_db_run_all(ctx, calls, 2);
    if (code != STW_OK)
        return code;
    if (stw_rows_value(calls[0].rows, 0, 0)[0] != 't') {
        ctx->details->retry_after_seconds = 1;
        return STW_IDEMPOTENCY_IN_PROGRESS;
    }
    const struct stw_rows *rows = calls[1].rows;
    *ret_found = stw_rows_count(rows) == 1;
    if (!*ret_found)
        return STW_OK;
    if (strcmp(stw_rows_value(rows, 0, 0), repeat->hash) != 0)
        return STW_IDEMPOTENCY_MISMATCH;
    *ret_answer = (struct stw_answer){.status = (int)stw_rows_number(rows, 0, 1),
                                      .location = stw_rows_text(rows, 0, 2),
                                      .etag = stw_rows_text(rows, 0, 3),
                                      .body = stw_rows_text(rows, 0, 4)};
    return STW_OK;
}

enum stw_code stw_repeat_store(struct stw_context *ctx, const struct stw_repeat *repeat,
                               const struct stw_answer *answer)
{
    /* a key older than its retention is a new one */
    static const struct stw_stmt store = {
        .name = "repeat_store",
        .sql = "insert into idempotency_keys (org_id, principal_id, scope, key, request_hash, status, "
               "location, etag, body) "
               "values ($1::uuid, $2::uuid, $3, $4, $5, $6::integer, $7, $8, $9) "
               "on conflict (org_id, principal_id, scope, key) do update set request_hash = "
               "excluded.request_hash, "
               "status = excluded.status, location = excluded.location, etag = excluded.etag, body = "
               "excluded.body, "
               "created_at = now()",
        .param_count = 9,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {
        ctx->org_id,      ctx->actor->id, repeat->scope,
        repeat->key,      repeat->hash,   stw_arena_printf(ctx->arena, "%d", answer->status),
        answer->location, answer->etag,   answer->body};
    return stw_tx_last(ctx, &store, params);
}
