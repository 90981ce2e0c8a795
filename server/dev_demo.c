#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "domain/demo.h"
#include "domain/organization.h"
#include "domain/startup.h"
#include "server/command.h"
#include "server/dev.h"

#define DEMO_ENV "demo.env"
#define URL_NAME "STEWARD_URL="

/* What a shell can source: names and values without anything to quote. */
static char *env_text(struct stw_arena *arena, const struct stw_demo_access *access)
{
    struct stw_buf text;

    stw_buf_init(&text, arena, 4096, 65536);
    stw_buf_add_text(&text, URL_NAME "\nSTEWARD_ORG=" STW_DEMO_SLUG "\n");
    for (int i = 0; i < STW_DEMO_LOGINS; i++) {
        char role[64] = "";
        const char *name = stw_role_name(access->logins[i].role);

        for (size_t j = 0; j < sizeof(role) - 1 && name[j]; j++)
            role[j] = (char)toupper((unsigned char)name[j]);
        stw_buf_printf(&text, "%s_EMAIL=%s\n%s_PASSWORD=%s\n", role, access->logins[i].email, role,
                       access->logins[i].password);
    }
    stw_buf_printf(&text, "INTEGRATION_KEY=%s\n", access->integration_key);
    return text.data;
}

static enum stw_code prepare(struct stw_context *ctx, bool has_env, struct stw_demo_access *access,
                             bool *ret_made)
{
    enum stw_code code = stw_startup_let_serve(ctx);

    if (code == STW_OK)
        code = stw_organization_open(ctx, STW_DEMO_SLUG);
    if (code == STW_OK && has_env)
        return STW_OK;
    if (code == STW_OK) {
        fprintf(stderr, "steward: " DEMO_ENV " is gone: giving the demo users new passwords\n");
        code = stw_demo_renew(ctx, access);
    } else if (code == STW_NOT_FOUND) {
        fprintf(stderr, "steward: loading the demo organization\n");
        code = stw_demo_load(ctx, access);
    }
    *ret_made = code == STW_OK;
    return code;
}

bool srv_dev_demo(const struct srv_dev *dev, const char *admin_url)
{
    struct srv_workbench bench;
    struct stw_demo_access logins = {0};
    char path[PATH_MAX];
    bool made = false;
    bool good;
    enum stw_code code;

    srv_dev_path(dev, DEMO_ENV, path);
    srv_workbench_open_at(&bench, admin_url, "steward-dev");
    code = prepare(&bench.ctx, access(path, F_OK) == 0, &logins, &made);
    good = code == STW_OK;
    if (!good)
        srv_command_fail("dev: the demo organization", code, &bench.details);
    if (made)
        good = srv_dev_write(dev, DEMO_ENV, env_text(bench.arena, &logins));
    explicit_bzero(&logins, sizeof(logins));
    srv_workbench_close(&bench);
    return good;
}

/* How a client on this machine writes it. */
static void write_url(const char *address, int port, char *ret_url, size_t size)
{
    if (strcmp(address, "0.0.0.0") == 0)
        address = "127.0.0.1";
    else if (strcmp(address, "::") == 0)
        address = "::1";
    snprintf(ret_url, size, strchr(address, ':') ? "http://[%s]:%d" : "http://%s:%d", address, port);
}

/* The file again, with this URL in its first line. False without the file. */
static bool write_env_url(const struct srv_dev *dev, const char *url)
{
    char path[PATH_MAX];
    char old[16384];
    char text[sizeof(old) + 256];
    const char *rest;
    size_t length;
    FILE *file;

    srv_dev_path(dev, DEMO_ENV, path);
    file = fopen(path, "re");
    if (!file)
        return false;
    length = fread(old, 1, sizeof(old) - 1, file);
    fclose(file);
    old[length] = '\0';
    rest = strstr(old, URL_NAME);
    if (!rest)
        return false;
    rest += strcspn(rest, "\n");
    length = (size_t)(strstr(old, URL_NAME) - old);
    snprintf(text, sizeof(text), "%.*s" URL_NAME "%s%s", (int)length, old, url, rest);
    return strcmp(text, old) == 0 || srv_dev_write(dev, DEMO_ENV, text);
}

void srv_dev_show(const struct srv_dev *dev, const char *address, int port)
{
    char path[PATH_MAX];
    char url[128];

    write_url(address, port, url, sizeof(url));
    srv_dev_path(dev, DEMO_ENV, path);
    if (!write_env_url(dev, url))
        srv_command_say("dev: %s is not what it was: delete it for a new one", path);
    printf("\nThe demo organization is served on %s; who may sign in stands in %s.\n\n"
           "  . '%s'\n"
           "  TOKEN=$(curl -s \"$STEWARD_URL/v1/auth/login\" -H 'Content-Type: application/json' \\\n"
           "    -d \"{\\\"organization\\\":\\\"$STEWARD_ORG\\\",\\\"email\\\":\\\"$ACCOUNT_MANAGER_EMAIL\\\","
           "\\\"password\\\":\\\"$ACCOUNT_MANAGER_PASSWORD\\\"}\" |\n"
           "    sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n"
           "  curl -s \"$STEWARD_URL/v1/accounts?limit=3\" -H \"Authorization: Bearer $TOKEN\"\n\n"
           "Ctrl-C ends it.\n",
           url, path, path);
    fflush(stdout);
}
