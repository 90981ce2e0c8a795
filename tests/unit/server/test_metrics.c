#include "request_fixture.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "db/db.h"
#include "server/metrics.h"

static enum stw_code nothing(struct srv_request *request, struct srv_reply *reply)
{
    (void)request;
    (void)reply;
    return STW_OK;
}

static const struct srv_route routes[] = {
    {SRV_GET, "/v1/accounts/{id}", SRV_AUTH_NONE, 0, nothing, NULL, "get", ""},
    {SRV_POST, "/v1/accounts", SRV_AUTH_NONE, 0, nothing, NULL, "create", ""},
    {SRV_GET, "/v1/we\"ird\\\nname", SRV_AUTH_NONE, 0, nothing, NULL, "weird", ""},
    {SRV_GET, "/v1/idle", SRV_AUTH_NONE, 0, nothing, NULL, "idle", ""},
};

static struct srv_router *make_router(void)
{
    struct srv_router *router = srv_router_new();

    srv_router_add(router, routes, sizeof(routes) / sizeof(routes[0]));
    return router;
}

static const char *scrape(struct fixture *fixture, const struct srv_metrics *metrics)
{
    srv_reply_reset(&fixture->reply);
    srv_metrics_write(metrics, &fixture->reply.body);
    assert_false(fixture->reply.body.failed);
    return fixture->reply.body.data;
}

/* The value of a series, written out in full; -1 when it is not there. */
static double value_of(const char *text, const char *series)
{
    size_t length = strlen(series);

    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, series, length) == 0 && line[length] == ' ')
            return strtod(line + length, NULL);
    }
    return -1;
}

/* ---- what promtool would check
 * -------------------------------------------------------------------------------- */

struct family {
    char name[100];
    char type[16];
    bool has_help;
};

struct exposition {
    struct family families[64];
    int family_count;
    char *series[2000];
    int series_count;
};

static size_t name_length(const char *text)
{
    size_t length = 0;

    if (!isalpha((unsigned char)*text) && *text != '_' && *text != ':')
        return 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == ':')
        length++;
    return length;
}

static struct family *family_named(struct exposition *exposition, const char *name, size_t length)
{
    for (int i = 0; i < exposition->family_count; i++) {
        if (strlen(exposition->families[i].name) == length &&
            strncmp(exposition->families[i].name, name, length) == 0)
            return &exposition->families[i];
    }
    return NULL;
}

static void read_comment(struct exposition *exposition, const char *line)
{
    bool help = strncmp(line, "# HELP ", 7) == 0;
    size_t length;

    if (!help && strncmp(line, "# TYPE ", 7) != 0)
        fail_msg("%s", line);
    line += 7;
    length = name_length(line);
    assert_true(length > 0 && length < 100 && line[length] == ' ' && line[length + 1]);
    if (help) {
        struct family *family = &exposition->families[exposition->family_count];

        /* Once per family: a second one would split it. */
        assert_null(family_named(exposition, line, length));
        assert_true(exposition->family_count++ < 64);
        memcpy(family->name, line, length);
        family->has_help = true;
    } else {
        /* TYPE follows HELP at once, so no sample can come between. */
        struct family *family = &exposition->families[exposition->family_count - 1];

        assert_ptr_equal(family_named(exposition, line, length), family);
        assert_int_equal(family->type[0], 0);
        assert_true(strlen(line + length + 1) < sizeof(family->type));
        strcpy(family->type, line + length + 1);
        assert_true(!strcmp(family->type, "counter") || !strcmp(family->type, "gauge") ||
                    !strcmp(family->type, "histogram"));
        /* promtool's lint: counters, and nothing else, end in _total. */
        assert_int_equal(!strcmp(family->type, "counter"),
                         length > 6 && !strncmp(line + length - 6, "_total", 6));
    }
}

static const char *read_labels(const char *at)
{
    while (*at != '}') {
        size_t length = name_length(at);

        assert_true(length > 0);
        at += length;
        assert_true(at[0] == '=' && at[1] == '"');
        for (at += 2; *at != '"'; at++) {
            assert_true(*at != '\0' && *at != '\n');
            if (*at == '\\') {
                at++;
                assert_true(*at == '\\' || *at == '"' || *at == 'n');
            }
        }
        at++;
        if (*at == ',')
            at++;
        else
            assert_int_equal(*at, '}');
    }
    return at + 1;
}

