#include "resource/json_load.h"

#include <stdlib.h>

#include "resource/json_memory.h"

void stw_json_init(void)
{
    json_set_alloc_funcs(stw_json_malloc, free);
}

enum stw_code stw_json_load(const char *bytes, size_t length, size_t flags, json_error_t *error,
                            json_t **ret_root)
{
    unsigned before = stw_json_refusals();
    json_t *root = json_loadb(bytes, length, flags, error);

    /* Also when there is a tree: it is not that of the text then. */
    if (stw_json_refusals() != before) {
        json_decref(root);
        return STW_OVERLOADED;
    }
    if (!root)
        return STW_INVALID_JSON;
    *ret_root = root;
    return STW_OK;
}
