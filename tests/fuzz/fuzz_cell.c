/* Text as a value of each type: a parameter of a query, a cell of an import. What is accepted is text of its
 * type's one form, which is accepted again and stays as it is. The first byte chooses the field. */
#include "core/text.h"
#include "decimal.h"
#include "query_check.h"

/* A kind of value that no book has. */
static const struct stw_field keys = {.name = "external_ids", .type = STW_TYPE_KEYS};

static bool read_cell(struct fixture *f, const struct stw_field *field, const char *text,
                      const char **ret_text)
{
    struct stw_value value = {NULL, NULL};
    bool good = stw_input_text(&f->ctx, field, text, STW_AT_PARAMETER, "cell", &value);

    CHECK(good == (violations(f) == 0) && good == (value.text != NULL));
    *ret_text = value.text;
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    const struct stw_field *field;
    const char *text, *once, *twice;

    if (!f.engine)
        fixture_init(&f);
    if (size == 0)
        return 0;
    fixture_again(&f);
    field = data[0] % (BOOK_COUNT + 1) == BOOK_COUNT ? &keys : &toy_book_fields[data[0] % (BOOK_COUNT + 1)];
    text = stw_arena_strndup(f.arena, (const char *)data + 1, size - 1);
    if (!read_cell(&f, field, text, &once))
        return 0;
    CHECK(stw_text_valid(once, strlen(once)));
    if (field->type == STW_TYPE_DECIMAL || field->type == STW_TYPE_PERCENT)
        check_decimal(once, field->type == STW_TYPE_PERCENT ? 7 : 19, 4);
    else if (field->type == STW_TYPE_INT)
        check_decimal(once, 19, 0);
    if (field->type == STW_TYPE_TEXTS) {
        CHECK(once[0] == '{' && once[strlen(once) - 1] == '}');
        return 0;
    }
    CHECK(read_cell(&f, field, once, &twice) && strcmp(once, twice) == 0);
    return 0;
}