static void read_sample(struct exposition *exposition, const char *line)
{
    struct family *family = &exposition->families[exposition->family_count - 1];
    size_t length = name_length(line);
    size_t base = strlen(family->name);
    const char *at = line + length;
    char *end;

    /* A sample belongs to the family that was announced last. */
    assert_true(exposition->family_count > 0 && family->type[0] && length >= base);
    assert_memory_equal(line, family->name, base);
    if (strcmp(family->type, "histogram") == 0)
        assert_true((length == base + 7 && !strncmp(line + base, "_bucket", 7)) ||
                    (length == base + 4 && !strncmp(line + base, "_sum", 4)) ||
                    (length == base + 6 && !strncmp(line + base, "_count", 6)));
    else
        assert_int_equal(length, base);
    if (*at == '{')
        at = read_labels(at + 1);
    assert_int_equal(*at, ' ');
    assert_true(isdigit((unsigned char)at[1]));
    strtod(at + 1, &end);
    assert_int_equal(*end, '\0');
    /* No series twice. */
    for (int i = 0; i < exposition->series_count; i++) {
        if (strlen(exposition->series[i]) == (size_t)(at - line) &&
            strncmp(exposition->series[i], line, (size_t)(at - line)) == 0)
            fail_msg("twice: %s", line);
    }
    assert_true(exposition->series_count < 2000);
    exposition->series[exposition->series_count++] = strndup(line, (size_t)(at - line));
}

static void check_exposition(const char *text)
{
    static struct exposition exposition;
    char *copy = strdup(text);
    char *rest = NULL;

    memset(&exposition, 0, sizeof(exposition));
    assert_true(strlen(text) > 0 && text[strlen(text) - 1] == '\n');
    assert_null(strstr(text, "\n\n"));
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (*line == '#')
            read_comment(&exposition, line);
        else
            read_sample(&exposition, line);
    }
    for (int i = 0; i < exposition.series_count; i++)
        free(exposition.series[i]);
    free(copy);
}

/* ---- tests
 * ---------------------------------------------------------------------------------------------------- */

static void counts_by_route_and_status(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make_router();
    struct srv_metrics *metrics = srv_metrics_new(2, router);
    const char *text;

    srv_metrics_request(metrics, 0, &routes[0], 200, 900, 100);
    srv_metrics_request(metrics, 1, &routes[0], 200, 1100, 50);
    srv_metrics_request(metrics, 1, &routes[0], 404, 3000000, 7);
    srv_metrics_request(metrics, 1, &routes[1], 201, 0, 1);
    srv_metrics_request(metrics, 0, NULL, 404, 10, 1);
    srv_metrics_request(metrics, 0, &routes[2], 299, -5, 0);
    srv_metrics_request(metrics, 99, &routes[1], 201, 0, 1); /* a loop that is not there */
    text = scrape(fixture, metrics);
    check_exposition(text);
#define GET_ACCOUNT "route=\"/v1/accounts/{id}\",method=\"GET\""
    assert_true(value_of(text, "steward_http_requests_total{" GET_ACCOUNT ",status=\"200\"}") == 2);
    assert_true(value_of(text, "steward_http_requests_total{" GET_ACCOUNT ",status=\"404\"}") == 1);
    assert_true(value_of(text, "steward_http_requests_total{" GET_ACCOUNT ",status=\"500\"}") == -1);
    assert_true(
        value_of(text,
                 "steward_http_requests_total{route=\"/v1/accounts\",method=\"POST\",status=\"201\"}") == 2);
    assert_true(
        value_of(text, "steward_http_requests_total{route=\"unmatched\",method=\"any\",status=\"404\"}") ==
        1);
    assert_true(value_of(text,
                         "steward_http_requests_total{route=\"/v1/we\\\"ird\\\\\\nname\",method=\"GET\","
                         "status=\"other\"}") == 1);
    assert_true(value_of(text, "steward_http_response_bytes_total{" GET_ACCOUNT "}") == 157);
    assert_null(strstr(text, "/v1/idle"));
    srv_metrics_free(metrics);
    srv_router_free(router);
}

