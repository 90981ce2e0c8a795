#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/guard.h"

#define FIELDS_ROOM 80

struct made {
    struct srv_field fields[FIELDS_ROOM];
    struct srv_head head;
};

/* `fields`: "Name: value" lines, each ended by \n. Host is added unless `fields` starts with '!'. */
static void make(struct made *made, const char *method, const char *target, const char *version,
                 const char *fields)
{
    int count = 0;

    memset(made, 0, sizeof(*made));
    if (*fields == '!')
        fields++;
    else
        made->fields[count++] = (struct srv_field){"Host", 4, "example.org", 11};
    while (*fields) {
        const char *end = strchr(fields, '\n');
        const char *colon = memchr(fields, ':', (size_t)(end - fields));
        const char *value = colon + 1;

        while (*value == ' ')
            value++;
        made->fields[count++] =
            (struct srv_field){fields, (size_t)(colon - fields), value, (size_t)(end - value)};
        fields = end + 1;
    }
    made->head = (struct srv_head){
        .method = method,
        .target = target,
        .target_length = strlen(target),
        .version = version,
        .fields = made->fields,
        .field_count = count,
        .size = 100,
    };
}

static enum stw_code check(const char *method, const char *fields, struct srv_framing *framing)
{
    struct made made;

    make(&made, method, "/v1/accounts", "HTTP/1.1", fields);
    return srv_guard_check(&made.head, framing);
}

static void framing_is_read(void **state)
{
    struct srv_framing framing;

    (void)state;
    assert_int_equal(check("GET", "", &framing), STW_OK);
    assert_false(framing.chunked);
    assert_int_equal(framing.content_length, 0);
    assert_int_equal(check("POST", "Content-Length: 17\n", &framing), STW_OK);
    assert_int_equal(framing.content_length, 17);
    assert_int_equal(check("POST", "transfer-ENCODING: Chunked \t\n", &framing), STW_OK);
    assert_true(framing.chunked);
    assert_int_equal(check("POST", "Expect: 100-Continue\nContent-Length: 1\n", &framing), STW_OK);
    assert_true(framing.expects_continue);
}

static void ambiguous_heads_are_refused(void **state)
{
    static const struct {
        const char *fields;
        enum stw_code code;
    } rows[] = {
        {"Content-Length: 1\nContent-Length: 1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: 1\ncontent-length: 2\n", STW_MALFORMED_REQUEST},
        {"Content-Length: 1, 1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: +1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: -1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: 0x1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: 1a\n", STW_MALFORMED_REQUEST},
        {"Content-Length: \n", STW_MALFORMED_REQUEST},
        {"Content-Length: 9999999999999999999999\n", STW_MALFORMED_REQUEST},
        {"Content-Length : 1\n", STW_MALFORMED_REQUEST},
        {"Content-Length\t: 1\n", STW_MALFORMED_REQUEST},
        {"Content-Length: 1\nTransfer-Encoding: chunked\n", STW_MALFORMED_REQUEST},
        {"Transfer-Encoding: chunked\nContent-Length: 1\n", STW_MALFORMED_REQUEST},
        {"Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", STW_MALFORMED_REQUEST},
        {"Transfer-Encoding: chunked\nTransfer-Encoding: identity\n", STW_MALFORMED_REQUEST},
        {"Transfer-Encoding: gzip\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: gzip, chunked\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: chunked, chunked\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: xchunked\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: chunked;q=1\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: \"chunked\"\n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: \n", STW_NOT_IMPLEMENTED},
        {"Transfer-Encoding: \vchunked\n", STW_MALFORMED_REQUEST},
        {"Host: other\n", STW_MALFORMED_REQUEST},
        {"Authorization: a\nauthorization: b\n", STW_MALFORMED_REQUEST},
        {"Content-Type: a/b\nContent-Type: a/b\n", STW_MALFORMED_REQUEST},
        {"Idempotency-Key: a\nIdempotency-Key: a\n", STW_MALFORMED_REQUEST},
        {"Expect: something\n", STW_MALFORMED_REQUEST},
        {"X Y: a\n", STW_MALFORMED_REQUEST},
        {"X(Y): a\n", STW_MALFORMED_REQUEST},
        {": a\n", STW_MALFORMED_REQUEST},
        {"X: a\rb\n", STW_MALFORMED_REQUEST},
        {"X: a\x01\n", STW_MALFORMED_REQUEST},
        {"X: a\x7f\n", STW_MALFORMED_REQUEST},
        {"!X: a\n", STW_MALFORMED_REQUEST},
        {"!Host: a b\n", STW_MALFORMED_REQUEST},
        {"!Host: a,b\n", STW_MALFORMED_REQUEST},
        {"X: a\xe4\xb8\xad\tb\n", STW_OK},
        {"Accept: a\nAccept: b\n", STW_OK},
        {"!Host: \n", STW_OK},
    };
    struct srv_framing framing;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum stw_code code = check("POST", rows[i].fields, &framing);

        if (code != rows[i].code)
            fail_msg("%s: %s", rows[i].fields, stw_code_name(code));
    }
}

static void a_nul_byte_in_a_field_is_refused(void **state)
{
    struct made made;
    struct srv_framing framing;

    (void)state;
    make(&made, "GET", "/", "HTTP/1.1", "X: abc\n");
    made.fields[1].value = "a\0b";
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
    make(&made, "GET", "/", "HTTP/1.1", "");
    made.head.has_gaps = true;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
}

