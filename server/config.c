#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "server/config_check.h"

#define PREFIX      "STEWARD_"
#define FILE_SUFFIX "_FILE"
#define FILE_MAX    ((ssize_t)64 * 1024)

#define NUMBER(setting, member, first, last, value, text)                                                    \
    {                                                                                                        \
        .name = (setting), .offset = offsetof(struct srv_config, member), .number = true, .least = (first),  \
        .greatest = (last), .initial = (value), .doc = (text)                                                \
    }
#define TEXT(setting, member, value, how, test, text)                                                        \
    {                                                                                                        \
        .name = (setting), .offset = offsetof(struct srv_config, member), .initial = (value),                \
        .secrecy = (how), .check = (test), .doc = (text)                                                     \
    }

static const struct srv_setting settings[] = {
    TEXT("DATABASE_URL", database_url, NULL, SRV_DATABASE_URL, srv_check_database_url,
         "PostgreSQL connection of the server; its role must be steward_app."),
    TEXT("DATABASE_READ_URL", database_read_url, NULL, SRV_DATABASE_URL, srv_check_database_url,
         "The same role on a hot standby (one server) that lists, searches and aggregates are read from."),
    NUMBER("DATABASE_READ_LAG_MS", database_read_lag_ms, 100, 600000, "1000",
           "Milliseconds that the standby may be behind before reads go to the primary."),
    TEXT("ADMIN_DATABASE_URL", admin_database_url, NULL, SRV_DATABASE_URL, srv_check_database_url,
         "PostgreSQL connection of the schema's owner, for migrate, org create and check."),
    TEXT("LISTEN", listen, "127.0.0.1", SRV_PUBLIC, srv_check_address, "Address to listen on."),
    NUMBER("PORT", port, 0, 65535, "8080", "Port to listen on; 0 takes a free one."),
    NUMBER("LOOPS", loops, 0, 64, "0", "Event loops; 0 means one per core, at most 8."),
    NUMBER("DATABASE_CONNECTIONS", database_connections, 2, 1000, "24",
           "PostgreSQL connections of the process; those to a standby come on top."),
    NUMBER("REQUEST_TIMEOUT_MS", request_timeout_ms, 100, 600000, "15000",
           "Milliseconds a request may take from its last byte to its answer."),
    NUMBER("HEADER_TIMEOUT_MS", header_timeout_ms, 100, 600000, "10000",
           "Milliseconds until the header of a request must be complete."),
    NUMBER("BODY_TIMEOUT_MS", body_timeout_ms, 100, 3600000, "30000",
           "Milliseconds until the body of a request must be complete."),
    NUMBER("WRITE_TIMEOUT_MS", write_timeout_ms, 100, 3600000, "60000",
           "Milliseconds until the client must have taken the answer."),
    NUMBER(
        "DRAIN_DELAY_MS", drain_delay_ms, 0, 3600000, "0",
        "Milliseconds after SIGTERM in which /readyz says 503 and all else goes on, so that a load balancer "
        "notices."),
    NUMBER("DRAIN_TIMEOUT_MS", drain_timeout_ms, 0, 3600000, "30000",
           "Milliseconds that requests in flight are given after SIGTERM and the delay."),
    NUMBER("MAX_CONNECTIONS", max_connections, 1, 1000000, "20000", "Client connections open at once."),
    NUMBER("MAX_REQUESTS", max_requests, 1, 1000000, "2000",
           "Requests in flight before others are answered 503."),
    NUMBER("IMPORT_MAX_BYTES", import_max_bytes, 1, 2147483647, "268435456",
           "Bytes that the content of one import may have."),
    TEXT("SIGNING_KEY", signing_key, NULL, SRV_SECRET, srv_check_signing_key,
         "RSA private keys in PEM for access tokens: the first signs, all verify."),
    TEXT(
        "CURSOR_KEY", cursor_key, NULL, SRV_SECRET, srv_check_cursor_key,
        "64 hexadecimal digits that authenticate cursors and repeated requests; the same for all processes."),
    TEXT("ISSUER", issuer, "steward", SRV_PUBLIC, srv_check_line, "Issuer (iss) of access tokens."),
    TEXT("TRUSTED_PROXIES", trusted_proxies, "", SRV_PUBLIC, srv_check_networks,
         "Addresses or networks, a comma between two, whose Forwarded and X-Forwarded-For are believed."),
    TEXT("LOG_LEVEL", log_level, "info", SRV_PUBLIC, srv_check_log_level, "error, warning, info or debug."),
    NUMBER("ACCESS_TOKEN_SECONDS", access_token_seconds, 10, 86400, "600",
           "Life of an access token in seconds."),
    NUMBER("FAILED_SIGN_INS", failed_sign_ins, 1, 60000, "20",
           "Failed sign-ins or tokens of one address or account within 10 seconds before 429."),
    NUMBER("REFRESH_TOKEN_SECONDS", refresh_token_seconds, 60, 31536000, "2592000",
           "Life of a refresh token in seconds."),
    TEXT("SECCOMP", seccomp, "refuse", SRV_PUBLIC, srv_check_seccomp,
         "System calls that serving does not need: refuse them, kill the process, or off."),
};
#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

