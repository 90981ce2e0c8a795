#ifndef SRV_TOKEN_CACHE_H
#define SRV_TOKEN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resource/actor.h"

/*
 * What one loop knows of the bearers it has verified: SHA-256 of the text -> actor. One thread; bounded; the
 * one not used for longest goes first. An entry is held while a request runs with its actor, so it may leave
 * the table before it is freed.
 */
#define SRV_TOKEN_CACHE_ENTRIES 4096
#define SRV_TOKEN_DIGEST        32

struct srv_token_cache;

struct srv_token_entry {
    unsigned char digest[SRV_TOKEN_DIGEST];
    const struct stw_actor *actor; /* a copy of its own */
    int64_t expires_us;            /* wall clock */
    uint64_t stamp;                /* srv_sessions_stamp of its organisation, read before the actor was */
    struct srv_token_cache *cache; /* what follows is token_cache.c's */
    struct srv_token_entry *next;  /* of its bucket */
    struct srv_token_entry *newer, *older;
    unsigned holders;
    bool linked;
};

/* What a connection remembers of its last bearer, whose hash is most of what a cached one costs; all zero at
 * first. */
struct srv_token_memo {
    char *bearer;
    size_t length;
    unsigned char digest[SRV_TOKEN_DIGEST];
};
void srv_token_memo_clear(struct srv_token_memo *memo);

/* With room for SRV_TOKEN_CACHE_ENTRIES. */
struct srv_token_cache *srv_token_cache_new(void);
struct srv_token_cache *srv_token_cache_new_sized(int entries);
/* Nothing may be held. */
void srv_token_cache_free(struct srv_token_cache *cache);
/* SHA-256 of a bearer, by OpenSSL with a context kept in the cache: libsodium's has no use for the
 * processor's own instructions and takes more than four times as long. `memo` may be NULL. */
void srv_token_cache_digest(struct srv_token_cache *cache, struct srv_token_memo *memo, const char *bearer,
                            size_t length, unsigned char ret_digest[SRV_TOKEN_DIGEST]);
/* The entry, held for the caller; NULL when there is none or its time is over. The caller compares the stamp.
 */
struct srv_token_entry *srv_token_cache_find(struct srv_token_cache *cache,
                                             const unsigned char digest[SRV_TOKEN_DIGEST], int64_t now_us);
/* Copies the actor with its `grant_count` grants; replaces an entry of the same digest. Holds nothing. */
void srv_token_cache_put(struct srv_token_cache *cache, const unsigned char digest[SRV_TOKEN_DIGEST],
                         const struct stw_actor *actor, int grant_count, int64_t expires_us, uint64_t stamp);
/* Takes it out of the table; who holds it keeps it. */
void srv_token_cache_drop(struct srv_token_entry *entry);
void srv_token_cache_release(struct srv_token_entry *entry);
int srv_token_cache_count(const struct srv_token_cache *cache);

#endif
