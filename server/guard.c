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

static const char *const single_names[SINGLE_COUNT] = {
    [CONTENT_LENGTH] = "content-length",
    [TRANSFER_ENCODING] = "transfer-encoding",
    [HOST] = "host",
    [AUTHORIZATION] = "authorization",
    [CONTENT_TYPE] = "content-type",
    [IDEMPOTENCY_KEY] = "idempotency-key",
    [EXPECT] = "expect",
};

static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_token_char((unsigned char)bytes[i]))
            return false;
    return length > 0;
}

static bool is_field_value(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Raw UTF-8 is taken as curl sends it, `?q=…`; what is not UTF-8 is refused when it is decoded. */
static bool is_target(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c <= 0x20 || c == 0x7f || c == '#')
            return false;
    }
    return length > 0;
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

static enum stw_code collect(const struct srv_head *head, struct srv_field *singles)
{
    for (int i = 0; i < head->field_count; i++) {
        struct srv_field field = trimmed(head->fields[i]);

        if (!is_token(field.name, field.name_length) || !is_field_value(field.value, field.value_length))
            return STW_MALFORMED_REQUEST;
        for (int kind = 0; kind < SINGLE_COUNT; kind++) {
            if (!equals(field.name, field.name_length, single_names[kind]))
                continue;
            if (singles[kind].name)
                return STW_MALFORMED_REQUEST;
            singles[kind] = field;
        }
    }
    return STW_OK;
}

static enum stw_code check_transfer_encoding(const struct srv_head *head, const struct srv_field *singles,
                                             struct srv_framing *framing)
{
    const struct srv_field *coding = &singles[TRANSFER_ENCODING];

    if (!coding->name)
        return STW_OK;
    if (singles[CONTENT_LENGTH].name || strcmp(head->version, "HTTP/1.1"))
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
        if (strchr(" \t,/@?#\\", host->value[i]))
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
    if (strcmp(head->version, "HTTP/1.1") && strcmp(head->version, "HTTP/1.0"))
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
