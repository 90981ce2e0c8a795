#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resource/action.h"
#include "resource/toy.h"
#include "server/crud.h"
#include "server/openapi.h"
#include "server/yaml.h"

/* ---- YAML ---- */

static char *yaml_of(const char *json)
{
    json_t *root = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(root);
    srv_yaml_write(root, out);
    fclose(out);
    json_decref(root);
    return text;
}

static void expect_yaml(const char *json, const char *wanted)
{
    char *text = yaml_of(json);

    assert_string_equal(text, wanted);
    free(text);
}

static void test_yaml_shapes(void **state)
{
    (void)state;
    expect_yaml("{\"a\":1,\"b\":[],\"c\":{},\"d\":null,\"e\":true,\"f\":-2}",
                "a: 1\nb: []\nc: {}\nd: null\ne: true\nf: -2\n");
    expect_yaml("{\"list\":[\"x\",{\"k\":\"v\",\"l\":[1,2]},[3,[4]],[]]}",
                "list:\n  - x\n  - k: v\n    l:\n      - 1\n      - 2\n  - - 3\n    - - 4\n  - []\n");
    expect_yaml("{\"z\":1,\"a\":{\"y\":2,\"b\":3}}", "z: 1\na:\n  \"y\": 2\n  b: 3\n");
    expect_yaml("[]", "[]\n");
    expect_yaml("\"text\"", "text\n");
}

/* Whatever a reader could take for something else than this text is quoted. */
static void test_yaml_quoting(void **state)
{
    static const char *const quoted[] = {
        "",
        "true",
        "No",
        "null",
        "Off",
        "y",
        "~",
        "12",
        "1.5",
        "1e3",
        "0x1f",
        "3.1.0",
        "2026-01-02",
        "12:30",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "- a",
        "-",
        "[a]",
        "a[b]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "{a}",
        " a",
        "a ",
        ".inf",
        "=",
        "<<",
        "a\\\\b",
        "? a",
        "|",
        ">",
        "\\\"a",
        "'a",
        "\\u5ba2\\u6237",
    };
    static const char *const plain[] = {
        "a",    "application/json", "/v1/accounts/{id}", "A page, newest first.", "snake_case",
        "it's", "X-Request-Id",     "a (b) $c"};
    char json[64];

    (void)state;
    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
        snprintf(json, sizeof(json), "\"%s\"", quoted[i]);
        char *text = yaml_of(json);
        if (text[0] != '"')
            fail_msg("%s is not quoted", quoted[i]);
        free(text);
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        snprintf(json, sizeof(json), "\"%s\"", plain[i]);
        char *text = yaml_of(json);
        if (text[0] == '"')
            fail_msg("%s is quoted", plain[i]);
        free(text);
    }
}

