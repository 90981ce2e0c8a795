/* The pieces between zero bytes as an environment: what it says is what is taken, within the bounds of the
 * table of settings, and neither the errors nor the settings as they are printed differ when only secrets do.
 * What would be the path of a file is its content here. */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "server/config.h"
#include "server/config_check.h"

#define ENTRIES_MAX  60
#define SETTINGS_MAX 64
#define PREFIX       "STEWARD_"
#define SUFFIX       "_FILE"
#define DIGITS       "7777777777777777"

static const struct srv_setting *settings[SETTINGS_MAX];
static int setting_count;

static void keep_setting(void *self, const struct srv_setting *setting)
{
    (void)self;
    CHECK(setting_count < SETTINGS_MAX);
    settings[setting_count++] = setting;
}

/* ---- the environment ---- */

struct entry {
    const char *name;
    const char *value;                 /* NULL: there is no equals sign */
    bool file;                         /* the value is what the file holds */
    const struct srv_setting *setting; /* NULL: it is none */
};

struct entries {
    struct entry list[ENTRIES_MAX];
    int count;
};

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static const struct srv_setting *find_setting(const struct entry *entry)
{
    size_t length = strlen(entry->name) - (entry->file ? strlen(SUFFIX) : 0);

    for (int i = 0; i < setting_count; i++) {
        const struct srv_setting *setting = settings[i];

        if (length == strlen(PREFIX) + strlen(setting->name) && strncmp(entry->name, PREFIX, 8) == 0 &&
            strncmp(entry->name + 8, setting->name, strlen(setting->name)) == 0)
            return entry->file && setting->secrecy == SRV_PUBLIC ? NULL : setting;
    }
    return NULL;
}

static void read_entries(struct stw_arena *arena, const char *bytes, size_t size, struct entries *entries)
{
    size_t length;

    for (size_t at = 0; at < size && entries->count < ENTRIES_MAX; at += length + 1) {
        struct entry *entry = &entries->list[entries->count++];
        char *text, *value;

        length = strnlen(bytes + at, size - at);
        text = stw_arena_strndup(arena, bytes + at, length);
        value = strchr(text, '=');
        if (value)
            *value++ = '\0';
        *entry = (struct entry){.name = text, .value = value, .file = ends_in(text, SUFFIX)};
        entry->setting = find_setting(entry);
    }
}

/* What the entry says, without a file's line ends; "": nothing. */
static const char *said(struct stw_arena *arena, const struct entry *entry)
{
    size_t length = entry->value ? strlen(entry->value) : 0;

    while (entry->file && length > 0 && strchr("\r\n", entry->value[length - 1]))
        length--;
    return length > 0 ? stw_arena_strndup(arena, entry->value, length) : "";
}

/* ---- reading it ---- */

struct reading {
    bool good;
    struct srv_config config; /* only when it was good */
    char *errors, *printed;
    size_t error_length, printed_length;
};

static int make_file(const char *content)
{
    int fd = memfd_create("setting", MFD_CLOEXEC);

    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    return fd;
}

static void read_config(struct stw_arena *arena, const struct entries *entries, struct reading *reading)
{
    char *environment[ENTRIES_MAX + 1] = {NULL};
    int files[ENTRIES_MAX], file_count = 0;
    FILE *out;

    for (int i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->list[i];

        if (!entry->value) {
            environment[i] = stw_arena_strdup(arena, entry->name);
        } else if (entry->file && *entry->value) {
            files[file_count] = make_file(entry->value);
            environment[i] = stw_arena_printf(arena, "%s=/proc/self/fd/%d", entry->name, files[file_count++]);
        } else {
            environment[i] = stw_arena_printf(arena, "%s=%s", entry->name, entry->value);
        }
    }
    out = open_memstream(&reading->errors, &reading->error_length);
    CHECK(out);
    reading->good = srv_config_read(&reading->config, environment, out);
    fclose(out);
    while (file_count > 0)
        close(files[--file_count]);
    out = open_memstream(&reading->printed, &reading->printed_length);
    CHECK(out);
    if (reading->good)
        srv_config_print(&reading->config, out);
    fclose(out);
}

static void release(struct reading *reading)
{
    srv_config_release(&reading->config);
    free(reading->errors);
    free(reading->printed);
}

/* ---- other secrets ---- */

/* Letters and digits become others of their kind; what else there is may have a meaning where it stands. */
static void rotate(char *text)
{
    for (; *text; text++) {
        if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
            *text = (char)(*text == 'z' || *text == 'Z' ? *text - 25 : *text + 1);
        else if (*text >= '0' && *text <= '9')
            *text = (char)(*text == '9' ? '0' : *text + 1);
    }
}

/* Whether libpq reads both alike but for `password`, one that it would not show, which is `other` in the
 * second. */
static bool differs_by(const char *url, const char *changed, const char *password, const char *other)
{
    PQconninfoOption *left = PQconninfoParse(url, NULL), *right = PQconninfoParse(changed, NULL);
    bool good = left && right;

    for (int i = 0; good && left[i].keyword; i++) {
        const char *was = left[i].val ? left[i].val : "", *is = right[i].val ? right[i].val : "";

        good = strcmp(was, is) == 0 ||
               (left[i].dispchar[0] == '*' && strcmp(was, password) == 0 && strcmp(is, other) == 0);
    }
    PQconninfoFree(left);
    PQconninfoFree(right);
    return good;
}

