/* A cursor made of the input comes back as it was; changed in any way it is refused, and so is the input
 * itself. */
#include "core/text.h"
#include "query_check.h"

#define ID "0190c0de-0000-7000-8000-00000000000a"

static enum stw_code read_cursor(struct fixture *f, const char *cursor, struct stw_query *ret_query)
{
    struct stw_pair pairs[] = {{"sort", "title,-pages"}, {"cursor", cursor}};

    return stw_query_read(&f->ctx, f->books, pairs, cursor ? 2 : 1, NULL, false, ret_query);
}

/* "null", or the bytes up to the first NUL where they are text. */
static const char *value_from(struct fixture *f, const uint8_t *data, size_t size)
{
    char *text = stw_arena_strndup(f->arena, (const char *)data, size);

    return size == 0 || !stw_text_valid(text, strlen(text)) ? NULL : text;
}

static bool is_same(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* The four bytes at the front choose what is changed and where. */
static char *mutate(struct fixture *f, const char *cursor, const uint8_t change[4])
{
    size_t length = strlen(cursor);
    size_t at = ((size_t)change[0] << 8 | change[1]) % length;
    char *mutant = stw_arena_printf(f->arena, "%s?", cursor);

    mutant[length] = '\0';
    switch (change[2] % 4) {
    case 0:
        mutant[at] = (char)change[3];
        break;
    case 1:
        mutant[at] = '\0';
        break;
    case 2:
        memmove(mutant + at, mutant + at + 1, length - at);
        break;
    default:
        mutant[length] = (char)change[3];
        mutant[length + 1] = '\0';
    }
    return mutant;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    struct stw_query query;
    struct stw_query back;
    const char *values[3] = {NULL, NULL, ID};
    char *cursor, *mutant, *raw;
    enum stw_code code;

    if (!f.engine)
        fixture_init(&f);
    if (size < 4)
        return 0;
    fixture_again(&f);
    values[0] = value_from(&f, data + 4, (size - 4) / 2);
    values[1] = value_from(&f, data + 4 + (size - 4) / 2, size - 4 - (size - 4) / 2);

    CHECK(read_cursor(&f, NULL, &query) == STW_OK);
    cursor = stw_cursor_write(&f.ctx, &query, values);
    CHECK(read_cursor(&f, cursor, &back) == STW_OK && back.has_after);
    for (int i = 0; i < 3; i++)
        CHECK(is_same(back.after[i], values[i]));

    mutant = mutate(&f, cursor, data);
    code = read_cursor(&f, mutant, &back);
    if (strcmp(mutant, cursor) == 0)
        CHECK(code == STW_OK);
    else
        CHECK(code == (mutant[0] ? STW_INVALID_CURSOR : STW_INVALID_PARAMETER));

    raw = stw_arena_strndup(f.arena, (const char *)data, size);
    CHECK(read_cursor(&f, raw, &back) == (raw[0] ? STW_INVALID_CURSOR : STW_INVALID_PARAMETER));
    return 0;
}