/* Read by the tools around the server (client, loader, tests), which share its environment. */
static const char *const foreign[] = {"URL", "ORG", "SAMPLE_DATA"};
static const char foreign_prefix[] = "TEST_";

/* What the environment said of one setting. */
struct given {
    const char *value;
    const char *file;
};

struct reading {
    struct srv_config *config;
    struct given given[SETTING_COUNT];
    FILE *errors;
    int error_count;
};

static bool takes_file(const struct srv_setting *setting)
{
    return setting->secrecy != SRV_PUBLIC;
}

static void set_text(struct srv_config *config, const struct srv_setting *setting, char *text)
{
    memcpy((char *)config + setting->offset, &text, sizeof(text));
}

static char *get_text(const struct srv_config *config, const struct srv_setting *setting)
{
    char *text;

    memcpy(&text, (const char *)config + setting->offset, sizeof(text));
    return text;
}

static int get_number(const struct srv_config *config, const struct srv_setting *setting)
{
    int number;

    memcpy(&number, (const char *)config + setting->offset, sizeof(number));
    return number;
}

static void wrong(struct reading *reading, const struct srv_setting *setting, const char *suffix,
                  const char *reason)
{
    fprintf(reading->errors, PREFIX "%s%s: %s\n", setting->name, suffix, reason);
    reading->error_count++;
}

static void wipe_and_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* Up to FILE_MAX bytes; -1 with errno. */
static ssize_t read_all(const char *path, char *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t length = 0;
    ssize_t got = 0;
    int saved;

    if (fd < 0)
        return -1;
    do {
        got = read(fd, bytes + length, FILE_MAX - length);
        if (got > 0)
            length += (size_t)got;
    } while ((got > 0 && length < FILE_MAX) || (got < 0 && errno == EINTR));
    saved = errno;
    close(fd);
    errno = saved;
    return got < 0 ? -1 : (ssize_t)length;
}

/* The file's text without the line ends that editors leave, or NULL after an error was told. */
static char *read_file(struct reading *reading, const struct srv_setting *setting, const char *path)
{
    char *text = calloc(1, FILE_MAX + 1);
    ssize_t length = text ? read_all(path, text) : -1;

    if (length < 0) {
        wrong(reading, setting, FILE_SUFFIX, strerror(errno));
    } else if (length == FILE_MAX) {
        wrong(reading, setting, FILE_SUFFIX, "the file is too large");
    } else if (memchr(text, '\0', (size_t)length)) {
        wrong(reading, setting, FILE_SUFFIX, "the file holds a NUL byte");
    } else {
        while (length > 0 && strchr("\r\n", text[length - 1]))
            text[--length] = '\0';
        if (length > 0)
            return text;
        wrong(reading, setting, FILE_SUFFIX, "the file is empty");
    }
    if (text)
        explicit_bzero(text, FILE_MAX);
    free(text);
    return NULL;
}

static void take_number(struct reading *reading, const struct srv_setting *setting, const char *value)
{
    char reason[80];
    char *end;
    long number;
    int result;

    errno = 0;
    number = strtol(value, &end, 10);
    /* strtol takes blanks and a plus, which no number here is written with. */
    if (errno != 0 || *end != '\0' || strspn(value, "-0123456789") != strlen(value) ||
        number < setting->least || number > setting->greatest) {
        snprintf(reason, sizeof(reason), "must be a whole number from %d to %d", setting->least,
                 setting->greatest);
        wrong(reading, setting, "", reason);
        return;
    }
    result = (int)number;
    memcpy((char *)reading->config + setting->offset, &result, sizeof(result));
}

