/* A query string, cut at & and = but not decoded: what is accepted obeys every rule, and says the same when
 * read again. */
#include "query_check.h"

#define PAIRS_MAX 512

static int split(struct stw_arena *arena, const char *bytes, size_t size, struct stw_pair pairs[PAIRS_MAX])
{
    char *at = stw_arena_strndup(arena, bytes, size);
    int count = 0;

    while (at && count < PAIRS_MAX) {
        char *pair = strsep(&at, "&");

        pairs[count].name = strsep(&pair, "=");
        pairs[count++].value = pair ? pair : "";
    }
    return count;
}

static void read_again(struct fixture *f, const struct stw_pair *pairs, int count,
                       const struct stw_query *query)
{
    struct stw_query again;

    CHECK(stw_query_read(&f->ctx, query->plan, pairs, count, NULL, false, &again) == STW_OK);
    CHECK(memcmp(again.digest, query->digest, sizeof(again.digest)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    struct stw_pair pairs[PAIRS_MAX];
    struct stw_query query = {.plan = NULL};
    enum stw_code code;
    bool single;
    int count;

    if (!f.engine)
        fixture_init(&f);
    if (size == 0)
        return 0;
    fixture_again(&f);
    choose_caller(&f, data[0]);
    single = data[0] & 2;
    count = split(f.arena, (const char *)data + 1, size - 1, pairs);
    code = stw_query_read(&f.ctx, data[0] & 4 ? f.shelves : f.books, pairs, count, NULL, single, &query);
    if (code == STW_OK) {
        CHECK(violations(&f) == 0);
        check_query(&f, &query);
        CHECK(!single || (!query.filter && !query.search && query.default_order));
        if (!single)
            read_again(&f, pairs, count, &query);
    } else {
        CHECK(!query.plan);
        CHECK(code == STW_INVALID_CURSOR || code == STW_CURSOR_MISMATCH || code == STW_INVALID_PARAMETER ||
              code == STW_UNKNOWN_PARAMETER);
        CHECK((violations(&f) == 0) == (code == STW_INVALID_CURSOR || code == STW_CURSOR_MISMATCH));
    }
    return 0;
}
