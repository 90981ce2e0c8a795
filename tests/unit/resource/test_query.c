/* The query string of a list: what it says, and every way in which it can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "query_fixture.h"

#define PAIRS_MAX 128
#define ID_ONE    "0190c0de-0000-7000-8000-00000000000a"
#define ID_TWO    "0190c0de-0000-7000-8000-00000000000b"

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

/* Reads "name=value&name=value" as it is, nothing decoded. */
static enum stw_code read_as(bool single, const char *text, struct stw_query *ret_query)
{
    struct stw_pair pairs[PAIRS_MAX];
    int count = 0;
    char *at;

    fixture_again(&f);
    memset(ret_query, 0, sizeof(*ret_query));
    at = stw_arena_strdup(f.arena, text);
    while (at && *at) {
        char *pair = strsep(&at, "&");

        assert_true(count < PAIRS_MAX);
        pairs[count].name = strsep(&pair, "=");
        pairs[count++].value = pair ? pair : "";
    }
    return stw_query_read(&f.ctx, f.books, pairs, count, NULL, single, ret_query);
}

static struct stw_query good(const char *text)
{
    struct stw_query query;

    assert_int_equal(read_as(false, text, &query), STW_OK);
    assert_int_equal(f.details.violation_count, 0);
    return query;
}

static void assert_filter(const char *text, const char *expected)
{
    struct stw_query query = good(text);

    assert_string_equal(filter_text(&f, f.books, query.filter), expected);
}

static void assert_refused(const char *text, enum stw_code code, const char *violations)
{
    struct stw_query query;

    assert_int_equal(read_as(false, text, &query), code);
    assert_null(query.plan);
    assert_string_equal(violations_text(&f), violations);
}
#define assert_invalid(text, violations) assert_refused(text, STW_INVALID_PARAMETER, violations)
#define assert_unknown(text, violations) assert_refused(text, STW_UNKNOWN_PARAMETER, violations)

static void test_nothing_asked(void **state)
{
    struct stw_query query = good("");

    (void)state;
    assert_ptr_equal(query.plan, f.books);
    assert_null(query.filter);
    assert_null(query.search);
    assert_int_equal(query.limit, 50);
    assert_int_equal(query.sort_count, 1);
    assert_int_equal(query.sort[0].field, STW_PLAN_ID);
    assert_true(query.sort[0].descending);
    assert_true(query.default_order);
    assert_int_equal(query.count, STW_COUNT_OFF);
    assert_int_equal(query.deleted, STW_DELETED_EXCLUDE);
    assert_false(query.has_after);
    /* Everything but the write-only pin. */
    assert_true(query.fields == (((UINT64_C(1) << f.books->field_count) - 1) & ~book_bit(BOOK_PIN)));
}

static void test_limit(void **state)
{
    (void)state;
    assert_int_equal(good("limit=1").limit, 1);
    assert_int_equal(good("limit=500").limit, 500);
    assert_invalid("limit=0", "limit too_small 1");
    assert_invalid("limit=501", "limit too_large 500");
    assert_invalid("limit=", "limit invalid_format");
    assert_int_equal(read_as(false, "limit=ten", &(struct stw_query){0}), STW_INVALID_PARAMETER);
    assert_int_equal(read_as(false, "limit=99999999999999999999", &(struct stw_query){0}),
                     STW_INVALID_PARAMETER);
    assert_invalid("limit=5&limit=5", "limit invalid_parameter");
}

static void test_unknown_parameters(void **state)
{
    (void)state;
    assert_unknown("limti=5", "limti unknown_parameter limit");
    assert_unknown("titel=x", "titel unknown_parameter title");
    assert_unknown("nonsense=x", "nonsense unknown_parameter");
    assert_unknown("=x", " unknown_parameter q");
    /* Visible, but no filter is declared for it. */
    assert_unknown("summary=x", "summary unknown_parameter");
    /* Write-only fields do not exist. */
    assert_unknown("pin=1234", "pin unknown_parameter");
    assert_unknown("title[=x", "title[ unknown_parameter title");
    assert_unknown("title]=x", "title] unknown_parameter title");
    assert_unknown("title[eq]x=x", "title[eq]x unknown_parameter");
    assert_unknown("title[eq][eq]=x", "title[eq][eq] unknown_parameter");
    /* The whole call is unknown_parameter, and everything else is told as well. */
    assert_unknown("limit=0&foo=1", "limit too_small 1; foo unknown_parameter");
}