static void test_yaml_escapes(void **state)
{
    (void)state;
    expect_yaml("\"\\u0001\\t\\u007f\"", "\"\\u0001\\u0009\\u007f\"\n");
    expect_yaml("\"\\u0085 \\u2028 \\ufeff\"", "\"\\u0085 \\u2028 \\ufeff\"\n");
    expect_yaml("\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"\n");
    expect_yaml("\"\\u5ba2\"", "\"\xe5\xae\xa2\"\n");
    expect_yaml("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"\n");
}

static void test_yaml_blocks(void **state)
{
    (void)state;
    expect_yaml("{\"a\":\"x\\n\\n y\\n\"}", "a: |\n  x\n\n   y\n");
    expect_yaml("{\"a\":\"x: 1\\n# y\"}", "a: |-\n  x: 1\n  # y\n");
    expect_yaml("[{\"a\":\"x\\ny\"}]", "- a: |-\n    x\n    y\n");
    /* what a block would not give back */
    expect_yaml("\" x\\ny\"", "\" x\\u000ay\"\n");
    expect_yaml("\"\\nx\"", "\"\\u000ax\"\n");
    expect_yaml("\"x\\n\\n\"", "\"x\\u000a\\u000a\"\n");
    expect_yaml("\"x\\r\\ny\"", "\"x\\u000d\\u000ay\"\n");
    expect_yaml("\"\\n\"", "\"\\u000a\"\n");
}

/* ---- the tree ---- */

static struct stw_engine *engine;
static struct srv_router *router;
static json_t *root;

static enum stw_code nothing(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_OK;
}

static const struct stw_field ring_in[] = {
    {.name = "times", .type = STW_TYPE_INT, .min = 1, .max = 9, .flags = STW_MANDATORY, .doc = "How often."},
    {.name = "song", .doc = "Which one."},
};
static const struct stw_field ring_out[] = {
    {.name = "rung_at", .type = STW_TYPE_TIMESTAMP, .flags = STW_NOT_NULL}};
static const struct stw_action ring = {.name = "ringBell",
                                       .doc = "Rings the bell.",
                                       .in_fields = ring_in,
                                       .in_count = 2,
                                       .out_fields = ring_out,
                                       .out_count = 1,
                                       .status = 202};
static const struct srv_route routes[] = {
    {SRV_GET, "/livez", SRV_AUTH_NONE, SRV_ROUTE_UNCOUNTED, nothing, NULL, "getLiveness", "Tells."},
    {SRV_POST, "/v1/bell/{tower}", SRV_AUTH_BEARER, SRV_ROUTE_BODY | SRV_ROUTE_IDEMPOTENT, nothing, &ring,
     "ringBell", "Rings."},
};

static int set_up(void **state)
{
    (void)state;
    engine = toy_engine();
    router = srv_router_new();
    srv_router_add(router, routes, 2);
    srv_crud_routes(router, engine);
    root = srv_openapi(router, engine);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(root);
    srv_router_free(router);
    stw_engine_free(engine);
    return 0;
}

/* Follows member names; an array's elements by number. */
static json_t *at(json_t *node, ...)
{
    va_list names;
    const char *name;

    va_start(names, node);
    while (node && (name = va_arg(names, const char *)))
        node =
            json_is_array(node) ? json_array_get(node, strtoul(name, NULL, 10)) : json_object_get(node, name);
    va_end(names);
    return node;
}
#define AT(...) at(__VA_ARGS__, NULL)

static void expect(json_t *node, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(wanted);
    if (!json_equal(node, wanted)) {
        char *found = json_dumps(node, JSON_ENCODE_ANY);
        fail_msg("%s is not %s", found ? found : "nothing", text);
    }
    json_decref(wanted);
}

static json_t *schema(const char *name)
{
    json_t *found = AT(root, "components", "schemas", name);

    if (!found)
        fail_msg("no schema %s", name);
    return found;
}

static bool lists(json_t *array, const char *word)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), word) == 0)
            return true;
    }
    return false;
}

static bool refers(json_t *array, const char *component)
{
    json_t *item;
    size_t i;
    char target[128];

    snprintf(target, sizeof(target), "#/components/parameters/%s", component);
    json_array_foreach(array, i, item)
    {
        const char *ref = json_string_value(json_object_get(item, "$ref"));
        if (ref && strcmp(ref, target) == 0)
            return true;
    }
    return false;
}

static void test_record_schema(void **state)
{
    json_t *book = AT(schema("Book"), "properties");

    (void)state;
    expect(AT(schema("Book"), "required"), "[\"id\"]");
    assert_null(AT(schema("Book"), "additionalProperties"));
    expect(AT(book, "title"), "{\"type\":\"string\",\"description\":\"What is on the cover.\"}");
    expect(AT(book, "author", "type"), "[\"string\",\"null\"]");
    expect(AT(book, "in_print", "type"), "\"boolean\"");
    expect(AT(book, "pages", "type"), "[\"integer\",\"null\"]");
    expect(AT(book, "price", "anyOf"), "[{\"$ref\":\"#/components/schemas/Money\"},{\"type\":\"null\"}]");
    expect(AT(book, "binding", "enum"), "[\"hardcover\",\"paperback\",\"e_book\"]");
    expect(AT(book, "created_at", "$ref"), "\"#/components/schemas/Timestamp\"");
    expect(AT(book, "deleted_at", "anyOf", "1"), "{\"type\":\"null\"}");
    /* what may be masked has no format to keep */
    assert_null(AT(book, "contact_phone", "pattern"));
    assert_null(AT(book, "pin"));
    expect(AT(book, "shelf", "anyOf", "0"), "{\"$ref\":\"#/components/schemas/Shelf\"}");
    expect(AT(schema("Shelf"), "properties", "books", "items"), "{\"$ref\":\"#/components/schemas/Book\"}");
    expect(AT(schema("BookList"), "required"), "[\"data\",\"next_cursor\"]");
}

