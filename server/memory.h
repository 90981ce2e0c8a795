#ifndef SRV_MEMORY_H
#define SRV_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the process: all that it maps, and those that are in memory. False: the kernel does not tell. */
bool srv_memory_size(size_t *ret_mapped, size_t *ret_resident);

/* What the C library does with memory that was freed. */

/* Pages of replies come and go many times a second: giving their memory back each time costs more than
 * keeping it. */
void srv_memory_keep(void);
/* ...but what a crowd needed that has left goes back. To be called now and then, by one thread. */
void srv_memory_give_back(void);

#endif
