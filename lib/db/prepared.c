#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/internal.h"

#define STATEMENTS_MAX 512 /* a connection keeps a plan of each; what comes later runs unnamed */

static unsigned hash_of(const char *name)
{
    unsigned hash = 2166136261u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static struct stw_prepared **slot_of(const struct stw_prepared_table *table, const char *name)
{
    unsigned at = hash_of(name) & (table->size - 1);
    while (table->slots[at] != NULL && strcmp(table->slots[at]->name, name) != 0)
        at = (at + 1) & (table->size - 1);
    return &table->slots[at];
}

/* Entries stay where they are: steps in flight point to them. */
static void grow(struct stw_prepared_table *table)
{
    struct stw_prepared_table old = *table;
    table->size = old.size == 0 ? 64 : old.size * 2;
    table->slots = stw_db_calloc(table->size, sizeof *table->slots);
    for (unsigned i = 0; i < old.size; i++)
        if (old.slots[i] != NULL)
            *slot_of(table, old.slots[i]->name) = old.slots[i];
    free(old.slots);
}

/* Composed statements live as long as their request, the entry as long as its connection: it has its own
 * texts. */
static struct stw_prepared *entry_new(const struct stw_stmt *stmt, unsigned epoch)
{
    size_t name_size = strlen(stmt->name) + 1, sql_size = strlen(stmt->sql) + 1;
    struct stw_prepared *entry = stw_db_calloc(1, sizeof *entry + name_size + sql_size);
    char *texts = (char *)(entry + 1);
    entry->name = memcpy(texts, stmt->name, name_size);
    entry->sql = memcpy(texts + name_size, stmt->sql, sql_size);
    entry->epoch = epoch;
    return entry;
}

struct stw_prepared *stw_prepared_get(struct stw_prepared_table *table, const struct stw_stmt *stmt,
                                      unsigned epoch)
{
    /* room for "~" and the generation */
    if (stmt->name == NULL || strlen(stmt->name) + 12 > STW_PREPARED_NAME)
        return NULL;
    if (table->used * 2 >= table->size)
        grow(table);
    struct stw_prepared **slot = slot_of(table, stmt->name);
    if (*slot == NULL) {
        if (table->used == STATEMENTS_MAX)
            return NULL;
        *slot = entry_new(stmt, epoch);
        table->used++;
    }
    struct stw_prepared *entry = *slot;
    if (strcmp(entry->sql, stmt->sql) != 0)
        return NULL;
    if (entry->state != STW_PREPARE_SENT && entry->epoch != epoch) {
        if (entry->state == STW_PREPARED)
            entry->generation++;
        entry->state = STW_UNPREPARED;
        entry->epoch = epoch;
    }
    return entry;
}

void stw_prepared_server_name(const struct stw_prepared *entry, char ret_name[STW_PREPARED_NAME])
{
    if (entry->generation == 0)
        snprintf(ret_name, STW_PREPARED_NAME, "%s", entry->name);
    else
        snprintf(ret_name, STW_PREPARED_NAME, "%s~%u", entry->name, entry->generation);
}

void stw_prepared_clear(struct stw_prepared_table *table)
{
    for (unsigned i = 0; i < table->size; i++)
        free(table->slots[i]);
    free(table->slots);
    *table = (struct stw_prepared_table){0};
}
