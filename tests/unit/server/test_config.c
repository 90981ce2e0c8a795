#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF"
#define PEM   "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"

static char messages[65536];

/* Reads the NULL-terminated words as environment; what went wrong is in `messages`. */
static bool read_environment(struct srv_config *config, const char *const *words)
{
    char *environment[32] = {0};
    FILE *errors = tmpfile();
    size_t length;
    bool good;

    assert_non_null(errors);
    for (size_t i = 0; words[i]; i++) {
        assert_true(i < 31);
        environment[i] = strdup(words[i]);
    }
    good = srv_config_read(config, environment, errors);
    rewind(errors);
    length = fread(messages, 1, sizeof(messages) - 1, errors);
    messages[length] = '\0';
    fclose(errors);
    for (size_t i = 0; environment[i]; i++)
        free(environment[i]);
    return good;
}

#define READ(config, ...) read_environment((config), (const char *const[]){__VA_ARGS__, NULL})

static int lines(void)
{
    int count = 0;

    for (const char *c = messages; *c; c++)
        count += *c == '\n';
    return count;
}

/* One setting that must be refused with these words. */
static void refuses(const char *word, const char *expected)
{
    struct srv_config config;

    if (READ(&config, word))
        fail_msg("%s was taken", word);
    if (!strstr(messages, expected))
        fail_msg("%s: %s", word, messages);
    assert_int_equal(lines(), 1);
    srv_config_release(&config);
}

static void takes(const char *word)
{
    struct srv_config config;

    if (!READ(&config, word))
        fail_msg("%s: %s", word, messages);
    srv_config_release(&config);
}

static void has_defaults(void **state)
{
    struct srv_config config;

    (void)state;
    assert_true(READ(&config, "PATH=/bin", "STEWARD=x", "MY_STEWARD_PORT=1"));
    assert_null(config.database_url);
    assert_null(config.signing_key);
    assert_string_equal(config.listen, "127.0.0.1");
    assert_int_equal(config.port, 8080);
    assert_int_equal(config.loops, 0);
    assert_int_equal(config.database_connections, 24);
    assert_int_equal(config.request_timeout_ms, 15000);
    assert_int_equal(config.header_timeout_ms, 10000);
    assert_int_equal(config.body_timeout_ms, 30000);
    assert_int_equal(config.write_timeout_ms, 60000);
    assert_int_equal(config.drain_delay_ms, 0);
    assert_int_equal(config.drain_timeout_ms, 30000);
    assert_int_equal(config.max_connections, 20000);
    assert_int_equal(config.max_requests, 2000);
    assert_string_equal(config.issuer, "steward");
    assert_string_equal(config.trusted_proxies, "");
    assert_string_equal(config.log_level, "info");
    assert_int_equal(config.access_token_seconds, 600);
    assert_int_equal(config.refresh_token_seconds, 2592000);
    assert_string_equal(config.seccomp, "refuse");
    assert_string_equal(messages, "");
    srv_config_release(&config);
    srv_config_release(&config);
}

static void takes_values(void **state)
{
    struct srv_config config;

    (void)state;
    assert_true(READ(&config, "STEWARD_PORT=0", "STEWARD_LISTEN=::1",
                     "STEWARD_DATABASE_URL=postgresql://u:p@h/db", "STEWARD_CURSOR_KEY=" HEX64,
                     "STEWARD_SIGNING_KEY=" PEM, "STEWARD_LOG_LEVEL=debug",
                     "STEWARD_TRUSTED_PROXIES=10.0.0.0/8, ::1", "STEWARD_LOOPS=", "STEWARD_ISSUER="));
    assert_int_equal(config.port, 0);
    assert_string_equal(config.listen, "::1");
    assert_string_equal(config.database_url, "postgresql://u:p@h/db");
    assert_string_equal(config.cursor_key, HEX64);
    assert_string_equal(config.signing_key, PEM);
    assert_string_equal(config.log_level, "debug");
    assert_string_equal(config.trusted_proxies, "10.0.0.0/8, ::1");
    assert_int_equal(config.loops, 0);
    assert_string_equal(config.issuer, "steward");
    srv_config_release(&config);
    /* What the tools beside the server read. */
    assert_true(
        READ(&config, "STEWARD_URL=http://x", "STEWARD_ORG=a", "STEWARD_SAMPLE_DATA=/d", "STEWARD_TEST_A=1"));
    srv_config_release(&config);
}

