#include "core/gb18030.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

struct stw_gb18030 {
    iconv_t converter;
    char carry[STW_GB18030_CARRY]; /* the begin of a character */
    size_t carried;
};

static void close_converter(void *what)
{
    iconv_close(((struct stw_gb18030 *)what)->converter);
}

struct stw_gb18030 *stw_gb18030_open(struct stw_arena *arena)
{
    struct stw_gb18030 *decoder = STW_NEW(arena, struct stw_gb18030);

    decoder->converter = iconv_open("UTF-8", "GB18030");
    if (decoder->converter == (iconv_t)-1)
        return NULL;
    stw_arena_defer(arena, close_converter, decoder);
    return decoder;
}

/* Writes behind *out. Returns how many bytes are left because their character does not end. */
static size_t convert(struct stw_gb18030 *decoder, const char *bytes, size_t length, bool last, char **out)
{
    char *in = (char *)(uintptr_t)bytes; /* iconv reads it only */
    size_t room = STW_GB18030_WIDER * length;

    while (length > 0 && iconv(decoder->converter, &in, &length, out, &room) == (size_t)-1) {
        if (errno == EINVAL && !last && length < STW_GB18030_CARRY)
            break;
        *(*out)++ = '\xff';
        in++;
        length--;
        room = STW_GB18030_WIDER * length;
        iconv(decoder->converter, NULL, NULL, NULL, NULL);
    }
    return length;
}

size_t stw_gb18030_add(struct stw_gb18030 *decoder, const char *bytes, size_t length, bool last, char *out)
{
    char *to = out;
    size_t left;

    /* to its end first, which a byte that does not belong to it brings about, too */
    while (decoder->carried > 0 && (length > 0 || last)) {
        size_t size = decoder->carried;

        if (length > 0) {
            decoder->carry[size++] = *bytes++;
            length--;
        }
        left = convert(decoder, decoder->carry, size, last && length == 0, &to);
        memmove(decoder->carry, decoder->carry + size - left, left);
        decoder->carried = left;
    }
    if (length == 0)
        return (size_t)(to - out);
    left = convert(decoder, bytes, length, last, &to);
    memcpy(decoder->carry, bytes + length - left, left);
    decoder->carried = left;
    return (size_t)(to - out);
}
