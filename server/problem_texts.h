#ifndef SRV_PROBLEM_TEXTS_H
#define SRV_PROBLEM_TEXTS_H

#include "server/problem.h"

/* By code; rows of codes that are never published are zero. Read through srv_problem_get. */
extern const struct srv_problem srv_problem_table[STW_CODE_COUNT];

/* The detail of a problem or violation with its argument (may be NULL) in place. */
const char *srv_problem_detail(struct stw_arena *arena, const struct srv_problem *problem,
                               enum srv_language language, const char *argument);
/* How much of a text that may come from the client is echoed: whole characters, at most 256 bytes. */
size_t srv_problem_echo_length(const char *text);

#endif
