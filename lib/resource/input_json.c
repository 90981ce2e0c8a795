#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "resource/input_parts.h"
#include "resource/json_load.h"

#define MEMBER_MAX  128
#define POINTER_MAX ((size_t)1 << 20)

bool stw_input_full(const struct stw_context *ctx)
{
    return ctx->details->violation_count == STW_VIOLATIONS_MAX;
}

static void add_member(struct stw_buf *pointer, const char *name, size_t length)
{
    bool cut = length > MEMBER_MAX;

    if (cut) {
        length = MEMBER_MAX;
        while (((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    stw_buf_add_char(pointer, '/');
    for (size_t at = 0; at < length; at++) {
        if (name[at] == '~')
            stw_buf_add_text(pointer, "~0");
        else if (name[at] == '/')
            stw_buf_add_text(pointer, "~1");
        else
            stw_buf_add_char(pointer, name[at]);
    }
    if (cut)
        stw_buf_add_text(pointer, "…");
}

char *stw_input_member(struct stw_arena *arena, const char *base, const char *name)
{
    struct stw_buf pointer;

    stw_buf_init(&pointer, arena, 64, POINTER_MAX);
    stw_buf_add_text(&pointer, base);
    add_member(&pointer, name, strlen(name));
    return pointer.data;
}

void stw_input_unknown(struct stw_context *ctx, const char *base, const char *name, const char *const *names,
                       size_t count)
{
    if (stw_input_full(ctx)) {
        stw_details_add(ctx->details, STW_AT_POINTER, base, STW_UNKNOWN_FIELD, NULL, NULL);
        return;
    }
    stw_details_add(ctx->details, STW_AT_POINTER, stw_input_member(ctx->arena, base, name), STW_UNKNOWN_FIELD,
                    stw_text_nearest(name, names, count), NULL);
}

/* The way to a value, kept on the stack so that only a fault costs a pointer. */
struct step {
    const struct step *up;
    const char *name; /* NULL: an array's element */
    size_t index;
};

static void add_steps(struct stw_buf *pointer, const struct step *step)
{
    if (!step)
        return;
    add_steps(pointer, step->up);
    if (step->name)
        add_member(pointer, step->name, strlen(step->name));
    else
        stw_buf_printf(pointer, "/%zu", step->index);
}

static bool walk_reals(struct stw_context *ctx, const json_t *json, const char *base, const struct step *up)
{
    bool good = true;
    struct stw_buf pointer;

    if (json_is_real(json)) {
        stw_buf_init(&pointer, ctx->arena, 64, POINTER_MAX);
        stw_buf_add_text(&pointer, base);
        add_steps(&pointer, up);
        stw_details_add(ctx->details, STW_AT_POINTER, pointer.data, STW_INVALID_TYPE, "string", NULL);
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json) && !stw_input_full(ctx); i++)
            good =
                walk_reals(ctx, json_array_get(json, i), base, &(struct step){.up = up, .index = i}) && good;
    } else if (json_is_object(json)) {
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)json, name, value)
        {
            if (stw_input_full(ctx))
                break;
            good = walk_reals(ctx, value, base, &(struct step){.up = up, .name = name}) && good;
        }
    }
    return good;
}

bool stw_input_no_reals(struct stw_context *ctx, const json_t *json, const char *pointer)
{
    /* When the list is full something else was wrong already, and the walk may stop at once. */
    return !stw_input_full(ctx) && walk_reals(ctx, json, pointer, NULL);
}

/* The index behind the string that starts with the quote at `at`. */
static size_t skip_string(const char *bytes, size_t length, size_t at)
{
    for (at++; at < length && bytes[at] != '"'; at++) {
        if (bytes[at] == '\\')
            at++;
    }
    return at < length ? at + 1 : length;
}

/* jansson recurses and allocates as deep and as much as it is told to, so both are counted first. */
static enum stw_code check_size(const char *bytes, size_t length, size_t *ret_position,
                                const char **ret_limit)
{
    size_t depth = 0;
    size_t values = 0;
    size_t at = 0;

    while (at < length) {
        char c = bytes[at];

        if (c == '"') {
            at = skip_string(bytes, length, at);
            continue;
        }
        depth += c == '{' || c == '[';
        values += c == '{' || c == '[' || c == ',';
        if (depth > STW_JSON_DEPTH || values > STW_JSON_VALUES) {
            *ret_position = at;
            *ret_limit = depth > STW_JSON_DEPTH ? "64 levels" : "200000 values";
            return STW_TOO_MANY;
        }
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        at++;
    }
    return STW_OK;
}

/* A container that is open at the place of a fault. */
struct frame {
    bool is_object;
    bool wants_key;
    const char *key; /* with its quotes */
    size_t key_length;
    size_t index;
};

