/* server/guard.h: what passes is read alike by parties that read differently: the one that takes the first of
 * two lengths and the one that takes the last, one that trims names, one that splits lists, one that ends
 * lines at any control. The input is a head: "POST /v1/batch HTTP/1.1", then a field a line. */
#include <strings.h>

#include "core/arena.h"
#include "lines.h"
#include "server/guard.h"

#define ROOM (SRV_FIELDS_MAX + 8)

struct made {
    struct srv_head head;
    struct srv_field fields[ROOM];
};

static const char *cut(struct stw_arena *arena, const char *from, const char *to)
{
    return stw_arena_strndup(arena, from, from < to ? (size_t)(to - from) : 0);
}

static void read_start(struct stw_arena *arena, const char *line, size_t length, struct srv_head *head)
{
    const char *end = line + length;
    const char *first = memchr(line, ' ', length), *last = memrchr(line, ' ', length);

    head->method = cut(arena, line, first ? first : end);
    head->target = first ? cut(arena, first + 1, last > first ? last : end) : "";
    head->target_length = strlen(head->target);
    head->version = last > first ? cut(arena, last + 1, end) : "";
}

/* As libmicrohttpd hands fields over: cut at the colon, blanks before the value dropped. */
static void read_head(struct stw_arena *arena, const char *bytes, size_t size, struct made *made)
{
    struct lines lines = {bytes, bytes + size};
    const char *line = "";
    size_t length = 0;

    *made = (struct made){.head = {.fields = made->fields, .size = size}};
    next_line(&lines, &line, &length);
    read_start(arena, line, length, &made->head);
    while (made->head.field_count < ROOM && next_line(&lines, &line, &length)) {
        const char *colon = memchr(line, ':', length);
        const char *value = colon ? colon + 1 : line + length;

        while (value < line + length && *value == ' ')
            value++;
        made->fields[made->head.field_count++] = (struct srv_field){
            line, (size_t)((colon ? colon : line + length) - line), value, (size_t)(line + length - value)};
    }
}

static int is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* A name as the most lenient reader sees it. */
static int names(const struct srv_field *field, const char *word)
{
    const char *from = field->name, *to = from + field->name_length;

    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    return (size_t)(to - from) == strlen(word) && strncasecmp(from, word, strlen(word)) == 0;
}

static int has_word(const struct srv_field *field, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= field->value_length; i++) {
        if (strncasecmp(field->value + i, word, strlen(word)) == 0)
            return 1;
    }
    return 0;
}

/* Every number in a value is the length that was read. */
static void check_length(const struct srv_field *field, uint64_t expected)
{
    unsigned long long number = 0;
    int digits = 0;

    for (size_t i = 0; i <= field->value_length; i++) {
        int c = i < field->value_length ? field->value[i] : '\0';

        if (c >= '0' && c <= '9') {
            number = number * 10 + (unsigned)(c - '0');
            digits++;
            continue;
        }
        CHECK(!digits || number == expected);
        CHECK(digits <= 18 && (is_blank((char)c)));
    }
    CHECK(digits);
}

static void check_passed(const struct srv_head *head, const struct srv_framing *framing)
{
    int hosts = 0, lengths = 0, codings = 0;

    for (int i = 0; i < head->field_count; i++) {
        const struct srv_field *field = &head->fields[i];

        CHECK(field->name_length > 0);
        for (size_t j = 0; j < field->name_length; j++)
            CHECK(!is_blank(field->name[j]) && field->name[j] != ':' && (unsigned char)field->name[j] < 0x7f);
        for (size_t j = 0; j < field->value_length; j++)
            CHECK(!is_blank(field->value[j]) || field->value[j] == ' ' || field->value[j] == '\t');
        hosts += names(field, "host");
        if (names(field, "content-length")) {
            check_length(field, framing->content_length);
            lengths++;
        }
        if (names(field, "transfer-encoding")) {
            CHECK(has_word(field, "chunked") && framing->chunked);
            codings++;
        }
    }
    CHECK(lengths + codings <= 1 && hosts <= 1);
    CHECK(framing->chunked == (codings == 1));
    CHECK(lengths == 1 || framing->content_length == 0);
    CHECK(hosts == 1 || strcmp(head->version, "HTTP/1.0") == 0);
    CHECK(head->target_length > 0 && head->target_length <= SRV_TARGET_MAX);
    for (size_t i = 0; i < head->target_length; i++)
        CHECK(!is_blank(head->target[i]) && head->target[i] != '#');
    CHECK(framing->content_length <= (head->body_max ? head->body_max : SRV_BATCH_BODY_MAX));
}

/* Names in another case and fields in another order change nothing. */
static void check_alike(struct stw_arena *arena, const struct made *made, enum stw_code code,
                        const struct srv_framing *framing)
{
    struct made other = *made;
    struct srv_framing again;
    int count = made->head.field_count;

    for (int i = 0; i < count; i++) {
        struct srv_field *field = &other.fields[count - 1 - i];
        char *name;

        *field = made->fields[i];
        name = stw_arena_strndup(arena, field->name, field->name_length);
        for (size_t j = 0; j < field->name_length; j++)
            name[j] = (char)(name[j] >= 'A' && name[j] <= 'Z'   ? name[j] + 32
                             : name[j] >= 'a' && name[j] <= 'z' ? name[j] - 32
                                                                : name[j]);
        field->name = name;
    }
    other.head.fields = other.fields;
    CHECK(srv_guard_check(&other.head, &again) == code);
    CHECK(code != STW_OK ||
          (again.chunked == framing->chunked && again.content_length == framing->content_length &&
           again.expects_continue == framing->expects_continue));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)4 << 20);
    struct made made;
    struct srv_framing framing;
    enum stw_code code;

    if (size > 0) {
        read_head(arena, (const char *)data + 1, size - 1, &made);
        made.head.has_gaps = data[0] & 1;
        made.head.body_max = data[0] & 2 ? 100 : 0;
        code = srv_guard_check(&made.head, &framing);
        CHECK(code == STW_OK || code == STW_MALFORMED_REQUEST || code == STW_URI_TOO_LONG ||
              code == STW_HEADERS_TOO_LARGE || code == STW_NOT_IMPLEMENTED || code == STW_BODY_TOO_LARGE);
        if (code == STW_OK)
            check_passed(&made.head, &framing);
        check_alike(arena, &made, code, &framing);
    }
    stw_arena_free(arena);
    return 0;
}
