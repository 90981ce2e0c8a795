#ifndef STW_RESOURCE_JSON_MEMORY_H
#define STW_RESOURCE_JSON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where jansson's memory comes from. It does not always say that it got none: it drops a byte of a text or a
 * member of an object and goes on. So each refusal is counted here, and whoever lets jansson make something
 * compares.
 */

/* For json_set_alloc_funcs, with free(). */
void *stw_json_malloc(size_t size);
/* How often this thread was refused memory so far. */
unsigned stw_json_refusals(void);
/* From here on this thread is given what it asks for, or the process stops: for libjwt, which would read from
 * NULL. False: nothing can be put by for that, and nothing has begun. */
bool stw_json_memory_begin(void);
void stw_json_memory_end(void);

#endif
