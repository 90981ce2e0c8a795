/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "domain/check.h"
#include "domain/demo.h"
#include "domain/organization.h"
#include "domain/startup.h"
#include "pg.h"
#include "server/command.h"
#include "server/migrations.h"
#include "server/start.h"

/* What happens between an empty database and a serving process: the embedded migrations, the refusals of
 * serve, the first organization, the demo and the invariants. The tests build on one another, in their order.
 */

#define CURSOR_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char app_url[1300];

static int start_with(const char *url)
{
    struct srv_config config = {.database_url = url,
                                .signing_key = "no key",
                                .cursor_key = CURSOR_KEY,
                                .listen = "127.0.0.1",
                                .issuer = "x"};

    return srv_start(&config, NULL, NULL);
}

static void serve_refuses_an_empty_database(void **state)
{
    (void)state;
    assert_int_equal(start_with(pg_url()), EXIT_FAILURE);
}

static void migrations_are_embedded_and_apply(void **state)
{
    char error[1024] = "";
    int version = 0;

    (void)state;
    assert_true(srv_migration_count >= 3);
    for (int i = 0; i < srv_migration_count; i++) {
        assert_int_equal(srv_migrations[i].version, i + 1);
        assert_int_equal(strlen(srv_migrations[i].sql), srv_migrations[i].length);
        assert_int_equal(strtol(srv_migrations[i].name, NULL, 10), i + 1);
    }
    if (stw_migrate(pg_url(), srv_migrations, srv_migration_count, NULL, NULL, error, sizeof(error)) !=
        STW_OK)
        fail_msg("%s", error);
    assert_int_equal(stw_migrate_version(pg_url(), &version, error, sizeof(error)), STW_OK);
    assert_int_equal(version, srv_migration_count);
}

static enum stw_code check_role_of(const char *url)
{
    struct srv_workbench bench;
    char error[512] = "";
    enum stw_code code;

    srv_workbench_open_at(&bench, url, "test");
    code = stw_startup_check_role(&bench.ctx, error, sizeof(error));
    assert_true((code == STW_OK) == (error[0] == '\0'));
    srv_workbench_close(&bench);
    return code;
}

static void the_serving_role_stands_behind_the_wall(void **state)
{
    struct srv_workbench bench;
    char error[512] = "";
    int version = 0;

    (void)state;
    snprintf(app_url, sizeof(app_url), "%s%suser=steward_app", pg_url(), strstr(pg_url(), "://") ? "&" : " ");
    srv_workbench_open_at(&bench, pg_url(), "test");
    assert_int_equal(stw_startup_let_serve(&bench.ctx), STW_OK);
    srv_workbench_close(&bench);
    assert_int_equal(check_role_of(app_url), STW_OK);
    assert_int_equal(stw_migrate_version(app_url, &version, error, sizeof(error)), STW_OK);
    assert_int_equal(version, srv_migration_count);
    /* The owner is a superuser here; and one column of one table is enough. */
    assert_int_equal(check_role_of(pg_url()), STW_FORBIDDEN);
    assert_int_equal(start_with(pg_url()), EXIT_FAILURE);
    pg_sql("grant select (name) on steward.accounts to steward_app");
    assert_int_equal(check_role_of(app_url), STW_FORBIDDEN);
    pg_sql("revoke select (name) on steward.accounts from steward_app");
    assert_int_equal(check_role_of(app_url), STW_OK);
    /* Now only the key is wrong. */
    assert_int_equal(start_with(app_url), EXIT_FAILURE);
}

static enum stw_code create(const char *slug, const char *name, const char *zone, const char *currency,
                            int *ret_violations)
{
    const struct stw_organization_input input = {slug, name, zone, currency};
    struct srv_workbench bench;
    char id[STW_UUID_TEXT];
    enum stw_code code;

    srv_workbench_open_at(&bench, pg_url(), "test");
    code = stw_organization_create(&bench.ctx, &input, id);
    *ret_violations = bench.details.violation_count;
    if (code == STW_OK)
        assert_string_equal(bench.ctx.org_id, id);
    else
        assert_string_equal(bench.ctx.org_id, "");
    srv_workbench_close(&bench);
    return code;
}