static void test_sort(void **state)
{
    struct stw_query query = good("sort=-title,pages");

    (void)state;
    assert_int_equal(query.sort_count, 3);
    assert_int_equal(query.sort[0].field, STW_PLAN_FIELD(BOOK_TITLE));
    assert_true(query.sort[0].descending);
    assert_int_equal(query.sort[1].field, STW_PLAN_FIELD(BOOK_PAGES));
    assert_false(query.sort[1].descending);
    assert_int_equal(query.sort[2].field, STW_PLAN_ID);
    assert_false(query.sort[2].descending);
    assert_false(query.default_order);

    assert_true(good("sort=-title").sort[1].descending);
    assert_true(good("sort=-id").default_order);
    query = good("sort=id");
    assert_int_equal(query.sort_count, 1);
    assert_false(query.default_order);
    /* The id decides everything; what follows is redundant, and the order still ends in it. */
    query = good("sort=pages,id,title");
    assert_int_equal(query.sort_count, 2);
    assert_int_equal(query.sort[1].field, STW_PLAN_ID);
    assert_int_equal(good("sort=title,pages,weight").sort_count, 4);
}

static void test_sort_refused(void **state)
{
    struct stw_query query;

    (void)state;
    assert_invalid("sort=title,pages,weight,price", "sort too_many 3");
    assert_invalid("sort=", "sort invalid_format");
    assert_invalid("sort=title,", "sort invalid_format a comma separated list");
    assert_invalid("sort=-", "sort unknown_field");
    assert_invalid("sort=tilte", "sort unknown_field title");
    assert_invalid("sort=pin", "sort unknown_field");
    assert_invalid("sort=title,-title", "sort not_allowed");
    assert_int_equal(read_as(false, "sort=summary", &query), STW_INVALID_PARAMETER);
    assert_int_equal(f.details.violations[0].code, STW_NOT_ALLOWED);
    assert_string_equal(f.details.violations[0].allowed[0], "id");
    assert_string_equal(f.details.violations[0].allowed[1], "title");
}

static void test_fields(void **state)
{
    (void)state;
    assert_true(good("fields=title,pages").fields == (1 | book_bit(BOOK_TITLE) | book_bit(BOOK_PAGES)));
    assert_true(good("fields=id").fields == 1);
    assert_invalid("fields=titel", "fields unknown_field title");
    assert_invalid("fields=title,pin", "fields unknown_field");
    assert_invalid("fields=title,,pages", "fields invalid_format a comma separated list");
}

static void test_expand(void **state)
{
    struct stw_query query = good("expand=editor,shelf");
    struct stw_pair pair = {"expand", "owner,books"};

    (void)state;
    assert_int_equal(query.expand_count, 2);
    assert_string_equal(query.expand[0]->name, "editor");
    assert_string_equal(query.expand[1]->name, "shelf");
    assert_invalid("expand=editor,editor", "expand not_allowed");
    assert_invalid("expand=edito", "expand unknown_field editor");
    assert_invalid("expand=a,b,c,d,e,f", "expand too_many 5");

    fixture_again(&f);
    assert_int_equal(stw_query_read(&f.ctx, f.shelves, &pair, 1, NULL, false, &query), STW_OK);
    assert_string_equal(query.expand[1]->name, "books");
    assert_int_equal(query.expand[1]->from, TOY_BOOKS);
    /* Users have books to edit, but those are no parts of them. */
    fixture_again(&f);
    pair.value = "books";
    assert_int_equal(stw_query_read(&f.ctx, &f.engine->plans[TOY_USERS], &pair, 1, NULL, false, &query),
                     STW_INVALID_PARAMETER);
}

static void test_search_count_deleted(void **state)
{
    struct stw_pair pair = {"q", "x"};
    struct stw_query query;

    (void)state;
    assert_string_equal(good("q= Die  KUNST \xe3\x80\x80").search, "Die  KUNST");
    assert_string_equal(good("q=\xe4\xb8\xad").search, "\xe4\xb8\xad");
    assert_invalid("q=", "q invalid_format");
    assert_invalid("q=  ", "q invalid_format");
    assert_invalid("q=a\x01", "q invalid_format");
    assert_int_equal(good("count=exact").count, STW_COUNT_EXACT);
    assert_int_equal(good("count=estimated").count, STW_COUNT_ESTIMATED);
    assert_invalid("count=yes", "count not_allowed [exact,estimated]");
    assert_int_equal(good("deleted=only").deleted, STW_DELETED_ONLY);
    assert_int_equal(good("deleted=include").deleted, STW_DELETED_INCLUDE);
    assert_invalid("deleted=true", "deleted not_allowed [only,include]");
    f.grants[TOY_BOOKS].scope[STW_DELETE] = STW_NONE;
    assert_invalid("deleted=only", "deleted not_allowed");

    /* Users have no searchable field: there is no q. */
    fixture_again(&f);
    assert_int_equal(stw_query_read(&f.ctx, &f.engine->plans[TOY_USERS], &pair, 1, NULL, false, &query),
                     STW_UNKNOWN_PARAMETER);
}