static void test_write_schemas(void **state)
{
    json_t *create = schema("BookCreate"), *update = schema("BookUpdate");

    (void)state;
    expect(AT(create, "additionalProperties"), "false");
    expect(AT(create, "required"), "[\"title\",\"shelf_id\"]");
    expect(AT(update, "additionalProperties"), "false");
    assert_null(AT(update, "required"));
    assert_non_null(AT(create, "properties", "id"));
    assert_null(AT(update, "properties", "id"));
    assert_non_null(AT(create, "properties", "isbn"));
    assert_null(AT(update, "properties", "isbn"));
    assert_null(AT(create, "properties", "loans"));
    assert_null(AT(create, "properties", "version"));
    expect(AT(create, "properties", "pin"),
           "{\"type\":[\"string\",\"null\"],\"minLength\":4,\"maxLength\":8,\"writeOnly\":true}");
    expect(AT(create, "properties", "pages"),
           "{\"type\":[\"integer\",\"null\"],\"format\":\"int32\",\"minimum\":1,\"maximum\":20000}");
    expect(AT(create, "properties", "tags", "maxItems"), "5");
    expect(AT(create, "properties", "price", "anyOf", "0"), "{\"$ref\":\"#/components/schemas/MoneyInput\"}");
}

static void test_filter_schema(void **state)
{
    json_t *filter = schema("BookFilter");

    (void)state;
    expect(AT(filter, "additionalProperties"), "false");
    expect(AT(filter, "properties", "not"),
           "{\"$ref\":\"#/components/schemas/BookFilter\",\"minProperties\":1}");
    expect(AT(filter, "properties", "pages"), "{\"$ref\":\"#/components/schemas/IntegerTest\"}");
    expect(AT(filter, "properties", "shelf.name"), "{\"$ref\":\"#/components/schemas/TextTest\"}");
    assert_null(AT(filter, "properties", "summary"));
    expect(AT(schema("BookBindingTest"), "anyOf", "0", "enum"), "[\"hardcover\",\"paperback\",\"e_book\"]");
}

static void test_list_operation(void **state)
{
    json_t *list = AT(root, "paths", "/v1/books", "get");
    json_t *parameters = AT(list, "parameters");

    (void)state;
    expect(AT(list, "operationId"), "\"list_books\"");
    expect(AT(list, "tags"), "[\"books\"]");
    assert_true(refers(parameters, "Limit") && refers(parameters, "Q") && refers(parameters, "books.sort"));
    assert_true(refers(parameters, "books.title.contains") && refers(parameters, "books.related"));
    assert_false(refers(parameters, "books.summary.eq"));
    expect(AT(root, "components", "parameters", "books.title.contains", "name"), "\"title[contains]\"");
    expect(AT(root, "components", "parameters", "books.title.eq", "name"), "\"title\"");
    expect(AT(root, "components", "parameters", "books.pages.in", "explode"), "false");
    assert_true(
        lists(AT(root, "components", "parameters", "books.sort", "schema", "items", "enum"), "-title"));
    assert_false(
        lists(AT(root, "components", "parameters", "books.fields", "schema", "items", "enum"), "pin"));
    assert_false(refers(AT(root, "paths", "/v1/shelves/{id}", "get", "parameters"), "Limit"));
    expect(AT(root, "paths", "/v1/shelves/{id}/books", "get", "operationId"), "\"list_shelf_books\"");
}