static void organizations_are_checked_and_have_roles(void **state)
{
    struct srv_workbench bench;
    char id[STW_UUID_TEXT];
    int violations;

    (void)state;
    assert_int_equal(create("-x", "", "Mars/Phobos", "xxx", &violations), STW_VALIDATION_FAILED);
    assert_int_equal(violations, 4);
    assert_int_equal(create("acme", "Acme 环球", "Europe/Berlin", "EUR", &violations), STW_OK);
    assert_int_equal(create("acme", "Again", NULL, NULL, &violations), STW_DUPLICATE);
    assert_string_equal(pg_value("select count(*) from steward.organizations"), "1");
    assert_string_equal(pg_value("select count(*) from steward.roles where key = base and version = 1"), "8");
    assert_string_equal(
        pg_value("select count(*) from steward.events where resource = 'roles' and type = 'created' and "
                 "actor_kind = 'system'"),
        "8");
    srv_workbench_open_at(&bench, pg_url(), "test");
    assert_int_equal(stw_organization_open(&bench.ctx, "nobody"), STW_NOT_FOUND);
    assert_int_equal(stw_organization_open(&bench.ctx, "acme"), STW_OK);
    assert_int_equal(stw_role_id_find(&bench.ctx, "team_lead", id), STW_OK);
    assert_int_equal(stw_role_id_find(&bench.ctx, "king", id), STW_NOT_FOUND);
    srv_workbench_close(&bench);
}

static void the_demo_loads_once_and_can_be_renewed(void **state)
{
    struct stw_demo_access access = {0};
    struct stw_demo_access again = {0};
    struct srv_workbench bench;

    (void)state;
    srv_workbench_open_at(&bench, pg_url(), "test");
    if (stw_demo_load(&bench.ctx, &access) != STW_OK)
        fail_msg("%s %s", bench.details.internal, bench.details.constraint);
    for (int i = 0; i < STW_DEMO_LOGINS; i++)
        assert_int_equal(strlen(access.logins[i].password), 32);
    assert_string_equal(pg_value("select count(*) from steward.accounts"), "120");
    assert_string_equal(pg_value("select count(*) from steward.contacts"), "250");
    assert_string_equal(pg_value("select count(*) from steward.leads"), "200");
    assert_string_equal(pg_value("select count(distinct status) from steward.leads"), "5");
    assert_string_equal(pg_value("select count(*) from steward.credentials"), "7");
    assert_string_equal(
        pg_value("select count(*) from steward.accounts where created_at > now() or updated_at < created_at"),
        "0");
    assert_string_equal(
        pg_value("select count(distinct date_trunc('month', created_at)) >= 12 from steward.leads"), "t");
    assert_int_equal(stw_demo_load(&bench.ctx, &again), STW_DUPLICATE);
    assert_int_equal(stw_demo_renew(&bench.ctx, &again), STW_OK);
    assert_string_not_equal(access.logins[0].password, again.logins[0].password);
    assert_string_not_equal(access.integration_key, again.integration_key);
    srv_workbench_close(&bench);
}

static void count_finding(void *self, const char *invariant, const char *where, int64_t count)
{
    (void)invariant;
    (void)where;
    *(int64_t *)self += count;
}

static int64_t findings(void)
{
    struct srv_workbench bench;
    int64_t total = 0;

    srv_workbench_open_at(&bench, pg_url(), "test");
    if (stw_check_run(&bench.ctx, count_finding, &total) != STW_OK)
        fail_msg("%s", bench.details.internal);
    srv_workbench_close(&bench);
    return total;
}

/* Breaks one thing, and mends it. */
static void expect_finding(const char *harm, const char *cure)
{
    pg_sql(harm);
    if (findings() != 1)
        fail_msg("not found: %s", harm);
    pg_sql(cure);
    assert_int_equal(findings(), 0);
}

static void check_finds_what_is_broken(void **state)
{
    (void)state;
    assert_int_equal(findings(), 0);
    expect_finding("create table steward.stray (org_id uuid)", "drop table steward.stray");
    expect_finding("grant select on steward.leads to steward_app",
                   "revoke select on steward.leads from steward_app");
    expect_finding("update steward.leads set version = version + 1 where id = (select min(id::text)::uuid "
                   "from steward.leads)",
                   "update steward.leads set version = version - 1 where id = (select min(id::text)::uuid "
                   "from steward.leads)");
    pg_sql(
        "update steward.accounts set deleted_at = now() where id = (select min(account_id::text)::uuid from "
        "steward.contacts)");
    assert_true(findings() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serve_refuses_an_empty_database),
        cmocka_unit_test(migrations_are_embedded_and_apply),
        cmocka_unit_test(the_serving_role_stands_behind_the_wall),
        cmocka_unit_test(organizations_are_checked_and_have_roles),
        cmocka_unit_test(the_demo_loads_once_and_can_be_renewed),
        cmocka_unit_test(check_finds_what_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