static void test_search_length(void **state)
{
    char text[204] = "q=";

    (void)state;
    memset(text + 2, 'a', 200);
    assert_int_equal(strlen(good(text).search), 200);
    text[202] = 'a';
    assert_invalid(text, "q too_long 200");
}

static void test_filters(void **state)
{
    (void)state;
    assert_filter("title=Faust", "title eq Faust");
    assert_filter("title=a&title=b&title=a", "and(title eq a, title eq b, title eq a)");
    assert_filter("title[ne]=a", "title ne a");
    assert_filter("title[contains]=a", "title contains a");
    assert_filter("author[starts]=Goe", "author starts Goe");
    assert_filter("contact_email[contains]=@example", "contact_email contains @example");
    assert_filter("title[in]=a,b,c", "title in a b c");
    assert_filter("title[null]=true", "title null true");
    assert_filter("pages[gte]=10&pages[lt]=20", "and(pages gte 10, pages lt 20)");
    assert_filter("price[gt]=12.50", "price gt 12.50");
    assert_filter("price=12.50", "price eq 12.50");
    assert_filter("weight[lte]=0.5", "weight lte 0.5");
    assert_filter("in_print=true", "in_print eq true");
    assert_filter("published_on[gte]=2026-01-31", "published_on gte 2026-01-31");
    assert_filter("read_at[lt]=2026-01-31T00:00:00+08:00", "read_at lt 2026-01-30T16:00:00.000000Z");
    assert_filter("created_at[gt]=2026-01-31T00:00:00Z", "created_at gt 2026-01-31T00:00:00.000000Z");
    assert_filter("binding[in]=paperback,e_book", "binding in paperback e_book");
    assert_filter("country=DE", "country eq DE");
    assert_filter("tags[any]=a,b", "tags any a b");
    assert_filter("tags[all]=a", "tags all a");
    assert_filter("tags[none]=a", "tags none a");
    assert_filter("shelf_id=" ID_ONE, "shelf_id eq " ID_ONE);
    assert_filter("id[in]=" ID_ONE "," ID_TWO, "id in " ID_ONE " " ID_TWO);
    /* Asking beyond what a field may hold is a fair question. */
    assert_filter("pages[lt]=50000", "pages lt 50000");
}

static void test_values_refused(void **state)
{
    static const char *const wrong[] = {
        "title=",
        "title[in]=a,,b",
        "title[in]=",
        "title[contains]=",
        "pages=many",
        "pages=1.5",
        "pages[gt]=3000000000",
        "price=1,5",
        "price=1e3",
        "in_print=yes",
        "in_print=1",
        "published_on=2026-02-30",
        "published_on=x",
        "read_at[gt]=2026-01-01",
        "binding=leather",
        "country=XX",
        "shelf_id=1",
        "id=abc",
        "tags[any]=",
        "tags[any]=a,,b",
        "title[null]=yes",
        "title[null]=",
        "discount[gt]=x",
    };
    struct stw_query query;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (read_as(false, wrong[i], &query) != STW_INVALID_PARAMETER)
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(f.details.violation_count, 1);
        assert_int_equal(f.details.violations[0].where, STW_AT_PARAMETER);
        assert_int_equal(
            strncmp(f.details.violations[0].path, wrong[i], strlen(f.details.violations[0].path)), 0);
    }
    assert_invalid("title=", "title invalid_format");
    assert_invalid("binding=leather", "binding not_allowed [hardcover,paperback,e_book]");
    assert_invalid("title[null]=yes", "title[null] invalid_format true or false [true,false]");
}