static void add_frame(struct stw_buf *pointer, const struct frame *frame)
{
    json_t *key;

    if (!frame->is_object) {
        stw_buf_printf(pointer, "/%zu", frame->index);
        return;
    }
    key = json_loadb(frame->key, frame->key_length, JSON_DECODE_ANY, NULL);
    if (json_is_string(key))
        add_member(pointer, json_string_value(key), json_string_length(key));
    else /* not even a key that can be held: shown as it was sent */
        add_member(pointer, frame->key + 1, frame->key_length > 2 ? frame->key_length - 2 : 0);
    json_decref(key);
}

/* Where in the document the parser stood after `length` bytes, all of them JSON so far: it tells a position
 * only. */
static char *pointer_at(struct stw_arena *arena, const char *bytes, size_t length)
{
    struct frame frames[STW_JSON_DEPTH + 1] = {{0}};
    struct stw_buf pointer;
    size_t depth = 0;
    size_t at = 0;

    while (at < length) {
        struct frame *top = &frames[depth];
        char c = bytes[at];
        size_t next = c == '"' ? skip_string(bytes, length, at) : at + 1;

        if (c == '"' && top->is_object && top->wants_key) {
            top->key = bytes + at;
            top->key_length = next - at;
            top->wants_key = false;
        } else if ((c == '{' || c == '[') && depth < STW_JSON_DEPTH) {
            frames[++depth] = (struct frame){.is_object = c == '{', .wants_key = c == '{'};
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (c == ',') {
            top->index++;
            top->wants_key = true;
            top->key = NULL;
        }
        at = next;
    }
    stw_buf_init(&pointer, arena, 64, POINTER_MAX);
    stw_buf_add_char(&pointer, '#');
    for (size_t i = 1; i <= depth && (!frames[i].is_object || frames[i].key); i++)
        add_frame(&pointer, &frames[i]);
    return pointer.data;
}

static enum stw_code refuse_syntax(struct stw_context *ctx, const char *path, enum stw_code violation,
                                   size_t position)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", position);
    stw_details_add(ctx->details, STW_AT_POINTER, path, violation, text, NULL);
    return STW_INVALID_JSON;
}

static enum stw_code refuse_value(struct stw_context *ctx, const char *path, enum stw_code violation,
                                  const char *argument)
{
    stw_details_add(ctx->details, STW_AT_POINTER, path, violation, argument, NULL);
    return STW_VALIDATION_FAILED;
}

static enum stw_code refuse_parse(struct stw_context *ctx, const char *bytes, size_t length,
                                  const json_error_t *error)
{
    size_t position = error->position < 0 ? 0 : (size_t)error->position;
    const char *path;

    if (position > length)
        position = length;
    path = pointer_at(ctx->arena, bytes, position);
    switch (json_error_code(error)) {
    case json_error_numeric_overflow:
        if (strncmp(error->text, "real", 4) == 0)
            return refuse_value(ctx, path, STW_INVALID_TYPE, "string");
        if (strncmp(error->text, "too big negative", 16) == 0)
            return refuse_value(ctx, path, STW_TOO_SMALL, "-9223372036854775808");
        return refuse_value(ctx, path, STW_TOO_LARGE, "9223372036854775807");
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return refuse_value(ctx, path, STW_INVALID_FORMAT, "\\u0000");
    case json_error_duplicate_key:
        return refuse_syntax(ctx, path, STW_DUPLICATE, position);
    default:
        return refuse_syntax(ctx, "#", STW_INVALID_JSON, position);
    }
}

static void drop_tree(void *root)
{
    json_decref(root);
}

enum stw_code stw_input_json(struct stw_context *ctx, const char *bytes, size_t length, json_t **ret_root)
{
    const char *limit;
    size_t position;
    json_error_t error;
    json_t *root;
    enum stw_code code;

    if (check_size(bytes, length, &position, &limit) != STW_OK) {
        stw_details_add(ctx->details, STW_AT_POINTER, "#", STW_TOO_MANY, limit, NULL);
        return STW_INVALID_JSON;
    }
    /* DECODE_ANY, so that a root of another kind is told from broken text. */
    code = stw_json_load(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error, &root);
    if (code != STW_OK)
        return code == STW_INVALID_JSON ? refuse_parse(ctx, bytes, length, &error) : code;
    stw_arena_defer(ctx->arena, drop_tree, root);
    if (!json_is_object(root)) {
        stw_details_add(ctx->details, STW_AT_POINTER, "#", STW_INVALID_TYPE, "object", NULL);
        return STW_INVALID_JSON;
    }
    *ret_root = root;
    return STW_OK;
}
