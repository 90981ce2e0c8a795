#ifndef SRV_THROTTLE_H
#define SRV_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Failures of sign-in and of tokens, counted for the whole process in one table of fixed size without a lock:
 * more than the limit within a window of 10 seconds and the next is refused before it costs anything. Under a
 * flood of addresses old counters are overwritten, so it slows down who guesses and is no ledger. Sign-ins
 * are counted for all processes besides (domain/attempts.h), under the digests of their names.
 */
#define SRV_THROTTLE_FAILURES 20 /* unless the limit is set */
#define SRV_THROTTLE_WINDOW   10 /* seconds */

enum srv_throttled { SRV_THROTTLE_TOKEN, SRV_THROTTLE_LOGIN, SRV_THROTTLE_ACCOUNT, SRV_THROTTLE_KIND_COUNT };

/* Sets the limit (FAILED_SIGN_INS); once, before requests are served. */
void srv_throttle_limit(int failures);
/* True when `name` (an address: IPv6 by its /64; or an account) has failed too often; then *ret_seconds says
 * how long. */
bool srv_throttle_blocked(enum srv_throttled kind, const char *name, int64_t now_us, int *ret_seconds);
/* Counts one failure. */
void srv_throttle_failed(enum srv_throttled kind, const char *name, int64_t now_us);
/* Takes one back: who may fail in parallel counts first and takes back on success. */
void srv_throttle_forgive(enum srv_throttled kind, const char *name, int64_t now_us);
/* What stands for the name elsewhere. */
#define SRV_THROTTLE_DIGEST 33
void srv_throttle_digest(enum srv_throttled kind, const char *name, char ret_digest[SRV_THROTTLE_DIGEST]);
/* The same judgement of a count that somebody else keeps. */
bool srv_throttle_too_many(int failed, int64_t now_us, int *ret_seconds);
/* For tests. */
void srv_throttle_reset(void);

#endif
