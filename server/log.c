#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"
#include "resource/actor.h"
#include "server/router.h"

/* A pipe takes this much in one piece (PIPE_BUF), so lines of several threads never mix. Room for the closing
 * brace and the line feed is kept apart. */
#define LINE_MAX_BYTES 4096
#define TAIL_BYTES     2
#define MESSAGE_MAX    2048

/* On the stack, without an arena: the log must work when nothing else does. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
};

static atomic_int threshold = SRV_LOG_INFO;

void srv_log_level_set(enum srv_log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

static bool is_quiet(enum srv_log_level level)
{
    return (int)level > atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* All of it or nothing. */
static bool put(struct line *line, const char *bytes, size_t length)
{
    if (length > LINE_MAX_BYTES - TAIL_BYTES - line->length)
        return false;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
    return true;
}

/* Bytes of the character at the start; 0 when it is not UTF-8. */
static size_t character(const char *text, size_t left)
{
    for (size_t length = 1; length <= 4 && length <= left; length++) {
        if (stw_text_valid(text, length))
            return length;
    }
    return 0;
}

/* One character of a JSON string; false when the line is full. One place is kept for the closing quote. */
static bool put_character(struct line *line, const char *text, size_t length)
{
    char escaped[8];

    if (line->length + 7 > LINE_MAX_BYTES - TAIL_BYTES)
        return false;
    if (length == 0)
        return put(line, "\xef\xbf\xbd", 3);
    if (length > 1 || ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\' && *text != 0x7f))
        return put(line, text, length);
    snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char)*text);
    return put(line, escaped, 6);
}

/* `,"name":"value"`, cut where the line ends; left out when not even its start fits. */
static void put_text(struct line *line, const char *name, const char *value)
{
    size_t left = strlen(value);

    if (line->length + strlen(name) + 16 > LINE_MAX_BYTES - TAIL_BYTES)
        return;
    put(line, ",\"", line->length > 1 ? 2 : 0);
    if (line->length == 1)
        put(line, "\"", 1);
    put(line, name, strlen(name));
    put(line, "\":\"", 3);
    while (left > 0) {
        size_t length = character(value, left);
        size_t step = length ? length : 1;

        if (!put_character(line, value, length))
            break;
        value += step;
        left -= step;
    }
    put(line, "\"", 1);
}

static void put_number(struct line *line, const char *name, int64_t value, const char *unit_fraction)
{
    char text[96];
    int length = snprintf(text, sizeof(text), ",\"%s\":%lld%s", name, (long long)value, unit_fraction);

    if (length > 0 && (size_t)length < sizeof(text))
        put(line, text, (size_t)length);
}

static void start_line(struct line *line, enum srv_log_level level, const char *event)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    /* a date serves all lines of its second */
    static _Thread_local char stamp[48];
    static _Thread_local time_t stamped = -1;
    int64_t now = stw_clock_wall_us();
    time_t second = (time_t)(now / 1000000);
    int fraction = (int)(now % 1000000);

    if (second != stamped) {
        struct tm parts;
        gmtime_r(&second, &parts);
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
        stamped = second;
    }
    for (int digit = 25; digit > 19; digit--, fraction /= 10)
        stamp[digit] = (char)('0' + fraction % 10);
    line->length = 0;
    put(line, "{", 1);
    put_text(line, "time", stamp);
    put_text(line, "level", levels[level]);
    put_text(line, "event", event);
}

static void end_line(struct line *line)
{
    ssize_t written;

    line->text[line->length++] = '}';
    line->text[line->length++] = '\n';
    /* A log that cannot be written must not stop the service. */
    do
        written = write(STDERR_FILENO, line->text, line->length);
    while (written < 0 && errno == EINTR);
}

void srv_log(enum srv_log_level level, const char *event, const char *format, ...)
{
    char message[MESSAGE_MAX];
    struct line line;
    va_list arguments;

    if (is_quiet(level))
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    start_line(&line, level, event);
    put_text(&line, "message", message);
    end_line(&line);
}

static void put_caller(struct line *line, const struct srv_request *request)
{
    static const char *const kinds[] = {
        [STW_ACTOR_USER] = "user", [STW_ACTOR_KEY] = "key", [STW_ACTOR_SYSTEM] = "system"};
    const struct stw_actor *actor = request->ctx.actor;

    if (request->ctx.org_id[0])
        put_text(line, "org_id", request->ctx.org_id);
    if (!actor)
        return;
    put_text(line, "actor_kind", kinds[actor->kind]);
    put_text(line, "actor_id", actor->id);
}

/* The trace id of "00-<32 digits>-<16 digits>-<flags>". */
static void put_trace(struct line *line, const char *traceparent)
{
    char trace[33];

    if (!traceparent || strlen(traceparent) < 36)
        return;
    memcpy(trace, traceparent + 3, 32);
    trace[32] = '\0';
    put_text(line, "trace_id", trace);
}

/* Only a 500 is a fault of the program; the others of its class are told to the client to be passed over. */
static enum srv_log_level request_level(int status)
{
    if (status == 500)
        return SRV_LOG_ERROR;
    return status > 500 ? SRV_LOG_WARNING : SRV_LOG_INFO;
}

void srv_log_request(const struct srv_request *request, const struct srv_reply *reply, enum stw_code code,
                     int64_t duration_us)
{
    enum srv_log_level level = request_level(reply->status);
    char fraction[8];
    struct line line;

    if (is_quiet(level))
        return;
    if (duration_us < 0)
        duration_us = 0;
    snprintf(fraction, sizeof(fraction), ".%03d", (int)(duration_us % 1000));
    start_line(&line, level, "request");
    if (request->ctx.request_id)
        put_text(&line, "request_id", request->ctx.request_id);
    put_trace(&line, request->traceparent);
    put_text(&line, "method", srv_method_name(request->method));
    put_text(&line, "route", request->route ? request->route->pattern : "unmatched");
    put_number(&line, "status", reply->status, "");
    put_number(&line, "duration_ms", duration_us / 1000, fraction);
    put_number(&line, "bytes", (int64_t)reply->body.length, "");
    put_caller(&line, request);
    if (code != STW_OK)
        put_text(&line, "code", stw_code_name(code));
    if (request->details.internal[0])
        put_text(&line, "internal", request->details.internal);
    end_line(&line);
}
