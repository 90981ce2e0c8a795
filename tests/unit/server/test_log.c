#include "request_fixture.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resource/actor.h"
#include "server/log.h"

static char captured[16384];
static int saved_stderr;
static FILE *file;

static void capture(void)
{
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    file = tmpfile();
    assert_true(file && dup2(fileno(file), STDERR_FILENO) >= 0);
}

/* The one line written since, parsed; NULL when there was none. */
static json_t *captured_line(void)
{
    size_t length;
    json_t *json;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(file);
    length = fread(captured, 1, sizeof(captured) - 1, file);
    captured[length] = '\0';
    fclose(file);
    if (length == 0)
        return NULL;
    assert_true(length <= 4096);
    assert_ptr_equal(strchr(captured, '\n'), captured + length - 1);
    json = json_loads(captured, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        fail_msg("not JSON: %s", captured);
    return json;
}

static const char *text(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value ? value : "(absent)";
}

static void writes_one_json_line(void **state)
{
    json_t *json;

    (void)state;
    capture();
    srv_log(SRV_LOG_WARNING, "start", "%s \"%d\"\n\\ \xe5\xae\xa2 \xff|\x7f", "a", 7);
    json = captured_line();
    assert_string_equal(text(json, "level"), "warning");
    assert_string_equal(text(json, "event"), "start");
    assert_string_equal(text(json, "message"), "a \"7\"\n\\ \xe5\xae\xa2 \xef\xbf\xbd|\x7f");
    assert_int_equal(strlen(text(json, "time")), 27);
    assert_int_equal(text(json, "time")[26], 'Z');
    json_decref(json);
}

static void obeys_the_level(void **state)
{
    (void)state;
    srv_log_level_set(SRV_LOG_ERROR);
    capture();
    srv_log(SRV_LOG_WARNING, "x", "y");
    assert_null(captured_line());
    srv_log_level_set(SRV_LOG_DEBUG);
    capture();
    srv_log(SRV_LOG_DEBUG, "x", "y");
    json_decref(captured_line());
    assert_true(captured[0] == '{');
    srv_log_level_set(SRV_LOG_INFO);
}

static void cuts_long_lines(void **state)
{
    static char event[6000];
    json_t *json;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static const char *const fills[] = {"\x01", "\xe5\xae\xa2", "\xff"};
        size_t step = strlen(fills[i]);

        for (size_t at = 0; at + step < sizeof(event); at += step)
            memcpy(event + at, fills[i], step + 1);
        capture();
        srv_log(SRV_LOG_ERROR, "long", "%s", event);
        json_decref(captured_line());
        capture();
        srv_log(SRV_LOG_ERROR, event, "short");
        json = captured_line();
        assert_int_equal(strlen(captured) > 3900, true);
        json_decref(json);
    }
}

