/* The binary forms of PostgreSQL's types. Whatever comes, nothing behind it is read, and the text stays
 * within its scratch; days, moments and numbers come out as the API takes them in. */
#include <string.h>

#include "check.h"
#include "core/value.h"
#include "db/binary.h"

/* An input of the API reads it, and writes it alike. */
static void is_taken_in(enum stw_form form, const char *text, size_t length)
{
    struct stw_arena *arena = stw_arena_new(SIZE_MAX);
    char *back = NULL;

    if (form == STW_FORM_DATE)
        CHECK(stw_value_date(arena, text, length, &back) == STW_OK && strcmp(back, text) == 0);
    if (form == STW_FORM_TIMESTAMP)
        CHECK(stw_value_timestamp(arena, text, length, &back) == STW_OK && strcmp(back, text) == 0);
    if (form == STW_FORM_NUMERIC && strcmp(text, "NaN") != 0)
        CHECK(stw_value_decimal(arena, text, length, 2 * STW_CELL_SCRATCH, STW_CELL_SCRATCH, &back) ==
              STW_OK);
    stw_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scratch[STW_CELL_SCRATCH];
    size_t length = SIZE_MAX;

    if (size == 0)
        return 0;
    enum stw_form form = data[0] % (STW_FORM_JSONB + 1);
    /* of its own, so that its end is seen */
    char *bytes = malloc(size);
    memcpy(bytes, data + 1, size - 1);
    bytes[size - 1] = '\0';
    const char *text = stw_form_text(form, bytes, size - 1, scratch, &length);
    if (text == scratch) {
        CHECK(length < STW_CELL_SCRATCH && strlen(text) == length);
        if (length > 0)
            is_taken_in(form, text, length);
    } else {
        CHECK(text >= bytes && text + length == bytes + size - 1);
    }
    free(bytes);
    return 0;
}
