#include "server/docs.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "server/loop.h"
#include "server/negotiate.h"

#define FILES_MAX 8
/* A gzip member ends with the length of what it holds. */
#define GZIP_LENGTH_BYTES 4
#define GZIP_ANY_WINDOW   (15 + 16)

struct srv_docs_file {
    const char *name;
    const char *tag; /* of the embedded bytes, without quotes */
    const unsigned char *data;
    uint64_t length;
    uint64_t packed; /* 1: data is gzip */
};

/* The generated table is written by offsets. */
_Static_assert(offsetof(struct srv_docs_file, name) == 0 && offsetof(struct srv_docs_file, tag) == 8,
               "texts");
_Static_assert(offsetof(struct srv_docs_file, data) == 16 && offsetof(struct srv_docs_file, length) == 24,
               "data");
_Static_assert(offsetof(struct srv_docs_file, packed) == 32 && sizeof(struct srv_docs_file) == 40, "packed");
extern const struct srv_docs_file srv_docs_files[] __attribute__((visibility("hidden")));
extern const int srv_docs_file_count __attribute__((visibility("hidden")));

/* React sets styles through the object model, which needs no leave; nothing on the page is inline. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/* What a client without gzip gets: unpacked for all of them once, when the first one asks. */
static pthread_once_t unpacked = PTHREAD_ONCE_INIT;
static struct {
    char *data;
    size_t length;
} plain[FILES_MAX];

static void unpack(int number)
{
    const struct srv_docs_file *file = &srv_docs_files[number];
    const unsigned char *end = file->data + file->length - GZIP_LENGTH_BYTES;
    size_t length = (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
    z_stream stream = {0};
    char *data = malloc(length + 1);

    if (!data || inflateInit2(&stream, GZIP_ANY_WINDOW) != Z_OK)
        abort();
    stream.next_in = (Bytef *)(uintptr_t)file->data;
    stream.avail_in = (uInt)file->length;
    stream.next_out = (Bytef *)data;
    stream.avail_out = (uInt)length;
    if (inflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    inflateEnd(&stream);
    plain[number].data = data;
    plain[number].length = length;
}

static void unpack_all(void)
{
    for (int i = 0; i < srv_docs_file_count && i < FILES_MAX; i++) {
        if (srv_docs_files[i].packed)
            unpack(i);
    }
}

static int find(const char *name)
{
    int number = 0;

    while (number < srv_docs_file_count && strcmp(srv_docs_files[number].name, name) != 0)
        number++;
    return number < srv_docs_file_count && number < FILES_MAX ? number : -1;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".png", "image/png"},
                 {".txt", "text/plain; charset=utf-8"}};
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].ending, ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void add_file(struct srv_request *request, struct srv_reply *reply, int number)
{
    const struct srv_docs_file *file = &srv_docs_files[number];
    bool gzip = file->packed && srv_negotiate_coding(request, "gzip") > 0;
    const char *held = srv_request_header(request, "If-None-Match");
    /* Two representations, two tags. */
    const char *tag = stw_arena_printf(request->ctx.arena, "\"%s%s\"", file->tag, gzip ? "-gzip" : "");

    srv_reply_header(reply, "ETag", tag);
    if (file->packed)
        srv_reply_header(reply, "Vary", "Accept-Encoding");
    reply->status = held && (strcmp(held, "*") == 0 || strstr(held, tag)) ? 304 : 200;
    if (reply->status == 304)
        return;
    reply->content_type = type_of(file->name);
    if (file->packed && !gzip) {
        pthread_once(&unpacked, unpack_all);
        stw_buf_add(&reply->body, plain[number].data, plain[number].length);
        return;
    }
    if (gzip)
        srv_reply_header(reply, "Content-Encoding", "gzip");
    stw_buf_add(&reply->body, (const char *)file->data, file->length);
}

void srv_docs_list(const struct srv_router *router, struct stw_buf *body)
{
    stw_buf_add_text(body, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<title>Steward API</title>\n</head>\n<body>\n<h1>Steward API</h1>\n"
                           "<p>The contract: <a href=\"/openapi.yaml\">/openapi.yaml</a></p>\n<ul>\n");
    for (size_t i = 0; i < srv_router_count(router); i++) {
        const struct srv_route *route = srv_router_at(router, i);

        /* Patterns are our own words and braces: nothing to escape. */
        if (!(route->flags & SRV_ROUTE_UNLISTED))
            stw_buf_printf(body, "<li><code>%s %s</code></li>\n", srv_method_name(route->method),
                           route->pattern);
    }
    stw_buf_add_text(body, "</ul>\n</body>\n</html>\n");
}

static enum stw_code get_page(struct srv_request *request, struct srv_reply *reply)
{
    int number = find("index.html");
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    srv_reply_header(reply, "Content-Security-Policy", policy);
    /* Small, and it names the files: asked for again each time. */
    srv_reply_header(reply, "Cache-Control", "no-cache");
    if (number >= 0) {
        add_file(request, reply, number);
        return STW_OK;
    }
    srv_docs_list(srv_loop_server(request->loop)->router, &reply->body);
    reply->content_type = "text/html; charset=utf-8";
    reply->status = 200;
    return STW_OK;
}

static enum stw_code get_file(struct srv_request *request, struct srv_reply *reply)
{
    int number = find(request->parameters[0]);
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    if (number < 0)
        return STW_NOT_FOUND;
    srv_reply_header(reply, "Cache-Control", "public, max-age=3600");
    add_file(request, reply, number);
    return STW_OK;
}

const struct srv_route srv_docs_routes[] = {
    {SRV_GET, "/docs", SRV_AUTH_NONE, SRV_ROUTE_UNLISTED, get_page, NULL, "getDocs",
     "The contract as a page to read and to try."},
    {SRV_GET, "/docs/{file}", SRV_AUTH_NONE, SRV_ROUTE_UNLISTED, get_file, NULL, "getDocsFile",
     "A file of that page."},
};
const size_t srv_docs_route_count = sizeof(srv_docs_routes) / sizeof(srv_docs_routes[0]);
