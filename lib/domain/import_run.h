#ifndef STW_DOMAIN_IMPORT_RUN_H
#define STW_DOMAIN_IMPORT_RUN_H

#include "domain/jobs.h"

/* The job of an import: a step is a batch of lines, stored together with the place behind them. */
#define STW_IMPORT_BATCH 200
extern const struct stw_job_kind stw_import_job;

#endif
