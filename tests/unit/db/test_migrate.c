#include "fixture.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "db/migrate.h"

static char error[512];
static int applied;

static void count_applied(void *self, const struct stw_migration *one)
{
    (void)self;
    (void)one;
    __atomic_add_fetch(&applied, 1, __ATOMIC_SEQ_CST);
}

#define TEXT(text) text, sizeof(text) - 1

static const struct stw_migration all[] = {
    {1, "0001_first",
     TEXT("create table things (id integer);\ninsert into things values (1); -- in steward")},
    {2, "0002_function",
     TEXT("create function two() returns int language sql as $$ select 2; $$; select pg_sleep(0.2);")},
    {3, "0003_last", TEXT("create view app.things as select * from steward.things where id = two()")},
};

static const struct stw_migration apart[] = {
    {1, "0001_table", TEXT("create table things (id integer); create table others (id integer)")},
    {2, "0002_index",
     TEXT("-- apart: not in a transaction\n\ndrop index concurrently if exists things_idx;\n\n"
          "create index concurrently things_idx on things (id);\n\nselect pg_sleep(0.2);\n")},
    {3, "0003_last", TEXT("create index others_idx on others (id)")},
};

static enum stw_code migrate(const struct stw_migration *list, int count)
{
    error[0] = '\0';
    applied = 0;
    return stw_migrate(pg_url(), list, count, count_applied, NULL, error, sizeof error);
}

static int version(void)
{
    int found = -1;
    assert_int_equal(stw_migrate_version(pg_url(), &found, error, sizeof error), STW_OK);
    return found;
}

static int clean(void **state)
{
    (void)state;
    pg_sql("drop schema if exists app cascade; drop schema if exists steward cascade");
    return 0;
}

