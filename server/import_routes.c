#include "server/import_routes.h"

#include <string.h>

#include "core/uuid.h"
#include "domain/imports.h"
#include "resource/access.h"
#include "server/negotiate.h"
#include "server/problem_texts.h"
#include "server/record_reply.h"
#include "server/write.h"

static void reply_import(struct srv_request *request, struct srv_reply *reply,
                         const struct stw_record *record, int status)
{
    const struct stw_query query = {.plan = record->plan,
                                    .fields = stw_access_visible(&request->ctx, record->plan)};

    srv_record_reply(request, reply, record, &query, NULL, status);
    srv_reply_header(reply, "Location", srv_record_location(request, record));
}

static enum stw_code effect(struct srv_request *request, struct srv_reply *reply, void *argument)
{
    struct stw_record record;
    enum stw_code code = stw_import_create(&request->ctx, argument, &record);

    if (code == STW_OK)
        reply_import(request, reply, &record, 201);
    return code;
}

static enum stw_code create(struct srv_request *request, struct srv_reply *reply)
{
    json_t *body;
    enum stw_code code = stw_access_demand(&request->ctx, request->route->plan, STW_CREATE);

    if (code == STW_OK)
        code = stw_input_json(&request->ctx, request->body, request->body_length, &body);
    return code == STW_OK ? srv_write(request, reply, effect, body) : code;
}

static enum stw_code take_content(struct srv_request *request, const char *bytes, size_t length)
{
    struct stw_import_upload *upload = request->upload;
    enum stw_code code = STW_OK;
    char id[STW_UUID_TEXT];

    if (!upload) {
        if (!stw_uuid_parse(request->parameters[0], id))
            return STW_NOT_FOUND;
        code = stw_import_upload_begin(&request->ctx, id, &upload);
        request->upload = upload;
    }
    return code == STW_OK ? stw_import_upload_add(&request->ctx, upload, bytes, length) : code;
}

static enum stw_code put_content(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_record record;
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK)
        code = stw_import_upload_finish(&request->ctx, request->upload, &record);
    if (code == STW_OK)
        reply_import(request, reply, &record, 202);
    return code;
}

/* A cell that a spreadsheet would take for a formula is told to be text. */
static void add_cell(struct stw_buf *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text);

    if (!formula && !strpbrk(text, ",\"\r\n")) {
        stw_buf_add_text(out, text);
        return;
    }
    stw_buf_add_text(out, formula ? "\"'" : "\"");
    for (; *text; text++) {
        if (*text == '"')
            stw_buf_add_char(out, '"');
        stw_buf_add_char(out, *text);
    }
    stw_buf_add_char(out, '"');
}

static const struct srv_problem *problem_named(const char *name)
{
    int code = 0;

    while (code < STW_CODE_COUNT && strcmp(stw_code_name((enum stw_code)code), name) != 0)
        code++;
    return &srv_problem_table[code < STW_CODE_COUNT ? code : STW_INTERNAL];
}

enum { LINE, COLUMN, CODE, ARGUMENT };

static enum stw_code get_errors(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_buf *out = &reply->body;
    struct stw_rows *rows;
    char id[STW_UUID_TEXT];
    enum stw_code code = srv_negotiate_no_query(request);

    if (code == STW_OK && !stw_uuid_parse(request->parameters[0], id))
        code = STW_NOT_FOUND;
    if (code == STW_OK)
        code = stw_import_errors(&request->ctx, id, &rows);
    if (code != STW_OK)
        return code;
    stw_buf_add_text(out, "\xef\xbb\xbfline,column,code,detail\r\n");
    for (int row = 0; row < stw_rows_count(rows); row++) {
        const char *column = stw_rows_text(rows, row, COLUMN);
        const struct srv_problem *problem = problem_named(stw_rows_value(rows, row, CODE));

        stw_buf_printf(out, "%s,", stw_rows_text(rows, row, LINE));
        add_cell(out, column ? column : "");
        stw_buf_printf(out, ",%s,", stw_rows_text(rows, row, CODE));
        add_cell(out, srv_problem_detail(request->ctx.arena, problem, request->language,
                                         stw_rows_text(rows, row, ARGUMENT)));
        stw_buf_add_text(out, "\r\n");
    }
    srv_reply_header(reply, "Content-Disposition", "attachment; filename=\"errors.csv\"");
    reply->content_type = "text/csv; charset=utf-8";
    reply->status = 200;
    return STW_OK;
}

static const struct srv_route lines[] = {
    {.method = SRV_POST,
     .pattern = "/v1/imports",
     .auth = SRV_AUTH_BEARER,
     .flags = SRV_ROUTE_BODY | SRV_ROUTE_IDEMPOTENT,
     .run = create,
     .verb = "create_import",
     .doc = "Describes a file and what its lines become."},
    {.method = SRV_PUT,
     .pattern = "/v1/imports/{id}/content",
     .auth = SRV_AUTH_BEARER,
     .flags = SRV_ROUTE_STREAM,
     .run = put_content,
     .verb = "put_import_content",
     .doc = "Uploads the file; a job reads it.",
     .take = take_content,
     .media = "text/csv"},
    {.method = SRV_GET,
     .pattern = "/v1/imports/{id}/errors.csv",
     .auth = SRV_AUTH_BEARER,
     .flags = SRV_ROUTE_CSV,
     .run = get_errors,
     .verb = "get_import_errors",
     .doc = "What was wrong with its lines."},
};
#define LINE_COUNT (sizeof lines / sizeof lines[0])

void srv_import_routes(struct srv_router *router, const struct stw_engine *engine)
{
    struct srv_route *routes = STW_NEW_N(engine->arena, struct srv_route, LINE_COUNT);

    memcpy(routes, lines, sizeof lines);
    for (size_t i = 0; i < LINE_COUNT; i++)
        routes[i].plan = stw_engine_find(engine, "imports");
    srv_router_add(router, routes, LINE_COUNT);
}
