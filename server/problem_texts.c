#include "server/problem_texts.h"

#include <string.h>

#include "core/text.h"

/*
 * A part in square brackets is shown only together with an argument, which takes the place of its %s. The %s
 * is replaced by problem.c itself; no text here is ever a format of printf.
 */

#define UNPUBLISHED 3 /* STW_OK, STW_CONSTRAINT, STW_RETRY */
#define VIOLATION   0

/* Each row draws a number: a missing row changes the last one, and a second row for a code is refused by
 * -Woverride-init. So the table is complete or does not compile. */
enum { ROWS_START = __COUNTER__ };
#define ROW(id, http, title_en, title_zh, detail_en, detail_zh)                                              \
    [id] = {.code = (id),                                                                                    \
            .status = (http) + 0 * __COUNTER__,                                                              \
            .title = {title_en, title_zh},                                                                   \
            .detail = {detail_en, detail_zh}}

/* clang-format off */
const struct srv_problem srv_problem_table[STW_CODE_COUNT] = {
    ROW(STW_MALFORMED_REQUEST, 400, "Malformed request", "请求格式错误",
        "The request does not follow HTTP or holds bytes that are not valid.",
        "请求不符合 HTTP 规范，或包含无效字节。"),
    ROW(STW_INVALID_JSON, 400, "Invalid JSON", "JSON 无效",
        "The body is not a valid JSON object: it may be empty, cut off, nested too deeply or repeat a key.",
        "请求体不是有效的 JSON 对象：可能为空、不完整、嵌套过深或含有重复的键。"),
    ROW(STW_INVALID_PARAMETER, 400, "Invalid query parameter", "查询参数无效",
        "A query parameter is not valid here.",
        "查询参数在此处无效。"),
    ROW(STW_UNKNOWN_PARAMETER, 400, "Unknown query parameter", "未知的查询参数",
        "There is no such query parameter here.[ Did you mean \"%s\"?]",
        "此处没有这个查询参数。[您是否想用“%s”？]"),
    ROW(STW_INVALID_CURSOR, 400, "Invalid cursor", "游标无效",
        "The cursor was not issued by this service or has been altered. Start again without it.",
        "该游标不是由本服务签发的，或已被改动。请去掉游标，从头开始。"),
    ROW(STW_CURSOR_MISMATCH, 400, "Cursor of another query", "游标与查询不符",
        "The cursor belongs to another filter or sort order. Repeat the query that it came from, or start again "
        "without it.",
        "该游标属于另一组筛选条件或排序方式。请使用原来的查询，或去掉游标，从头开始。"),
    ROW(STW_UNAUTHENTICATED, 401, "Authentication required", "需要身份验证",
        "Send an access token or an API key as Bearer in the Authorization header.",
        "请在 Authorization 请求头中以 Bearer 方式提供访问令牌或 API 密钥。"),
    ROW(STW_INVALID_TOKEN, 401, "Invalid token", "令牌无效",
        "The token is malformed, has been revoked or was not issued for this service.",
        "令牌格式错误、已被吊销，或不是为本服务签发的。"),
    ROW(STW_TOKEN_EXPIRED, 401, "Token expired", "令牌已过期",
        "The token has expired. Obtain a new one and repeat the request.",
        "令牌已过期，请获取新令牌后重试。"),
    ROW(STW_INVALID_CREDENTIALS, 401, "Invalid credentials", "登录信息不正确",
        "The organization, the email address or the password is wrong.",
        "组织、邮箱地址或密码不正确。"),
    ROW(STW_FORBIDDEN, 403, "Forbidden", "没有权限",
        "You are not allowed to do this.",
        "您没有执行此操作的权限。"),
    ROW(STW_NOT_FOUND, 404, "Not found", "未找到",
        "There is no such record, or it is not visible to you.",
        "该记录不存在，或对您不可见。"),
    ROW(STW_UNKNOWN_ROUTE, 404, "Unknown path", "路径不存在",
        "Nothing is served under this path.",
        "此路径下没有可用的资源。"),
    ROW(STW_METHOD_NOT_ALLOWED, 405, "Method not allowed", "不支持的请求方法",
        "This path does not support the method; the Allow header lists those that it does.",
        "此路径不支持该请求方法，可用的方法见 Allow 响应头。"),
    ROW(STW_NOT_ACCEPTABLE, 406, "Not acceptable", "无法提供可接受的格式",
        "The Accept header takes none of the formats that this path offers.",
        "此路径提供的格式均不在 Accept 请求头的可接受范围内。"),
    ROW(STW_REQUEST_TIMEOUT, 408, "Request timeout", "接收请求超时",
        "The request did not arrive completely in time.",
        "未能在规定时间内收到完整的请求。"),
    ROW(STW_BODY_TOO_LARGE, 413, "Body too large", "请求体过大",
        "The body is larger than this path takes.",
        "请求体超过了此路径允许的大小。"),
    ROW(STW_URI_TOO_LONG, 414, "URI too long", "URI 过长",
        "The path and query are longer than the server takes.",
        "请求的路径和查询部分超过了服务器允许的长度。"),
    ROW(STW_UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported media type", "不支持的媒体类型",
        "This path does not take a body of this type or content coding.",
        "此路径不接受该类型或编码方式的请求体。"),
    ROW(STW_HEADERS_TOO_LARGE, 431, "Header fields too large", "请求头过大",
        "The header section is too large or has too many fields.",
        "请求头总长度过大，或字段过多。"),
    ROW(STW_NOT_IMPLEMENTED, 501, "Not implemented", "功能未实现",
        "The server does not support the method or the transfer coding of the request.",
        "服务器不支持此请求的方法或传输编码。"),
    ROW(STW_CONFLICT, 409, "Conflict", "状态冲突",
        "The request conflicts with the present state of the record or of another one.",
        "请求与该记录或其他记录的当前状态冲突。"),
    ROW(STW_DUPLICATE, 409, "Duplicate", "记录重复",
        "Another record already holds this value.",
        "已有其他记录使用该值。"),
    ROW(STW_IN_USE, 409, "In use", "记录正被引用",
        "Other records still refer to this one[: %s].",
        "仍有其他记录引用此记录[：%s]。"),
    ROW(STW_INVALID_TRANSITION, 409, "Invalid transition", "状态变更无效",
        "The record cannot go from its present state to the one asked for[: %s].",
        "该记录无法从当前状态变更为请求的状态[：%s]。"),
    ROW(STW_IDEMPOTENCY_IN_PROGRESS, 409, "Request in progress", "请求正在处理",
        "A request with this Idempotency-Key is still running. Repeat it later.",
        "使用此 Idempotency-Key 的请求仍在处理中，请稍后重试。"),
    ROW(STW_IDEMPOTENCY_MISMATCH, 422, "Idempotency key reused", "幂等键被重复使用",
        "This Idempotency-Key was used before with another request.",
        "此 Idempotency-Key 已用于另一个不同的请求。"),
    ROW(STW_VERSION_MISMATCH, 412, "Version mismatch", "版本不匹配",
        "The record is no longer at the version that If-Match names. Read it again before changing it.",
        "该记录已不是 If-Match 所指的版本，请重新读取后再修改。"),
    ROW(STW_PRECONDITION_REQUIRED, 428, "Precondition required", "缺少前提条件",
        "Send the record's ETag in If-Match, or * if any version will do.",
        "请在 If-Match 请求头中提供该记录的 ETag；若任何版本均可，请使用 *。"),
    ROW(STW_VALIDATION_FAILED, 422, "Validation failed", "数据校验未通过",
        "The request could be read, but not everything in it is valid.",
        "请求可以解析，但其中部分内容无效。"),

    ROW(STW_REQUIRED, VIOLATION, "Required", "必填",
        "A value is required.",
        "此项必填。"),
    ROW(STW_UNKNOWN_FIELD, VIOLATION, "Unknown field", "未知字段",
        "There is no such field here.[ Did you mean \"%s\"?]",
        "此处没有这个字段。[您是否想用“%s”？]"),
    ROW(STW_READ_ONLY, VIOLATION, "Read-only", "只读",
        "This field is set by the server and cannot be written.",
        "该字段由服务器设置，不可写入。"),
    ROW(STW_IMMUTABLE, VIOLATION, "Immutable", "不可修改",
        "This field can only be set when the record is created.",
        "该字段只能在创建记录时设置。"),
    ROW(STW_NOT_NULLABLE, VIOLATION, "Not nullable", "不可为空",
        "This field cannot be null.",
        "该字段不能为 null。"),
    ROW(STW_INVALID_TYPE, VIOLATION, "Wrong type", "类型错误",
        "The value has the wrong type.[ Expected: %s.]",
        "值的类型不正确。[应为：%s。]"),
    ROW(STW_INVALID_FORMAT, VIOLATION, "Wrong format", "格式错误",
        "The value does not have the right format.[ Expected: %s.]",
        "值的格式不正确。[应为：%s。]"),
    ROW(STW_TOO_SHORT, VIOLATION, "Too short", "长度不足",
        "The value is too short[; the least length is %s].",
        "值的长度不足[，至少应为 %s]。"),
    ROW(STW_TOO_LONG, VIOLATION, "Too long", "长度超限",
        "The value is too long[; the greatest length is %s].",
        "值的长度超出限制[，最多为 %s]。"),
    ROW(STW_TOO_SMALL, VIOLATION, "Too small", "数值过小",
        "The value is too small[; the least is %s].",
        "值过小[，不得小于 %s]。"),
    ROW(STW_TOO_LARGE, VIOLATION, "Too large", "数值过大",
        "The value is too large[; the greatest is %s].",
        "值过大[，不得大于 %s]。"),
    ROW(STW_TOO_MANY, VIOLATION, "Too many", "数量过多",
        "There are too many entries[; at most %s are allowed].",
        "条目数量过多[，最多允许 %s 个]。"),
    ROW(STW_NOT_ALLOWED, VIOLATION, "Not allowed", "值不被允许",
        "This value is not allowed here.",
        "此处不允许使用该值。"),
    ROW(STW_UNKNOWN_REFERENCE, VIOLATION, "Unknown reference", "引用无效",
        "The record referred to does not exist, has been deleted or is not visible to you.",
        "所引用的记录不存在、已被删除，或对您不可见。"),
    ROW(STW_CYCLE, VIOLATION, "Cycle", "循环引用",
        "With this value the record would stand above itself.",
        "使用该值会使记录成为其自身的上级。"),
    ROW(STW_INVALID_OPERATOR, VIOLATION, "Invalid operator", "运算符无效",
        "This field does not support the operator[ \"%s\"].",
        "该字段不支持此运算符[：%s]。"),

    ROW(STW_TOO_MANY_REQUESTS, 429, "Too many requests", "请求过于频繁",
        "The rate limit is reached. Repeat the request after the time in Retry-After.",
        "已达到速率限制，请在 Retry-After 指定的时间之后重试。"),
    ROW(STW_OVERLOADED, 503, "Overloaded", "服务器繁忙",
        "The server has more work than it can take on right now. Repeat the request later.",
        "服务器当前负载过高，请稍后重试。"),
    ROW(STW_UNAVAILABLE, 503, "Unavailable", "服务暂不可用",
        "The service is not available right now. Repeat the request later.",
        "服务暂时不可用，请稍后重试。"),
    ROW(STW_DEADLINE_EXCEEDED, 503, "Deadline exceeded", "处理请求超时",
        "The request could not be finished in time.",
        "请求未能在规定时间内处理完成。"),
    ROW(STW_OUTCOME_UNKNOWN, 503, "Outcome unknown", "结果未知",
        "The connection broke while the change was being stored: it may or may not have taken effect. Read the "
        "record, or repeat the request with the same Idempotency-Key.",
        "保存更改时连接中断，更改可能已生效，也可能未生效。请重新读取记录，或使用相同的 Idempotency-Key 重试。"),
    ROW(STW_INTERNAL, 500, "Internal error", "服务器内部错误",
        "Something unexpected went wrong. Please quote request_id when you report it.",
        "服务器发生意外错误，反馈问题时请提供 request_id。"),
};
/* clang-format on */

