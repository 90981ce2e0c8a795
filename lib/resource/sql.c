#include "resource/sql.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SQL_CAP ((size_t)256 * 1024)

void stw_sql_init(struct stw_sql *sql, struct stw_context *ctx)
{
    sql->ctx = ctx;
    sql->actor = ctx->actor;
    sql->count = 0;
    for (int slot = 0; slot < STW_SLOT_COUNT; slot++)
        sql->slot[slot] = 0;
    stw_buf_init(&sql->text, ctx->arena, 2048, SQL_CAP);
    sql->parameters[sql->count++] = ctx->org_id;
    sql->slot[STW_SLOT_ORG] = 1;
}

void stw_sql_add(struct stw_sql *sql, const char *text)
{
    stw_buf_add_text(&sql->text, text);
}

static void add_number(struct stw_sql *sql, int number)
{
    char text[12];
    char *to = text + sizeof text;
    unsigned left = number < 0 ? -(unsigned)number : (unsigned)number;
    do
        *--to = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--to = '-';
    stw_buf_add(&sql->text, to, (size_t)(text + sizeof text - to));
}

/* Dozens of times in a write: printf proper would take longer than all the rest of the statement. */
void stw_sql_printf(struct stw_sql *sql, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (;;) {
        size_t plain = strcspn(format, "%");
        stw_buf_add(&sql->text, format, plain);
        format += plain;
        if (*format == '\0')
            break;
        if (format[1] == 's')
            stw_buf_add_text(&sql->text, va_arg(arguments, const char *));
        else if (format[1] == 'd')
            add_number(sql, va_arg(arguments, int));
        else if (format[1] == 'c')
            stw_buf_add_char(&sql->text, (char)va_arg(arguments, int));
        else
            abort();
        format += 2;
    }
    va_end(arguments);
}

static int parameter_add(struct stw_sql *sql, const char *value)
{
    if (sql->count == STW_SQL_PARAMETERS)
        abort(); /* terms and fields are capped far below */
    sql->parameters[sql->count++] = value;
    return sql->count;
}

/* "$12::uuid" */
static void add_placeholder(struct stw_sql *sql, int number, const char *type)
{
    stw_buf_add_char(&sql->text, '$');
    add_number(sql, number);
    if (type) {
        stw_buf_add(&sql->text, "::", 2);
        stw_buf_add_text(&sql->text, type);
    }
}

int stw_sql_value(struct stw_sql *sql, const char *value, const char *type)
{
    int number = parameter_add(sql, value);
    add_placeholder(sql, number, type);
    return number;
}

void stw_sql_slot(struct stw_sql *sql, enum stw_slot slot)
{
    const struct stw_actor *actor = sql->actor;
    if (sql->slot[slot] == 0) {
        const char *value = NULL;
        switch (slot) {
        case STW_SLOT_ORG:
            value = sql->ctx->org_id;
            break;
        case STW_SLOT_ME:
            value = actor->id[0] ? actor->id : NULL; /* the system has none */
            break;
        case STW_SLOT_TEAM:
            value = actor->team_id[0] ? actor->team_id : NULL;
            break;
        case STW_SLOT_TREE:
            value = actor->tree;
            break;
        case STW_SLOT_SOURCE:
            value = actor->source;
            break;
        default:
            abort();
        }
        sql->slot[slot] = parameter_add(sql, value);
    }
    const char *type = slot == STW_SLOT_TREE ? "uuid[]" : slot == STW_SLOT_SOURCE ? "text" : "uuid";
    add_placeholder(sql, sql->slot[slot], type);
}

const char *stw_sql_take(struct stw_sql *sql)
{
    const char *taken = stw_arena_strndup(sql->ctx->arena, sql->text.data, sql->text.length);

    stw_buf_end(&sql->text, sql->text.data);
    return taken;
}

/* Tells texts apart well enough: lib/db compares them whole before it trusts a name. */
static uint64_t digest_of(const char *text, size_t length)
{
    uint64_t digest = length * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = 0;
    for (; length >= sizeof word; length -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        digest = (digest ^ word) * UINT64_C(0x9fb21c651e98df25);
        digest ^= digest >> 32;
    }
    word = 0;
    memcpy(&word, text, length);
    digest = (digest ^ word) * UINT64_C(0x9fb21c651e98df25);
    digest ^= digest >> 32;
    return digest;
}

static const char *name_of(struct stw_arena *arena, uint64_t digest)
{
    static const char digits[] = "0123456789abcdef";
    char *name = stw_arena_alloc(arena, 17);
    for (int i = 0; i < 16; i++)
        name[i] = digits[digest >> (60 - 4 * i) & 15];
    name[16] = '\0';
    return name;
}

struct stw_stmt stw_sql_finish(struct stw_sql *sql, enum stw_stmt_kind kind, bool prepare)
{
    if (sql->text.failed)
        abort();
    struct stw_stmt stmt = {.sql = sql->text.data, .param_count = sql->count, .kind = kind};
    if (prepare)
        stmt.name = name_of(sql->ctx->arena, digest_of(sql->text.data, sql->text.length));
    return stmt;
}

const char *stw_sql_type(enum stw_type type)
{
    static const char *const types[STW_TYPE_COUNT] = {
        [STW_TYPE_BOOL] = "boolean",          [STW_TYPE_INT] = "integer",   [STW_TYPE_DECIMAL] = "numeric",
        [STW_TYPE_PERCENT] = "numeric",       [STW_TYPE_MONEY] = "numeric", [STW_TYPE_DATE] = "date",
        [STW_TYPE_TIMESTAMP] = "timestamptz", [STW_TYPE_REF] = "uuid",      [STW_TYPE_TEXTS] = "text[]",
        [STW_TYPE_OBJECT] = "jsonb",          [STW_TYPE_KEYS] = "jsonb",    [STW_TYPE_ID] = "uuid",
    };
    return types[type] ? types[type] : "text";
}