static void test_operators(void **state)
{
    (void)state;
    assert_invalid("title[foo]=x", "title[foo] invalid_operator foo [eq,ne,in,nin,contains,starts,null]");
    assert_invalid("title[]=x", "title[] invalid_operator [eq,ne,in,nin,contains,starts,null]");
    assert_invalid("title[gt]=x", "title[gt] invalid_operator gt [eq,ne,in,nin,contains,starts,null]");
    assert_invalid("pages[contains]=1",
                   "pages[contains] invalid_operator contains [eq,ne,gt,gte,lt,lte,in,nin,null]");
    assert_invalid("in_print[in]=true", "in_print[in] invalid_operator in [eq,ne,null]");
    assert_invalid("tags=x", "tags invalid_operator eq [null,any,all,none]");
    assert_invalid("id[null]=true", "id[null] invalid_operator null [eq,ne,in,nin]");
    assert_string_equal(stw_operator_word(STW_NONE_OF), "none");
    for (int type = 0; type < STW_TYPE_COUNT; type++) {
        unsigned masked = stw_operators_of((enum stw_type)type, true);

        assert_int_not_equal(stw_operators_of((enum stw_type)type, false), 0);
        assert_int_equal(masked & ~(1U << STW_EQ | 1U << STW_IN | 1U << STW_IS_NULL), 0);
    }
}

static void test_hops(void **state)
{
    (void)state;
    assert_filter("shelf.name[contains]=art", "shelf.name contains art");
    assert_filter("editor.email=a@example.com&title=x", "and(editor.email eq a@example.com, title eq x)");
    assert_unknown("shelf.nmae=x", "shelf.nmae unknown_parameter shelf.name");
    assert_unknown("shelv.name=x", "shelv.name unknown_parameter");
    assert_unknown("shelf.=x", "shelf. unknown_parameter");
    assert_unknown(".name=x", ".name unknown_parameter");
    assert_unknown("shelf.owner.name=x", "shelf.owner.name unknown_parameter");
    assert_unknown("shelf_id.name=x", "shelf_id.name unknown_parameter");
    assert_unknown("books.title=x", "books.title unknown_parameter");
    assert_invalid("shelf.name[gt]=x",
                   "shelf.name[gt] invalid_operator gt [eq,ne,in,nin,contains,starts,null]");

    f.grants[TOY_SHELVES].hidden = UINT64_C(1) << STW_PLAN_FIELD(SHELF_NAME);
    assert_unknown("shelf.name=x", "shelf.name unknown_parameter");
    f.grants[TOY_SHELVES].hidden = 0;
    f.grants[TOY_SHELVES].masked = UINT64_C(1) << STW_PLAN_FIELD(SHELF_KEEPER_PHONE);
    assert_filter("shelf.keeper_phone=+8613800001234", "shelf.keeper_phone eq +8613800001234");
    assert_invalid("shelf.keeper_phone[starts]=+86",
                   "shelf.keeper_phone[starts] invalid_operator starts [eq,in,null]");
    f.grants[TOY_SHELVES].scope[STW_READ] = STW_NONE;
    assert_unknown("shelf.name=x", "shelf.name unknown_parameter");
    assert_invalid("expand=shelf", "expand unknown_field");
}

static void test_hidden(void **state)
{
    (void)state;
    f.grants[TOY_BOOKS].hidden = book_bit(BOOK_PAGES) | book_bit(BOOK_EDITOR_ID);
    assert_unknown("pages=1", "pages unknown_parameter");
    assert_unknown("editor_id[null]=true", "editor_id[null] unknown_parameter");
    assert_unknown("editor.name=x", "editor.name unknown_parameter");
    assert_invalid("expand=editor", "expand unknown_field");
    assert_invalid("sort=pages", "sort unknown_field");
    assert_invalid("fields=pages", "fields unknown_field");
    assert_unknown("page=1", "page unknown_parameter");
    assert_int_equal(good("").fields & (book_bit(BOOK_PAGES) | book_bit(BOOK_EDITOR_ID)), 0);
    /* Nothing searchable is left: q is gone too. */
    f.grants[TOY_BOOKS].hidden = f.books->searchable;
    assert_unknown("q=x", "q unknown_parameter");
}

