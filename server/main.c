#include <stdio.h>
#include <string.h>

#include "server/command.h"

#ifndef STEWARD_VERSION
#define STEWARD_VERSION "0.1.0"
#endif

static const struct srv_command commands[] = {
    {"serve", "", "serves the API (needs STEWARD_DATABASE_URL)", srv_command_serve},
    {"dev", "[--data-dir .dev]", "serves a demo organization with a private PostgreSQL", srv_command_dev},
    {"migrate", "", "brings the database to this version", srv_command_migrate},
    {"org create", "--slug SLUG --name NAME [--zone Asia/Shanghai] [--currency CNY]",
     "makes an organization with its eight roles", srv_command_org_create},
    {"user create", "--org SLUG --email ADDRESS --name NAME --role KEY [--team-id UUID]",
     "makes a user; the password comes from STEWARD_PASSWORD or the standard input", srv_command_user_create},
    {"key create", "--org SLUG --name NAME --source SOURCE --scopes leads:create,leads:read",
     "makes an API key and prints it, this once", srv_command_key_create},
    {"routes", "", "lists all routes", srv_command_routes},
    {"describe", "[RESOURCE]", "shows the fields of a resource and who may do what with it, as JSON",
     srv_command_describe},
    {"openapi", "", "prints the contract (OpenAPI 3.1) as YAML", srv_command_openapi},
    {"config", "", "prints the settings, secrets masked", srv_command_config},
    {"healthcheck", "", "asks the server on this machine whether it lives", srv_command_healthcheck},
    {"check", "", "looks for broken invariants in the database", srv_command_check},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("usage: steward COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].doc);
    fprintf(out, "  %-12s %s\n", "help", "shows this, or the options of a command");
    fputs("\nSettings are STEWARD_* variables: see steward config.\n", out);
}

static void print_command(const struct srv_command *command, FILE *out)
{
    fprintf(out, "usage: steward %s%s%s\n", command->name, *command->usage ? " " : "", command->usage);
}

/* The command that the words name, and what is left of them behind it. */
static const struct srv_command *find(char **words, char ***ret_rest)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t first = space ? (size_t)(space - commands[i].name) : strlen(commands[i].name);

        if (strlen(words[0]) != first || strncmp(words[0], commands[i].name, first) != 0)
            continue;
        if (space && (!words[1] || strcmp(words[1], space + 1) != 0))
            continue;
        *ret_rest = words + (space ? 2 : 1);
        return &commands[i];
    }
    return NULL;
}

static int help(char **words)
{
    const struct srv_command *command;
    char **rest;

    if (!words[0]) {
        print_usage(stdout);
        return 0;
    }
    command = find(words, &rest);
    if (!command) {
        print_usage(stderr);
        return SRV_EXIT_USAGE;
    }
    print_command(command, stdout);
    printf("%s\n", command->doc);
    return 0;
}

int main(int count, char **words)
{
    const struct srv_command *command;
    char **rest;
    int status;

    if (count < 2) {
        print_usage(stderr);
        return SRV_EXIT_USAGE;
    }
    if (!strcmp(words[1], "--version")) {
        puts("steward " STEWARD_VERSION);
        return 0;
    }
    if (!strcmp(words[1], "help") || !strcmp(words[1], "--help") || !strcmp(words[1], "-h"))
        return help(words + 2);
    command = find(words + 1, &rest);
    if (!command) {
        srv_command_say("there is no command %s%s%s", words[1], words[2] ? " " : "",
                        words[2] ? words[2] : "");
        print_usage(stderr);
        return SRV_EXIT_USAGE;
    }
    if (rest[0] && (!strcmp(rest[0], "--help") || !strcmp(rest[0], "-h")))
        return help(words + 1);
    status = command->run(rest);
    if (status == SRV_EXIT_USAGE)
        print_command(command, stderr);
    return status;
}
