/* core/text.h and the JSON writer of core/buf.h on arbitrary bytes. */
#include <string.h>

#include "check.h"
#include "core/buf.h"
#include "core/text.h"

/* Valid or not, said by plain decoding instead of by ranges of bytes. */
static bool valid_by_decoding(const uint8_t *data, size_t size)
{
    static const uint32_t least[5] = {0, 1, 0x80, 0x800, 0x10000};

    for (size_t at = 0; at < size;) {
        size_t length = data[at] < 0x80 ? 1 : data[at] >> 5 == 6 ? 2 : data[at] >> 4 == 14 ? 3 : 4;
        uint32_t point = length == 1 ? data[at] : data[at] & (0x7fU >> length);

        if (length > size - at || (length == 4 && data[at] >> 3 != 30))
            return false;
        for (size_t i = 1; i < length; i++) {
            if (data[at + i] >> 6 != 2)
                return false;
            point = point << 6 | (data[at + i] & 0x3f);
        }
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        at += length;
    }
    return true;
}

static void check_fold(struct stw_arena *arena, const char *text, size_t length, bool valid)
{
    char *key = stw_text_fold(arena, text, length);
    size_t key_length;
    char *again;

    if (!key) {
        CHECK(!valid);
        return;
    }
    key_length = strlen(key);
    CHECK(valid && stw_text_valid(key, key_length));
    CHECK(key_length == 0 || (key[0] != ' ' && key[key_length - 1] != ' '));
    CHECK(!strstr(key, "  "));
    again = stw_text_fold(arena, key, key_length);
    CHECK(again && strcmp(again, key) == 0);
}

static void check_base64url(struct stw_arena *arena, const char *text, size_t length)
{
    char *encoded = stw_text_base64url(arena, text, length);
    unsigned char *bytes = NULL;
    size_t count = 0;

    CHECK(stw_text_base64url_decode(arena, encoded, strlen(encoded), &bytes, &count));
    CHECK(count == length && (count == 0 || memcmp(bytes, text, count) == 0));
    /* What decodes has one encoding only. */
    if (stw_text_base64url_decode(arena, text, length, &bytes, &count)) {
        encoded = stw_text_base64url(arena, bytes, count);
        CHECK(strlen(encoded) == length && (length == 0 || memcmp(encoded, text, length) == 0));
    }
}

static void check_percent(struct stw_arena *arena, const char *text, size_t length, bool valid)
{
    struct stw_buf buf;
    char *decoded = NULL;

    stw_buf_init(&buf, arena, 16, SIZE_MAX);
    stw_text_percent_encode(&buf, text, length);
    CHECK(!buf.failed && buf.length >= length && buf.length <= 3 * length);
    CHECK(stw_text_percent_decode(arena, buf.data, buf.length, true, &decoded) == valid);
    if (valid)
        CHECK(strlen(decoded) == length && (length == 0 || memcmp(decoded, text, length) == 0));
    for (int plus = 0; plus < 2; plus++) {
        if (stw_text_percent_decode(arena, text, length, plus, &decoded))
            CHECK(stw_text_valid(decoded, strlen(decoded)) && strlen(decoded) <= length);
    }
}

/* Reads back what was written; only the escapes that the writer uses. */
static void check_json(struct stw_arena *arena, const char *text, size_t length)
{
    static const char letters[] = "btnfr\"\\";
    static const char meant[] = "\b\t\n\f\r\"\\";
    struct stw_buf buf;
    size_t at = 1;

    stw_buf_init(&buf, arena, 0, SIZE_MAX);
    stw_buf_add_json(&buf, text, length);
    CHECK(!buf.failed && buf.data[0] == '"' && buf.data[buf.length - 1] == '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)buf.data[at++];

        CHECK(c >= 0x20 && c != '"');
        if (c == '\\' && buf.data[at] == 'u') {
            c = (unsigned char)strtoul(stw_arena_strndup(arena, buf.data + at + 1, 4), NULL, 16);
            at += 5;
        } else if (c == '\\') {
            const char *letter = strchr(letters, buf.data[at++]);

            CHECK(letter && *letter);
            c = (unsigned char)meant[letter - letters];
        }
        CHECK(c == (unsigned char)text[i]);
    }
    CHECK(at == buf.length - 1);
}

/* With a cap below what is needed the writer fails and stays inside. */
static void check_cap(struct stw_arena *arena, const char *text, size_t length)
{
    struct stw_buf buf;

    stw_buf_init(&buf, arena, 0, length / 2);
    stw_buf_add_json(&buf, text, length);
    CHECK(buf.failed && buf.length <= buf.cap && strlen(buf.data) <= buf.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"name", "created_at", "amount", "currency", "owner_id"};
    struct stw_arena *arena = stw_arena_new(SIZE_MAX);
    const char *text = (const char *)data;
    bool valid = stw_text_valid(text, size);

    CHECK(valid == valid_by_decoding(data, size));
    check_fold(arena, text, size, valid);
    check_base64url(arena, text, size);
    check_percent(arena, text, size, valid);
    check_json(arena, text, size);
    check_cap(arena, text, size);
    CHECK(stw_text_length(text, size) <= size);
    stw_text_has_control(text, size);
    stw_text_has_space(text, size);
    stw_text_nearest(stw_arena_strndup(arena, text, size), names, sizeof(names) / sizeof(names[0]));
    stw_arena_free(arena);
    return 0;
}