static void test_masked(void **state)
{
    (void)state;
    f.grants[TOY_BOOKS].masked = book_bit(BOOK_CONTACT_EMAIL) | book_bit(BOOK_EDITOR_ID);
    assert_filter("contact_email=a@example.com", "contact_email eq a@example.com");
    assert_filter("contact_email[null]=true", "contact_email null true");
    assert_invalid("contact_email[contains]=a",
                   "contact_email[contains] invalid_operator contains [eq,in,null]");
    assert_invalid("contact_email[ne]=a@example.com", "contact_email[ne] invalid_operator ne [eq,in,null]");
    assert_int_equal(read_as(false, "sort=contact_email", &(struct stw_query){0}), STW_INVALID_PARAMETER);
    assert_int_equal(f.details.violations[0].code, STW_NOT_ALLOWED);
    assert_true(good("fields=contact_email").fields & book_bit(BOOK_CONTACT_EMAIL));
    /* Following a masked reference would tell who is behind it. */
    assert_unknown("editor.name=x", "editor.name unknown_parameter");
}

static void test_limits_of_terms(void **state)
{
    char text[4096] = "";
    char list[1024] = "title[in]=";
    struct stw_query query;

    (void)state;
    for (int i = 0; i < STW_FILTER_TERMS; i++)
        strcat(text, "title=a&");
    query = good(text);
    assert_int_equal(query.filter->node, STW_NODE_AND);
    strcat(text, "title=a&title=b");
    assert_invalid(text, "title too_many 100");

    for (int i = 0; i < STW_IN_MAX; i++)
        strcat(list, i ? ",a" : "a");
    assert_int_equal(good(list).filter->value_count, STW_IN_MAX);
    strcat(list, ",a");
    assert_invalid(list, "title[in] too_many 100");
}

static void test_all_violations_at_once(void **state)
{
    struct stw_query query;
    char text[2048] = "";

    (void)state;
    assert_invalid("limit=0&sort=x_y_z&title=&count=no",
                   "limit too_small 1; sort unknown_field; title invalid_format; "
                   "count not_allowed [exact,estimated]");
    for (int i = 0; i < 40; i++)
        strcat(text, "pages=x&");
    assert_int_equal(read_as(false, text, &query), STW_INVALID_PARAMETER);
    assert_int_equal(f.details.violation_count, STW_VIOLATIONS_MAX);
    assert_int_equal(f.details.violations_dropped, 24);
}

static void test_single(void **state)
{
    struct stw_query query;

    (void)state;
    assert_int_equal(read_as(true, "fields=title&expand=shelf", &query), STW_OK);
    assert_int_equal(query.expand_count, 1);
    assert_int_equal(read_as(true, "title=x", &query), STW_UNKNOWN_PARAMETER);
    assert_string_equal(violations_text(&f), "title unknown_parameter");
    assert_int_equal(read_as(true, "limit=5", &query), STW_UNKNOWN_PARAMETER);
    assert_int_equal(read_as(true, "field=title", &query), STW_UNKNOWN_PARAMETER);
    assert_string_equal(violations_text(&f), "field unknown_parameter fields");
    assert_int_equal(read_as(true, "fields=titel", &query), STW_INVALID_PARAMETER);
}

static void test_parent(void **state)
{
    const char *id[] = {ID_ONE};
    struct stw_filter parent = {.node = STW_NODE_TEST,
                                .field = STW_PLAN_FIELD(BOOK_SHELF_ID),
                                .op = STW_EQ,
                                .values = id,
                                .value_count = 1};
    struct stw_pair pair = {"title", "x"};
    struct stw_query query, alone;

    (void)state;
    assert_int_equal(stw_query_read(&f.ctx, f.books, &pair, 1, &parent, false, &query), STW_OK);
    assert_string_equal(filter_text(&f, f.books, query.filter), "and(title eq x, shelf_id eq " ID_ONE ")");
    assert_null(parent.next);
    assert_int_equal(stw_query_read(&f.ctx, f.books, &pair, 1, NULL, false, &alone), STW_OK);
    assert_memory_not_equal(query.digest, alone.digest, sizeof(query.digest));
    assert_int_equal(stw_query_read(&f.ctx, f.books, NULL, 0, &parent, false, &query), STW_OK);
    assert_string_equal(filter_text(&f, f.books, query.filter), "shelf_id eq " ID_ONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_asked),
        TEST(test_limit),
        TEST(test_unknown_parameters),
        TEST(test_sort),
        TEST(test_sort_refused),
        TEST(test_fields),
        TEST(test_expand),
        TEST(test_search_count_deleted),
        TEST(test_search_length),
        TEST(test_filters),
        TEST(test_values_refused),
        TEST(test_operators),
        TEST(test_hops),
        TEST(test_hidden),
        TEST(test_masked),
        TEST(test_limits_of_terms),
        TEST(test_all_violations_at_once),
        TEST(test_single),
        TEST(test_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
