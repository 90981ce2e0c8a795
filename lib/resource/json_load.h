#ifndef STW_RESOURCE_JSON_LOAD_H
#define STW_RESOURCE_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

#include "core/code.h"

/* Once, before other threads use jansson: see json_memory.h. */
void stw_json_init(void);
/* json_loadb; text that is no JSON is STW_INVALID_JSON, with jansson's error (`error` may be NULL), and
 * memory that ran out STW_OVERLOADED. The tree is the caller's to release. */
enum stw_code stw_json_load(const char *bytes, size_t length, size_t flags, json_error_t *error,
                            json_t **ret_root) STW_MUST_CHECK;

#endif
