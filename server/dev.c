#include "server/dev.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/migrate.h"
#include "server/command.h"
#include "server/migrations.h"
#include "server/start.h"

#define OWNER   "steward"
#define SERVING "steward_app"
/* A connection string: the folder of the socket, at worst every character escaped, and some words. */
#define URL_SIZE (2 * PATH_MAX + 128)

/* Whatever the shell says about other databases is not meant for this one. */
static void forget_libpq_settings(void)
{
    static const char *const names[] = {"PGHOST",
                                        "PGHOSTADDR",
                                        "PGPORT",
                                        "PGDATABASE",
                                        "PGUSER",
                                        "PGPASSWORD",
                                        "PGPASSFILE",
                                        "PGSERVICE",
                                        "PGSERVICEFILE",
                                        "PGOPTIONS",
                                        "PGSSLMODE",
                                        "PGREQUIREAUTH",
                                        "PGTARGETSESSIONATTRS",
                                        "PGDATA",
                                        "PGAPPNAME"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static void connection_string(const struct srv_dev *dev, const char *user, char ret_url[URL_SIZE])
{
    size_t at = (size_t)snprintf(ret_url, URL_SIZE, "dbname=postgres port=5432 user=%s host='", user);

    for (const char *c = dev->socket; *c; c++) {
        if (*c == '\'' || *c == '\\')
            ret_url[at++] = '\\';
        ret_url[at++] = *c;
    }
    memcpy(ret_url + at, "'", 2);
}

/* The settings that are dev's to decide, as if the operator had given them. */
static bool set_environment(const struct srv_dev *dev, const char *admin_url)
{
    char url[URL_SIZE];
    char signing[PATH_MAX];
    char cursor[PATH_MAX];

    connection_string(dev, SERVING, url);
    srv_dev_path(dev, "signing.pem", signing);
    srv_dev_path(dev, "cursor.key", cursor);
    unsetenv("STEWARD_DATABASE_URL_FILE");
    unsetenv("STEWARD_ADMIN_DATABASE_URL_FILE");
    unsetenv("STEWARD_SIGNING_KEY");
    unsetenv("STEWARD_CURSOR_KEY");
    if (setenv("STEWARD_DATABASE_URL", url, 1) == 0 &&
        setenv("STEWARD_ADMIN_DATABASE_URL", admin_url, 1) == 0 &&
        setenv("STEWARD_SIGNING_KEY_FILE", signing, 1) == 0 &&
        setenv("STEWARD_CURSOR_KEY_FILE", cursor, 1) == 0 &&
        /* it ends PostgreSQL, another program, when it has served */
        setenv("STEWARD_SECCOMP", "off", 1) == 0)
        return true;
    srv_command_say("dev: out of memory");
    return false;
}

static bool migrate(const char *url)
{
    char error[1024] = "";
    enum stw_code code =
        stw_migrate(url, srv_migrations, srv_migration_count, NULL, NULL, error, sizeof(error));

    if (code != STW_OK)
        srv_command_say("dev: migrate: %s", error[0] ? error : stw_code_name(code));
    return code == STW_OK;
}

struct serving {
    const struct srv_dev *dev;
    const struct srv_config *config;
};

static void show(void *self, int port)
{
    const struct serving *serving = self;

    srv_dev_show(serving->dev, serving->config->listen, port);
}

static int serve(struct srv_dev *dev, const struct srv_config *config)
{
    struct serving serving = {dev, config};
    int status = EXIT_FAILURE;

    if (!srv_dev_postgres_start(dev))
        return EXIT_FAILURE;
    if (migrate(config->admin_database_url) && srv_dev_demo(dev, config->admin_database_url))
        status = srv_start(config, show, &serving);
    srv_dev_postgres_stop(dev);
    return status;
}

static int run(struct srv_dev *dev)
{
    /* Not on the stack: requests that outlast the drain still look at it. */
    static struct srv_config config;
    char admin_url[URL_SIZE];
    int status = EXIT_FAILURE;

    forget_libpq_settings();
    connection_string(dev, OWNER, admin_url);
    /* Wrong settings are told before anything is started. */
    if (srv_dev_keys(dev) && set_environment(dev, admin_url) && srv_config_read(&config, environ, stderr)) {
        status = serve(dev, &config);
        if (status == EXIT_SUCCESS)
            srv_config_release(&config);
    }
    return status;
}

int srv_command_dev(char **arguments)
{
    static struct srv_dev dev;
    const char *folder = ".dev";
    const struct srv_option options[] = {{"--data-dir", false, &folder}, {NULL, false, NULL}};
    int status = EXIT_FAILURE;

    if (!srv_options_read(arguments, options))
        return SRV_EXIT_USAGE;
    if (!srv_dev_open(&dev, folder))
        return SRV_EXIT_FAILURE;
    if (srv_dev_socket(&dev))
        status = run(&dev);
    srv_dev_socket_remove(&dev);
    srv_dev_close(&dev);
    return status;
}
