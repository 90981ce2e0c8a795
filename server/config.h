#ifndef SRV_CONFIG_H
#define SRV_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * All settings: STEWARD_<NAME> from the environment, or STEWARD_<NAME>_FILE naming a file for secrets. One
 * table in config.c gives name, type, bounds, default, doc; an unknown STEWARD_ variable is an error, all
 * errors are printed at once. An empty variable is as if it were not set. Read once at start, read-only
 * afterwards.
 */
struct srv_config {
    const char *database_url;      /* DATABASE_URL: what serve uses; its role must be steward_app */
    const char *database_read_url; /* DATABASE_READ_URL: a hot standby for reads; not set: none */
    int database_read_lag_ms;      /* DATABASE_READ_LAG_MS: how old it may be, 1000 */
    const char
        *admin_database_url;  /* ADMIN_DATABASE_URL: owner of the schema, for migrate, org create, check */
    const char *listen;       /* LISTEN: address, default 127.0.0.1 */
    int port;                 /* PORT: 8080, 0 takes a free one */
    int loops;                /* LOOPS: 0 = one per core, at most 8 */
    int database_connections; /* DATABASE_CONNECTIONS: 24, the whole process */
    int request_timeout_ms;   /* REQUEST_TIMEOUT_MS: deadline of a request, 15000 */
    int header_timeout_ms;    /* HEADER_TIMEOUT_MS: header complete, 10000 */
    int body_timeout_ms;      /* BODY_TIMEOUT_MS: body complete, 30000 */
    int write_timeout_ms;     /* WRITE_TIMEOUT_MS: reply taken, 60000 */
    int drain_delay_ms;       /* DRAIN_DELAY_MS: from SIGTERM until the drain begins, 0 */
    int drain_timeout_ms;     /* DRAIN_TIMEOUT_MS: of the drain, 30000 */
    int max_connections;      /* MAX_CONNECTIONS: 20000 */
    int max_requests;         /* MAX_REQUESTS: in flight before 503, 2000 */
    int import_max_bytes;     /* IMPORT_MAX_BYTES: of one import's content, 268435456 */
    const char
        *signing_key; /* SIGNING_KEY (secret, _FILE): PEM, RSA; several keys: the first signs, all verify */
    const char *cursor_key; /* CURSOR_KEY (secret, _FILE): 64 hex digits; authenticates cursors and repeats */
    const char *issuer;     /* ISSUER: iss of tokens, default "steward" */
    const char *trusted_proxies; /* TRUSTED_PROXIES: comma-separated addresses or networks */
    const char *log_level;       /* LOG_LEVEL: error, warning, info, debug */
    int access_token_seconds;    /* ACCESS_TOKEN_SECONDS: 600 */
    int failed_sign_ins;         /* FAILED_SIGN_INS: of one address or account in 10 s before 429, 20 */
    int refresh_token_seconds;   /* REFRESH_TOKEN_SECONDS: 2592000 */
    const char *seccomp;         /* SECCOMP: refuse (default), kill or off, see server/confine.h */
};

/* Reads `environment` (like environ). False with one line per error on `errors`. */
bool srv_config_read(struct srv_config *config, char *const *environment, FILE *errors);
void srv_config_release(struct srv_config *config);
/* NAME=value lines, secrets masked; of a database URL the password alone. */
void srv_config_print(const struct srv_config *config, FILE *out);

enum srv_secrecy {
    SRV_PUBLIC,
    SRV_SECRET,       /* masked whole, may come from a file */
    SRV_DATABASE_URL, /* its password is masked, may come from a file */
};

/* One row of the table of settings. */
struct srv_setting {
    const char *name;    /* without STEWARD_ */
    size_t offset;       /* of its member in struct srv_config */
    bool number;         /* the member is an int, else a text */
    int least, greatest; /* of a number */
    const char *initial; /* NULL: not set */
    enum srv_secrecy secrecy;
    /* For a text, may be NULL: what is wrong with it ("must be …"), or NULL. Never repeats the value. */
    const char *(*check)(const char *value);
    const char *doc;
};
/* Calls `visit` for each setting, for docs and tests. */
void srv_config_each(void (*visit)(void *self, const struct srv_setting *setting), void *self);

#endif
