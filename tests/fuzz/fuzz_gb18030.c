/* core/gb18030.h: the text does not depend on where pieces end, stays in its room, and is UTF-8 but for the
 * marks. The first two bytes choose the pieces. */
#include <iconv.h>

#include "core/gb18030.h"
#include "core/text.h"
#include "lines.h"

#define ROOM(length) (STW_GB18030_WIDER * ((length) + STW_GB18030_CARRY))

static size_t decode(struct stw_arena *arena, const char *bytes, size_t length, size_t first, size_t step,
                     char *text)
{
    struct stw_gb18030 *decoder = stw_gb18030_open(arena);
    size_t made = 0;

    CHECK(decoder);
    for (size_t piece = first; length > 0; piece = step) {
        size_t size = piece < length ? piece : length;
        /* each of exactly its room, so that a sanitizer sees more */
        char *out = malloc(ROOM(size)), *in = malloc(size + !size);
        size_t more;

        CHECK(out && in);
        memcpy(in, bytes, size);
        more = stw_gb18030_add(decoder, in, size, false, out);
        CHECK(more <= ROOM(size));
        memcpy(text + made, out, more);
        made += more;
        bytes += size;
        length -= size;
        free(out);
        free(in);
    }
    return made + stw_gb18030_add(decoder, NULL, 0, true, text + made);
}

static void check_text(const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *mark = memchr(text, '\xff', (size_t)(end - text));
        const char *stop = mark ? mark : end;

        /* NUL is a character here; who reads the text refuses it */
        for (const char *at = text; at < stop; at++) {
            const char *nul = memchr(at, '\0', (size_t)(stop - at));
            CHECK(stw_text_valid(at, (size_t)((nul ? nul : stop) - at)));
            at = nul ? nul : stop;
        }
        text = stop + 1;
    }
}

/* What is a character here is one for the C library too, which wrote it from Unicode. */
static void check_again(struct stw_arena *arena, char *text, size_t length)
{
    iconv_t encoder = iconv_open("GB18030", "UTF-8");
    size_t room = 4 * length, left = length;
    char *bytes = stw_arena_alloc(arena, room + 1), *out = bytes, *in = text;
    char *again = stw_arena_alloc(arena, 3 * ROOM(room));

    CHECK(iconv(encoder, &in, &left, &out, &room) != (size_t)-1 && left == 0);
    iconv_close(encoder);
    CHECK(decode(arena, bytes, (size_t)(out - bytes), SIZE_MAX, SIZE_MAX, again) == length);
    CHECK(memcmp(again, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)64 << 20);
    size_t first = size > 0 ? data[0] : 0, step = size > 1 ? data[1] % 16u + 1 : 1;
    const char *bytes = (const char *)data + (size > 2 ? 2 : size);
    size_t length = size > 2 ? size - 2 : 0;
    char *whole = stw_arena_alloc(arena, 3 * ROOM(length)),
         *pieces = stw_arena_alloc(arena, 3 * ROOM(length));
    size_t made = decode(arena, bytes, length, SIZE_MAX, SIZE_MAX, whole);

    CHECK(decode(arena, bytes, length, first, step, pieces) == made);
    CHECK(memcmp(whole, pieces, made) == 0);
    check_text(whole, made);
    if (!memchr(whole, '\xff', made))
        check_again(arena, whole, made);
    stw_arena_free(arena);
    return 0;
}
