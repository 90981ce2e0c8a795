#include "resource/json_memory.h"

#include <stdio.h>
#include <stdlib.h>

#define PUT_BY ((size_t)32 * 1024) /* several times what a token needs */

static _Thread_local unsigned refusals;
static _Thread_local bool must;
static _Thread_local void *put_by;

void *stw_json_malloc(size_t size)
{
    void *memory = malloc(size);

    if (memory)
        return memory;
    if (!must) {
        refusals++;
        return NULL;
    }
    free(put_by);
    put_by = NULL;
    memory = malloc(size);
    if (!memory) {
        fputs("json: out of memory\n", stderr);
        abort();
    }
    return memory;
}

unsigned stw_json_refusals(void)
{
    return refusals;
}

bool stw_json_memory_begin(void)
{
    put_by = malloc(PUT_BY);
    must = put_by != NULL;
    return must;
}

void stw_json_memory_end(void)
{
    must = false;
    free(put_by);
    put_by = NULL;
}
