#include "server/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 16384 /* a power of two */
#define WAYS  4     /* slots that one name may be in */

/* A slot is tag (24 bits), window (24 bits: 5 years until it repeats) and count (16 bits), so that one
 * compare-and-swap changes it. 0: empty. */
static _Atomic uint64_t slots[SLOTS];
/* Random, so that nobody can choose names that push out each other's counters. */
static unsigned char hash_key[crypto_shorthash_KEYBYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define COUNT_MASK   UINT64_C(0xffff)
#define WINDOW_MASK  UINT64_C(0xffffff)
#define COUNT(slot)  ((slot)&COUNT_MASK)
#define WINDOW(slot) ((slot) >> 16 & WINDOW_MASK)
#define TAG(slot)    ((slot) >> 40)

static int limit = SRV_THROTTLE_FAILURES;

static void start(void)
{
    if (sodium_init() < 0)
        abort();
    crypto_shorthash_keygen(hash_key);
}

#define TEXT_MAX (1 + 512)

/* What is counted: kind and name as bytes. */
static size_t counted_text(enum srv_throttled kind, const char *name, unsigned char text[TEXT_MAX])
{
    struct in6_addr address;
    size_t length = strlen(name);

    if (length > TEXT_MAX - 1)
        length = TEXT_MAX - 1;
    text[0] = (unsigned char)kind;
    memcpy(text + 1, name, length);
    /* A household has a whole /64 to choose addresses from. */
    if (kind != SRV_THROTTLE_ACCOUNT && strchr(name, ':') && inet_pton(AF_INET6, name, &address) == 1 &&
        !IN6_IS_ADDR_V4MAPPED(&address)) {
        length = 8;
        memcpy(text + 1, address.s6_addr, length);
    }
    return length + 1;
}

static uint64_t hash_of(enum srv_throttled kind, const char *name)
{
    unsigned char text[TEXT_MAX];
    unsigned char digest[crypto_shorthash_BYTES];
    size_t length = counted_text(kind, name, text);
    uint64_t hash;

    pthread_once(&once, start);
    crypto_shorthash(digest, text, length, hash_key);
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

void srv_throttle_digest(enum srv_throttled kind, const char *name, char ret_digest[SRV_THROTTLE_DIGEST])
{
    unsigned char text[TEXT_MAX];
    unsigned char digest[(SRV_THROTTLE_DIGEST - 1) / 2];

    crypto_generichash(digest, sizeof(digest), text, counted_text(kind, name, text), NULL, 0);
    sodium_bin2hex(ret_digest, SRV_THROTTLE_DIGEST, digest, sizeof(digest));
}

static int seconds_left(int64_t now_us)
{
    int64_t length_us = SRV_THROTTLE_WINDOW * INT64_C(1000000);

    return (int)((length_us - now_us % length_us + 999999) / 1000000);
}

bool srv_throttle_too_many(int failed, int64_t now_us, int *ret_seconds)
{
    if (failed <= limit)
        return false;
    *ret_seconds = seconds_left(now_us);
    return true;
}

static uint64_t window_of(int64_t now_us)
{
    return (uint64_t)(now_us / (SRV_THROTTLE_WINDOW * INT64_C(1000000))) & WINDOW_MASK;
}

/* The slot that counts for this name in this window; -1 when there is none. */
static int find(uint64_t hash, uint64_t window)
{
    for (unsigned way = 0; way < WAYS; way++) {
        unsigned at = (unsigned)(hash + way) & (SLOTS - 1);
        uint64_t slot = atomic_load_explicit(&slots[at], memory_order_relaxed);

        if (slot && TAG(slot) == hash >> 40 && WINDOW(slot) == window)
            return (int)at;
    }
    return -1;
}

/* A slot of an earlier window, else the one that has counted least. */
static unsigned victim(uint64_t hash, uint64_t window)
{
    unsigned best = (unsigned)hash & (SLOTS - 1);
    uint64_t least = UINT64_MAX;

    for (unsigned way = 0; way < WAYS; way++) {
        unsigned at = (unsigned)(hash + way) & (SLOTS - 1);
        uint64_t slot = atomic_load_explicit(&slots[at], memory_order_relaxed);
        uint64_t weight = slot && WINDOW(slot) == window ? COUNT(slot) : 0;

        if (weight < least) {
            least = weight;
            best = at;
        }
    }
    return best;
}

bool srv_throttle_blocked(enum srv_throttled kind, const char *name, int64_t now_us, int *ret_seconds)
{
    int at = find(hash_of(kind, name), window_of(now_us));

    return at >= 0 &&
           srv_throttle_too_many((int)COUNT(atomic_load_explicit(&slots[at], memory_order_relaxed)), now_us,
                                 ret_seconds);
}

/* Adds `change` to the count; a count that another thread has moved on meanwhile is tried again. */
static void count(uint64_t hash, uint64_t window, int change)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        int found = find(hash, window);
        unsigned at = found >= 0 ? (unsigned)found : victim(hash, window);
        uint64_t old = atomic_load_explicit(&slots[at], memory_order_relaxed);
        bool same = old && TAG(old) == hash >> 40 && WINDOW(old) == window;
        uint64_t number = same ? COUNT(old) : 0;

        if (change < 0 ? number == 0 : number == COUNT_MASK)
            return;
        number = change < 0 ? number - 1 : number + 1;
        if (atomic_compare_exchange_weak_explicit(&slots[at], &old,
                                                  (hash >> 40) << 40 | window << 16 | number,
                                                  memory_order_relaxed, memory_order_relaxed))
            return;
    }
}

void srv_throttle_failed(enum srv_throttled kind, const char *name, int64_t now_us)
{
    count(hash_of(kind, name), window_of(now_us), 1);
}

void srv_throttle_forgive(enum srv_throttled kind, const char *name, int64_t now_us)
{
    count(hash_of(kind, name), window_of(now_us), -1);
}

void srv_throttle_reset(void)
{
    for (int i = 0; i < SLOTS; i++)
        atomic_store_explicit(&slots[i], 0, memory_order_relaxed);
}

void srv_throttle_limit(int failures)
{
    limit = failures;
}