/* The same URL with another password where that stands in it once and as it is; else the same. */
static const char *with_other_password(struct stw_arena *arena, const char *url)
{
    PQconninfoOption *all = PQconninfoParse(url, NULL);

    for (PQconninfoOption *option = all; option && option->keyword; option++) {
        const char *password = option->dispchar[0] == '*' && option->val ? option->val : "";
        const char *at = *password ? strstr(url, password) : NULL;

        if (!at || strstr(at + 1, password))
            continue;
        char *other = stw_arena_strdup(arena, password);
        rotate(other);
        char *changed = stw_arena_strdup(arena, url);
        memcpy(changed + (at - url), other, strlen(other));
        if (differs_by(url, changed, password, other))
            url = changed;
    }
    PQconninfoFree(all);
    return url;
}

/* Another that is as good, or as wrong. Of what is no setting the value is nobody's business either. */
static const char *other_value(struct stw_arena *arena, const struct entry *entry)
{
    static const char *const others[] = {"x", "host=h x", "port=x", "-----BEGIN x-----END ",
                                         DIGITS DIGITS DIGITS DIGITS};
    const char *text = said(arena, entry);
    const char *reason;

    if (!*text || (entry->setting && entry->setting->secrecy == SRV_PUBLIC))
        return entry->value;
    if (!entry->setting)
        return "y";
    reason = entry->setting->check(text);
    if (!reason && entry->setting->secrecy == SRV_DATABASE_URL)
        return with_other_password(arena, text);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *again = entry->setting->check(others[i]);

        if (reason == again || (reason && again && strcmp(reason, again) == 0))
            return others[i];
    }
    abort();
}

static void check_secrets(struct stw_arena *arena, const struct entries *entries,
                          const struct reading *reading)
{
    struct entries others = *entries;
    struct reading again = {.good = false};

    for (int i = 0; i < others.count; i++)
        others.list[i].value = other_value(arena, &entries->list[i]);
    read_config(arena, &others, &again);
    CHECK(again.good == reading->good && strcmp(again.errors, reading->errors) == 0);
    CHECK(again.printed_length == reading->printed_length);
    CHECK(memcmp(again.printed, reading->printed, again.printed_length) == 0);
    release(&again);
}

/* ---- what was taken ---- */

/* libpq reads the masked URL too, and finds none of the passwords in it. */
static void check_masked(const char *name, const char *url, const char *printed)
{
    char *masked = NULL, *line = NULL;
    size_t length;
    FILE *out = open_memstream(&masked, &length);

    CHECK(out);
    srv_mask_database_url(url, out);
    fclose(out);
    CHECK(asprintf(&line, PREFIX "%s=%s\n", name, masked) > 0 && strstr(printed, line));
    PQconninfoOption *all = PQconninfoParse(url, NULL), *shown = PQconninfoParse(masked, NULL);
    CHECK(all && shown);
    for (int i = 0; all[i].keyword; i++) {
        if (all[i].dispchar[0] == '*' && all[i].val && all[i].val[0])
            CHECK(!shown[i].val || strcmp(shown[i].val, "***") == 0);
    }
    PQconninfoFree(all);
    PQconninfoFree(shown);
    free(masked);
    free(line);
}

static void check_number(const struct srv_setting *setting, int number, const char *text)
{
    CHECK(number >= setting->least && number <= setting->greatest);
    CHECK(strspn(text, "-0123456789") == strlen(text) && strtol(text, NULL, 10) == number);
}

static void check_setting(struct stw_arena *arena, const struct entries *entries,
                          const struct reading *reading, const struct srv_setting *setting)
{
    const char *place = (const char *)&reading->config + setting->offset;
    const char *text = setting->initial, *taken;

    for (int i = 0; i < entries->count; i++) {
        if (entries->list[i].setting == setting && *said(arena, &entries->list[i]))
            text = said(arena, &entries->list[i]);
    }
    if (setting->number) {
        check_number(setting, *(const int *)(const void *)place, text);
        return;
    }
    memcpy(&taken, place, sizeof(taken));
    CHECK(text ? taken && strcmp(taken, text) == 0 : !taken);
    CHECK(!taken || !setting->check(taken));
    if (taken && setting->secrecy == SRV_DATABASE_URL)
        check_masked(setting->name, taken, reading->printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stw_arena *arena;
    struct entries entries = {.count = 0};
    struct reading reading = {.good = false};

    if (!arena) {
        arena = stw_arena_new((size_t)64 << 20);
        srv_config_each(keep_setting, NULL);
    }
    stw_arena_clear(arena);
    read_entries(arena, (const char *)data, size, &entries);
    read_config(arena, &entries, &reading);
    CHECK(reading.good == (reading.error_length == 0));
    for (int i = 0; reading.good && i < setting_count; i++)
        check_setting(arena, &entries, &reading, settings[i]);
    check_secrets(arena, &entries, &reading);
    release(&reading);
    return 0;
}
