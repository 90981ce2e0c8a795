#include "server/start.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "db/migrate.h"
#include "domain/registry.h"
#include "domain/startup.h"
#include "resource/json_load.h"
#include "server/action.h"
#include "server/command.h"
#include "server/crud.h"
#include "server/describe.h"
#include "server/docs.h"
#include "server/handle.h"
#include "server/health.h"
#include "server/import_routes.h"
#include "server/job_runner.h"
#include "server/keys.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/memory.h"
#include "server/metrics.h"
#include "server/migrations.h"
#include "server/openapi.h"
#include "server/problem.h"
#include "server/replica.h"
#include "server/session_routes.h"
#include "server/sessions.h"
#include "server/throttle.h"
#include "server/token_cache.h"
#include "server/workers.h"

#define LOOPS_BY_DEFAULT 8
#define REPLICA_LIMIT_US INT64_C(3000000) /* the start does not wait longer for a standby */
#define WORKERS_MIN      2
#define WORKERS_MAX      4 /* each may hold the 19 MiB of a password's hash */
#define WORKERS_QUEUE    128

struct srv_router *srv_start_router(const struct stw_engine *engine)
{
    struct srv_router *router = srv_router_new();

    srv_router_add(router, srv_health_routes, srv_health_route_count);
    srv_router_add(router, srv_problem_routes, srv_problem_route_count);
    srv_router_add(router, srv_openapi_routes, srv_openapi_route_count);
    srv_router_add(router, srv_docs_routes, srv_docs_route_count);
    srv_router_add(router, srv_session_routes, srv_session_route_count);
    srv_router_add(router, srv_describe_routes, srv_describe_route_count);
    srv_crud_routes(router, engine);
    srv_import_routes(router, engine);
    srv_action_routes(router, engine, stw_actions, stw_action_count);
    return router;
}

static bool has(const char *value, const char *name)
{
    if (!value)
        srv_command_say("serve: %s is not set", name);
    return value != NULL;
}

/* All that is missing at once. */
static bool check_settings(const struct srv_config *config)
{
    bool good = has(config->database_url, "STEWARD_DATABASE_URL");

    good = has(config->signing_key, "STEWARD_SIGNING_KEY (or STEWARD_SIGNING_KEY_FILE)") && good;
    return has(config->cursor_key, "STEWARD_CURSOR_KEY (or STEWARD_CURSOR_KEY_FILE)") && good;
}

static bool check_version(const char *url)
{
    char error[1024] = "";
    int version = 0;
    enum stw_code code = stw_migrate_version(url, &version, error, sizeof(error));

    if (code != STW_OK) {
        srv_command_say("serve: the database's version cannot be read: %s",
                        error[0] ? error : stw_code_name(code));
        return false;
    }
    if (version == srv_migration_count)
        return true;
    if (version < srv_migration_count)
        srv_command_say("serve: the database is at version %d and this program needs %d: run steward migrate",
                        version, srv_migration_count);
    else
        srv_command_say(
            "serve: the database is at version %d, newer than this program with %d (steward migrate of a "
            "newer one)",
            version, srv_migration_count);
    return false;
}

/* The serving role must stand behind the second wall. */
static bool check_role(const char *url)
{
    struct srv_workbench bench;
    char error[512] = "";
    enum stw_code code;

    srv_workbench_open_at(&bench, url, "steward-start");
    code = stw_startup_check_role(&bench.ctx, error, sizeof(error));
    srv_workbench_close(&bench);
    if (code != STW_OK)
        srv_command_say("serve: %s", error);
    return code == STW_OK;
}

/* It may be away: then it is asked as soon as it is there, and not used before. */
static bool check_replica(const char *url)
{
    struct srv_workbench bench;
    char error[512] = "";
    enum stw_code code;

    if (!url)
        return true;
    srv_workbench_open_at(&bench, url, "steward-start");
    bench.ctx.deadline_us = stw_clock_monotonic_us() + REPLICA_LIMIT_US;
    code = stw_startup_check_role(&bench.ctx, error, sizeof(error));
    srv_workbench_close(&bench);
    if (code != STW_OK)
        srv_command_say("serve: STEWARD_DATABASE_READ_URL: %s", error);
    return code != STW_FORBIDDEN;
}

static void set_log_level(const char *word)
{
    static const char *const words[] = {[SRV_LOG_ERROR] = "error",
                                        [SRV_LOG_WARNING] = "warning",
                                        [SRV_LOG_INFO] = "info",
                                        [SRV_LOG_DEBUG] = "debug"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word && !strcmp(words[i], word))
            srv_log_level_set((enum srv_log_level)i);
    }
}

static int cores(int least, int most)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < least ? least : count > most ? most : (int)count;
}

