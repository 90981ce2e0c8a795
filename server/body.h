#ifndef SRV_BODY_H
#define SRV_BODY_H

#include "resource/input.h"
#include "server/request.h"

/*
 * Reads a JSON body by field rows: values[i] belongs to fields[i], its text is NULL when the member is null
 * or was left out. STW_INVALID_JSON; STW_VALIDATION_FAILED with all violations: unknown members with the
 * nearest name, mandatory ones that are missing. When a row is STW_WRITE_ONLY, its values and the body are
 * wiped at the end of the request.
 */
enum stw_code srv_body_read(struct srv_request *request, const struct stw_field *fields, int count,
                            struct stw_value *values) STW_MUST_CHECK;

#endif
