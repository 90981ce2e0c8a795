#include "server/negotiate.h"

#include <string.h>
#include <strings.h>

#include "resource/query.h"

/* A piece of a header. */
struct slice {
    const char *text;
    size_t length;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trimmed(struct slice slice)
{
    while (slice.length > 0 && is_space(slice.text[0])) {
        slice.text++;
        slice.length--;
    }
    while (slice.length > 0 && is_space(slice.text[slice.length - 1]))
        slice.length--;
    return slice;
}

/* Cuts off the next piece before `separator`, which counts only outside quotes. False at the end. */
static bool next_piece(const char **cursor, const char *end, char separator, struct slice *ret_piece)
{
    const char *start = *cursor;
    const char *at = start;
    bool quoted = false;

    if (!start)
        return false;
    for (; at < end && (quoted || *at != separator); at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (quoted && *at == '\\' && at + 1 < end)
            at++;
    }
    *ret_piece = trimmed((struct slice){start, (size_t)(at - start)});
    *cursor = at < end ? at + 1 : NULL;
    return true;
}

static bool slice_is(struct slice slice, const char *text)
{
    return strlen(text) == slice.length && strncasecmp(slice.text, text, slice.length) == 0;
}

/* "0.85" as 850; -1 when it is not a weight. */
static int weight(struct slice text)
{
    int value = 0;
    int scale = 1000;

    if (text.length == 0 || text.length > 5 || (text.text[0] != '0' && text.text[0] != '1'))
        return -1;
    if (text.length > 1 && text.text[1] != '.')
        return -1;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 1)
            continue;
        if (text.text[i] < '0' || text.text[i] > '9')
            return -1;
        value += (text.text[i] - '0') * scale;
        scale /= 10;
    }
    return value <= 1000 ? value : -1;
}

/* Splits "range;a=b;q=0.5"; false when its weight cannot be read. */
static bool split_member(struct slice member, struct slice *ret_range, int *ret_weight)
{
    const char *cursor = member.text;
    const char *end = member.text + member.length;
    struct slice piece;
    int found = 1000;

    if (!next_piece(&cursor, end, ';', ret_range) || ret_range->length == 0)
        return false;
    while (next_piece(&cursor, end, ';', &piece)) {
        if (piece.length >= 2 && (piece.text[0] == 'q' || piece.text[0] == 'Q') && piece.text[1] == '=')
            found = weight(trimmed((struct slice){piece.text + 2, piece.length - 2}));
    }
    *ret_weight = found;
    return found >= 0;
}

/* "zh" matches "zh" and "zh-Hant-TW", not "zho". */
static bool is_language(struct slice range, const char *language)
{
    size_t length = strlen(language);

    return range.length >= length && strncasecmp(range.text, language, length) == 0 &&
           (range.length == length || range.text[length] == '-');
}

enum srv_language srv_negotiate_language(const char *accept_language)
{
    static const char *const tags[2] = {[SRV_ENGLISH] = "en", [SRV_CHINESE] = "zh"};
    int weights[2] = {-1, -1}; /* -1: not named */
    int any = 0;
    enum srv_language first = SRV_ENGLISH;
    const char *cursor = accept_language;
    const char *end = accept_language ? accept_language + strlen(accept_language) : NULL;
    struct slice member;

    while (next_piece(&cursor, end, ',', &member)) {
        struct slice range;
        int value;

        if (!split_member(member, &range, &value))
            continue;
        if (slice_is(range, "*"))
            any = value;
        for (enum srv_language i = SRV_ENGLISH; i <= SRV_CHINESE; i++) {
            if (!is_language(range, tags[i]))
                continue;
            if (weights[SRV_ENGLISH] < 0 && weights[SRV_CHINESE] < 0)
                first = i;
            if (value > weights[i])
                weights[i] = value;
        }
    }
    for (enum srv_language i = SRV_ENGLISH; i <= SRV_CHINESE; i++) {
        if (weights[i] < 0)
            weights[i] = any;
    }
    if (weights[SRV_CHINESE] == weights[SRV_ENGLISH])
        return weights[SRV_ENGLISH] > 0 ? first : SRV_ENGLISH;
    return weights[SRV_CHINESE] > weights[SRV_ENGLISH] ? SRV_CHINESE : SRV_ENGLISH;
}

/* 3: the type itself, 2: its family, 1: anything, 0: no match. */
static int specificity(struct slice range, const char *media_type)
{
    size_t family = strcspn(media_type, "/") + 1;

    if (slice_is(range, media_type))
        return 3;
    if (range.length == family + 1 && range.text[family] == '*' &&
        strncasecmp(range.text, media_type, family) == 0)
        return 2;
    return slice_is(range, "*/*") ? 1 : 0;
}