static bool is_one_of(const char *set, int byte)
{
    return byte && strchr(set, byte);
}

/* Each of the 256 bytes, in each place that has an alphabet of its own; at all offsets of a longer text. */
static void every_byte_is_judged_by_its_place(void **state)
{
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct srv_framing framing;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 37; at += 9) {
            bool is_printed = byte >= 0x20 && byte != 0x7f;
            char text[] = "abcdefghijklmnopqrstuvwxyzabcdefghijkl";
            struct made made;

            text[at] = (char)byte;
            make(&made, "GET", "/", "HTTP/1.1", "");
            made.fields[made.head.field_count++] = (struct srv_field){text, sizeof(text) - 1, "x", 1};
            assert_int_equal(srv_guard_check(&made.head, &framing),
                             is_one_of(token, byte) ? STW_OK : STW_MALFORMED_REQUEST);
            made.fields[1] = (struct srv_field){"X", 1, text, sizeof(text) - 1};
            assert_int_equal(srv_guard_check(&made.head, &framing),
                             is_printed || byte == '\t' ? STW_OK : STW_MALFORMED_REQUEST);
            make(&made, "GET", "/", "HTTP/1.1", "");
            made.fields[0] = (struct srv_field){"host", 4, text, sizeof(text) - 1};
            assert_int_equal(srv_guard_check(&made.head, &framing),
                             is_printed && !is_one_of(" ,/@?#\\", byte) ? STW_OK : STW_MALFORMED_REQUEST);
            make(&made, "GET", "/", "HTTP/1.1", "");
            made.head.target = text;
            made.head.target_length = sizeof(text) - 1;
            assert_int_equal(srv_guard_check(&made.head, &framing),
                             is_printed && !is_one_of(" #", byte) ? STW_OK : STW_MALFORMED_REQUEST);
        }
    }
}

static void version_and_method_are_checked(void **state)
{
    struct made made;
    struct srv_framing framing;

    (void)state;
    make(&made, "POST", "/", "HTTP/1.0", "!Transfer-Encoding: chunked\n");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
    make(&made, "GET", "/", "HTTP/1.0", "!X: a\n");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_OK);
    make(&made, "GET", "/", "HTTP/1.2", "");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
    make(&made, "BREW", "/", "HTTP/1.1", "");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_NOT_IMPLEMENTED);
    make(&made, "get", "/", "HTTP/1.1", "");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_NOT_IMPLEMENTED);
    make(&made, "G(T", "/", "HTTP/1.1", "");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
    assert_int_equal(check("GET", "Content-Length: 1\n", &framing), STW_MALFORMED_REQUEST);
    assert_int_equal(check("DELETE", "Transfer-Encoding: chunked\n", &framing), STW_MALFORMED_REQUEST);
    assert_int_equal(check("DELETE", "Content-Length: 0\n", &framing), STW_OK);
}

static void each_limit_holds_at_its_edge(void **state)
{
    static char target[SRV_TARGET_MAX + 2];
    struct made made;
    struct srv_framing framing;

    (void)state;
    memset(target, 'a', SRV_TARGET_MAX + 1);
    target[0] = '/';
    make(&made, "GET", target, "HTTP/1.1", "");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_URI_TOO_LONG);
    made.head.target_length--;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_OK);
    made.head.size = SRV_HEAD_MAX;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_OK);
    made.head.size++;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_HEADERS_TOO_LARGE);
    make(&made, "GET", "/", "HTTP/1.1", "");
    for (int i = 1; i < SRV_FIELDS_MAX; i++)
        made.fields[i] = (struct srv_field){"X", 1, "y", 1};
    made.head.field_count = SRV_FIELDS_MAX;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_OK);
    made.head.field_count++;
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_HEADERS_TOO_LARGE);
    assert_int_equal(check("POST", "Content-Length: 1048576\n", &framing), STW_OK);
    assert_int_equal(check("POST", "Content-Length: 1048577\n", &framing), STW_BODY_TOO_LARGE);
    make(&made, "POST", "/v1/batch?dry_run=true", "HTTP/1.1", "Content-Length: 8388608\n");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_OK);
    make(&made, "POST", "/v1/batch", "HTTP/1.1", "Content-Length: 8388609\n");
    assert_int_equal(srv_guard_check(&made.head, &framing), STW_BODY_TOO_LARGE);
}

static void targets_have_no_blanks_or_controls(void **state)
{
    static const char *const bad[] = {"", "/a b", "/a\x1f", "/a#b", "/a\x7f"};
    struct made made;
    struct srv_framing framing;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make(&made, "GET", bad[i], "HTTP/1.1", "");
        assert_int_equal(srv_guard_check(&made.head, &framing), STW_MALFORMED_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_is_read),
        cmocka_unit_test(ambiguous_heads_are_refused),
        cmocka_unit_test(a_nul_byte_in_a_field_is_refused),
        cmocka_unit_test(every_byte_is_judged_by_its_place),
        cmocka_unit_test(version_and_method_are_checked),
        cmocka_unit_test(each_limit_holds_at_its_edge),
        cmocka_unit_test(targets_have_no_blanks_or_controls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
