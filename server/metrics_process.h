#ifndef SRV_METRICS_PROCESS_H
#define SRV_METRICS_PROCESS_H

#include "core/buf.h"

/* HELP and TYPE lines of a family; once per family, before its samples. */
void srv_metrics_family(struct stw_buf *out, const char *name, const char *type, const char *help);
/* When this process started, in seconds since 1970. */
double srv_metrics_started(void);
/* What the kernel knows of this process: memory, descriptors, CPU, start; and the build. What cannot be read
 * is left out. */
void srv_metrics_process(struct stw_buf *out, double started);

#endif
