#include "core/context.h"

enum stw_code stw_offload_run(struct stw_context *ctx, void (*work)(void *what), void *what)
{
    if (ctx->offload)
        return ctx->offload->run(ctx->offload->self, work, what);
    work(what);
    return STW_OK;
}
