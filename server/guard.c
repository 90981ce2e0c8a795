#include "server/guard.h"

#include <string.h>
#include <strings.h>

/* Fields that steer framing or authority: given twice, two readers could pick different ones. */
enum single {
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    HOST,
    AUTHORIZATION,
    CONTENT_TYPE,
    IDEMPOTENCY_KEY,
    EXPECT,
    SINGLE_COUNT
};

/* What a byte is: part of a token (RFC 9110, 5.6.2), or one that no authority may hold. */
enum { TOKEN = 1, NOT_IN_HOST = 2 };

static const unsigned char classes[256] = {
    ['\t'] = NOT_IN_HOST,
    [' '] = NOT_IN_HOST,
    ['!'] = TOKEN,
    ['#'] = TOKEN | NOT_IN_HOST,
    ['$' ... '\''] = TOKEN,
    ['*' ... '+'] = TOKEN,
    [','] = NOT_IN_HOST,
    ['-' ... '.'] = TOKEN,
    ['/'] = NOT_IN_HOST,
    ['0' ... '9'] = TOKEN,
    ['?' ... '@'] = NOT_IN_HOST,
    ['A' ... 'Z'] = TOKEN,
    ['\\'] = NOT_IN_HOST,
    ['^' ... 'z'] = TOKEN,
    ['|'] = TOKEN,
    ['~'] = TOKEN,
};

static bool is_token(const char *bytes, size_t length)
{
    unsigned char all = TOKEN;

    for (size_t i = 0; i < length; i++)
        all &= classes[(unsigned char)bytes[i]];
    return length > 0 && all & TOKEN;
}

/* Without a way out of the loops, so that the compiler takes many bytes at a time: there are hundreds of
 * them, and hardly ever a bad one. */
static bool is_field_value(const char *bytes, size_t length)
{
    unsigned char bad = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        bad |= (unsigned char)(((c < 0x20) & (c != '\t')) | (c == 0x7f));
    }
    return !bad;
}

/* Raw UTF-8 is taken as curl sends it, `?q=…`; what is not UTF-8 is refused when it is decoded. */
static bool is_target(const char *bytes, size_t length)
{
    unsigned char bad = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        bad |= (unsigned char)((c <= 0x20) | (c == 0x7f) | (c == '#'));
    }
    return length > 0 && !bad;
}

static bool equals(const char *bytes, size_t length, const char *word)
{
    return length == strlen(word) && !strncasecmp(bytes, word, length);
}