static void take(struct reading *reading, const struct srv_setting *setting, const struct given *given)
{
    const char *value = given->value ? given->value : setting->initial;
    const char *reason;
    char *text = NULL;

    if (given->value && given->file) {
        wrong(reading, setting, "", "is set together with its _FILE variant; set one of them");
        return;
    }
    if (setting->number) {
        if (value)
            take_number(reading, setting, value);
        return;
    }
    if (given->file)
        text = read_file(reading, setting, given->file);
    else if (value && !(text = strdup(value)))
        wrong(reading, setting, "", strerror(errno));
    if (!text)
        return;
    reason = setting->check ? setting->check(text) : NULL;
    if (reason)
        wrong(reading, setting, given->file ? FILE_SUFFIX : "", reason);
    set_text(reading->config, setting, text);
}

static bool is_foreign(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (strlen(foreign[i]) == length && strncmp(foreign[i], name, length) == 0)
            return true;
    }
    return length >= sizeof(foreign_prefix) && strncmp(name, foreign_prefix, sizeof(foreign_prefix) - 1) == 0;
}

/* Names are compared without the prefix that all share; it would make every pair look alike. */
static void unknown(struct reading *reading, const char *name, size_t length)
{
    const char *names[2 * SETTING_COUNT];
    char with_file[SETTING_COUNT][64];
    char copy[64] = "";
    const char *nearest;
    size_t count = 0;

    for (size_t i = 0; i < SETTING_COUNT; i++) {
        names[count++] = settings[i].name;
        if (!takes_file(&settings[i]))
            continue;
        snprintf(with_file[i], sizeof(with_file[i]), "%s" FILE_SUFFIX, settings[i].name);
        names[count++] = with_file[i];
    }
    if (length < sizeof(copy))
        memcpy(copy, name, length);
    nearest = copy[0] ? stw_text_nearest(copy, names, count) : NULL;
    fprintf(reading->errors, PREFIX "%.*s: there is no such setting", (int)(length < 200 ? length : 200),
            name);
    if (nearest)
        fprintf(reading->errors, "; did you mean " PREFIX "%s?", nearest);
    fputc('\n', reading->errors);
    reading->error_count++;
}

/* Sorts one STEWARD_ variable in; `name` is behind the prefix. */
static void sort_in(struct reading *reading, const char *name)
{
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : "";

    if (is_foreign(name, length))
        return;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        size_t own = strlen(settings[i].name);
        const char **place = NULL;

        if (length >= own && strncmp(name, settings[i].name, own) == 0) {
            if (length == own)
                place = &reading->given[i].value;
            else if (takes_file(&settings[i]) && length == own + strlen(FILE_SUFFIX) &&
                     strncmp(name + own, FILE_SUFFIX, strlen(FILE_SUFFIX)) == 0)
                place = &reading->given[i].file;
        }
        if (!place)
            continue;
        if (*place)
            wrong(reading, &settings[i], length == own ? "" : FILE_SUFFIX, "is set twice");
        /* Empty is how compose files and shells write "not set". */
        if (*value)
            *place = value;
        return;
    }
    unknown(reading, name, length);
}

bool srv_config_read(struct srv_config *config, char *const *environment, FILE *errors)
{
    struct reading reading = {.config = config, .errors = errors};

    memset(config, 0, sizeof(*config));
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, PREFIX, strlen(PREFIX)) == 0)
            sort_in(&reading, *environment + strlen(PREFIX));
    }
    for (size_t i = 0; i < SETTING_COUNT; i++)
        take(&reading, &settings[i], &reading.given[i]);
    if (reading.error_count == 0)
        return true;
    srv_config_release(config);
    return false;
}

void srv_config_release(struct srv_config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!settings[i].number)
            wipe_and_free(get_text(config, &settings[i]));
    }
    memset(config, 0, sizeof(*config));
}

static void print_text(const struct srv_setting *setting, const char *text, FILE *out)
{
    if (!text || !*text)
        return;
    if (setting->secrecy == SRV_SECRET)
        fputs("***", out);
    else if (setting->secrecy == SRV_DATABASE_URL)
        srv_mask_database_url(text, out);
    else
        fputs(text, out);
}

void srv_config_print(const struct srv_config *config, FILE *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        fprintf(out, PREFIX "%s=", settings[i].name);
        if (settings[i].number)
            fprintf(out, "%d", get_number(config, &settings[i]));
        else
            print_text(&settings[i], get_text(config, &settings[i]), out);
        fputc('\n', out);
    }
}

void srv_config_each(void (*visit)(void *self, const struct srv_setting *setting), void *self)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        visit(self, &settings[i]);
}