static void checks_values(void **state)
{
    (void)state;
    refuses("STEWARD_PORT=65536", "STEWARD_PORT: must be a whole number from 0 to 65535");
    refuses("STEWARD_PORT=-1", "from 0 to 65535");
    refuses("STEWARD_PORT=80x", "whole number");
    refuses("STEWARD_PORT= 80", "whole number");
    refuses("STEWARD_PORT=+80", "whole number");
    refuses("STEWARD_PORT=0x50", "whole number");
    refuses("STEWARD_PORT=-", "whole number");
    refuses("STEWARD_PORT=99999999999999999999", "whole number");
    takes("STEWARD_PORT=65535");
    refuses("STEWARD_MAX_REQUESTS=0", "from 1 to");
    refuses("STEWARD_LISTEN=localhost", "IPv4 or IPv6");
    refuses("STEWARD_LISTEN=1.2.3", "IPv4 or IPv6");
    takes("STEWARD_LISTEN=0.0.0.0");
    refuses("STEWARD_CURSOR_KEY=abc", "64 hexadecimal digits");
    refuses("STEWARD_CURSOR_KEY=" HEX64 "0", "64 hexadecimal digits");
    refuses("STEWARD_SIGNING_KEY=canary", "PEM");
    assert_null(strstr(messages, "canary"));
    refuses("STEWARD_LOG_LEVEL=INFO", "error, warning, info or debug");
    refuses("STEWARD_SECCOMP=on", "refuse, kill or off");
    takes("STEWARD_SECCOMP=off");
    refuses("STEWARD_DATABASE_URL=canary", "PostgreSQL URL");
    assert_null(strstr(messages, "canary"));
    refuses("STEWARD_DATABASE_URL=postgresql://u:ca%ry@h/d", "percent-encoded");
    refuses("STEWARD_DATABASE_URL=postgresql://u:canary/x@h/d", "percent-encoded");
    assert_null(strstr(messages, "canary"));
    takes("STEWARD_DATABASE_URL=host=/run/postgresql dbname=x");
    refuses("STEWARD_ISSUER=a\nb", "one line");
    refuses("STEWARD_ISSUER=\xff", "UTF-8");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.0/33", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.0/", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.0/8x", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.1 10.0.0.2", "comma");
    refuses("STEWARD_TRUSTED_PROXIES=,", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.1,", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=10.0.0.1,,::1", "networks");
    refuses("STEWARD_TRUSTED_PROXIES=fe80::/129", "networks");
    takes("STEWARD_TRUSTED_PROXIES=  ");
    takes("STEWARD_TRUSTED_PROXIES=fe80::/128,10.1.1.1,0.0.0.0/0");
}

static void names_the_nearest(void **state)
{
    struct srv_config config;

    (void)state;
    refuses("STEWARD_PROT=1", "STEWARD_PROT: there is no such setting; did you mean STEWARD_PORT?");
    refuses("STEWARD_DATABASE_ULR=x", "did you mean STEWARD_DATABASE_URL?");
    refuses("STEWARD_SIGNING_KEY_FIEL=x", "did you mean STEWARD_SIGNING_KEY_FILE?");
    refuses("STEWARD_port=1", "no such setting");
    refuses("STEWARD_XYZZYXYZZYXYZZY=1", "no such setting\n");
    refuses("STEWARD_=1", "no such setting\n");
    refuses("STEWARD_TEST_=1", "no such setting");
    refuses("STEWARD_PORT_FILE=/x", "no such setting"); /* only secrets and URLs come from files */
    assert_false(READ(&config, "STEWARD_PROT=canary"));
    assert_null(strstr(messages, "canary"));
}

static void tells_all_errors_at_once(void **state)
{
    struct srv_config config;

    (void)state;
    assert_false(READ(&config, "STEWARD_PORT=x", "STEWARD_PROT=1", "STEWARD_LISTEN=x", "STEWARD_CURSOR_KEY=x",
                      "STEWARD_LOOPS=2", "STEWARD_LOOPS=3"));
    assert_int_equal(lines(), 5);
    assert_non_null(strstr(messages, "STEWARD_LOOPS: is set twice"));
    assert_null(config.listen);
}

