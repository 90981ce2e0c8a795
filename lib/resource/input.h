#ifndef STW_RESOURCE_INPUT_H
#define STW_RESOURCE_INPUT_H

#include <jansson.h>
#include <stdint.h>

#include "core/context.h"
#include "resource/actor.h"
#include "resource/plan.h"

/* One typed value: canonical text for PostgreSQL, NULL is null. */
struct stw_value {
    const char *text;     /* TEXTS: an array literal; OBJECT: compact JSON */
    const char *currency; /* MONEY only */
};

/* What a body says about a record; values by plan index, only where the bit of `given` is set. */
struct stw_input {
    const struct stw_plan *plan;
    uint64_t given;
    uint64_t settled; /* of `given`: the server's own decision, a reference is not held against the caller's
                         access */
    struct stw_value *values; /* field_count entries */
};

/* Limits of a body, checked on its bytes before parsing: jansson's trees are many times as large as their
 * text and lie outside the arena's cap. Values are counted by their commas and opening brackets. */
#define STW_JSON_DEPTH  64
#define STW_JSON_VALUES 200000

/* Bytes to a JSON object: UTF-8, STW_JSON_DEPTH, STW_JSON_VALUES, duplicate keys refused, root an object.
 * STW_INVALID_JSON with details (byte position as the argument, "#" or the member as the path). What is JSON
 * but cannot be held, an integer beyond 64 bits or a \u0000, is STW_VALIDATION_FAILED with a violation at its
 * place (too_large, too_small, invalid_type, invalid_format). The tree belongs to the arena. */
enum stw_code stw_input_json(struct stw_context *ctx, const char *bytes, size_t length,
                             json_t **ret_root) STW_MUST_CHECK;

/* Reads a body for create or update (merge patch: null clears). All violations are collected in ctx->details,
 * with the nearest name for unknown fields; STW_VALIDATION_FAILED then. Fields hidden from or locked for the
 * actor are refused as read_only (hidden ones as unknown_field); without an actor or grants all are hidden.
 * On create: defaults (`initial`) are NOT filled in, required ones are demanded, and an `id` (UUIDv7, not
 * from the future) may be brought. On update an unchanged read-only member is refused all the same. */
enum stw_code stw_input_read(struct stw_context *ctx, const struct stw_plan *plan, enum stw_verb verb,
                             json_t *body, struct stw_input *ret_input) STW_MUST_CHECK;

/* One field's JSON value to its typed value, `pointer` for violations; the same for actions' inputs. False
 * with a violation. */
bool stw_input_value(struct stw_context *ctx, const struct stw_field *field, const json_t *json,
                     const char *pointer, struct stw_value *ret_value);
/* The same from text: query parameters, CSV cells. Violations at `where`/`path`. Money: an amount only.
 * TEXTS: words between semicolons. Empty text is text, not null: what an empty cell means is the caller's to
 * say. */
bool stw_input_text(struct stw_context *ctx, const struct stw_field *field, const char *text,
                    enum stw_where where, const char *path, struct stw_value *ret_value);

#endif
