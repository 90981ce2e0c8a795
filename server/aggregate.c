#include "server/aggregate.h"

#include "resource/access.h"
#include "resource/aggregate.h"
#include "resource/render.h"
#include "server/negotiate.h"

static void add_cell(struct stw_buf *out, const char *name, enum stw_type type, const struct stw_rows *rows,
                     int row, int column, const char *currency)
{
    stw_buf_printf(out, "\"%s\":", name);
    stw_render_value(out, type, stw_rows_text(rows, row, column), stw_rows_length(rows, row, column),
                     currency);
}

/* The currency column that belongs to a money field. */
static const char *currency_of(const struct stw_aggregate *aggregate, int field, const struct stw_rows *rows,
                               int row)
{
    for (int i = 0; i < aggregate->currency_count; i++) {
        if (aggregate->currencies[i] == field)
            return stw_rows_text(rows, row, aggregate->by_count + i);
    }
    return NULL;
}

static void add_group(struct stw_buf *out, const struct stw_aggregate *aggregate, const struct stw_rows *rows,
                      int row)
{
    const struct stw_plan *plan = aggregate->plan;
    int keys = aggregate->by_count + aggregate->currency_count;
    int column = keys ? keys : 1;

    stw_buf_add_text(out, "{\"key\":{");
    for (int i = 0; i < aggregate->by_count; i++) {
        const struct stw_field *field = &plan->fields[aggregate->by[i].field];
        if (i)
            stw_buf_add_char(out, ',');
        add_cell(out, field->name, aggregate->by[i].unit ? STW_TYPE_DATE : field->type, rows, row, i, NULL);
    }
    stw_buf_add_text(out, "},");
    for (int i = 0; i < aggregate->measure_count; i++, column++) {
        const struct stw_measure *measure = &aggregate->measures[i];
        add_cell(out, measure->name, stw_measure_type(plan, measure), rows, row, column,
                 currency_of(aggregate, measure->field, rows, row));
        stw_buf_add_char(out, ',');
    }
    add_cell(out, "count", STW_TYPE_INT, rows, row, column, NULL);
    stw_buf_add_char(out, '}');
}

enum stw_code srv_aggregate(struct srv_request *request, struct srv_reply *reply)
{
    struct stw_context *ctx = &request->ctx;
    struct stw_aggregate aggregate;
    struct stw_rows *rows;
    json_t *body;

    enum stw_code code = srv_negotiate_no_query(request);
    if (code == STW_OK)
        code = stw_access_demand(ctx, request->route->plan, STW_READ);
    if (code == STW_OK)
        code = stw_input_json(ctx, request->body, request->body_length, &body);
    if (code == STW_OK)
        code = stw_aggregate_read(ctx, request->route->plan, body, &aggregate);
    if (code == STW_OK)
        code = stw_aggregate_run(ctx, &aggregate, &rows);
    if (code != STW_OK)
        return code;
    stw_buf_add_text(&reply->body, "{\"data\":[");
    for (int row = 0; row < stw_rows_count(rows); row++) {
        if (row)
            stw_buf_add_char(&reply->body, ',');
        add_group(&reply->body, &aggregate, rows, row);
    }
    stw_buf_add_text(&reply->body, "],\"next_cursor\":null}");
    reply->status = 200;
    return STW_OK;
}
