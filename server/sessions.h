#ifndef SRV_SESSIONS_H
#define SRV_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whose rights have changed. A thread of its own asks the database every 250 ms which organisations' roles,
 * teams, users, sessions or keys have changed and raises their stamps; what a loop has cached under an older
 * stamp is void. When the answers stop for a second, nothing cached may be trusted. Stamps are shared by
 * organisations with the same hash, which costs a look-up now and then and never hides a change.
 */
struct srv_sessions;

/* Starts the thread. NULL when it cannot be made. */
struct srv_sessions *srv_sessions_start(const char *database_url);
void srv_sessions_stop(struct srv_sessions *sessions);

/* Safe from any thread. `sessions` NULL: never fresh. */
bool srv_sessions_fresh(const struct srv_sessions *sessions);
/* Read it before the actor is loaded, and keep it with the actor. */
uint64_t srv_sessions_stamp(const struct srv_sessions *sessions, const char *org_id);
/* Something of that organisation has just been changed by this process: need not wait for the next read. */
void srv_sessions_changed(struct srv_sessions *sessions, const char *org_id);
/* What bearers are trusted by has: nothing cached before holds. */
void srv_sessions_all_changed(struct srv_sessions *sessions);

#endif
