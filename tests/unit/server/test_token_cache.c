#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/token_cache.h"

static void digest_of(int number, unsigned char ret_digest[SRV_TOKEN_DIGEST])
{
    memset(ret_digest, 0, SRV_TOKEN_DIGEST);
    memcpy(ret_digest, &number, sizeof(number));
    ret_digest[SRV_TOKEN_DIGEST - 1] = 1;
}

static void put(struct srv_token_cache *cache, int number, int64_t expires_us)
{
    struct stw_grant grants[2] = {{.hidden = 5}, {.hidden = (uint64_t)number}};
    char tree[] = "{a,b}";
    const struct stw_actor actor = {
        .kind = STW_ACTOR_USER,
        .role_key = "admin",
        .tree = tree,
        .zone = "Asia/Shanghai",
        .grants = grants,
        .session_version = number,
    };
    unsigned char digest[SRV_TOKEN_DIGEST];

    digest_of(number, digest);
    srv_token_cache_put(cache, digest, &actor, 2, expires_us, 42);
    memset(tree, 'x', sizeof(tree));
    memset(grants, 0xff, sizeof(grants));
}

static struct srv_token_entry *find(struct srv_token_cache *cache, int number, int64_t now_us)
{
    unsigned char digest[SRV_TOKEN_DIGEST];

    digest_of(number, digest);
    return srv_token_cache_find(cache, digest, now_us);
}

static bool has(struct srv_token_cache *cache, int number)
{
    struct srv_token_entry *entry = find(cache, number, 0);

    if (entry)
        srv_token_cache_release(entry);
    return entry != NULL;
}

static void an_actor_is_copied_whole(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new();
    struct srv_token_entry *entry;
    (void)state;

    assert_null(find(cache, 1, 0));
    put(cache, 1, 1000);
    entry = find(cache, 1, 999);
    assert_non_null(entry);
    assert_string_equal(entry->actor->role_key, "admin");
    assert_string_equal(entry->actor->tree, "{a,b}");
    assert_string_equal(entry->actor->zone, "Asia/Shanghai");
    assert_null(entry->actor->source);
    assert_int_equal(entry->actor->grants[0].hidden, 5);
    assert_int_equal(entry->actor->grants[1].hidden, 1);
    assert_int_equal(entry->stamp, 42);
    srv_token_cache_release(entry);
    srv_token_cache_free(cache);
}

static void an_entry_ends_with_its_time(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new();
    (void)state;

    put(cache, 1, 1000);
    assert_null(find(cache, 1, 1000));
    assert_int_equal(srv_token_cache_count(cache), 0);
    srv_token_cache_free(cache);
}

static void the_one_unused_for_longest_goes(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new_sized(3);
    (void)state;

    put(cache, 1, 1000);
    put(cache, 2, 1000);
    put(cache, 3, 1000);
    assert_true(has(cache, 1));
    put(cache, 4, 1000);
    assert_int_equal(srv_token_cache_count(cache), 3);
    assert_true(has(cache, 1));
    assert_false(has(cache, 2));
    assert_true(has(cache, 3));
    assert_true(has(cache, 4));
    srv_token_cache_free(cache);
}

static void what_is_held_outlives_its_place(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new_sized(1);
    struct srv_token_entry *pushed, *replaced, *dropped;
    (void)state;

    put(cache, 1, 1000);
    pushed = find(cache, 1, 0);
    put(cache, 2, 1000);
    assert_false(has(cache, 1));
    replaced = find(cache, 2, 0);
    put(cache, 2, 2000);
    dropped = find(cache, 2, 0);
    assert_ptr_not_equal(replaced, dropped);
    srv_token_cache_drop(dropped);
    srv_token_cache_drop(dropped);
    assert_false(has(cache, 2));
    assert_string_equal(pushed->actor->tree, "{a,b}");
    assert_string_equal(replaced->actor->tree, "{a,b}");
    assert_string_equal(dropped->actor->tree, "{a,b}");
    srv_token_cache_release(pushed);
    srv_token_cache_release(replaced);
    srv_token_cache_release(dropped);
    assert_int_equal(srv_token_cache_count(cache), 0);
    srv_token_cache_free(cache);
}

static void a_memo_stands_for_one_bearer(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new();
    struct srv_token_memo memo = {0};
    unsigned char first[SRV_TOKEN_DIGEST], second[SRV_TOKEN_DIGEST], again[SRV_TOKEN_DIGEST];
    (void)state;

    srv_token_cache_digest(cache, NULL, "bearer-1", 8, first);
    srv_token_cache_digest(cache, NULL, "bearer-2", 8, second);
    assert_memory_not_equal(first, second, SRV_TOKEN_DIGEST);
    for (int turn = 0; turn < 2; turn++) {
        srv_token_cache_digest(cache, &memo, "bearer-1", 8, again);
        assert_memory_equal(again, first, SRV_TOKEN_DIGEST);
    }
    /* it is what is asked, and for this bearer alone */
    memo.digest[0] ^= 1;
    srv_token_cache_digest(cache, &memo, "bearer-1", 8, again);
    assert_memory_equal(again, memo.digest, SRV_TOKEN_DIGEST);
    srv_token_cache_digest(cache, &memo, "bearer-", 7, again);
    assert_memory_not_equal(again, first, SRV_TOKEN_DIGEST);
    srv_token_cache_digest(cache, &memo, "bearer-2", 8, again);
    assert_memory_equal(again, second, SRV_TOKEN_DIGEST);
    srv_token_cache_digest(cache, &memo, "bearer-1", 8, again);
    assert_memory_equal(again, first, SRV_TOKEN_DIGEST);
    srv_token_memo_clear(&memo);
    assert_null(memo.bearer);
    srv_token_cache_free(cache);
}

static void many_come_and_go(void **state)
{
    struct srv_token_cache *cache = srv_token_cache_new_sized(100);
    (void)state;

    for (int number = 0; number < 10000; number++) {
        put(cache, number * 64, 1000); /* the same few buckets */
        if (number % 7 == 0)
            assert_true(has(cache, number * 64));
    }
    assert_int_equal(srv_token_cache_count(cache), 100);
    for (int number = 9900; number < 10000; number++)
        assert_true(has(cache, number * 64));
    srv_token_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_is_copied_whole),        cmocka_unit_test(an_entry_ends_with_its_time),
        cmocka_unit_test(the_one_unused_for_longest_goes), cmocka_unit_test(what_is_held_outlives_its_place),
        cmocka_unit_test(a_memo_stands_for_one_bearer),    cmocka_unit_test(many_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