static void test_statuses(void **state)
{
    json_t *users = AT(root, "paths", "/v1/users/{id}", "patch"),
           *books = AT(root, "paths", "/v1/books/{id}", "patch");
    json_t *list = AT(root, "paths", "/v1/books", "get"), *livez = AT(root, "paths", "/livez", "get");

    (void)state;
    assert_non_null(AT(users, "responses", "428"));
    assert_null(AT(books, "responses", "428"));
    assert_non_null(AT(books, "responses", "412"));
    assert_true(refers(AT(users, "parameters"), "IfMatchRequired") &&
                refers(AT(books, "parameters"), "IfMatch"));
    assert_true(refers(AT(users, "parameters"), "IdempotencyKey") &&
                refers(AT(users, "parameters"), "DryRun"));
    assert_null(AT(list, "responses", "404"));
    assert_null(AT(list, "responses", "415"));
    assert_null(AT(livez, "responses", "401"));
    assert_null(AT(livez, "responses", "503"));
    expect(AT(livez, "security"), "[]");
    assert_null(AT(list, "security"));
    expect(AT(root, "components", "responses", "Unauthenticated", "content"),
           "{\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}");
    assert_true(lists(AT(schema("Problem"), "properties", "code", "enum"), "version_mismatch"));
    assert_false(lists(AT(schema("Problem"), "properties", "code", "enum"), "too_short"));
}

static void test_action(void **state)
{
    json_t *operation = AT(root, "paths", "/v1/bell/{tower}", "post");

    (void)state;
    expect(AT(operation, "operationId"), "\"ring_bell\"");
    expect(AT(operation, "summary"), "\"Ring bell\"");
    expect(AT(operation, "description"), "\"Rings the bell.\"");
    expect(AT(operation, "tags"), "[\"bell\"]");
    expect(AT(operation, "parameters", "0", "name"), "\"tower\"");
    expect(AT(operation, "requestBody", "required"), "true");
    expect(AT(schema("RingBellRequest"), "required"), "[\"times\"]");
    expect(AT(schema("RingBellRequest"), "additionalProperties"), "false");
    expect(AT(schema("RingBellRequest"), "properties", "song", "type"), "[\"string\",\"null\"]");
    expect(AT(schema("RingBellResult"), "required"), "[\"rung_at\"]");
    assert_non_null(AT(operation, "responses", "202", "headers", "Idempotency-Replayed"));
    assert_non_null(AT(operation, "responses", "422"));
}

static void count_refs(json_t *node, int *count)
{
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach(node, i, value) count_refs(value, count);
    json_object_foreach(node, name, value)
    {
        char kind[32], piece[128];

        count_refs(value, count);
        if (strcmp(name, "$ref") != 0)
            continue;
        assert_int_equal(sscanf(json_string_value(value), "#/components/%31[^/]/%127s", kind, piece), 2);
        if (!AT(root, "components", kind, piece))
            fail_msg("%s leads nowhere", json_string_value(value));
        (*count)++;
    }
}

static void test_every_reference_leads_somewhere(void **state)
{
    int count = 0;

    (void)state;
    count_refs(root, &count);
    assert_true(count > 500);
    /* and nothing is there that nobody refers to */
    assert_null(AT(root, "components", "schemas", "Permissions"));
    assert_null(AT(root, "components", "schemas", "KeySet"));
}

static void test_twice_the_same(void **state)
{
    json_t *again = srv_openapi(router, engine);
    char *first = json_dumps(root, 0), *second = json_dumps(again, 0);

    (void)state;
    assert_string_equal(first, second);
    free(first);
    free(second);
    json_decref(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_shapes),
        cmocka_unit_test(test_yaml_quoting),
        cmocka_unit_test(test_yaml_escapes),
        cmocka_unit_test(test_yaml_blocks),
        cmocka_unit_test(test_record_schema),
        cmocka_unit_test(test_write_schemas),
        cmocka_unit_test(test_filter_schema),
        cmocka_unit_test(test_list_operation),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_action),
        cmocka_unit_test(test_every_reference_leads_somewhere),
        cmocka_unit_test(test_twice_the_same),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
