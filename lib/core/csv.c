#include "core/csv.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the line end at `at`: 0 when there is none, -1 when a CR is the last byte and its LF may still
 * come. */
static int line_end(const char *bytes, size_t at, size_t length, bool last)
{
    if (bytes[at] == '\n')
        return 1;
    if (bytes[at] != '\r')
        return 0;
    if (at + 1 == length)
        return last ? 1 : -1;
    return bytes[at + 1] == '\n' ? 2 : 1;
}

enum place { FIELD_START, PLAIN, QUOTED, BEHIND_QUOTE };

/* Where a byte leads to. A quote opens at the start of a field only; what stands behind the closing one is
 * for the parser to refuse. */
static enum place step(enum place place, char c, char delimiter)
{
    if (place == QUOTED)
        return c == '"' ? BEHIND_QUOTE : QUOTED;
    if (c == delimiter)
        return FIELD_START;
    if (c == '"' && (place == FIELD_START || place == BEHIND_QUOTE))
        return QUOTED;
    return PLAIN;
}

struct extent {
    size_t content; /* without the line's end */
    size_t size;
    int lines;
    size_t first_line; /* bytes up to and with the first line's end; 0: there is none */
};

static void note_line(struct extent *extent, size_t end)
{
    extent->lines++;
    if (extent->first_line == 0)
        extent->first_line = end;
}

/* Looks for the record's end: RECORD, TOO_LONG or MORE. */
static enum stw_csv_found measure(char delimiter, const char *bytes, size_t length, bool last,
                                  struct extent *extent)
{
    enum place place = FIELD_START;

    for (size_t at = 0; at < length;) {
        int end;

        if (at >= STW_CSV_RECORD_MAX)
            return STW_CSV_TOO_LONG;
        end = line_end(bytes, at, length, last);
        if (end < 0)
            return STW_CSV_MORE;
        if (end == 0) {
            place = step(place, bytes[at++], delimiter);
            continue;
        }
        note_line(extent, at + (size_t)end);
        if (place != QUOTED) {
            extent->content = at;
            extent->size = at + (size_t)end;
            return STW_CSV_RECORD;
        }
        at += (size_t)end;
    }
    if (!last)
        return STW_CSV_MORE;
    /* a quote that never closes would swallow the rest of the file: only its line is lost */
    if (place == QUOTED && extent->first_line > 0)
        return STW_CSV_TOO_LONG;
    extent->content = extent->size = length;
    return STW_CSV_RECORD;
}

/* libcsv strips blanks around fields unless nothing is one. */
static int is_never_blank(unsigned char c)
{
    (void)c;
    return 0;
}

struct fields {
    struct stw_arena *arena;
    const char **list;
    int count, room;
    bool bad;
};

static void take_field(void *bytes, size_t length, void *argument)
{
    struct fields *fields = argument;

    if (fields->count == STW_CSV_FIELDS_MAX || memchr(bytes, '\0', length)) {
        fields->bad = true;
        return;
    }
    if (fields->count == fields->room) {
        size_t old = sizeof(char *) * (size_t)fields->room;
        fields->room = fields->room ? 2 * fields->room : 16;
        fields->list =
            stw_arena_grow(fields->arena, (void *)fields->list, old, sizeof(char *) * (size_t)fields->room);
    }
    fields->list[fields->count++] = stw_arena_strndup(fields->arena, bytes, length);
}

static bool parse(struct stw_arena *arena, char delimiter, const char *bytes, size_t length,
                  struct stw_csv_record *record)
{
    struct fields fields = {.arena = arena};
    struct csv_parser parser;
    bool good;

    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        fprintf(stderr, "csv: out of memory\n");
        abort();
    }
    csv_set_delim(&parser, (unsigned char)delimiter);
    csv_set_space_func(&parser, is_never_blank);
    csv_set_blk_size(&parser, 4096);
    good = csv_parse(&parser, bytes, length, take_field, NULL, &fields) == length &&
           csv_fini(&parser, take_field, NULL, &fields) == 0;
    csv_free(&parser);
    record->fields = fields.list;
    record->count = fields.count;
    return good && !fields.bad;
}

enum stw_csv_found stw_csv_next(struct stw_arena *arena, char delimiter, const char *bytes, size_t length,
                                bool last, struct stw_csv_record *ret_record)
{
    struct stw_csv_record record = {0};
    struct extent extent = {0};
    enum stw_csv_found found;

    if (length == 0)
        return last ? STW_CSV_END : STW_CSV_MORE;
    found = measure(delimiter, bytes, length, last, &extent);
    if (found == STW_CSV_MORE)
        return found;
    if (found == STW_CSV_TOO_LONG) {
        /* go on behind the first of the lines that an open quote has joined */
        record.cut = extent.first_line == 0;
        record.size = record.cut ? length : extent.first_line;
        record.lines = record.cut ? 0 : 1;
        *ret_record = record;
        return found;
    }
    record.size = extent.size;
    record.lines = extent.lines;
    if (extent.content == 0)
        found = STW_CSV_BLANK;
    else if (!parse(arena, delimiter, bytes, extent.content, &record))
        found = STW_CSV_MALFORMED;
    *ret_record = record;
    return found;
}

size_t stw_csv_skip(const char *bytes, size_t length, bool last, bool *ret_ended)
{
    size_t at = 0;
    int end = 0;

    while (at < length && (end = line_end(bytes, at, length, last)) == 0)
        at++;
    *ret_ended = end > 0;
    return *ret_ended ? at + (size_t)end : at;
}
