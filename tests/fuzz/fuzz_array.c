/* The text form of text[]. Written as PostgreSQL writes it, the elements that come out as JSON are those that
 * went in; and nothing is read beyond the end of what is no array. */
#include <jansson.h>

#include "array_out.h"
#include "check.h"
#include "resource/render.h"

#define ELEMENTS_MAX 64

static json_t *rendered(struct stw_arena *arena, const char *literal)
{
    struct stw_buf out;

    stw_buf_init(&out, arena, 64, SIZE_MAX / 2);
    stw_render_value(&out, STW_TYPE_TEXTS, literal, strlen(literal), NULL);
    return json_loadb(out.data, out.length, 0, NULL);
}

/* The input's pieces between zero bytes. */
static void there_and_back(struct stw_arena *arena, const char *bytes, size_t size)
{
    const char *elements[ELEMENTS_MAX];
    struct stw_buf literal;
    int count = 0;

    stw_buf_init(&literal, arena, 64, SIZE_MAX / 2);
    stw_buf_add_char(&literal, '{');
    for (size_t at = 0; at < size && count < ELEMENTS_MAX; at += strlen(elements[count]) + 1, count++) {
        elements[count] = stw_arena_strndup(arena, bytes + at, strnlen(bytes + at, size - at));
        if (!stw_text_valid(elements[count], strlen(elements[count])))
            return;
        if (count > 0)
            stw_buf_add_char(&literal, ',');
        write_element(&literal, elements[count]);
    }
    stw_buf_add_char(&literal, '}');
    json_t *array = rendered(arena, literal.data);
    CHECK(json_array_size(array) == (size_t)count);
    for (int i = 0; i < count; i++)
        CHECK(strcmp(json_string_value(json_array_get(array, (size_t)i)), elements[i]) == 0);
    json_decref(array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new(SIZE_MAX);
    const char *literal = stw_arena_printf(arena, "{%.*s", (int)size, (const char *)data);

    if (stw_text_valid(literal, strlen(literal)))
        json_decref(rendered(arena, literal));
    there_and_back(arena, (const char *)data, size);
    stw_arena_free(arena);
    return 0;
}