static void test_applies_in_order_and_once(void **state)
{
    (void)state;
    assert_int_equal(version(), 0);
    assert_int_equal(migrate(all, 2), STW_OK);
    assert_int_equal(applied, 2);
    assert_int_equal(version(), 2);
    assert_int_equal(migrate(all, 3), STW_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(migrate(all, 3), STW_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(version(), 3);
    assert_string_equal(pg_value("select count(*) from steward.schema_migrations where length(sha256) = 64"),
                        "3");
    assert_string_equal(pg_value("select count(*) from steward.things"), "1");
}

static void test_empty_list(void **state)
{
    (void)state;
    assert_int_equal(migrate(all, 0), STW_OK);
    assert_int_equal(version(), 0);
}

static void test_changed_text_is_refused(void **state)
{
    (void)state;
    assert_int_equal(migrate(all, 2), STW_OK);
    struct stw_migration changed[] = {all[0], all[1], all[2]};
    changed[0].length--;
    assert_int_equal(migrate(changed, 3), STW_CONFLICT);
    assert_non_null(strstr(error, "0001_first"));
    assert_int_equal(version(), 2);
}

static void test_newer_database_is_refused(void **state)
{
    (void)state;
    assert_int_equal(migrate(all, 3), STW_OK);
    assert_int_equal(migrate(all, 2), STW_CONFLICT);
    assert_non_null(strstr(error, "newer"));
}

static void test_failure_leaves_nothing_of_it(void **state)
{
    (void)state;
    struct stw_migration bad[] = {all[0],
                                  {2, "0002_bad", TEXT("create table half (id integer); select nonsense")}};
    assert_int_equal(migrate(bad, 2), STW_INTERNAL);
    assert_non_null(strstr(error, "0002_bad"));
    assert_non_null(strstr(error, "nonsense"));
    assert_int_equal(applied, 1);
    assert_int_equal(version(), 1);
    assert_string_equal(pg_value("select to_regclass('steward.half') is null"), "t");
    assert_int_equal(migrate(all, 3), STW_OK);
}

static void test_own_commit_is_refused(void **state)
{
    (void)state;
    struct stw_migration bad[] = {{1, "0001_commits", TEXT("create table half (id integer); commit")}};
    assert_int_equal(migrate(bad, 1), STW_INTERNAL);
    assert_int_equal(version(), 0);
    struct stw_migration copies[] = {
        {1, "0001_copies", TEXT("create table half2 (id int); copy half2 from stdin")}};
    assert_int_equal(migrate(copies, 1), STW_INTERNAL);
    assert_int_equal(version(), 0);
}

static void test_apart_has_no_transaction(void **state)
{
    (void)state;
    struct stw_migration cut[] = {apart[0], apart[1]};
    cut[1].sql = "-- apart:\n\ncreate index concurrently things_idx on things (id);\n\nselect nonsense;\n";
    cut[1].length = strlen(cut[1].sql);
    assert_int_equal(migrate(cut, 2), STW_INTERNAL);
    assert_non_null(strstr(error, "nonsense"));
    assert_int_equal(version(), 1);
    assert_string_equal(pg_value("select to_regclass('steward.things_idx') is not null"), "t");
    assert_int_equal(migrate(apart, 3), STW_OK);
    assert_int_equal(applied, 2);
    assert_int_equal(version(), 3);
    assert_string_equal(
        pg_value("select bool_and(indisvalid) from pg_index where indrelid = 'steward.things'::regclass"),
        "t");
    assert_int_equal(migrate(apart, 3), STW_OK);
    assert_int_equal(applied, 0);
}

static void test_bad_lists_and_urls(void **state)
{
    (void)state;
    struct stw_migration gap[] = {all[0], all[2]};
    assert_int_equal(migrate(gap, 2), STW_INTERNAL);
    int found = 7;
    assert_int_equal(stw_migrate("host=/nonexistent", all, 1, NULL, NULL, error, sizeof error),
                     STW_UNAVAILABLE);
    assert_int_equal(stw_migrate_version("host=/nonexistent", &found, error, sizeof error), STW_UNAVAILABLE);
    assert_int_equal(found, 7);
    assert_true(error[0] != '\0');
}

static const struct stw_migration *aside;

static void *migrate_aside(void *result)
{
    char text[256];
    *(enum stw_code *)result = stw_migrate(pg_url(), aside, 3, count_applied, NULL, text, sizeof text);
    return NULL;
}

static void run_at_once(const struct stw_migration *list)
{
    enum stw_code codes[4];
    pthread_t threads[4];
    aside = list;
    applied = 0;
    pg_url();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_aside, &codes[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(codes[i], STW_OK);
    }
    assert_int_equal(applied, 3);
    assert_int_equal(version(), 3);
}

static void test_runs_at_once_are_one(void **state)
{
    (void)state;
    run_at_once(all);
}

/* An index that is created concurrently waits for every older snapshot, and the other runs wait for it. */
static void test_runs_at_once_wait_without_a_snapshot(void **state)
{
    (void)state;
    run_at_once(apart);
}

static PGconn *another(void)
{
    PGconn *made = PQconnectdb(pg_url());
    assert_int_equal(PQstatus(made), CONNECTION_OK);
    return made;
}

static void must(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}

/* Somebody reads for long what the second of these wants for itself alone; whoever else comes to read
 * meanwhile need not wait until that ends. Then it is done. */
static void let_others_read(const struct stw_migration *list)
{
    assert_int_equal(migrate(list, 1), STW_OK);
    PGconn *slow = another(), *quick = another();
    must(slow, "begin; lock table steward.things in access share mode");
    must(quick, "set lock_timeout = '2500ms'");
    enum stw_code code = STW_INTERNAL;
    pthread_t thread;
    aside = list;
    assert_int_equal(pthread_create(&thread, NULL, migrate_aside, &code), 0);
    for (int64_t end = stw_clock_monotonic_us() + 4000000; stw_clock_monotonic_us() < end;) {
        must(quick, "select count(*) from steward.things");
        usleep(2000);
    }
    assert_int_equal(version(), 1);
    must(slow, "commit");
    pthread_join(thread, NULL);
    assert_int_equal(code, STW_OK);
    assert_int_equal(version(), 3);
    PQfinish(slow);
    PQfinish(quick);
}

static void test_others_need_not_wait(void **state)
{
    (void)state;
    const struct stw_migration in_transaction[] = {
        all[0],
        {2, "0002_column",
         TEXT("create table other (id integer); alter table things add column more integer")},
        {3, "0003_none", TEXT("select 1")}};
    let_others_read(in_transaction);
}

static void test_others_need_not_wait_for_what_is_apart(void **state)
{
    (void)state;
    const struct stw_migration by_itself[] = {all[0],
                                              {2, "0002_column",
                                               TEXT("-- apart: tried\n\ncreate table other (id integer);\n\n"
                                                    "alter table things add column more integer")},
                                              {3, "0003_none", TEXT("select 1")}};
    let_others_read(by_itself);
}

static void wait_until(const char *question)
{
    for (int i = 0; i < 1500 && strcmp(pg_value(question), "t") != 0; i++)
        usleep(20000);
    assert_string_equal(pg_value(question), "t");
}

/* It would take a minute for the table; it gives way, though to nobody who asks briefly. */
static void test_an_autovacuum_gives_way(void **state)
{
    (void)state;
    assert_int_equal(migrate(all, 1), STW_OK);
    pg_sql(
        "alter table steward.things set (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_cost_limit = 1,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_analyze_threshold = 1000000000);"
        "insert into steward.things select generate_series(1, 200000); delete from steward.things where id % "
        "2 = 0");
    pg_sql("alter system set autovacuum_naptime = 1");
    pg_sql("select pg_reload_conf()");
    wait_until(
        "select exists (select from pg_locks l join pg_stat_activity a using (pid) where a.backend_type ="
        " 'autovacuum worker' and l.relation = 'steward.things'::regclass)");
    int64_t began_us = stw_clock_monotonic_us();
    const struct stw_migration wanting[] = {
        all[0], {2, "0002_column", TEXT("alter table things add column more integer")}};
    assert_int_equal(migrate(wanting, 2), STW_OK);
    assert_true(stw_clock_monotonic_us() - began_us < 30000000);
    pg_sql("alter system reset autovacuum_naptime");
    pg_sql("select pg_reload_conf()");
}

/* What a killed run was doing does not keep the next one waiting. */
static void test_a_killed_run_ends(void **state)
{
    (void)state;
    const struct stw_migration slow[] = {{1, "0001_slow", TEXT("select pg_sleep(60)")}};
    pg_url();
    pid_t child = fork();
    if (child == 0)
        _exit(stw_migrate(pg_url(), slow, 1, NULL, NULL, error, sizeof error) != STW_OK);
    assert_true(child > 0);
    wait_until("select exists (select from pg_stat_activity where query like '%pg_sleep(60)%'"
               " and pid <> pg_backend_pid() and state = 'active')");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    int64_t killed_us = stw_clock_monotonic_us();
    assert_int_equal(migrate(all, 3), STW_OK);
    assert_true(stw_clock_monotonic_us() - killed_us < 30000000);
    assert_int_equal(version(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_applies_in_order_and_once, clean),
        cmocka_unit_test_setup(test_empty_list, clean),
        cmocka_unit_test_setup(test_changed_text_is_refused, clean),
        cmocka_unit_test_setup(test_newer_database_is_refused, clean),
        cmocka_unit_test_setup(test_failure_leaves_nothing_of_it, clean),
        cmocka_unit_test_setup(test_own_commit_is_refused, clean),
        cmocka_unit_test_setup(test_bad_lists_and_urls, clean),
        cmocka_unit_test_setup(test_runs_at_once_are_one, clean),
        cmocka_unit_test_setup(test_runs_at_once_wait_without_a_snapshot, clean),
        cmocka_unit_test_setup(test_apart_has_no_transaction, clean),
        cmocka_unit_test_setup(test_others_need_not_wait, clean),
        cmocka_unit_test_setup(test_others_need_not_wait_for_what_is_apart, clean),
        cmocka_unit_test_setup(test_an_autovacuum_gives_way, clean),
        cmocka_unit_test_setup(test_a_killed_run_ends, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
