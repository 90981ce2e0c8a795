#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain/draft.h"
#include "domain/organization.h"
#include "server/command.h"

/* org create, user create, key create: what makes the first people and keys of an organization. */

#define PASSWORD_BYTES 1024 /* longer than any that is taken; the input's check says what is wrong */

int srv_command_org_create(char **arguments)
{
    struct stw_organization_input input = {0};
    const struct srv_option options[] = {
        {"--slug", true, &input.slug},          {"--name", true, &input.name}, {"--zone", false, &input.zone},
        {"--currency", false, &input.currency}, {NULL, false, NULL},
    };
    struct srv_workbench bench;
    char id[STW_UUID_TEXT];
    enum stw_code code;
    bool good;

    if (!srv_options_read(arguments, options))
        return SRV_EXIT_USAGE;
    if (!srv_workbench_open(&bench))
        return SRV_EXIT_FAILURE;
    code = stw_organization_create(&bench.ctx, &input, id);
    good = code == STW_OK;
    if (good)
        good = srv_command_print_json((const char *const[]){"id", id, NULL});
    else
        srv_command_fail("org create", code, &bench.details);
    srv_workbench_close(&bench);
    return good ? 0 : SRV_EXIT_FAILURE;
}

/* Opens the bench in the organization of that slug, as the system. */
static bool open_in(struct srv_workbench *bench, const char *slug)
{
    enum stw_code code;

    if (!srv_workbench_open(bench))
        return false;
    code = stw_organization_open(&bench->ctx, slug);
    if (code == STW_OK) {
        bench->ctx.actor = stw_actor_system(&bench->ctx);
        return true;
    }
    if (code == STW_NOT_FOUND)
        srv_command_say("there is no organization %s", slug);
    else
        srv_command_fail("the organization could not be opened", code, &bench->details);
    srv_workbench_close(bench);
    return false;
}

/* From the environment, else the first line of the standard input. */
static bool read_password(char password[PASSWORD_BYTES])
{
    const char *given = getenv("STEWARD_PASSWORD");
    bool good = true;

    password[0] = '\0';
    if (given) {
        good = strlen(given) < PASSWORD_BYTES;
        snprintf(password, PASSWORD_BYTES, "%s", given);
        /* It is no setting of the server, which would refuse to know it. */
        unsetenv("STEWARD_PASSWORD");
    } else {
        if (isatty(STDIN_FILENO))
            fputs("password: ", stderr);
        good = fgets(password, PASSWORD_BYTES, stdin) != NULL && strlen(password) < PASSWORD_BYTES - 1;
        password[strcspn(password, "\r\n")] = '\0';
    }
    if (good && password[0])
        return true;
    srv_command_say("a password is needed, by STEWARD_PASSWORD or on the standard input");
    return false;
}

struct user_options {
    const char *org, *email, *name, *role, *team_id;
};

static enum stw_code create_user(struct stw_context *ctx, const struct user_options *user,
                                 const char *password, char ret_id[STW_UUID_TEXT])
{
    char role_id[STW_UUID_TEXT];
    enum stw_code code = stw_role_id_find(ctx, user->role, role_id);

    if (code == STW_NOT_FOUND) {
        stw_details_field(ctx->details, "role", STW_UNKNOWN_REFERENCE, NULL);
        code = STW_VALIDATION_FAILED;
    }
    if (code != STW_OK)
        return code;
    return stw_draft_create(ctx, "users",
                            json_pack("{s:s, s:s, s:s, s:s, s:s*}", "email", user->email, "name", user->name,
                                      "role_id", role_id, "password", password, "team_id", user->team_id),
                            ret_id);
}

int srv_command_user_create(char **arguments)
{
    struct user_options user = {0};
    const struct srv_option options[] = {
        {"--org", true, &user.org},   {"--email", true, &user.email},      {"--name", true, &user.name},
        {"--role", true, &user.role}, {"--team-id", false, &user.team_id}, {NULL, false, NULL},
    };
    struct srv_workbench bench;
    char password[PASSWORD_BYTES];
    char id[STW_UUID_TEXT];
    enum stw_code code;
    bool good;

    if (!srv_options_read(arguments, options))
        return SRV_EXIT_USAGE;
    if (!read_password(password) || !open_in(&bench, user.org)) {
        explicit_bzero(password, sizeof(password));
        return SRV_EXIT_FAILURE;
    }
    code = create_user(&bench.ctx, &user, password, id);
    explicit_bzero(password, sizeof(password));
    good = code == STW_OK;
    if (good)
        good = srv_command_print_json((const char *const[]){"id", id, NULL});
    else
        srv_command_fail("user create", code, &bench.details);
    srv_workbench_close(&bench);
    return good ? 0 : SRV_EXIT_FAILURE;
}

/* "a,b" as a JSON array. */
static json_t *split_scopes(const char *text)
{
    json_t *scopes = json_array();

    while (scopes && *text) {
        size_t length = strcspn(text, ",");

        if (length > 0 && json_array_append_new(scopes, json_stringn(text, length)) < 0) {
            json_decref(scopes);
            return NULL;
        }
        text += length + (text[length] == ',');
    }
    return scopes;
}

int srv_command_key_create(char **arguments)
{
    const char *org = NULL, *name = NULL, *source = NULL, *scopes = NULL;
    const struct srv_option options[] = {
        {"--org", true, &org},       {"--name", true, &name}, {"--source", true, &source},
        {"--scopes", true, &scopes}, {NULL, false, NULL},
    };
    struct srv_workbench bench;
    char id[STW_UUID_TEXT];
    char key[STW_SECRET_TEXT];
    enum stw_code code;
    bool good;

    if (!srv_options_read(arguments, options))
        return SRV_EXIT_USAGE;
    if (!open_in(&bench, org))
        return SRV_EXIT_FAILURE;
    code = stw_draft_key(
        &bench.ctx,
        json_pack("{s:s, s:s, s:o}", "name", name, "source", source, "scopes", split_scopes(scopes)), id,
        key);
    good = code == STW_OK;
    if (good)
        good = srv_command_print_json((const char *const[]){"id", id, "key", key, NULL});
    else
        srv_command_fail("key create", code, &bench.details);
    explicit_bzero(key, sizeof(key));
    srv_workbench_close(&bench);
    return good ? 0 : SRV_EXIT_FAILURE;
}
