#include "server/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "domain/registry.h"
#include "server/problem_texts.h"

#define ARENA_CAP            ((size_t)1 << 30)
#define LEASE_WAIT_US        (INT64_C(10) * 1000000)
#define STATEMENT_TIMEOUT_US (INT64_C(600) * 1000000)

void srv_command_say(const char *format, ...)
{
    va_list arguments;

    fputs("steward: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* The option that `argument` names, with the value behind '=' if there is one. */
static const struct srv_option *find_option(const struct srv_option *options, const char *argument,
                                            const char **ret_value)
{
    for (; options->name; options++) {
        size_t length = strlen(options->name);

        if (strncmp(argument, options->name, length) != 0)
            continue;
        if (argument[length] == '\0' || argument[length] == '=') {
            *ret_value = argument[length] ? argument + length + 1 : NULL;
            return options;
        }
    }
    return NULL;
}

static bool read_options(char **arguments, const struct srv_option *options, unsigned *ret_seen)
{
    for (; *arguments; arguments++) {
        const char *value;
        const struct srv_option *option = find_option(options, *arguments, &value);
        unsigned bit = option ? 1U << (option - options) : 0;

        if (!option) {
            srv_command_say("unknown argument %s", *arguments);
            return false;
        }
        if (*ret_seen & bit) {
            srv_command_say("%s is given twice", option->name);
            return false;
        }
        if (!value && arguments[1])
            value = *++arguments;
        if (!value || !*value) {
            srv_command_say("%s needs a value", option->name);
            return false;
        }
        *ret_seen |= bit;
        *option->value = value;
    }
    return true;
}

bool srv_options_read(char **arguments, const struct srv_option *options)
{
    unsigned seen = 0;
    bool good = read_options(arguments, options, &seen);

    for (int i = 0; good && options[i].name; i++) {
        if (options[i].required && !(seen & 1U << i)) {
            srv_command_say("%s is missing", options[i].name);
            good = false;
        }
    }
    return good;
}

void srv_command_fail(const char *what, enum stw_code code, struct stw_details *details)
{
    const struct srv_problem *problem = srv_problem_get(code);

    srv_command_say("%s: %s (%s)", what, problem->title[SRV_ENGLISH] ? problem->title[SRV_ENGLISH] : "failed",
                    stw_code_name(code));
    for (int i = 0; i < details->violation_count; i++) {
        const struct stw_violation *violation = &details->violations[i];
        const char *path = violation->path;

        srv_command_say("  %s: %s (%s)", strncmp(path, "#/", 2) == 0 ? path + 2 : path,
                        srv_problem_detail(details->arena, srv_problem_get(violation->code), SRV_ENGLISH,
                                           violation->argument),
                        stw_code_name(violation->code));
        for (int j = 0; violation->allowed && violation->allowed[j]; j++)
            srv_command_say("    allowed: %s", violation->allowed[j]);
    }
    if (details->rule)
        srv_command_say("  rule: %s", details->rule);
    if (details->constraint[0])
        srv_command_say("  constraint: %s", details->constraint);
    if (details->internal[0])
        srv_command_say("  %s", details->internal);
}

const char *srv_command_admin_url(const struct srv_config *config)
{
    const char *url = config->admin_database_url ? config->admin_database_url : config->database_url;

    if (!url)
        srv_command_say("STEWARD_ADMIN_DATABASE_URL (or STEWARD_DATABASE_URL) is not set");
    return url;
}

void srv_workbench_open_at(struct srv_workbench *bench, const char *url, const char *application_name)
{
    /* Nothing here writes a cursor that anybody else would read. */
    static const unsigned char no_cursors[32];
    struct stw_db_options options = {
        .url = url,
        .application_name = application_name,
        .quick = 1,
        .lease_wait_us = LEASE_WAIT_US,
        .statement_timeout_us = STATEMENT_TIMEOUT_US,
    };

    memset(bench, 0, sizeof(*bench));
    bench->arena = stw_arena_new(ARENA_CAP);
    bench->engine = stw_engine_new(stw_registry, stw_registry_count, no_cursors);
    bench->db = stw_db_new(&options);
    stw_details_init(&bench->details, bench->arena);
    bench->ctx = (struct stw_context){
        .arena = bench->arena,
        .db = bench->db,
        .engine = bench->engine,
        .details = &bench->details,
        .now_us = stw_clock_wall_us(),
    };
}

bool srv_workbench_open(struct srv_workbench *bench)
{
    struct srv_config config;
    const char *url;

    if (!srv_config_read(&config, environ, stderr))
        return false;
    url = srv_command_admin_url(&config);
    if (!url) {
        srv_config_release(&config);
        return false;
    }
    srv_workbench_open_at(bench, url, "steward-command");
    bench->config = config;
    return true;
}

void srv_workbench_close(struct srv_workbench *bench)
{
    /* Rows may still wait for their release in the arena. */
    stw_arena_free(bench->arena);
    stw_db_free(bench->db);
    stw_engine_free(bench->engine);
    srv_config_release(&bench->config);
}

bool srv_command_print_json(const char *const *pairs)
{
    struct stw_arena *arena = stw_arena_new(65536);
    struct stw_buf line;
    bool good;

    stw_buf_init(&line, arena, 256, 16384);
    stw_buf_add_char(&line, '{');
    for (const char *const *pair = pairs; *pair; pair += 2) {
        if (pair != pairs)
            stw_buf_add_char(&line, ',');
        stw_buf_add_json(&line, pair[0], strlen(pair[0]));
        stw_buf_add_char(&line, ':');
        stw_buf_add_json(&line, pair[1], strlen(pair[1]));
    }
    stw_buf_add_text(&line, "}\n");
    good = !line.failed && fwrite(line.data, 1, line.length, stdout) == line.length && fflush(stdout) == 0;
    if (!good)
        srv_command_say("the answer could not be written");
    stw_arena_free(arena);
    return good;
}
