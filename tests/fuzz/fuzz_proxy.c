/* server/proxy.h: the first line is TRUSTED_PROXIES, the second the connection's address, each further one a
 * field, "F" or "X" before its value. Who is trusted is compared with a reading bit by bit, and nothing that
 * stands before the nearest untrusted hop changes who the client is. */
#include <arpa/inet.h>
#include <stdio.h>

#include "core/context.h"
#include "lines.h"
#include "server/proxy.h"

#define FIELDS 8

static const char forwarded[] = "Forwarded", forwarded_for[] = "X-Forwarded-For";

static int address_of(const char *text, unsigned char bits[128])
{
    unsigned char bytes[16] = {[10] = 0xff, [11] = 0xff};

    if (inet_pton(AF_INET, text, bytes + 12) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
        return 0;
    for (int i = 0; i < 128; i++)
        bits[i] = bytes[i / 8] >> (7 - i % 8) & 1;
    return 1;
}

/* Of a list that was accepted. */
static int is_trusted(struct stw_arena *arena, const char *list, const char *address)
{
    char *rest = stw_arena_strndup(arena, list, strlen(list)), *item;
    unsigned char bits[128], network[128];

    if (!address_of(address, bits) || !list[strspn(list, " ")])
        return 0;
    while ((item = strsep(&rest, ","))) {
        char *slash = strchr(item, '/');
        int length = slash ? atoi(slash + 1) : 128;

        item += strspn(item, " ");
        item[strcspn(item, " /")] = '\0';
        CHECK(address_of(item, network));
        if (slash && !strchr(item, ':'))
            length += 96;
        CHECK(length <= 128);
        if (memcmp(bits, network, (size_t)length) == 0)
            return 1;
    }
    return 0;
}

static int read_fields(struct stw_arena *arena, struct lines *lines, struct srv_header *headers)
{
    const char *line;
    size_t length;
    int count = 0;

    while (count < FIELDS && next_line(lines, &line, &length)) {
        if (length > 0)
            headers[count++] = (struct srv_header){line[0] == 'F' ? forwarded : forwarded_for,
                                                   stw_arena_strndup(arena, line + 1, length - 1)};
    }
    return count;
}

/* What cannot be read in the last hop leaves the client to be the connection. */
static void check_unreadable(const struct srv_proxies *proxies, const struct srv_request *request,
                             const char *peer)
{
    struct srv_request other = *request;
    struct srv_header headers[FIELDS + 1];

    memcpy(headers, request->headers, sizeof(headers[0]) * (size_t)request->header_count);
    headers[other.header_count++] = (struct srv_header){
        srv_request_header(request, forwarded) ? forwarded : forwarded_for, "for=1.1.1.1, unknown"};
    other.headers = headers;
    CHECK(strcmp(srv_proxies_client(proxies, &other, peer), peer) == 0);
}

static void check_client(const struct srv_proxies *proxies, const struct srv_request *request,
                         const char *peer, const char *client)
{
    unsigned char bits[128];
    struct srv_request other = *request;
    struct srv_header headers[FIELDS + 1];
    const char *name = srv_request_header(request, forwarded) ? forwarded : forwarded_for;

    if (!srv_proxies_trust(proxies, peer)) {
        CHECK(client == peer);
        return;
    }
    CHECK(client == peer || address_of(client, bits));
    check_unreadable(proxies, request, peer);
    if (srv_proxies_trust(proxies, client))
        return;
    /* who can write before the client's own hop is the client */
    memcpy(headers + 1, request->headers, sizeof(headers[0]) * (size_t)request->header_count);
    headers[0] = (struct srv_header){name, "for=9.9.9.9;by=\"x, 8.8.8.8"};
    other.headers = headers;
    other.header_count++;
    CHECK(strcmp(srv_proxies_client(proxies, &other, peer), client) == 0);
    for (int i = 1; i < other.header_count; i++) {
        if (headers[i].name != name)
            continue;
        headers[i].value = stw_arena_printf(request->ctx.arena, "\"for=7.7.7.7, %s", headers[i].value);
        break;
    }
    CHECK(strcmp(srv_proxies_client(proxies, &other, peer), client) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stw_arena *arena = stw_arena_new((size_t)16 << 20);
    struct lines lines = {(const char *)data, (const char *)data + size};
    struct srv_header headers[FIELDS];
    struct srv_request request = {.ctx.arena = arena, .headers = headers};
    const char *line = "", *list, *peer, *client;
    size_t length = 0;
    struct srv_proxies *proxies;

    next_line(&lines, &line, &length);
    list = stw_arena_strndup(arena, line, length);
    length = 0;
    next_line(&lines, &line, &length);
    peer = stw_arena_strndup(arena, line, length);
    request.header_count = read_fields(arena, &lines, headers);
    proxies = srv_proxies_new(list);
    if (proxies) {
        CHECK(srv_proxies_trust(proxies, peer) == is_trusted(arena, list, peer));
        client = srv_proxies_client(proxies, &request, peer);
        CHECK(srv_proxies_trust(proxies, client) == is_trusted(arena, list, client));
        check_client(proxies, &request, peer, client);
    }
    srv_proxies_free(proxies);
    stw_arena_free(arena);
    return 0;
}