/* Whatever is not there yet is NULL, and freeing that is allowed. */
static void release(struct srv_server *server)
{
    srv_job_runner_stop(server->jobs);
    srv_sessions_stop(server->sessions);
    srv_replica_stop(server->replica);
    srv_workers_free(server->workers);
    srv_metrics_free(server->metrics);
    srv_keys_free((struct srv_keys *)(uintptr_t)server->keys);
    srv_contract_free((struct srv_contract *)(uintptr_t)server->contract);
    srv_router_free((struct srv_router *)(uintptr_t)server->router);
    stw_engine_free((struct stw_engine *)(uintptr_t)server->engine);
}

static bool prepare(struct srv_server *server)
{
    const struct srv_config *config = server->config;
    const char *reason = NULL;
    unsigned char cursor_key[32];

    /* The settings' check has seen to the digits. */
    if (sodium_hex2bin(cursor_key, sizeof(cursor_key), config->cursor_key, strlen(config->cursor_key), NULL,
                       NULL, NULL) != 0) {
        srv_command_say("serve: STEWARD_CURSOR_KEY must be 64 hexadecimal digits");
        return false;
    }
    server->engine = stw_engine_new(stw_registry, stw_registry_count, cursor_key);
    sodium_memzero(cursor_key, sizeof(cursor_key));
    server->router = srv_start_router(server->engine);
    server->contract = srv_contract_new(server->router, server->engine);
    malloc_trim(0); /* of the megabytes that making it took, it keeps two */
    server->keys = srv_keys_new(config->signing_key, &reason);
    if (!server->keys) {
        srv_command_say("serve: STEWARD_SIGNING_KEY: %s", reason);
        return false;
    }
    server->metrics =
        srv_metrics_new(config->loops > 0 ? config->loops : cores(1, LOOPS_BY_DEFAULT), server->router);
    server->workers = srv_workers_new(cores(WORKERS_MIN, WORKERS_MAX), WORKERS_QUEUE);
    srv_throttle_limit(config->failed_sign_ins);
    server->sessions = srv_sessions_start(config->database_url);
    if (config->database_read_url)
        server->replica = srv_replica_start(config);
    server->jobs =
        srv_job_runner_start(config->database_url, server->engine, srv_replica_known(server->replica));
    if (server->workers && server->sessions && server->jobs &&
        (server->replica || !config->database_read_url))
        return true;
    srv_command_say("serve: a thread cannot be started");
    return false;
}

/* The signing keys of the settings of now; what is wrong with them changes nothing. */
static void reload(struct srv_server *server)
{
    struct srv_config config;
    struct srv_keys *before = (struct srv_keys *)(uintptr_t)server->keys;
    struct srv_keys *keys = NULL;
    const char *reason = "the settings are wrong";

    if (srv_config_read(&config, environ, stderr)) {
        keys = srv_keys_new(config.signing_key ? config.signing_key : "", &reason);
        srv_config_release(&config);
    }
    if (!keys) {
        srv_log(SRV_LOG_ERROR, "serve", "the signing keys stay what they were: STEWARD_SIGNING_KEY: %s",
                reason);
        return;
    }
    if (srv_keys_equal(keys, before)) {
        srv_keys_free(keys);
        return;
    }
    keys->before = before;
    server->keys = keys;
    srv_sessions_all_changed(server->sessions);
    srv_log(SRV_LOG_INFO, "serve", "%d signing keys were read, the first is %s", keys->count,
            keys->keys[0].kid);
}

int srv_start(const struct srv_config *config, void (*on_ready)(void *self, int port), void *self)
{
    /* Not on the stack: requests that outlast the drain still look at it. */
    static struct srv_server server;
    int status = EXIT_FAILURE;

    if (!check_settings(config))
        return EXIT_FAILURE;
    set_log_level(config->log_level);
    srv_memory_keep();
    stw_json_init();
    if (sodium_init() < 0) {
        srv_command_say("serve: libsodium cannot be used");
        return EXIT_FAILURE;
    }
    if (!check_version(config->database_url) || !check_role(config->database_url) ||
        !check_replica(config->database_read_url))
        return EXIT_FAILURE;
    server = (struct srv_server){
        .config = config,
        .tokens_new = srv_token_cache_new,
        .tokens_free = srv_token_cache_free,
        .take = srv_handle_take,
        .handle = srv_handle,
        /* Whoever is told where it listens runs it in a terminal, whose end shall be its end. */
        .reload = on_ready ? NULL : reload,
    };
    if (!prepare(&server)) {
        release(&server);
        return EXIT_FAILURE;
    }
    status = srv_serve(&server, on_ready, self);
    /* After a drain that did not end, requests still use all this: then it goes with the process. */
    if (status == EXIT_SUCCESS)
        release(&server);
    return status;
}
