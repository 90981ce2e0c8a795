#include "server/config_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "db/conninfo.h"
#include "server/proxy.h"

#define MASK "***"

/* Behind "postgresql://" or "postgres://", or NULL. */
static const char *after_scheme(const char *url)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url + strlen(schemes[i]);
    }
    return NULL;
}

const char *srv_check_database_url(const char *value)
{
    if (after_scheme(value) || strchr(value, '='))
        return stw_conninfo_fault(value);
    return "must be a PostgreSQL URL (postgresql://…) or connection string";
}

const char *srv_check_address(const char *value)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    int family = strchr(value, ':') ? AF_INET6 : AF_INET;

    return inet_pton(family, value, bytes) == 1 ? NULL : "must be an IPv4 or IPv6 address";
}

const char *srv_check_networks(const char *value)
{
    struct srv_proxies *proxies = srv_proxies_new(value);

    srv_proxies_free(proxies);
    return proxies ? NULL : "must be a comma-separated list of addresses or networks, e.g. 10.0.0.0/8,::1";
}

const char *srv_check_signing_key(const char *value)
{
    if (strstr(value, "-----BEGIN ") && strstr(value, "-----END "))
        return NULL;
    return "must be one or more RSA private keys in PEM";
}

const char *srv_check_cursor_key(const char *value)
{
    if (strspn(value, "0123456789abcdefABCDEF") == 64 && value[64] == '\0')
        return NULL;
    return "must be 64 hexadecimal digits";
}

static bool is_one_of(const char *value, const char *const *words)
{
    while (*words && strcmp(value, *words) != 0)
        words++;
    return *words != NULL;
}

const char *srv_check_log_level(const char *value)
{
    static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

    return is_one_of(value, levels) ? NULL : "must be error, warning, info or debug";
}

const char *srv_check_seccomp(const char *value)
{
    static const char *const ways[] = {"refuse", "kill", "off", NULL};

    return is_one_of(value, ways) ? NULL : "must be refuse, kill or off";
}

const char *srv_check_line(const char *value)
{
    size_t length = strlen(value);

    if (length <= 255 && stw_text_valid(value, length) && !stw_text_has_control(value, length) &&
        !strpbrk(value, "\t\n"))
        return NULL;
    return "must be one line of UTF-8 text, at most 255 bytes";
}

/* libpq decodes the names of a URL's query, so "pass%77ord" is a password too. */
static bool is_secret_name(const char *name, size_t length)
{
    char plain[32];
    size_t to = 0;

    for (size_t at = 0; at < length; at++) {
        char c = name[at];

        if (c == '%' && length - at > 2 && isxdigit((unsigned char)name[at + 1]) &&
            isxdigit((unsigned char)name[at + 2])) {
            c = (char)strtol((char[]){name[at + 1], name[at + 2], '\0'}, NULL, 16);
            at += 2;
        }
        if (isspace((unsigned char)c))
            continue;
        if (to == sizeof(plain) - 1)
            return false;
        plain[to++] = c;
    }
    plain[to] = '\0';
    return strcasecmp(plain, "password") == 0 || strcasecmp(plain, "sslpassword") == 0;
}

static void put(const char *from, const char *to, FILE *out)
{
    if (to > from)
        fwrite(from, 1, (size_t)(to - from), out);
}

static const char *last_at(const char *from, const char *end)
{
    return memrchr(from, '@', (size_t)(end - from));
}

/*
 * Where the user and password of a URL end: the @ before the first slash, as libpq reads it. An unescaped
 * slash or question mark in the password breaks the URL but must not show the password, so later ones count
 * too unless what follows the colon is plainly a port.
 */
static const char *credentials_end(const char *start)
{
    const char *end = start + strlen(start);
    const char *colon = strchr(start, ':');
    const char *at = last_at(start, start + strcspn(start, "/"));

    if (!at)
        at = last_at(start, start + strcspn(start, "?"));
    if (!at && colon) {
        const char *port = colon + 1 + strspn(colon + 1, "0123456789");

        if (*port && *port != '/' && *port != '?')
            at = last_at(start, end);
    }
    return at;
}

static void mask_url_query(const char *query, FILE *out)
{
    while (*query) {
        size_t length = strcspn(query, "&");
        size_t name = strcspn(query, "=&");

        if (name < length && is_secret_name(query, name)) {
            put(query, query + name + 1, out);
            fputs(MASK, out);
        } else {
            put(query, query + length, out);
        }
        query += length;
        if (*query == '&')
            fputc(*query++, out);
    }
}

static void mask_url(const char *url, const char *start, FILE *out)
{
    const char *at = credentials_end(start);
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    const char *query;

    if (colon) {
        put(url, colon + 1, out);
        fputs(MASK, out);
        url = at;
    }
    query = strchr(url, '?');
    if (!query) {
        fputs(url, out);
        return;
    }
    put(url, query + 1, out);
    mask_url_query(query + 1, out);
}

static const char *skip_spaces(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* The end of a value of a connection string: quoted or up to white space, with backslash escapes in both. */
static const char *value_end(const char *value)
{
    bool quoted = *value == '\'';

    if (quoted)
        value++;
    for (; *value; value++) {
        if (*value == '\\' && value[1])
            value++;
        else if (quoted ? *value == '\'' : isspace((unsigned char)*value))
            return quoted ? value + 1 : value;
    }
    return value;
}

static void mask_keywords(const char *text, FILE *out)
{
    text = skip_spaces(text);
    while (*text) {
        const char *name_end = text + strcspn(text, "= \t\r\n\v\f");
        const char *equals = skip_spaces(name_end);
        const char *value;
        const char *end;

        if (*equals != '=') {
            /* Not a connection string; whatever it is, part of it may be a password. */
            fputs(MASK, out);
            return;
        }
        value = skip_spaces(equals + 1);
        end = value_end(value);
        put(text, name_end, out);
        fputc('=', out);
        if (is_secret_name(text, (size_t)(name_end - text)))
            fputs(MASK, out);
        else
            put(value, end, out);
        text = skip_spaces(end);
        if (*text)
            fputc(' ', out);
    }
}

void srv_mask_database_url(const char *url, FILE *out)
{
    const char *start = after_scheme(url);

    if (start)
        mask_url(url, start, out);
    else
        mask_keywords(url, out);
}
