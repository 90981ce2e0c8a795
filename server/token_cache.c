#include "server/token_cache.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct srv_token_cache {
    struct srv_token_entry **buckets;
    unsigned bucket_mask;
    int count, most;
    struct srv_token_entry *newest, *oldest;
    EVP_MD_CTX *hashing;
};

static void *get_memory(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory) {
        fputs("tokens: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct srv_token_cache *srv_token_cache_new_sized(int entries)
{
    struct srv_token_cache *cache = get_memory(sizeof(*cache));
    unsigned buckets = 16;

    while (buckets < (unsigned)entries)
        buckets *= 2;
    cache->buckets = get_memory(buckets * sizeof(struct srv_token_entry *));
    cache->bucket_mask = buckets - 1;
    cache->most = entries;
    cache->hashing = EVP_MD_CTX_new();
    if (!cache->hashing || !EVP_DigestInit_ex2(cache->hashing, EVP_sha256(), NULL))
        abort();
    return cache;
}

void srv_token_memo_clear(struct srv_token_memo *memo)
{
    if (memo->bearer)
        sodium_memzero(memo->bearer, memo->length);
    free(memo->bearer);
    *memo = (struct srv_token_memo){0};
}

/* Looks at all bytes, whatever they are: behind a proxy others may come by the same connection, and how long
 * a comparison takes shall tell them nothing. */
static bool remembers(const struct srv_token_memo *memo, const char *bearer, size_t length)
{
    unsigned char difference = 0;

    if (!memo->bearer || memo->length != length)
        return false;
    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(memo->bearer[i] ^ bearer[i]);
    return !difference;
}

static void remember(struct srv_token_memo *memo, const char *bearer, size_t length,
                     const unsigned char *digest)
{
    srv_token_memo_clear(memo);
    memo->bearer = get_memory(length);
    memcpy(memo->bearer, bearer, length);
    memo->length = length;
    memcpy(memo->digest, digest, SRV_TOKEN_DIGEST);
}

void srv_token_cache_digest(struct srv_token_cache *cache, struct srv_token_memo *memo, const char *bearer,
                            size_t length, unsigned char ret_digest[SRV_TOKEN_DIGEST])
{
    if (memo && remembers(memo, bearer, length)) {
        memcpy(ret_digest, memo->digest, SRV_TOKEN_DIGEST);
        return;
    }
    /* without a type the context keeps the one it has, and nothing is looked up */
    if (!EVP_DigestInit_ex2(cache->hashing, NULL, NULL) ||
        !EVP_DigestUpdate(cache->hashing, bearer, length) ||
        !EVP_DigestFinal_ex(cache->hashing, ret_digest, NULL))
        abort();
    if (memo)
        remember(memo, bearer, length, ret_digest);
}

struct srv_token_cache *srv_token_cache_new(void)
{
    return srv_token_cache_new_sized(SRV_TOKEN_CACHE_ENTRIES);
}

/* A digest is as good as random: any four bytes of it are a hash. */
static struct srv_token_entry **bucket_of(struct srv_token_cache *cache, const unsigned char *digest)
{
    uint32_t hash;

    memcpy(&hash, digest, sizeof(hash));
    return &cache->buckets[hash & cache->bucket_mask];
}

static void free_entry(struct srv_token_entry *entry)
{
    sodium_memzero(entry->digest, sizeof(entry->digest));
    free(entry);
}

static void push_newest(struct srv_token_cache *cache, struct srv_token_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void take_out(struct srv_token_cache *cache, struct srv_token_entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

void srv_token_cache_drop(struct srv_token_entry *entry)
{
    struct srv_token_cache *cache = entry->cache;
    struct srv_token_entry **at;

    if (!entry->linked)
        return;
    at = bucket_of(cache, entry->digest);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    take_out(cache, entry);
    entry->linked = false;
    cache->count--;
    if (entry->holders == 0)
        free_entry(entry);
}

void srv_token_cache_release(struct srv_token_entry *entry)
{
    entry->holders--;
    if (entry->holders == 0 && !entry->linked)
        free_entry(entry);
}

static struct srv_token_entry *lookup(struct srv_token_cache *cache, const unsigned char *digest)
{
    struct srv_token_entry *entry = *bucket_of(cache, digest);

    while (entry && memcmp(entry->digest, digest, SRV_TOKEN_DIGEST) != 0)
        entry = entry->next;
    return entry;
}

struct srv_token_entry *srv_token_cache_find(struct srv_token_cache *cache,
                                             const unsigned char digest[SRV_TOKEN_DIGEST], int64_t now_us)
{
    struct srv_token_entry *entry = lookup(cache, digest);

    if (!entry)
        return NULL;
    if (entry->expires_us <= now_us) {
        srv_token_cache_drop(entry);
        return NULL;
    }
    take_out(cache, entry);
    push_newest(cache, entry);
    entry->holders++;
    return entry;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **to, const char *text)
{
    char *copy = *to;
    size_t size = text_size(text);

    if (!text)
        return NULL;
    memcpy(copy, text, size);
    *to += size;
    return copy;
}

/* An actor is a few hundred bytes; one piece of memory instead of an arena's first block of 16 KiB. */
static struct srv_token_entry *new_entry(const struct stw_actor *actor, int grant_count)
{
    struct whole {
        struct srv_token_entry entry;
        struct stw_actor actor;
        struct stw_grant grants[];
    };
    size_t grants_size = (size_t)grant_count * sizeof(struct stw_grant);
    struct whole *whole =
        get_memory(sizeof(*whole) + grants_size + text_size(actor->role_key) + text_size(actor->tree) +
                   text_size(actor->zone) + text_size(actor->source));
    char *texts = (char *)whole + sizeof(*whole) + grants_size;

    whole->actor = *actor;
    if (grant_count > 0)
        memcpy(whole->grants, actor->grants, grants_size);
    whole->actor.grants = whole->grants;
    whole->actor.role_key = copy_text(&texts, actor->role_key);
    whole->actor.tree = copy_text(&texts, actor->tree);
    whole->actor.zone = copy_text(&texts, actor->zone);
    whole->actor.source = copy_text(&texts, actor->source);
    whole->entry.actor = &whole->actor;
    return &whole->entry;
}

void srv_token_cache_put(struct srv_token_cache *cache, const unsigned char digest[SRV_TOKEN_DIGEST],
                         const struct stw_actor *actor, int grant_count, int64_t expires_us, uint64_t stamp)
{
    struct srv_token_entry *old = lookup(cache, digest);
    struct srv_token_entry **bucket = bucket_of(cache, digest);
    struct srv_token_entry *entry;

    if (old)
        srv_token_cache_drop(old);
    if (cache->count >= cache->most)
        srv_token_cache_drop(cache->oldest);
    entry = new_entry(actor, grant_count);
    memcpy(entry->digest, digest, SRV_TOKEN_DIGEST);
    entry->expires_us = expires_us;
    entry->stamp = stamp;
    entry->cache = cache;
    entry->linked = true;
    entry->next = *bucket;
    *bucket = entry;
    push_newest(cache, entry);
    cache->count++;
}

int srv_token_cache_count(const struct srv_token_cache *cache)
{
    return cache->count;
}

void srv_token_cache_free(struct srv_token_cache *cache)
{
    if (!cache)
        return;
    for (struct srv_token_entry *entry = cache->oldest, *newer; entry; entry = newer) {
        newer = entry->newer;
        srv_token_cache_drop(entry);
    }
    free(cache->buckets);
    EVP_MD_CTX_free(cache->hashing);
    free(cache);
}
