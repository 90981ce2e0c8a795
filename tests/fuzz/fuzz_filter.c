/* JSON bytes as a filter and as a search body: what is accepted obeys every rule. */
#include "query_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    struct stw_filter *filter = NULL;
    struct stw_query query = {.plan = NULL};
    enum stw_code code;
    json_t *root = read_body(&f, data, size);

    if (!root)
        return 0;

    code = stw_filter_read_json(&f.ctx, f.books, root, "#/filter", &filter);
    CHECK(code == STW_OK || (code == STW_VALIDATION_FAILED && !filter));
    CHECK((violations(&f) == 0) == (code == STW_OK));
    if (filter)
        CHECK(check_filter(&f, f.books, filter, 0) <= STW_FILTER_TERMS);

    stw_details_init(&f.details, f.arena);
    code = stw_query_read_json(&f.ctx, f.books, root, &query);
    if (code == STW_OK) {
        CHECK(violations(&f) == 0);
        check_query(&f, &query);
    } else {
        CHECK(!query.plan);
        CHECK(code == STW_INVALID_CURSOR || code == STW_CURSOR_MISMATCH || violations(&f) > 0);
    }
    return 0;
}
