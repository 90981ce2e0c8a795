#ifndef SRV_MEMORY_H
#define SRV_MEMORY_H

/* What the C library does with memory that was freed. */

/* Pages of replies come and go many times a second: giving their memory back each time costs more than
 * keeping it. */
void srv_memory_keep(void);
/* ...but what a crowd needed that has left goes back. To be called now and then, by one thread. */
void srv_memory_give_back(void);

#endif