int srv_negotiate_quality(const struct srv_request *request, const char *media_type)
{
    bool sent = false;
    int best = 0;
    int quality = 0;

    for (int i = 0; i < request->header_count; i++) {
        const char *cursor = request->headers[i].value;
        const char *end = cursor + strlen(cursor);
        struct slice member;

        if (strcasecmp(request->headers[i].name, "Accept") != 0 || *cursor == '\0')
            continue;
        sent = true;
        while (next_piece(&cursor, end, ',', &member)) {
            struct slice range;
            int value;
            int match;

            if (!split_member(member, &range, &value))
                continue;
            match = specificity(range, media_type);
            if (match > best || (match == best && match > 0 && value > quality)) {
                best = match;
                quality = value;
            }
        }
    }
    return sent ? quality : 1000;
}

int srv_negotiate_coding(const struct srv_request *request, const char *coding)
{
    int named = -1;
    int any = 0;

    for (int i = 0; i < request->header_count; i++) {
        const char *cursor = request->headers[i].value;
        const char *end = cursor + strlen(cursor);
        struct slice member, range;
        int value;

        if (strcasecmp(request->headers[i].name, "Accept-Encoding") != 0)
            continue;
        while (next_piece(&cursor, end, ',', &member)) {
            if (!split_member(member, &range, &value))
                continue;
            if (slice_is(range, coding))
                named = value;
            else if (slice_is(range, "*"))
                any = value;
        }
    }
    return named >= 0 ? named : any;
}

enum stw_code srv_negotiate_accept(struct srv_request *request, const char *media_type)
{
    const char **offered = STW_NEW_N(request->ctx.arena, const char *, 3);

    offered[0] = media_type;
    offered[1] = "application/problem+json";

    for (int i = 0; offered[i]; i++) {
        if (srv_negotiate_quality(request, offered[i]) > 0)
            return STW_OK;
    }
    stw_details_add(&request->details, STW_AT_HEADER, "Accept", STW_NOT_ALLOWED, NULL, offered);
    return STW_NOT_ACCEPTABLE;
}

/* charset=utf-8, quoted or not: the one parameter that JSON bodies are sent with in practice. */
static bool is_utf8_charset(struct slice parameter)
{
    return slice_is(parameter, "charset=utf-8") || slice_is(parameter, "charset=\"utf-8\"");
}

static bool is_json_type(const char *value)
{
    const char *cursor = value;
    const char *end = value + strlen(value);
    struct slice piece;

    if (!next_piece(&cursor, end, ';', &piece))
        return false;
    if (!slice_is(piece, "application/json") && !slice_is(piece, "application/merge-patch+json"))
        return false;
    while (next_piece(&cursor, end, ';', &piece)) {
        if (piece.length > 0 && !is_utf8_charset(piece))
            return false;
    }
    return true;
}

/* False, with a violation, when the body comes in a content coding. */
static bool is_plain(struct srv_request *request, const struct srv_header *header)
{
    static const char *const codings[] = {"identity", NULL};

    if (strcasecmp(header->name, "Content-Encoding") != 0 || strcasecmp(header->value, "identity") == 0)
        return true;
    stw_details_add(&request->details, STW_AT_HEADER, "Content-Encoding", STW_NOT_ALLOWED, NULL, codings);
    return false;
}

enum stw_code srv_negotiate_media(struct srv_request *request, const char *media_type)
{
    const char **types = STW_NEW_N(request->ctx.arena, const char *, 2);
    const char *type = srv_request_header(request, "Content-Type");
    struct slice piece = {"", 0};

    for (int i = 0; i < request->header_count; i++) {
        if (!is_plain(request, &request->headers[i]))
            return STW_UNSUPPORTED_MEDIA_TYPE;
    }
    types[0] = media_type;
    if (type) {
        const char *cursor = type;
        (void)next_piece(&cursor, type + strlen(type), ';', &piece);
    }
    if (slice_is(piece, media_type))
        return STW_OK;
    stw_details_add(&request->details, STW_AT_HEADER, "Content-Type", type ? STW_NOT_ALLOWED : STW_REQUIRED,
                    NULL, types);
    return STW_UNSUPPORTED_MEDIA_TYPE;
}

enum stw_code srv_negotiate_content_type(struct srv_request *request)
{
    static const char *const types[] = {"application/json", "application/merge-patch+json", NULL};
    int count = 0;
    bool good = true;

    for (int i = 0; i < request->header_count; i++) {
        const struct srv_header *header = &request->headers[i];

        if (!is_plain(request, header))
            return STW_UNSUPPORTED_MEDIA_TYPE;
        if (strcasecmp(header->name, "Content-Type") == 0) {
            /* Two of them leave it open which one is meant. */
            good = count++ == 0 && is_json_type(header->value);
        }
    }
    if (count == 0)
        good = request->body_length == 0;
    if (good)
        return STW_OK;
    stw_details_add(&request->details, STW_AT_HEADER, "Content-Type", count ? STW_NOT_ALLOWED : STW_REQUIRED,
                    NULL, types);
    return STW_UNSUPPORTED_MEDIA_TYPE;
}

enum stw_code srv_negotiate_no_query(struct srv_request *request)
{
    for (int i = 0; i < request->query_count; i++)
        stw_details_parameter(&request->details, request->query[i].name, STW_UNKNOWN_PARAMETER, NULL);
    return request->query_count > 0 ? STW_UNKNOWN_PARAMETER : STW_OK;
}
