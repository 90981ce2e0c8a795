#ifndef STW_RESOURCE_INPUT_PARTS_H
#define STW_RESOURCE_INPUT_PARTS_H

#include "resource/input.h"

/* What input.c, input_json.c, input_value.c and actor.c share; nobody else includes it. */

/* True when no further violation would be kept: what it costs to name one is then saved, or a body of nothing
 * but faults would keep a core busy. */
bool stw_input_full(const struct stw_context *ctx);
/* `base` and "/name" with ~ and / escaped (RFC 6901). A name that is no field of ours is cut after 128 bytes.
 */
char *stw_input_member(struct stw_arena *arena, const char *base, const char *name);
/* Adds STW_UNKNOWN_FIELD at the member of `base`, with the nearest of `names`. */
void stw_input_unknown(struct stw_context *ctx, const char *base, const char *name, const char *const *names,
                       size_t count);
/* Refuses every real number in the tree: 19.99 has become 19.989999999999998 by now. */
bool stw_input_no_reals(struct stw_context *ctx, const json_t *json, const char *pointer);

#endif
