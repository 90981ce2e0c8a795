/* JSON bytes as groups of a collection: what is accepted tells only what its caller may see in numbers, and
 * each of a group's members has a name of its own. The first byte chooses the caller. */
#include "query_check.h"
#include "resource/aggregate.h"

#define AMONG(type, types) (UINT64_C(1) << (type) & (types))
#define ONE(type)          (UINT64_C(1) << STW_TYPE_##type)
#define NUMBERS            (ONE(INT) | ONE(DECIMAL) | ONE(PERCENT) | ONE(MONEY))
#define DAYS               (ONE(DATE) | ONE(TIMESTAMP))
#define NEVER_GROUPED      (ONE(NOTE) | ONE(TEXTS) | ONE(OBJECT) | ONE(KEYS) | ONE(ID) | ONE(MONEY))

static bool is_open(const struct fixture *f, const struct stw_plan *plan, int field)
{
    const struct stw_grant *grant = &f->grants[plan->index];

    return field >= 0 && field < plan->field_count &&
           !((grant->hidden | grant->masked | plan->write_only) >> field & 1);
}

static void check_measures(const struct fixture *f, const struct stw_aggregate *aggregate)
{
    CHECK(aggregate->measure_count >= 0 && aggregate->measure_count <= STW_MEASURES_MAX);
    for (int i = 0; i < aggregate->measure_count; i++) {
        const struct stw_measure *measure = &aggregate->measures[i];
        size_t length = strlen(measure->name);

        CHECK(length >= 1 && length <= 40);
        CHECK(strspn(measure->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length);
        CHECK(strcmp(measure->name, "key") != 0 && strcmp(measure->name, "count") != 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(measure->name, aggregate->measures[j].name) != 0);
        CHECK(measure->op < STW_MEASURE_OP_COUNT);
        if (measure->op == STW_COUNT && measure->field == -1)
            continue;
        CHECK(is_open(f, aggregate->plan, measure->field));
        enum stw_type type = aggregate->plan->fields[measure->field].type;
        if (measure->op == STW_SUM || measure->op == STW_AVG)
            CHECK(AMONG(type, NUMBERS));
        else if (measure->op != STW_COUNT)
            CHECK(AMONG(type, NUMBERS | DAYS));
    }
}

static void check_dimensions(const struct fixture *f, const struct stw_aggregate *aggregate)
{
    static const char *const units[] = {"day", "week", "month", "quarter", "year"};

    CHECK(aggregate->by_count >= 0 && aggregate->by_count <= STW_DIMENSIONS_MAX);
    for (int i = 0; i < aggregate->by_count; i++) {
        const struct stw_dimension *by = &aggregate->by[i];
        int unit = 0;

        CHECK(is_open(f, aggregate->plan, by->field));
        enum stw_type type = aggregate->plan->fields[by->field].type;
        CHECK(!AMONG(type, NEVER_GROUPED));
        CHECK(by->unit ? AMONG(type, DAYS) : type != STW_TYPE_TIMESTAMP);
        while (by->unit && strcmp(by->unit, units[unit]) != 0)
            CHECK(++unit < 5);
        for (int j = 0; j < i; j++)
            CHECK(aggregate->by[j].field != by->field);
    }
}

/* Each money field of which more than the count is told, once. */
static void check_currencies(const struct stw_aggregate *aggregate)
{
    uint64_t told = 0;

    for (int i = 0; i < aggregate->measure_count; i++) {
        const struct stw_measure *measure = &aggregate->measures[i];
        if (measure->op != STW_COUNT && aggregate->plan->fields[measure->field].type == STW_TYPE_MONEY)
            told |= UINT64_C(1) << measure->field;
    }
    for (int i = 0; i < aggregate->currency_count; i++) {
        CHECK(told >> aggregate->currencies[i] & 1);
        told &= ~(UINT64_C(1) << aggregate->currencies[i]);
    }
    CHECK(told == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    struct stw_aggregate aggregate = {.plan = NULL};
    enum stw_code code;
    json_t *body = read_body(&f, data, size);

    if (!body)
        return 0;

    code = stw_aggregate_read(&f.ctx, f.books, body, &aggregate);
    if (code != STW_OK) {
        CHECK(code == STW_VALIDATION_FAILED && !aggregate.plan);
        check_violations(&f.details);
        return 0;
    }
    CHECK(violations(&f) == 0 && aggregate.plan == f.books);
    check_measures(&f, &aggregate);
    check_dimensions(&f, &aggregate);
    check_currencies(&aggregate);
    if (aggregate.filter)
        CHECK(check_filter(&f, f.books, aggregate.filter, 0) <= STW_FILTER_TERMS);
    return 0;
}
