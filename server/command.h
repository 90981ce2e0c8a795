#ifndef SRV_COMMAND_H
#define SRV_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "db/db.h"
#include "resource/engine.h"
#include "server/config.h"

/* What the subcommands of the binary share. */

#define SRV_EXIT_FAILURE 1
#define SRV_EXIT_USAGE   2

struct srv_command {
    const char *name;  /* one or two words: "org create" */
    const char *usage; /* its options, "" for none */
    const char *doc;   /* one line */
    /* `arguments` are behind the name, NULL-terminated. Returns the exit status; SRV_EXIT_USAGE lets main
     * show the usage. */
    int (*run)(char **arguments);
};

int srv_command_serve(char **arguments);
int srv_command_dev(char **arguments);
int srv_command_migrate(char **arguments);
int srv_command_org_create(char **arguments);
int srv_command_user_create(char **arguments);
int srv_command_key_create(char **arguments);
int srv_command_routes(char **arguments);
int srv_command_describe(char **arguments);
int srv_command_openapi(char **arguments);
int srv_command_config(char **arguments);
int srv_command_healthcheck(char **arguments);
int srv_command_check(char **arguments);

/* One option "--name VALUE" or "--name=VALUE". */
struct srv_option {
    const char *name; /* with its hyphens */
    bool required;
    const char **value; /* stays as it was when the option is not given */
};
/* Reads all arguments as options (ending with a NULL name). False after a line on stderr: an unknown,
 * repeated, empty or missing one. */
bool srv_options_read(char **arguments, const struct srv_option *options);

/* One line on stderr, "steward: ...". */
void srv_command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Lines on stderr: `what` failed with this code, and each violation. */
void srv_command_fail(const char *what, enum stw_code code, struct stw_details *details);

/* A blocking connection with the engine around it, for commands that work as the owner of the schema. */
struct srv_workbench {
    struct srv_config config;
    struct stw_arena *arena;
    struct stw_engine *engine;
    struct stw_db *db;
    struct stw_details details;
    struct stw_context ctx;
};
/* Reads the settings and connects to the admin URL (else DATABASE_URL). False after lines on stderr; nothing
 * to close then. */
bool srv_workbench_open(struct srv_workbench *bench);
/* The same for a URL that is known. Leaves bench->config empty. */
void srv_workbench_open_at(struct srv_workbench *bench, const char *url, const char *application_name);
void srv_workbench_close(struct srv_workbench *bench);
/* The owner's URL of these settings; NULL after a line on stderr. */
const char *srv_command_admin_url(const struct srv_config *config);
/* {"name":"value",...} on stdout from pairs that end with NULL; false when it could not be written. */
bool srv_command_print_json(const char *const *pairs);

#endif
