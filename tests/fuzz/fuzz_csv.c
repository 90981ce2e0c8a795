/* core/csv.h: bytes as a file, read through a window that grows as a reader's does. Every byte is consumed
 * once, the records do not depend on where the window ends, and what was read comes back when it is written
 * and read again. */
#include <string.h>

#include "check.h"
#include "core/buf.h"
#include "core/csv.h"

/* The record at `at`, seen through a window that starts with `window` bytes. */
static enum stw_csv_found next(struct stw_arena *arena, char delimiter, const char *bytes, size_t length,
                               size_t at, size_t window, struct stw_csv_record *ret_record)
{
    enum stw_csv_found found = STW_CSV_MORE;

    for (; found == STW_CSV_MORE; window = window * 2 + 1) {
        bool last = window >= length - at;
        found = stw_csv_next(arena, delimiter, bytes + at, last ? length - at : window, last, ret_record);
        CHECK(found != STW_CSV_MORE || !last);
    }
    return found;
}

static void check_same(const struct stw_csv_record *left, const struct stw_csv_record *right)
{
    CHECK(left->count == right->count && left->lines == right->lines && left->size == right->size);
    for (int i = 0; i < left->count; i++)
        CHECK(strcmp(left->fields[i], right->fields[i]) == 0);
}

/* Fields, each in quotes, are read as what they are. */
static void check_again(struct stw_arena *arena, char delimiter, const struct stw_csv_record *record)
{
    struct stw_csv_record again;
    struct stw_buf line;

    stw_buf_init(&line, arena, 1024, (size_t)4 << 20);
    for (int i = 0; i < record->count; i++) {
        if (i)
            stw_buf_add_char(&line, delimiter);
        stw_buf_add_char(&line, '"');
        for (const char *c = record->fields[i]; *c; c++) {
            if (*c == '"')
                stw_buf_add_char(&line, '"');
            stw_buf_add_char(&line, *c);
        }
        stw_buf_add_char(&line, '"');
    }
    if (line.length >= STW_CSV_RECORD_MAX)
        return;
    CHECK(stw_csv_next(arena, delimiter, line.data, line.length, true, &again) == STW_CSV_RECORD);
    CHECK(again.size == line.length && again.count == record->count);
    for (int i = 0; i < record->count; i++)
        CHECK(strcmp(again.fields[i], record->fields[i]) == 0);
}

/* Bytes as two fields, whatever they are: quotes, line ends, delimiters. */
static void check_any(struct stw_arena *arena, char delimiter, const char *bytes, size_t length)
{
    const char *fields[] = {stw_arena_strndup(arena, bytes, length / 2),
                            stw_arena_strndup(arena, bytes + length / 2, length - length / 2)};

    check_again(arena, delimiter, &(struct stw_csv_record){.fields = fields, .count = 2});
}

/* What belongs to a line that was cut does not depend on where the window ends either. */
static void check_skip(const char *bytes, size_t length, size_t window)
{
    bool ended, ended_again;
    size_t whole = stw_csv_skip(bytes, length, true, &ended);
    size_t pieces = stw_csv_skip(bytes, window < length ? window : length, window >= length, &ended_again);

    CHECK(whole <= length && (ended || whole == length));
    if (!ended_again)
        pieces += stw_csv_skip(bytes + pieces, length - pieces, true, &ended_again);
    CHECK(pieces == whole && ended_again == ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)512 << 20);
    char delimiter = size > 0 ? ",;\t|"[data[0] % 4] : ',';
    size_t window = size > 1 ? data[1] : 0;
    const char *bytes = (const char *)data + (size > 2 ? 2 : size);
    size_t length = size > 2 ? size - 2 : 0, at = 0;
    bool skipping = false;

    check_skip(bytes, length, window);
    check_any(arena, delimiter, bytes, length);
    while (at < length) {
        struct stw_csv_record record = {0}, whole = {0};
        enum stw_csv_found found;

        if (skipping) {
            at += stw_csv_skip(bytes + at, length - at, true, &skipping);
            skipping = false;
            continue;
        }
        found = next(arena, delimiter, bytes, length, at, window, &record);
        CHECK(found != STW_CSV_END && record.size > 0 && record.size <= length - at);
        CHECK(!record.cut || found == STW_CSV_TOO_LONG);
        if (found == STW_CSV_RECORD) {
            CHECK(record.count > 0 && record.count <= STW_CSV_FIELDS_MAX);
            CHECK(next(arena, delimiter, bytes, length, at, length, &whole) == found);
            check_same(&record, &whole);
            check_again(arena, delimiter, &record);
        }
        skipping = record.cut;
        at += record.size;
    }
    CHECK(at == length);
    stw_arena_free(arena);
    return 0;
}