/* Writes a file and gives "NAME=path". */
static const char *file_word(const char *name, const char *bytes, size_t length)
{
    static char word[256];
    static char path[64];
    int fd;

    strcpy(path, "/tmp/steward-config-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
    snprintf(word, sizeof(word), "%s=%s", name, path);
    return word;
}

static void drop_file(const char *word)
{
    unlink(strchr(word, '=') + 1);
}

static void reads_files(void **state)
{
    struct srv_config config;
    const char *word = file_word("STEWARD_CURSOR_KEY_FILE", HEX64 "\r\n", 66);
    char *large;

    (void)state;
    assert_true(READ(&config, word));
    assert_string_equal(config.cursor_key, HEX64);
    srv_config_release(&config);
    assert_false(READ(&config, word, "STEWARD_CURSOR_KEY=" HEX64));
    assert_non_null(strstr(messages, "set together with its _FILE variant"));
    drop_file(word);
    refuses(word, "STEWARD_CURSOR_KEY_FILE: No such file");
    refuses("STEWARD_CURSOR_KEY_FILE=/tmp", "Is a directory");
    word = file_word("STEWARD_DATABASE_URL_FILE", "postgres://u:p@h/d", 18);
    assert_true(READ(&config, word));
    assert_string_equal(config.database_url, "postgres://u:p@h/d");
    srv_config_release(&config);
    drop_file(word);
    word = file_word("STEWARD_CURSOR_KEY_FILE", "canary\0x", 8);
    refuses(word, "NUL byte");
    drop_file(word);
    word = file_word("STEWARD_CURSOR_KEY_FILE", "\n\n", 2);
    refuses(word, "empty");
    drop_file(word);
    word = file_word("STEWARD_CURSOR_KEY_FILE", "canary", 6);
    refuses(word, "STEWARD_CURSOR_KEY_FILE: must be 64");
    assert_null(strstr(messages, "canary"));
    drop_file(word);
    large = calloc(1, 70000);
    memset(large, 'a', 70000);
    word = file_word("STEWARD_SIGNING_KEY_FILE", large, 70000);
    refuses(word, "too large");
    drop_file(word);
    free(large);
}

static char printed[65536];

static void print(const struct srv_config *config)
{
    FILE *out = fmemopen(printed, sizeof(printed), "w");

    srv_config_print(config, out);
    fclose(out);
}

static void prints_masked(void **state)
{
    struct srv_config config;

    (void)state;
    assert_true(READ(&config, "STEWARD_CURSOR_KEY=" HEX64, "STEWARD_SIGNING_KEY=" PEM,
                     "STEWARD_DATABASE_URL=postgresql://steward_app:canary@db:5432/steward?sslmode=require"));
    print(&config);
    assert_non_null(strstr(printed, "STEWARD_PORT=8080\n"));
    assert_non_null(strstr(printed, "STEWARD_CURSOR_KEY=***\n"));
    assert_non_null(strstr(printed, "STEWARD_SIGNING_KEY=***\n"));
    assert_non_null(strstr(printed, "STEWARD_ADMIN_DATABASE_URL=\n"));
    assert_non_null(strstr(
        printed, "STEWARD_DATABASE_URL=postgresql://steward_app:***@db:5432/steward?sslmode=require\n"));
    assert_null(strstr(printed, "canary"));
    assert_null(strstr(printed, "0123456789"));
    srv_config_release(&config);
}

static void masks_every_password(void **state)
{
    static const char *const cases[][2] = {
        {"postgres://h/db", "postgres://h/db"},
        {"postgres://u@h/db", "postgres://u@h/db"},
        {"postgres://u:@h/db", "postgres://u:***@h/db"},
        {"postgres://h:5432/db", "postgres://h:5432/db"},
        {"postgres://h:5432/db?user=a@b", "postgres://h:5432/db?user=a@b"},
        {"postgres://u:canary@h1:1,h2:2/db", "postgres://u:***@h1:1,h2:2/db"},
        {"postgres://u:can@ary@h/db", "postgres://u:***@h/db"},
        {"postgres://u:can/ary@h/db", "postgres://u:***@h/db"},
        {"postgres://u:can?ary@h/db", "postgres://u:***@h/db"},
        {"postgres://u:can?a/ry@h/db", "postgres://u:***@h/db"},
        {"postgres://u:can:ary@[::1]:5432/db", "postgres://u:***@[::1]:5432/db"},
        {"postgres:///db?host=/run&password=canary&user=x", "postgres:///db?host=/run&password=***&user=x"},
        {"postgres:///db?p%61ssword=canary", "postgres:///db?p%61ssword=***"},
        {"postgres:///db?PASSWORD=canary", "postgres:///db?PASSWORD=***"},
        {"postgres:///db?sslpassword=canary=canary", "postgres:///db?sslpassword=***"},
        {"host=h password=canary dbname=d", "host=h password=*** dbname=d"},
        {"host = h  password = 'can ary\\' x' dbname=d", "host=h password=*** dbname=d"},
        {"password=can\\ ary user=u", "password=*** user=u"},
        {"password='canary", "password=***"},
        {"host=h canary", "host=h ***"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct srv_config config = {.database_url = cases[i][0]};
        char expected[200];

        print(&config);
        snprintf(expected, sizeof(expected), "STEWARD_DATABASE_URL=%s\n", cases[i][1]);
        if (!strstr(printed, expected))
            fail_msg("%s: %.200s", cases[i][0], printed);
        assert_null(strstr(printed, "canary"));
    }
}

static void check_setting(void *self, const struct srv_setting *setting)
{
    assert_true(setting->name[0] && setting->doc[0]);
    assert_true(setting->offset < sizeof(struct srv_config));
    if (setting->number) {
        assert_true(atoi(setting->initial) >= setting->least && atoi(setting->initial) <= setting->greatest);
        assert_int_equal(setting->secrecy, SRV_PUBLIC);
    }
    ++*(int *)self;
}

static void lists_settings(void **state)
{
    int count = 0;

    (void)state;
    srv_config_each(check_setting, &count);
    assert_true(count >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),   cmocka_unit_test(takes_values),
        cmocka_unit_test(checks_values),  cmocka_unit_test(names_the_nearest),
        cmocka_unit_test(reads_files),    cmocka_unit_test(tells_all_errors_at_once),
        cmocka_unit_test(prints_masked),  cmocka_unit_test(masks_every_password),
        cmocka_unit_test(lists_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
