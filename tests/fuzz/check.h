#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/details.h"
#include "core/text.h"

/* What every target has, and what those say that fill details. */
#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Violations that can be shown: each at a pointer in UTF-8, with a published code. */
static inline void check_violations(const struct stw_details *details)
{
    CHECK(details->violation_count > 0 && details->violation_count <= STW_VIOLATIONS_MAX);
    for (int i = 0; i < details->violation_count; i++) {
        const struct stw_violation *violation = &details->violations[i];

        CHECK(violation->where == STW_AT_POINTER && violation->path[0] == '#');
        CHECK(violation->path[1] == '\0' || violation->path[1] == '/');
        CHECK(stw_text_valid(violation->path, strlen(violation->path)));
        /* RFC 6901: ~0 and ~1 */
        for (const char *at = strchr(violation->path, '~'); at; at = strchr(at + 1, '~'))
            CHECK(at[1] == '0' || at[1] == '1');
        CHECK(violation->code > STW_OK && violation->code < STW_CODE_COUNT);
    }
}

#endif
