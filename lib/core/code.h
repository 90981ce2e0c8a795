#ifndef STW_CORE_CODE_H
#define STW_CORE_CODE_H

/*
 * Every way a call can end. The names are published: they are the `code` members of problem answers and never
 * change their meaning. What status, title and text belong to each is server/problem.c's knowledge alone.
 *
 * X(identifier, published name)
 */
#define STW_CODES(X)                                                                                         \
    X(STW_OK, "ok")                                                                                          \
    /* the request cannot be read */                                                                         \
    X(STW_MALFORMED_REQUEST, "malformed_request")                                                            \
    X(STW_INVALID_JSON, "invalid_json")                                                                      \
    X(STW_INVALID_PARAMETER, "invalid_parameter")                                                            \
    X(STW_UNKNOWN_PARAMETER, "unknown_parameter")                                                            \
    X(STW_INVALID_CURSOR, "invalid_cursor")                                                                  \
    X(STW_CURSOR_MISMATCH, "cursor_mismatch")                                                                \
    X(STW_UNAUTHENTICATED, "unauthenticated")                                                                \
    X(STW_INVALID_TOKEN, "invalid_token")                                                                    \
    X(STW_TOKEN_EXPIRED, "token_expired")                                                                    \
    X(STW_INVALID_CREDENTIALS, "invalid_credentials")                                                        \
    X(STW_FORBIDDEN, "forbidden")                                                                            \
    X(STW_NOT_FOUND, "not_found")                                                                            \
    X(STW_UNKNOWN_ROUTE, "unknown_route")                                                                    \
    X(STW_METHOD_NOT_ALLOWED, "method_not_allowed")                                                          \
    X(STW_NOT_ACCEPTABLE, "not_acceptable")                                                                  \
    X(STW_REQUEST_TIMEOUT, "request_timeout")                                                                \
    X(STW_BODY_TOO_LARGE, "body_too_large")                                                                  \
    X(STW_URI_TOO_LONG, "uri_too_long")                                                                      \
    X(STW_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")                                                  \
    X(STW_HEADERS_TOO_LARGE, "headers_too_large")                                                            \
    X(STW_NOT_IMPLEMENTED, "not_implemented")                                                                \
    /* it conflicts with what stands */                                                                      \
    X(STW_CONFLICT, "conflict")                                                                              \
    X(STW_DUPLICATE, "duplicate")                                                                            \
    X(STW_IN_USE, "in_use")                                                                                  \
    X(STW_INVALID_TRANSITION, "invalid_transition")                                                          \
    X(STW_IDEMPOTENCY_IN_PROGRESS, "idempotency_in_progress")                                                \
    X(STW_IDEMPOTENCY_MISMATCH, "idempotency_mismatch")                                                      \
    X(STW_VERSION_MISMATCH, "version_mismatch")                                                              \
    X(STW_PRECONDITION_REQUIRED, "precondition_required")                                                    \
    X(STW_VALIDATION_FAILED, "validation_failed")                                                            \
    /* violations: they appear in `errors` of validation_failed, invalid_parameter and conflicts */          \
    X(STW_REQUIRED, "required")                                                                              \
    X(STW_UNKNOWN_FIELD, "unknown_field")                                                                    \
    X(STW_READ_ONLY, "read_only")                                                                            \
    X(STW_IMMUTABLE, "immutable")                                                                            \
    X(STW_NOT_NULLABLE, "not_nullable")                                                                      \
    X(STW_INVALID_TYPE, "invalid_type")                                                                      \
    X(STW_INVALID_FORMAT, "invalid_format")                                                                  \
    X(STW_TOO_SHORT, "too_short")                                                                            \
    X(STW_TOO_LONG, "too_long")                                                                              \
    X(STW_TOO_SMALL, "too_small")                                                                            \
    X(STW_TOO_LARGE, "too_large")                                                                            \
    X(STW_TOO_MANY, "too_many")                                                                              \
    X(STW_NOT_ALLOWED, "not_allowed")                                                                        \
    X(STW_UNKNOWN_REFERENCE, "unknown_reference")                                                            \
    X(STW_CYCLE, "cycle")                                                                                    \
    X(STW_INVALID_OPERATOR, "invalid_operator")                                                              \
    /* limits and trouble */                                                                                 \
    X(STW_TOO_MANY_REQUESTS, "too_many_requests")                                                            \
    X(STW_OVERLOADED, "overloaded")                                                                          \
    X(STW_UNAVAILABLE, "unavailable")                                                                        \
    X(STW_DEADLINE_EXCEEDED, "deadline_exceeded")                                                            \
    X(STW_OUTCOME_UNKNOWN, "outcome_unknown")                                                                \
    X(STW_INTERNAL, "internal")                                                                              \
    /* never published: what lib/db reports and the layer above translates */                                \
    X(STW_CONSTRAINT, "constraint")                                                                          \
    X(STW_RETRY, "retry")

enum stw_code {
#define STW_CODE_ENUM(id, name) id,
    STW_CODES(STW_CODE_ENUM)
#undef STW_CODE_ENUM
        STW_CODE_COUNT
};

/* A function that can fail returns a code which the caller must look at. */
#define STW_MUST_CHECK __attribute__((warn_unused_result))

/* The published name of a code; static storage. */
const char *stw_code_name(enum stw_code code);

#endif
