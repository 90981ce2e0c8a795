#ifndef STW_DB_MIGRATE_H
#define STW_DB_MIGRATE_H

#include <stddef.h>

#include "core/code.h"

/* Forward-only migrations, run in order, each in a transaction of its own, under one advisory lock so that
 * two runs at once are one. Recorded in steward.schema_migrations (version, name, sha256 of the text, at). A
 * text that changed after it was applied, or a database newer than the list, is an error. Safe to run again.
 *
 * A migration that does not get a lock in 200 ms (while an autovacuum works, each tenth time in 1.2 s) gives
 * up all it has and is tried again, for five minutes at most (then STW_OVERLOADED): so whoever uses a table
 * meanwhile hardly waits, however long others hold it.
 *
 * One that begins with STW_MIGRATE_APART has no transaction: its statements, which an empty line separates,
 * run one by one, for what must not hold a lock while it works. Those that hold nobody up (create index
 * concurrently, analyze) wait for locks without end. Cut short it is run again from its beginning, so it
 * first takes away what it may have left.
 */
#define STW_MIGRATE_APART "-- apart:"

struct stw_migration {
    int version;      /* 1, 2, 3, ... */
    const char *name; /* "0001_foundation" */
    const char *sql;
    size_t length;
};

/* Blocking; `url` must be the owner of the schema. `on_applied` (may be NULL) is told of each. On failure
 * `ret_error` holds a message for the operator. */
enum stw_code stw_migrate(const char *url, const struct stw_migration *list, int count,
                          void (*on_applied)(void *self, const struct stw_migration *one), void *self,
                          char *ret_error, size_t error_size) STW_MUST_CHECK;
/* 0 when none is applied. Reads through the view `schema_version`, so the serving role may ask. */
enum stw_code stw_migrate_version(const char *url, int *ret_version, char *ret_error,
                                  size_t error_size) STW_MUST_CHECK;

#endif
