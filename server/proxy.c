#include "server/proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct network {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;
};

struct srv_proxies {
    size_t count;
    struct network networks[];
};

static bool parse_address(const char *text, size_t length, unsigned char address[16], bool *ret_is_v4)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[INET6_ADDRSTRLEN];

    if (length == 0 || length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *ret_is_v4 = inet_pton(AF_INET, copy, address + 12) == 1;
    if (*ret_is_v4) {
        memcpy(address, mapped, sizeof(mapped));
        return true;
    }
    return inet_pton(AF_INET6, copy, address) == 1;
}

static bool parse_network(const char *text, size_t length, struct network *network)
{
    const char *slash = memchr(text, '/', length);
    size_t address_length = slash ? (size_t)(slash - text) : length;
    unsigned bits = 0;
    unsigned most;
    bool is_v4;

    if (!parse_address(text, address_length, network->address, &is_v4))
        return false;
    most = is_v4 ? 32 : 128;
    if (!slash) {
        bits = most;
    } else {
        if (text + length == slash + 1 || text + length > slash + 4)
            return false;
        for (const char *p = slash + 1; p < text + length; p++) {
            if (*p < '0' || *p > '9')
                return false;
            bits = bits * 10 + (unsigned)(*p - '0');
        }
        if (bits > most)
            return false;
    }
    network->bits = is_v4 ? bits + 96 : bits;
    return true;
}

struct srv_proxies *srv_proxies_new(const char *list)
{
    size_t most = 1;
    struct srv_proxies *proxies;

    if (!list)
        list = "";
    for (const char *p = list; *p; p++)
        most += *p == ',';
    proxies = calloc(1, sizeof(*proxies) + most * sizeof(proxies->networks[0]));
    if (!proxies || !list[strspn(list, " ")])
        return proxies;
    for (;;) {
        size_t length = strcspn(list, ",");
        const char *start = list;
        size_t inner = length;

        for (; inner && *start == ' '; inner--)
            start++;
        while (inner && start[inner - 1] == ' ')
            inner--;
        if (!parse_network(start, inner, &proxies->networks[proxies->count++])) {
            free(proxies);
            return NULL;
        }
        if (!list[length])
            return proxies;
        list += length + 1;
    }
}

void srv_proxies_free(struct srv_proxies *proxies)
{
    free(proxies);
}

static bool contains(const struct network *network, const unsigned char address[16])
{
    size_t bytes = network->bits / 8;
    unsigned rest = network->bits % 8;
    unsigned mask = (0xff00u >> rest) & 0xffu;

    if (memcmp(network->address, address, bytes) != 0)
        return false;
    return rest == 0 || (network->address[bytes] & mask) == (address[bytes] & mask);
}

bool srv_proxies_trust(const struct srv_proxies *proxies, const char *address)
{
    unsigned char parsed[16];
    bool is_v4;

    if (!proxies || !proxies->count || !parse_address(address, strlen(address), parsed, &is_v4))
        return false;
    for (size_t i = 0; i < proxies->count; i++)
        if (contains(&proxies->networks[i], parsed))
            return true;
    return false;
}

/* The address inside one hop: quotes, brackets and a port taken off. NULL when it is none ("unknown",
 * "_hidden"). */
static const char *hop_address(struct stw_arena *arena, const char *text, size_t length)
{
    unsigned char parsed[16];
    bool is_v4;
    const char *end;

    while (length && (*text == ' ' || *text == '\t'))
        text++, length--;
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
        text++, length -= 2;
    if (length && text[0] == '[') {
        end = memchr(text, ']', length);
        if (!end)
            return NULL;
        length = (size_t)(end - text) - 1;
        text++;
    } else {
        end = memchr(text, ':', length);
        if (end && !memchr(end + 1, ':', length - (size_t)(end - text) - 1))
            length = (size_t)(end - text);
    }
    if (!parse_address(text, length, parsed, &is_v4))
        return NULL;
    return stw_arena_strndup(arena, text, length);
}

/* The for= value of one element of Forwarded. */
static bool forwarded_for(const char *element, size_t length, const char **ret_value, size_t *ret_length)
{
    const char *end = element + length;

    while (element < end) {
        const char *semicolon = memchr(element, ';', (size_t)(end - element));
        const char *stop = semicolon ? semicolon : end;

        while (element < stop && (*element == ' ' || *element == '\t'))
            element++;
        if (stop - element > 4 && !strncasecmp(element, "for=", 4)) {
            *ret_value = element + 4;
            *ret_length = (size_t)(stop - element) - 4;
            return true;
        }
        element = semicolon ? semicolon + 1 : end;
    }
    return false;
}

/* Walks the hops of one field from its end. True when the walk is over and *client is the answer. */
static bool walk(const struct srv_proxies *proxies, struct stw_arena *arena, const char *value,
                 bool forwarded, const char **client)
{
    size_t end = strlen(value);

    for (;;) {
        size_t start = end;
        const char *hop;
        size_t length;
        const char *address = NULL;

        while (start && value[start - 1] != ',')
            start--;
        hop = value + start;
        length = end - start;
        if (!forwarded || forwarded_for(hop, length, &hop, &length))
            address = hop_address(arena, hop, length);
        /* What cannot be read stops the walk: the last proxy that could be named stands for the client. */
        if (!address)
            return true;
        *client = address;
        if (!srv_proxies_trust(proxies, address))
            return true;
        if (!start)
            return false;
        end = start - 1;
    }
}

const char *srv_proxies_client(const struct srv_proxies *proxies, const struct srv_request *request,
                               const char *peer)
{
    const char *name = srv_request_header(request, "forwarded") ? "forwarded" : "x-forwarded-for";
    bool forwarded = !strcmp(name, "forwarded");
    const char *client = peer;

    if (!srv_proxies_trust(proxies, peer))
        return peer;
    for (int i = request->header_count - 1; i >= 0; i--) {
        const struct srv_header *header = &request->headers[i];

        if (!strcasecmp(header->name, name) &&
            walk(proxies, request->ctx.arena, header->value, forwarded, &client))
            break;
    }
    return client;
}