static bool parse_length(const struct srv_field *field, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (field->value_length == 0 || field->value_length > 18)
        return false;
    for (size_t i = 0; i < field->value_length; i++) {
        if (field->value[i] < '0' || field->value[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(field->value[i] - '0');
    }
    *ret_length = length;
    return true;
}

static struct srv_field trimmed(struct srv_field field)
{
    while (field.value_length &&
           (field.value[field.value_length - 1] == ' ' || field.value[field.value_length - 1] == '\t'))
        field.value_length--;
    return field;
}

/* SINGLE_COUNT: none of them. No two are of one length. */
static enum single single_of(const struct srv_field *field)
{
    static const struct {
        const char *name;
        enum single single;
    } by_length[] = {
        [4] = {"host", HOST},
        [6] = {"expect", EXPECT},
        [12] = {"content-type", CONTENT_TYPE},
        [13] = {"authorization", AUTHORIZATION},
        [14] = {"content-length", CONTENT_LENGTH},
        [15] = {"idempotency-key", IDEMPOTENCY_KEY},
        [17] = {"transfer-encoding", TRANSFER_ENCODING},
    };
    size_t length = field->name_length;

    if (length >= sizeof(by_length) / sizeof(by_length[0]) || !by_length[length].name ||
        strncasecmp(field->name, by_length[length].name, length) != 0)
        return SINGLE_COUNT;
    return by_length[length].single;
}

static enum stw_code collect(const struct srv_head *head, struct srv_field *singles)
{
    for (int i = 0; i < head->field_count; i++) {
        struct srv_field field = trimmed(head->fields[i]);
        enum single kind;

        if (!is_token(field.name, field.name_length) || !is_field_value(field.value, field.value_length))
            return STW_MALFORMED_REQUEST;
        kind = single_of(&field);
        if (kind == SINGLE_COUNT)
            continue;
        if (singles[kind].name)
            return STW_MALFORMED_REQUEST;
        singles[kind] = field;
    }
    return STW_OK;
}

static enum stw_code check_transfer_encoding(const struct srv_head *head, const struct srv_field *singles,
                                             struct srv_framing *framing)
{
    const struct srv_field *coding = &singles[TRANSFER_ENCODING];

    if (!coding->name)
        return STW_OK;
    if (singles[CONTENT_LENGTH].name || strcmp(head->version, "HTTP/1.1") != 0)
        return STW_MALFORMED_REQUEST;
    if (!equals(coding->value, coding->value_length, "chunked"))
        return STW_NOT_IMPLEMENTED;
    framing->chunked = true;
    return STW_OK;
}

static bool has_authority(const struct srv_head *head, const struct srv_field *host)
{
    if (!host->name)
        return !strcmp(head->version, "HTTP/1.0");
    for (size_t i = 0; i < host->value_length; i++)
        if (classes[(unsigned char)host->value[i]] & NOT_IN_HOST)
            return false;
    return true;
}

/* Codings, lengths, authority, expectation. */
static enum stw_code check_framing(const struct srv_head *head, const struct srv_field *singles,
                                   struct srv_framing *framing)
{
    const struct srv_field *expect = &singles[EXPECT];
    enum stw_code code = check_transfer_encoding(head, singles, framing);

    if (code)
        return code;
    if (!has_authority(head, &singles[HOST]))
        return STW_MALFORMED_REQUEST;
    if (singles[CONTENT_LENGTH].name && !parse_length(&singles[CONTENT_LENGTH], &framing->content_length))
        return STW_MALFORMED_REQUEST;
    if (expect->name) {
        if (!equals(expect->value, expect->value_length, "100-continue"))
            return STW_MALFORMED_REQUEST;
        framing->expects_continue = !strcmp(head->version, "HTTP/1.1");
    }
    return STW_OK;
}

static bool takes_body(const char *method)
{
    return !strcmp(method, "POST") || !strcmp(method, "PATCH") || !strcmp(method, "PUT");
}

static bool knows_method(const char *method)
{
    return takes_body(method) || !strcmp(method, "GET") || !strcmp(method, "HEAD") ||
           !strcmp(method, "DELETE") || !strcmp(method, "OPTIONS");
}

uint64_t srv_guard_body_max(const char *path, size_t length)
{
    static const char batch[] = "/v1/batch";

    return length == sizeof(batch) - 1 && !memcmp(path, batch, length) ? SRV_BATCH_BODY_MAX : SRV_BODY_MAX;
}

enum stw_code srv_guard_check(const struct srv_head *head, struct srv_framing *ret_framing)
{
    struct srv_field singles[SINGLE_COUNT] = {0};
    const char *question;
    size_t path_length;
    enum stw_code code;

    *ret_framing = (struct srv_framing){0};
    if (head->target_length > SRV_TARGET_MAX)
        return STW_URI_TOO_LONG;
    if (head->size > SRV_HEAD_MAX || head->field_count > SRV_FIELDS_MAX)
        return STW_HEADERS_TOO_LARGE;
    if (head->has_gaps || !is_target(head->target, head->target_length) ||
        !is_token(head->method, strlen(head->method)))
        return STW_MALFORMED_REQUEST;
    if (strcmp(head->version, "HTTP/1.1") != 0 && strcmp(head->version, "HTTP/1.0") != 0)
        return STW_MALFORMED_REQUEST;
    code = collect(head, singles);
    if (!code)
        code = check_framing(head, singles, ret_framing);
    if (code)
        return code;
    if (!knows_method(head->method))
        return STW_NOT_IMPLEMENTED;
    /* A body where none has a meaning is a client's mistake or an attack; dropping it in silence hides both.
     */
    if (!takes_body(head->method) && (ret_framing->chunked || ret_framing->content_length))
        return STW_MALFORMED_REQUEST;
    question = memchr(head->target, '?', head->target_length);
    path_length = question ? (size_t)(question - head->target) : head->target_length;
    if (ret_framing->content_length >
        (head->body_max ? head->body_max : srv_guard_body_max(head->target, path_length)))
        return STW_BODY_TOO_LARGE;
    return STW_OK;
}
