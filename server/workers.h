#ifndef SRV_WORKERS_H
#define SRV_WORKERS_H

#include "core/code.h"

/* The small bounded thread set for what burns CPU or blocks. Work is run in order by `threads` threads; more
 * than `queue` waiting pieces are refused. */
struct srv_workers;
struct srv_workers *srv_workers_new(int threads, int queue);
void srv_workers_free(struct srv_workers *workers); /* waits for what runs */
/* Calls work(what), then done(what) (may be NULL) on the worker's thread. STW_OVERLOADED when the queue is
 * full. */
enum stw_code srv_workers_submit(struct srv_workers *workers, void (*work)(void *what),
                                 void (*done)(void *what), void *what) STW_MUST_CHECK;

#endif
