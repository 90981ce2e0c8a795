#ifndef SRV_MIGRATIONS_H
#define SRV_MIGRATIONS_H

#include "db/migrate.h"

/* The files of migrations/ in their order, inside the binary: cmake/migrations.cmake makes the table. */
extern const struct stw_migration srv_migrations[] __attribute__((visibility("hidden")));
extern const int srv_migration_count __attribute__((visibility("hidden")));

#endif
