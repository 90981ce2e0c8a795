#ifndef STW_RESOURCE_INPUT_PARTS_H
#define STW_RESOURCE_INPUT_PARTS_H

#include "resource/input.h"

/* What input*.c and actor.c share with whoever reads a body of another shape. */

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

/* Where a value stands and how to name it when it is wrong. */
struct stw_place {
    struct stw_context *ctx;
    enum stw_where where;
    const char *path;
    int element; /* of an array; -1: the value itself */
};

/* All return false, for `return stw_place_refuse(...)`. */
bool stw_place_refuse(const struct stw_place *place, enum stw_code code, const char *argument);
bool stw_place_refuse_number(const struct stw_place *place, enum stw_code code, int64_t bound);
bool stw_place_refuse_among(const struct stw_place *place, enum stw_code code, const char *argument,
                            const char *const *allowed);
/* min..max characters, not blank when min is above 0, no controls; a note may have tabs and line breaks. */
bool stw_place_check_line(const struct stw_place *place, const char *text, size_t length, int min, int max,
                          bool is_note);
bool stw_place_int(const struct stw_place *place, const struct stw_field *field, int64_t number,
                   const char **ret_text);
bool stw_place_int_text(const struct stw_place *place, const struct stw_field *field, const char *text,
                        size_t length, const char **ret_text);
/* All types that are a string in JSON, and money's amount. `text` is valid UTF-8 without NUL. */
bool stw_place_string(const struct stw_place *place, const struct stw_field *field, const char *text,
                      size_t length, const char **ret_text);

#endif
