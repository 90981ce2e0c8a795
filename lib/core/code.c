#include "core/code.h"

static const char *const names[STW_CODE_COUNT] = {
#define STW_CODE_NAME(id, name) [id] = (name),
    STW_CODES(STW_CODE_NAME)
#undef STW_CODE_NAME
};

const char *stw_code_name(enum stw_code code)
{
    unsigned int index = (unsigned int)code;

    return index < STW_CODE_COUNT ? names[index] : names[STW_INTERNAL];
}
