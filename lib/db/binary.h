#ifndef STW_DB_BINARY_H
#define STW_DB_BINARY_H

#include <stddef.h>

#include "db/rows.h"

/*
 * Values as PostgreSQL sends them in binary, as text. Making text of ids, times and numbers takes PostgreSQL
 * a good part of a page; made here it is cheaper, and less travels. Source of the forms: the types' functions
 * for sending (uuid_send, timestamptz_send, date_send, numeric_send, jsonb_send, int4send).
 */
enum stw_form {
    STW_FORM_TEXT, /* also what is not known or too short for its form: as it came */
    STW_FORM_BOOL,
    STW_FORM_INT2,
    STW_FORM_INT4,
    STW_FORM_INT8,
    STW_FORM_UUID,
    STW_FORM_DATE,
    STW_FORM_TIMESTAMP,
    STW_FORM_NUMERIC,
    STW_FORM_JSONB,
};
/* Of the type with this number in PostgreSQL's catalogue. */
enum stw_form stw_form_of(unsigned oid);

/* What PostgreSQL itself would write, but "2026-01-02T03:04:05.678901Z" for a moment. The text is either
 * `bytes`, a part of it, or `scratch`, and ends with a NUL. Empty for what a scratch cannot hold: moments and
 * days outside the years 0001 to 9999, numbers of more than 28 digits before or 24 behind the point. */
const char *stw_form_text(enum stw_form form, const char *bytes, size_t length,
                          char scratch[STW_CELL_SCRATCH], size_t *ret_length);

#endif
