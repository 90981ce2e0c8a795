#include "server/body.h"

#include <sodium.h>
#include <string.h>

#include "core/text.h"

#define NAME_MOST 128 /* of an unknown member, in answers */

struct secret {
    const char *bytes;
    size_t length;
};

static void wipe(void *what)
{
    const struct secret *secret = what;

    /* The bytes are the request's own; const only says that nobody changes them while it runs. */
    sodium_memzero((void *)(uintptr_t)secret->bytes, secret->length);
}

static void wipe_later(struct stw_arena *arena, const char *bytes, size_t length)
{
    struct secret *secret = STW_NEW(arena, struct secret);

    secret->bytes = bytes;
    secret->length = length;
    stw_arena_defer(arena, wipe, secret);
}

/* "#/name", escaped as a JSON pointer. */
static const char *pointer_to(struct stw_arena *arena, const char *name)
{
    struct stw_buf buf;

    stw_buf_init(&buf, arena, 64, 2 * NAME_MOST + 8);
    stw_buf_add_text(&buf, "#/");
    for (size_t i = 0; name[i] && (i < NAME_MOST || ((unsigned char)name[i] & 0xc0) == 0x80); i++) {
        if (name[i] == '~')
            stw_buf_add_text(&buf, "~0");
        else if (name[i] == '/')
            stw_buf_add_text(&buf, "~1");
        else
            stw_buf_add_char(&buf, name[i]);
    }
    return buf.data;
}

static int find_field(const struct stw_field *fields, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

static void refuse_unknown(struct stw_context *ctx, const struct stw_field *fields, int count,
                           const char *name)
{
    const char **names = STW_NEW_N(ctx->arena, const char *, (size_t)count);

    for (int i = 0; i < count; i++)
        names[i] = fields[i].name;
    stw_details_add(ctx->details, STW_AT_POINTER, pointer_to(ctx->arena, name), STW_UNKNOWN_FIELD,
                    stw_text_nearest(name, names, (size_t)count), NULL);
}

static bool read_member(struct stw_context *ctx, const struct stw_field *field, const json_t *json,
                        struct stw_value *value)
{
    if (field->flags & STW_WRITE_ONLY && json_is_string(json))
        wipe_later(ctx->arena, json_string_value(json), json_string_length(json));
    if (!stw_input_value(ctx, field, json, pointer_to(ctx->arena, field->name), value))
        return false;
    if (field->flags & STW_WRITE_ONLY && value->text)
        wipe_later(ctx->arena, value->text, strlen(value->text));
    return true;
}

enum stw_code srv_body_read(struct srv_request *request, const struct stw_field *fields, int count,
                            struct stw_value *values)
{
    struct stw_context *ctx = &request->ctx;
    bool *seen = STW_NEW_N(ctx->arena, bool, (size_t)count);
    bool good = true;
    enum stw_code code;
    const char *name;
    json_t *root, *json;

    for (int i = 0; i < count; i++) {
        values[i] = (struct stw_value){NULL, NULL};
    }
    for (int i = 0; i < count; i++) {
        if (fields[i].flags & STW_WRITE_ONLY) {
            wipe_later(ctx->arena, request->body, request->body_length);
            break;
        }
    }
    /* where the route lets a body be left out, nothing says what {} says */
    code = request->body_length ? stw_input_json(ctx, request->body, request->body_length, &root)
                                : stw_input_json(ctx, "{}", 2, &root);
    if (code != STW_OK)
        return code;
    json_object_foreach(root, name, json)
    {
        int field = find_field(fields, count, name);

        if (field < 0) {
            if (ctx->details->violation_count < STW_VIOLATIONS_MAX)
                refuse_unknown(ctx, fields, count, name);
            good = false;
        } else {
            seen[field] = true;
            good = read_member(ctx, &fields[field], json, &values[field]) && good;
        }
    }
    for (int i = 0; i < count; i++) {
        if ((fields[i].flags & STW_MANDATORY) && !seen[i]) {
            stw_details_field(ctx->details, fields[i].name, STW_REQUIRED, NULL);
            good = false;
        }
    }
    return good ? STW_OK : STW_VALIDATION_FAILED;
}
