#ifndef STW_CORE_CLOCK_H
#define STW_CORE_CLOCK_H

#include <stdint.h>

int64_t stw_clock_wall_us(void); /* microseconds since 1970-01-01T00:00:00Z */
int64_t stw_clock_monotonic_us(void);

#endif
