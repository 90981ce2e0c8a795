/* A cursor made of the input comes back as it was; changed in any way it is refused, and so is the input
 * itself. With an 's' in front the input is what a cursor says, put into one with the right tag: version,
 * what is laid over the query's digest, entries. The mutator changes entries as such. */
#include <sodium.h>

#include "core/text.h"
#include "mutate.h"
#include "query_check.h"

#define ID          "0190c0de-0000-7000-8000-00000000000a"
#define VERSION     1
#define TAG         16
#define LENGTH      4
#define HEAD        3
#define ENTRIES_MAX 8

static enum stw_code read_cursor(struct fixture *f, const char *cursor, struct stw_query *ret_query)
{
    struct stw_pair pairs[] = {{"sort", "title,-pages"}, {"cursor", cursor}};

    return stw_query_read(&f->ctx, f->books, pairs, cursor ? 2 : 1, NULL, false, ret_query);
}

/* "null", or the bytes up to the first NUL where they are text. */
static const char *value_from(struct fixture *f, const uint8_t *data, size_t size)
{
    char *text = stw_arena_strndup(f->arena, (const char *)data, size);

    return size == 0 || !stw_text_valid(text, strlen(text)) ? NULL : text;
}

static bool is_same(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* The four bytes at the front choose what is changed and where. */
static char *mutate(struct fixture *f, const char *cursor, const uint8_t change[4])
{
    size_t length = strlen(cursor);
    size_t at = ((size_t)change[0] << 8 | change[1]) % length;
    char *mutant = stw_arena_printf(f->arena, "%s?", cursor);

    mutant[length] = '\0';
    switch (change[2] % 4) {
    case 0:
        mutant[at] = (char)change[3];
        break;
    case 1:
        mutant[at] = '\0';
        break;
    case 2:
        memmove(mutant + at, mutant + at + 1, length - at);
        break;
    default:
        mutant[length] = (char)change[3];
        mutant[length + 1] = '\0';
    }
    return mutant;
}

static void check_made(struct fixture *f, const uint8_t *data, size_t size)
{
    struct stw_query query;
    struct stw_query back;
    const char *values[3] = {NULL, NULL, ID};
    char *cursor, *mutant, *raw;
    enum stw_code code;

    values[0] = value_from(f, data + 4, (size - 4) / 2);
    values[1] = value_from(f, data + 4 + (size - 4) / 2, size - 4 - (size - 4) / 2);

    CHECK(read_cursor(f, NULL, &query) == STW_OK);
    cursor = stw_cursor_write(&f->ctx, &query, values);
    CHECK(read_cursor(f, cursor, &back) == STW_OK && back.has_after);
    for (int i = 0; i < 3; i++)
        CHECK(is_same(back.after[i], values[i]));

    mutant = mutate(f, cursor, data);
    code = read_cursor(f, mutant, &back);
    if (strcmp(mutant, cursor) == 0)
        CHECK(code == STW_OK);
    else
        CHECK(code == (mutant[0] ? STW_INVALID_CURSOR : STW_INVALID_PARAMETER));

    raw = stw_arena_strndup(f->arena, (const char *)data, size);
    CHECK(read_cursor(f, raw, &back) == (raw[0] ? STW_INVALID_CURSOR : STW_INVALID_PARAMETER));
}

/* What passes is exactly what would have been written. */
static void check_said(struct fixture *f, const uint8_t *data, size_t size)
{
    struct stw_query query;
    struct stw_query back;
    size_t digest_size = sizeof(query.digest);
    size_t length = 1 + digest_size + size - HEAD;
    unsigned char *bytes = stw_arena_alloc(f->arena, length + TAG);
    const char *cursor;
    enum stw_code code;

    CHECK(read_cursor(f, NULL, &query) == STW_OK);
    bytes[0] = data[1];
    for (size_t i = 0; i < digest_size; i++)
        bytes[1 + i] = query.digest[i] ^ data[2];
    memcpy(bytes + 1 + digest_size, data + HEAD, size - HEAD);
    crypto_generichash(bytes + length, TAG, bytes, length, f->engine->cursor_key,
                       sizeof(f->engine->cursor_key));
    cursor = stw_text_base64url(f->arena, bytes, length + TAG);
    code = read_cursor(f, cursor, &back);
    if (data[1] != VERSION)
        CHECK(code == STW_INVALID_CURSOR);
    else if (data[2] != 0)
        CHECK(code == STW_CURSOR_MISMATCH);
    else if (code == STW_OK)
        CHECK(back.has_after && strcmp(stw_cursor_write(&f->ctx, &query, back.after), cursor) == 0);
    else
        CHECK(code == STW_INVALID_CURSOR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;

    if (!f.engine)
        fixture_init(&f);
    fixture_again(&f);
    if (size >= HEAD && data[0] == 's')
        check_said(&f, data, size);
    else if (size >= 4)
        check_made(&f, data, size);
    return 0;
}

struct entry {
    uint8_t mark;
    uint8_t length[LENGTH]; /* as told, which need not be so */
    const uint8_t *bytes;
    size_t size;
};

static void tell_length(struct entry *entry)
{
    for (int i = 0; i < LENGTH; i++)
        entry->length[i] = (uint8_t)(entry->size >> 8 * (LENGTH - 1 - i));
}

/* As the reader would, but taking what is there where more is told. */
static int take_apart(const uint8_t *at, const uint8_t *end, struct entry entries[ENTRIES_MAX])
{
    int count = 0;

    while (at < end && count < ENTRIES_MAX) {
        struct entry *entry = &entries[count++];
        size_t told = 0;

        *entry = (struct entry){.mark = *at++};
        if (entry->mark == 0 || end - at < LENGTH)
            continue;
        memcpy(entry->length, at, LENGTH);
        for (int i = 0; i < LENGTH; i++)
            told = told << 8 | *at++;
        entry->bytes = at;
        entry->size = told < (size_t)(end - at) ? told : (size_t)(end - at);
        at += entry->size;
    }
    return count;
}

static size_t put_together(const struct entry *entries, int count, uint8_t *data, size_t max_size)
{
    size_t size = HEAD;

    for (int i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];

        if (size + 1 + LENGTH + entry->size > max_size)
            break;
        data[size++] = entry->mark;
        if (entry->mark == 0)
            continue;
        memcpy(data + size, entry->length, LENGTH);
        if (entry->size)
            memcpy(data + size + LENGTH, entry->bytes, entry->size);
        size += LENGTH + entry->size;
    }
    return size;
}

static void change_entry(struct entry *entry, uint8_t *room, size_t room_size, unsigned *state)
{
    static const uint8_t lengths[][LENGTH] = {{0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0, 0, 0, 0}};

    switch (dice(state, 5)) {
    case 0:
        entry->mark = (uint8_t)dice(state, 3);
        break;
    case 1:
        memcpy(entry->length, lengths[dice(state, 3)], LENGTH);
        break;
    case 2:
        entry->length[LENGTH - 1] += (uint8_t)(dice(state, 2) ? 1 : -1);
        break;
    default:
        entry->mark = 1;
        entry->size = entry->size < room_size ? entry->size : room_size;
        if (entry->size)
            memcpy(room, entry->bytes, entry->size);
        entry->size = LLVMFuzzerMutate(room, entry->size, room_size);
        entry->bytes = room;
        tell_length(entry);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t copy[1 << 16], room[1 << 10];
    struct entry entries[ENTRIES_MAX + 1] = {{.mark = 0}, {.mark = 0}, {.mark = 1, .size = sizeof(ID) - 1}};
    unsigned state = seed;
    int count = 3;

    if (dice(&state, 4) == 0 || size > sizeof(copy) || max_size < HEAD)
        return LLVMFuzzerMutate(data, size, max_size);
    entries[2].bytes = (const uint8_t *)ID;
    tell_length(&entries[2]);
    if (size > HEAD && data[0] == 's') {
        memcpy(copy, data, size);
        count = take_apart(copy + HEAD, copy + size, entries);
    } else {
        data[1] = VERSION;
        data[2] = 0;
    }
    data[0] = 's';
    int at = (int)dice(&state, (unsigned)count);
    switch (dice(&state, 8)) {
    case 0:
        data[1] = (uint8_t)(dice(&state, 2) ? VERSION : dice(&state, 256));
        data[2] = (uint8_t)(dice(&state, 2) ? 0 : dice(&state, 256));
        break;
    case 1:
        memmove(&entries[at], &entries[at + 1], (size_t)(--count - at) * sizeof(entries[0]));
        break;
    case 2:
        memmove(&entries[at + 1], &entries[at], (size_t)(count - at) * sizeof(entries[0]));
        count += count < ENTRIES_MAX;
        break;
    default:
        change_entry(&entries[at], room, sizeof(room), &state);
    }
    return put_together(entries, count, data, max_size);
}
