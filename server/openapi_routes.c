#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server/loop.h"
#include "server/negotiate.h"
#include "server/openapi.h"
#include "server/yaml.h"

/* Made once at start: the tables do not change while the process runs. */
struct srv_contract {
    char *yaml, *json;
    size_t yaml_length, json_length;
    char tag[24];
};

static void render(struct srv_contract *contract, const json_t *root)
{
    FILE *yaml = open_memstream(&contract->yaml, &contract->yaml_length);
    FILE *json = open_memstream(&contract->json, &contract->json_length);

    if (!yaml || !json)
        abort();
    srv_yaml_write(root, yaml);
    json_dumpf(root, json, JSON_COMPACT);
    if (fclose(yaml) != 0 || fclose(json) != 0)
        abort();
}

struct srv_contract *srv_contract_new(const struct srv_router *router, const struct stw_engine *engine)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES];
    struct srv_contract *contract = calloc(1, sizeof(*contract));
    json_t *root = srv_openapi(router, engine);
    unsigned char digest[crypto_shorthash_BYTES];
    char hex[2 * crypto_shorthash_BYTES + 1];

    if (!contract)
        abort();
    render(contract, root);
    json_decref(root);
    crypto_shorthash(digest, (const unsigned char *)contract->json, contract->json_length, key);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    snprintf(contract->tag, sizeof(contract->tag), "\"%s\"", hex);
    return contract;
}

void srv_contract_free(struct srv_contract *contract)
{
    if (!contract)
        return;
    free(contract->yaml);
    free(contract->json);
    free(contract);
}

static enum stw_code serve(struct srv_request *request, struct srv_reply *reply, bool yaml)
{
    const struct srv_contract *contract = srv_loop_server(request->loop)->contract;
    const char *held = srv_request_header(request, "If-None-Match");
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    srv_reply_header(reply, "ETag", contract->tag);
    srv_reply_header(reply, "Cache-Control", "no-cache");
    reply->status = held && (strcmp(held, "*") == 0 || strstr(held, contract->tag)) ? 304 : 200;
    if (reply->status == 304)
        return STW_OK;
    if (yaml)
        reply->content_type = "application/yaml";
    stw_buf_add(&reply->body, yaml ? contract->yaml : contract->json,
                yaml ? contract->yaml_length : contract->json_length);
    return STW_OK;
}

static enum stw_code get_yaml(struct srv_request *request, struct srv_reply *reply)
{
    return serve(request, reply, true);
}

static enum stw_code get_json(struct srv_request *request, struct srv_reply *reply)
{
    return serve(request, reply, false);
}

const struct srv_route srv_openapi_routes[] = {
    {SRV_GET, "/openapi.yaml", SRV_AUTH_NONE, 0, get_yaml, NULL, "getOpenapiYaml", "This document, as YAML."},
    {SRV_GET, "/openapi.json", SRV_AUTH_NONE, 0, get_json, NULL, "getOpenapiJson", "This document, as JSON."},
};
const size_t srv_openapi_route_count = sizeof(srv_openapi_routes) / sizeof(srv_openapi_routes[0]);