static void histogram_adds_up(void **state)
{
    static const int64_t durations[] = {0, 999, 1000, 1001, 2500, 9999999, 10000000, 10000001, 60000000};
    struct fixture *fixture = *state;
    struct srv_router *router = make_router();
    struct srv_metrics *metrics = srv_metrics_new(1, router);
    const char *text;

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        srv_metrics_request(metrics, 0, &routes[0], 200, durations[i], 0);
    text = scrape(fixture, metrics);
    check_exposition(text);
#define DURATION "steward_http_request_duration_seconds"
    assert_true(value_of(text, DURATION "_bucket{" GET_ACCOUNT ",le=\"0.001\"}") == 3);
    assert_true(value_of(text, DURATION "_bucket{" GET_ACCOUNT ",le=\"0.0025\"}") == 5);
    assert_true(value_of(text, DURATION "_bucket{" GET_ACCOUNT ",le=\"5\"}") == 5);
    assert_true(value_of(text, DURATION "_bucket{" GET_ACCOUNT ",le=\"10\"}") == 7);
    assert_true(value_of(text, DURATION "_bucket{" GET_ACCOUNT ",le=\"+Inf\"}") == 9);
    assert_true(value_of(text, DURATION "_count{" GET_ACCOUNT "}") == 9);
    assert_non_null(strstr(text, DURATION "_sum{" GET_ACCOUNT "} 90.005500\n"));
    srv_metrics_free(metrics);
    srv_router_free(router);
}

static void shows_gauges_by_loop(void **state)
{
    static const struct stw_db_stats stats = {5, 6, 2, -1, 3, UINT64_C(1) << 40, 7, 8, 9, 10};
    struct fixture *fixture = *state;
    struct srv_router *router = make_router();
    struct srv_metrics *metrics = srv_metrics_new(3, router);
    const char *text;

    srv_metrics_connections(metrics, 1, 12);
    srv_metrics_connections(metrics, 1, 11);
    srv_metrics_db(metrics, 2, &stats);
    text = scrape(fixture, metrics);
    check_exposition(text);
    assert_true(value_of(text, "steward_http_connections{loop=\"0\"}") == 0);
    assert_true(value_of(text, "steward_http_connections{loop=\"1\"}") == 11);
    assert_true(value_of(text, "steward_db_connections_up{loop=\"2\"}") == 5);
    assert_true(value_of(text, "steward_db_connections_max{loop=\"2\"}") == 6);
    assert_true(value_of(text, "steward_db_leases_held{loop=\"2\"}") == 2);
    assert_true(value_of(text, "steward_db_leases_waiting{loop=\"2\"}") == 0);
    assert_true(value_of(text, "steward_db_lane_in_flight{loop=\"2\"}") == 3);
    assert_true(value_of(text, "steward_db_statements_total{loop=\"2\"}") == 1099511627776.0);
    assert_true(value_of(text, "steward_db_reconnects_total{loop=\"2\"}") == 7);
    assert_true(value_of(text, "steward_db_lease_timeouts_total{loop=\"2\"}") == 8);
    assert_true(value_of(text, "steward_db_replica_reads_total{loop=\"2\"}") == 9);
    assert_true(value_of(text, "steward_db_replica_fallbacks_total{loop=\"2\"}") == 10);
    assert_true(value_of(text, "steward_db_statements_total{loop=\"0\"}") == 0);
    srv_metrics_free(metrics);
    srv_router_free(router);
}

static void shows_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make_router();
    struct srv_metrics *metrics = srv_metrics_new(1, router);
    const char *text = scrape(fixture, metrics);
    double before = value_of(text, "process_open_fds");
    double started = value_of(text, "process_start_time_seconds");
    int fd;

    assert_true(value_of(text, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
    assert_true(started > (double)time(NULL) - 3600 && started < (double)time(NULL) + 2);
    assert_non_null(strstr(text, "\nsteward_build_info{version=\""));
    fd = dup(0);
    assert_true(value_of(scrape(fixture, metrics), "process_open_fds") == before + 1);
    close(fd);
    srv_metrics_free(metrics);
    srv_router_free(router);
}

static void *count_many(void *metrics)
{
    for (int i = 0; i < 20000; i++)
        srv_metrics_request(metrics, i & 1, &routes[0], 200, 100, 1);
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    struct fixture *fixture = *state;
    struct srv_router *router = make_router();
    struct srv_metrics *metrics = srv_metrics_new(2, router);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, metrics), 0);
    check_exposition(scrape(fixture, metrics));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(value_of(scrape(fixture, metrics),
                         "steward_http_requests_total{" GET_ACCOUNT ",status=\"200\"}") == 80000);
    srv_metrics_free(metrics);
    srv_metrics_free(NULL);
    srv_router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_by_route_and_status),    TEST(histogram_adds_up),
        TEST(shows_gauges_by_loop),          TEST(shows_the_process),
        TEST(loses_nothing_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