_Static_assert(__COUNTER__ - ROWS_START - 1 == STW_CODE_COUNT - UNPUBLISHED,
               "a published code has no row in the table of problems");

/* A client that sends a name of a megabyte knows its beginning. */
#define ECHO_MAX 256

size_t srv_problem_echo_length(const char *text)
{
    size_t length = strnlen(text, ECHO_MAX + 1);

    if (length <= ECHO_MAX)
        return length;
    length = ECHO_MAX;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

const char *srv_problem_detail(struct stw_arena *arena, const struct srv_problem *problem,
                               enum srv_language language, const char *argument)
{
    const char *text = problem->detail[language];
    const char *open = strchr(text, '[');
    const char *place = open ? strstr(open, "%s") : NULL;
    const char *close = place ? strchr(place, ']') : NULL;
    size_t length = argument ? srv_problem_echo_length(argument) : 0;
    char *full;
    char *to;

    if (!close)
        return text;
    full = stw_arena_alloc(arena, strlen(text) + length + 1);
    to = mempcpy(full, text, (size_t)(open - text));
    if (argument && stw_text_valid(argument, length)) {
        to = mempcpy(to, open + 1, (size_t)(place - open - 1));
        to = mempcpy(to, argument, length);
        to = mempcpy(to, place + 2, (size_t)(close - place - 2));
    }
    memcpy(to, close + 1, strlen(close + 1) + 1);
    return full;
}
