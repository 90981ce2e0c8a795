#include "server/log.h"

#include <errno.h>
#include <signal.h>
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
#define WRITE_MAX_BYTES 4096
#define LINE_MAX_BYTES  WRITE_MAX_BYTES
#define TAIL_BYTES      2
#define MESSAGE_MAX     2048
/* The longest character with the closing quote behind it. */
#define CHARACTER_ROOM 7

/* On the stack, without an arena: the log must work when nothing else does. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
};

/* Whole lines. */
static _Thread_local struct {
    bool on;
    size_t length;
    char text[WRITE_MAX_BYTES];
} gathered;

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

    if (line->length + CHARACTER_ROOM > LINE_MAX_BYTES - TAIL_BYTES)
        return false;
    if (length == 0)
        return put(line, "\xef\xbf\xbd", 3);
    if (length > 1)
        return put(line, text, length);
    snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char)*text);
    return put(line, escaped, 6);
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0 when one of the eight bytes is the one that is asked for. */
static uint64_t has(uint64_t word, unsigned char byte)
{
    word ^= EACH(byte);
    return (word - EACH(0x01)) & ~word & EACH(0x80);
}

/* Bytes at the start that stand in a JSON string as they are. */
static size_t plain_run(const char *text, size_t length)
{
    size_t at = 0;

    for (uint64_t word; length - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        /* eight at a time: the top bit, below a space, and the three that are told apart */
        if ((word & EACH(0x80)) | ((word - EACH(0x20)) & ~word & EACH(0x80)) | has(word, '"') |
            has(word, '\\') | has(word, 0x7f))
            break;
    }
    while (at < length && is_plain(text[at]))
        at++;
    return at;
}

/* `value"` behind `start`, which is `,"name":"`; cut where the line ends, left out when not even its start
 * fits.
 */
static void put_text(struct line *line, const char *start, const char *value)
{
    size_t left = strlen(value);

    if (line->length + strlen(start) + 16 > LINE_MAX_BYTES - TAIL_BYTES)
        return;
    put(line, start, strlen(start));
    while (left > 0) {
        size_t step = plain_run(value, left);

        if (step > 0) {
            size_t room = LINE_MAX_BYTES - TAIL_BYTES - line->length;
            size_t fitting = room < CHARACTER_ROOM ? 0 : room - CHARACTER_ROOM + 1;

            put(line, value, step < fitting ? step : fitting);
            if (step > fitting)
                break;
        } else {
            size_t length = character(value, left);

            if (!put_character(line, value, length))
                break;
            step = length ? length : 1;
        }
        value += step;
        left -= step;
    }
    put(line, "\"", 1);
}

/* `value` behind `start`, which is `,"name":`; its last `decimals` digits behind a point. */
static void put_number(struct line *line, const char *start, uint64_t value, int decimals)
{
    char text[24];
    char *to = text + sizeof(text);
    int digits = 0;

    do {
        if (digits > 0 && digits == decimals)
            *--to = '.';
        *--to = (char)('0' + value % 10);
        value /= 10;
        digits++;
    } while (value > 0 || digits <= decimals);
    if (line->length + strlen(start) + sizeof(text) > LINE_MAX_BYTES - TAIL_BYTES)
        return;
    put(line, start, strlen(start));
    put(line, to, (size_t)(text + sizeof(text) - to));
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
    put_text(line, "{\"time\":\"", stamp);
    put_text(line, ",\"level\":\"", levels[level]);
    put_text(line, ",\"event\":\"", event);
}

/* A log that cannot be written must not stop the service. */
static void write_out(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

void srv_log_flush(void)
{
    size_t length = gathered.length;

    gathered.length = 0;
    write_out(gathered.text, length);
}

/* In the thread that aborts. What the others gathered belongs to requests that are not answered yet. */
static void on_abort(int number)
{
    (void)number;
    srv_log_flush();
}

void srv_log_gather(void)
{
    struct sigaction action = {.sa_handler = on_abort};

    sigaction(SIGABRT, &action, NULL);
    gathered.on = true;
}

static void end_line(struct line *line)
{
    line->text[line->length++] = '}';
    line->text[line->length++] = '\n';
    if (!gathered.on) {
        write_out(line->text, line->length);
        return;
    }
    if (line->length > sizeof(gathered.text) - gathered.length)
        srv_log_flush();
    memcpy(gathered.text + gathered.length, line->text, line->length);
    gathered.length += line->length;
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
    put_text(&line, ",\"message\":\"", message);
    end_line(&line);
    srv_log_flush();
}

static void put_caller(struct line *line, const struct srv_request *request)
{
    static const char *const kinds[] = {
        [STW_ACTOR_USER] = "user", [STW_ACTOR_KEY] = "key", [STW_ACTOR_SYSTEM] = "system"};
    const struct stw_actor *actor = request->ctx.actor;

    if (request->ctx.org_id[0])
        put_text(line, ",\"org_id\":\"", request->ctx.org_id);
    if (!actor)
        return;
    put_text(line, ",\"actor_kind\":\"", kinds[actor->kind]);
    put_text(line, ",\"actor_id\":\"", actor->id);
}

/* The trace id of "00-<32 digits>-<16 digits>-<flags>". */
static void put_trace(struct line *line, const char *traceparent)
{
    char trace[33];

    if (!traceparent || strlen(traceparent) < 36)
        return;
    memcpy(trace, traceparent + 3, 32);
    trace[32] = '\0';
    put_text(line, ",\"trace_id\":\"", trace);
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
    struct line line;

    if (is_quiet(level))
        return;
    start_line(&line, level, "request");
    if (request->ctx.request_id)
        put_text(&line, ",\"request_id\":\"", request->ctx.request_id);
    put_trace(&line, request->traceparent);
    put_text(&line, ",\"method\":\"", srv_method_name(request->method));
    put_text(&line, ",\"route\":\"", request->route ? request->route->pattern : "unmatched");
    put_number(&line, ",\"status\":", (uint64_t)reply->status, 0);
    put_number(&line, ",\"duration_ms\":", duration_us > 0 ? (uint64_t)duration_us : 0, 3);
    put_number(&line, ",\"bytes\":", reply->body.length, 0);
    put_caller(&line, request);
    /* Of those who are turned away it matters where they come from. */
    if (request->client && (reply->status == 401 || reply->status == 403 || reply->status == 429))
        put_text(&line, ",\"client\":\"", request->client);
    if (code != STW_OK)
        put_text(&line, ",\"code\":\"", stw_code_name(code));
    if (request->details.internal[0])
        put_text(&line, ",\"internal\":\"", request->details.internal);
    end_line(&line);
}