static void writes_the_access_line(void **state)
{
    static const struct srv_route route = {.method = SRV_GET, .pattern = "/v1/accounts/{id}"};
    static const struct stw_actor actor = {.kind = STW_ACTOR_KEY, .id = "actor-1"};
    struct fixture *fixture = *state;
    struct srv_request *request = &fixture->request;
    json_t *json;

    request->route = &route;
    request->target = "/v1/accounts/canary?q=canary";
    request->path = "/v1/accounts/canary";
    request->body = "canary";
    request->ctx.actor = &actor;
    strcpy(request->ctx.org_id, "org-1");
    request->traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    strcpy(request->details.internal, "what happened");
    fixture_header(fixture, "Authorization", "Bearer canary");
    stw_buf_add_text(&fixture->reply.body, "canary");
    fixture->reply.status = 500;
    capture();
    srv_log_request(request, &fixture->reply, STW_INTERNAL, 1234567);
    json = captured_line();
    assert_null(strstr(captured, "canary"));
    assert_string_equal(text(json, "level"), "error");
    assert_string_equal(text(json, "event"), "request");
    assert_string_equal(text(json, "request_id"), "req-1");
    assert_string_equal(text(json, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
    assert_string_equal(text(json, "method"), "GET");
    assert_string_equal(text(json, "route"), "/v1/accounts/{id}");
    assert_string_equal(text(json, "org_id"), "org-1");
    assert_string_equal(text(json, "actor_kind"), "key");
    assert_string_equal(text(json, "actor_id"), "actor-1");
    assert_string_equal(text(json, "code"), "internal");
    assert_string_equal(text(json, "internal"), "what happened");
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 500);
    assert_int_equal(json_integer_value(json_object_get(json, "bytes")), 6);
    assert_true(json_real_value(json_object_get(json, "duration_ms")) == 1234.567);
    json_decref(json);
}

static void writes_little_before_sign_in(void **state)
{
    struct fixture *fixture = *state;
    json_t *json;

    fixture->request.ctx.request_id = NULL;
    fixture->reply.status = 404;
    capture();
    srv_log_request(&fixture->request, &fixture->reply, STW_OK, 5);
    json = captured_line();
    assert_string_equal(text(json, "level"), "info");
    assert_string_equal(text(json, "route"), "unmatched");
    assert_null(json_object_get(json, "actor_id"));
    assert_null(json_object_get(json, "code"));
    assert_true(json_real_value(json_object_get(json, "duration_ms")) == 0.005);
    json_decref(json);
}

/* Runs it in a process of its own whose stderr is a pipe that hands on one write at a time; the end to read.
 */
static int apart(void (*run)(struct fixture *fixture), struct fixture *fixture, int *ret_status)
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe2(ends, O_DIRECT | O_NONBLOCK), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        run(fixture);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(waitpid(child, ret_status, 0), child);
    return ends[0];
}

/* The next write; 0 when there is none. */
static size_t next_write(int fd, char text[8192])
{
    ssize_t length = read(fd, text, 8191);

    if (length < 0)
        length = 0;
    text[length] = '\0';
    return (size_t)length;
}

static int lines_in(const char *text)
{
    int count = 0;

    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

static void log_one(struct fixture *fixture)
{
    srv_log_request(&fixture->request, &fixture->reply, STW_OK, 5);
}

static void gather_many(struct fixture *fixture)
{
    srv_log_gather();
    for (int i = 0; i < 100; i++)
        log_one(fixture);
    srv_log_flush();
    srv_log_flush();
}

static void gathers_whole_lines(void **state)
{
    char text[8192];
    size_t length;
    int status, lines = 0, writes = 0;
    int fd = apart(gather_many, *state, &status);

    while ((length = next_write(fd, text)) > 0) {
        assert_true(length <= 4096);
        assert_true(text[0] == '{' && text[length - 1] == '\n');
        lines += lines_in(text);
        writes++;
    }
    assert_int_equal(lines, 100);
    assert_in_range(writes, 2, 20);
    close(fd);
}

static void gather_and_speak(struct fixture *fixture)
{
    srv_log_gather();
    log_one(fixture);
    srv_log(SRV_LOG_INFO, "spoken", "now");
    log_one(fixture);
}

static void a_line_of_its_own_waits_for_nothing(void **state)
{
    char text[8192];
    int status;
    int fd = apart(gather_and_speak, *state, &status);

    next_write(fd, text);
    assert_int_equal(lines_in(text), 2);
    assert_non_null(strstr(strchr(text, '\n'), "\"event\":\"spoken\""));
    /* the one behind it still waited */
    assert_int_equal(next_write(fd, text), 0);
    close(fd);
}

static void gather_and_abort(struct fixture *fixture)
{
    srv_log_gather();
    log_one(fixture);
    abort();
}

static void an_abort_loses_no_line(void **state)
{
    char text[8192];
    int status;
    int fd = apart(gather_and_abort, *state, &status);

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    next_write(fd, text);
    assert_int_equal(lines_in(text), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_one_json_line),
        TEST(obeys_the_level),
        TEST(cuts_long_lines),
        TEST(writes_the_access_line),
        TEST(writes_little_before_sign_in),
        TEST(gathers_whole_lines),
        TEST(a_line_of_its_own_waits_for_nothing),
        TEST(an_abort_loses_no_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
