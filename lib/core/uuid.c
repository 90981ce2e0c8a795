#include "core/uuid.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_BYTES 512
#define LAST_MS      ((INT64_C(1) << 48) - 1)
#define LAST_TICK    ((UINT64_C(1) << 60) - 1)

/* Asking the kernel for eight bytes at a time would cost more than all the rest of an id. */
static _Thread_local struct {
    unsigned char bytes[RANDOM_BYTES];
    size_t left;
    uint64_t last_tick;
} source;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A child process must not draw the bytes that its parent will draw too. */
static void drop_random(void)
{
    source.left = 0;
}

static void start(void)
{
    if (sodium_init() < 0 || pthread_atfork(NULL, NULL, drop_random) != 0)
        abort();
}

static uint64_t random_word(void)
{
    uint64_t word;

    if (source.left < sizeof(word)) {
        pthread_once(&once, start);
        randombytes_buf(source.bytes, RANDOM_BYTES);
        source.left = RANDOM_BYTES;
    }
    source.left -= sizeof(word);
    memcpy(&word, source.bytes + source.left, sizeof(word));
    return word;
}

/* 48 bits of milliseconds and 12 bits of the fraction (RFC 9562 6.2, method 3). When the clock has not moved
 * on since this thread's last id the fraction counts on from there, if need be into the next millisecond. */
static uint64_t next_tick(int64_t now_us)
{
    int64_t ms;
    uint64_t tick;

    if (now_us < 0)
        now_us = 0;
    ms = now_us / 1000;
    if (ms > LAST_MS)
        ms = LAST_MS;
    tick = (uint64_t)ms << 12 | (uint64_t)(now_us % 1000) * 4096 / 1000;
    if (tick <= source.last_tick)
        tick = source.last_tick < LAST_TICK ? source.last_tick + 1 : LAST_TICK;
    source.last_tick = tick;
    return tick;
}

static char *put_hex(char *to, uint64_t value, int count)
{
    static const char digits[16] = "0123456789abcdef";

    for (int shift = 4 * (count - 1); shift >= 0; shift -= 4)
        *to++ = digits[value >> shift & 15];
    return to;
}

void stw_uuid_v7(int64_t now_us, char ret_text[STW_UUID_TEXT])
{
    uint64_t tick = next_tick(now_us);
    uint64_t low = (random_word() >> 2) | UINT64_C(1) << 63; /* variant 10 */
    char *to = ret_text;

    to = put_hex(to, tick >> 28, 8);
    *to++ = '-';
    to = put_hex(to, tick >> 12, 4);
    *to++ = '-';
    *to++ = '7';
    to = put_hex(to, tick, 3);
    *to++ = '-';
    to = put_hex(to, low >> 48, 4);
    *to++ = '-';
    to = put_hex(to, low, 12);
    *to = '\0';
}

/* Value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool stw_uuid_parse(const char *text, char ret_text[STW_UUID_TEXT])
{
    static const char digits[16] = "0123456789abcdef";
    char canonical[STW_UUID_TEXT];

    /* The terminator is neither a digit nor a hyphen, so a short text ends the loop at its end. */
    for (int i = 0; i < STW_UUID_TEXT - 1; i++) {
        int value = hex_value(text[i]);

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            canonical[i] = '-';
        } else if (value < 0) {
            return false;
        } else {
            canonical[i] = digits[value];
        }
    }
    if (text[STW_UUID_TEXT - 1] != '\0')
        return false;
    canonical[STW_UUID_TEXT - 1] = '\0';
    memcpy(ret_text, canonical, STW_UUID_TEXT);
    return true;
}

bool stw_uuid_is_v7_until(const char *text, int64_t now_us, int64_t tolerance_us)
{
    char canonical[STW_UUID_TEXT];
    int64_t ms = 0;
    int64_t until;

    if (!stw_uuid_parse(text, canonical) || strcmp(text, canonical) != 0)
        return false;
    if (canonical[14] != '7' || !strchr("89ab", canonical[19]))
        return false;
    for (int i = 0; i < 13; i++) {
        if (i != 8)
            ms = ms * 16 + hex_value(canonical[i]);
    }
    if (__builtin_add_overflow(now_us, tolerance_us, &until))
        until = tolerance_us > 0 ? INT64_MAX : INT64_MIN;
    return ms * 1000 <= until;
}
