#include "server/migrations.h"

/* The generated table is written by offsets. */
_Static_assert(offsetof(struct stw_migration, version) == 0 &&
                   sizeof(((struct stw_migration *)0)->version) == 4,
               "version");
_Static_assert(offsetof(struct stw_migration, name) == 8, "name");
_Static_assert(offsetof(struct stw_migration, sql) == 16, "sql");
_Static_assert(offsetof(struct stw_migration, length) == 24 && sizeof(struct stw_migration) == 32, "length");
