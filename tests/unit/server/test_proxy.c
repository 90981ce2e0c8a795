#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/proxy.h"

static void lists_are_parsed(void **state)
{
    static const char *const good[] = {"", "127.0.0.1", "10.0.0.0/8, ::1", "fd00::/8,192.168.1.0/24",
                                       "0.0.0.0/0"};
    static const char *const bad[] = {"x",       "10.0.0.0/33", "10.0.0.0/",  "10.0.0/8",
                                      "::1/129", "10.0.0.1/1x", "1.2.3.4/8/8"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct srv_proxies *proxies = srv_proxies_new(good[i]);

        assert_non_null(proxies);
        srv_proxies_free(proxies);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(srv_proxies_new(bad[i]));
}

static void networks_contain_their_addresses(void **state)
{
    struct srv_proxies *proxies = srv_proxies_new("10.0.0.0/9, fd00::/8, 192.168.1.7");

    (void)state;
    assert_true(srv_proxies_trust(proxies, "10.127.255.255"));
    assert_false(srv_proxies_trust(proxies, "10.128.0.0"));
    assert_true(srv_proxies_trust(proxies, "::ffff:10.0.0.1"));
    assert_true(srv_proxies_trust(proxies, "fdff::1"));
    assert_false(srv_proxies_trust(proxies, "fe00::1"));
    assert_true(srv_proxies_trust(proxies, "192.168.1.7"));
    assert_false(srv_proxies_trust(proxies, "192.168.1.8"));
    assert_false(srv_proxies_trust(proxies, "unknown"));
    srv_proxies_free(proxies);
}

static void the_client_is_the_nearest_untrusted_hop(void **state)
{
    static const struct {
        const char *peer;
        const char *name;
        const char *value;
        const char *client;
    } rows[] = {
        {"9.9.9.9", "X-Forwarded-For", "1.1.1.1", "9.9.9.9"},
        {"10.0.0.1", "X-Forwarded-For", "1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For", "6.6.6.6, 1.1.1.1 , 10.2.2.2", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For", "10.3.3.3,10.2.2.2", "10.3.3.3"},
        {"10.0.0.1", "X-Forwarded-For", "1.1.1.1, nonsense, 10.2.2.2", "10.2.2.2"},
        {"10.0.0.1", "X-Forwarded-For", "1.1.1.1:4711", "1.1.1.1"},
        {"10.0.0.1", "X-Forwarded-For", "", "10.0.0.1"},
        {"10.0.0.1", "X-Forwarded-For", "2001:db8::1", "2001:db8::1"},
        {"10.0.0.1", "Forwarded", "for=1.1.1.1;proto=https, for=10.2.2.2", "1.1.1.1"},
        {"10.0.0.1", "Forwarded", "proto=https; For=\"[2001:db8::2]:80\"", "2001:db8::2"},
        {"10.0.0.1", "Forwarded", "for=1.1.1.1, for=_hidden", "10.0.0.1"},
        {"10.0.0.1", "Forwarded", "for=\"[", "10.0.0.1"},
        {"10.0.0.1", "Via", "1.1.1.1", "10.0.0.1"},
    };
    struct srv_proxies *proxies = srv_proxies_new("10.0.0.0/8");
    struct stw_arena *arena = stw_arena_new(65536);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct srv_header header = {rows[i].name, rows[i].value};
        struct srv_request request = {.ctx.arena = arena, .headers = &header, .header_count = 1};

        assert_string_equal(srv_proxies_client(proxies, &request, rows[i].peer), rows[i].client);
    }
    stw_arena_free(arena);
    srv_proxies_free(proxies);
}

static void lines_of_one_header_are_one_list(void **state)
{
    struct srv_proxies *proxies = srv_proxies_new("10.0.0.0/8");
    struct stw_arena *arena = stw_arena_new(65536);
    struct srv_header headers[] = {{"x-forwarded-for", "6.6.6.6, 1.1.1.1"}, {"X-Forwarded-For", "10.5.5.5"}};
    struct srv_request request = {.ctx.arena = arena, .headers = headers, .header_count = 2};

    (void)state;
    assert_string_equal(srv_proxies_client(proxies, &request, "10.0.0.1"), "1.1.1.1");
    stw_arena_free(arena);
    srv_proxies_free(proxies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_parsed),
        cmocka_unit_test(networks_contain_their_addresses),
        cmocka_unit_test(the_client_is_the_nearest_untrusted_hop),
        cmocka_unit_test(lines_of_one_header_are_one_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
