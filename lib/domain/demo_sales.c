#include "domain/demo_sales.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/uuid.h"
#include "db/db.h"
#include "domain/draft.h"

#define OPPORTUNITIES 200
#define PRODUCTS      8
#define STAGES        6
#define STEPS_MAX     8
#define DAY_US        (INT64_C(86400) * 1000000)

/* Of the pipeline that every organization starts with. */
enum { PROSPECTING, QUALIFICATION, PROPOSAL, NEGOTIATION, WON, LOST };

static const struct {
    const char *name, *sku, *family;
    int price; /* CNY */
} products[PRODUCTS] = {
    {"海图 分析平台", "HT-100", "software", 48000},     {"海图 移动版", "HT-120", "software", 9600},
    {"Lighthouse Monitor", "LH-10", "hardware", 15800}, {"Lighthouse Gateway", "LH-20", "hardware", 32500},
    {"Harbor Support", "HS-1", "service", 12000},       {"上门实施", "SS-7", "service", 26000},
    {"Beacon Sensor", "BC-3", "hardware", 880},         {"数据迁移", "SS-9", "service", 64000},
};

struct sales {
    struct stw_demo_random *random;
    const struct stw_rows *accounts; /* id, name, owner, country, time of the id in milliseconds */
    const struct stw_rows *stages;   /* in the order of the enum */
    char product_ids[PRODUCTS][STW_UUID_TEXT];
};

/* One opportunity's way: where it stood after each step. */
struct way {
    int64_t start_us;
    int days; /* between two steps */
    int count;
    int stages[STEPS_MAX];
};

static const char *day_text(struct stw_context *ctx, int64_t at_us)
{
    time_t seconds = (time_t)(at_us / 1000000);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    return stw_arena_printf(ctx->arena, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                            parts.tm_mday);
}

static void go(struct way *way, int64_t now_us, int stage)
{
    if (way->count < STEPS_MAX && way->start_us + DAY_US * way->days * way->count < now_us)
        way->stages[way->count++] = stage;
}

/* Some stop half way, some are lost early, and of the lost a few are taken up again. What lies ahead of today
 * has not happened yet. */
static struct way make_way(struct sales *sales, int64_t since_us, int64_t now_us)
{
    int age = (int)((now_us - since_us) / DAY_US);
    struct way way = {.days = 3 + stw_demo_pick(sales->random, 18)};
    int last = stw_demo_pick(sales->random, 5) == 0 ? stw_demo_pick(sales->random, 4) : NEGOTIATION;
    bool stalls = last < NEGOTIATION || stw_demo_pick(sales->random, 10) == 0;
    bool wins = stw_demo_pick(sales->random, 100) < 58;
    int64_t day_us = (since_us / DAY_US + 1 + stw_demo_pick(sales->random, age > 2 ? age - 2 : 1)) * DAY_US;

    way.start_us = day_us + (3 * 3600 + stw_demo_pick(sales->random, 12 * 3600)) * INT64_C(1000000);
    if (!wins && !stalls)
        last = stw_demo_pick(sales->random, 4);
    for (int stage = PROSPECTING; stage <= last; stage++)
        go(&way, now_us, stage);
    if (stalls)
        return way;
    go(&way, now_us, wins ? WON : LOST);
    if (!wins && stw_demo_pick(sales->random, 6) == 0) {
        go(&way, now_us, NEGOTIATION);
        go(&way, now_us, WON);
    }
    return way;
}

static const char *stage_id(const struct sales *sales, int stage)
{
    return stw_rows_text(sales->stages, stage, 0);
}

static enum stw_code take_step(struct stw_context *ctx, struct sales *sales, const char *id,
                               const struct way *way, int step)
{
    static const char *const lost[] = {"价格太高", "chose a competitor", "no budget this year", "项目暂停"};
    static const char *const won[] = {"服务响应快", "best fit", "long relationship", "性价比高"};
    int stage = way->stages[step];
    bool closes = stage == WON || stage == LOST;
    const char *reason = (stage == WON ? won : lost)[stw_demo_pick(sales->random, 4)];

    return stw_draft_update(
        ctx, "opportunities", id,
        json_pack("{s:s, s:s*, s:s*}", "stage_id", stage_id(sales, stage), "reason", closes ? reason : NULL,
                  "closed_on", closes ? day_text(ctx, way->start_us + DAY_US * way->days * step) : NULL));
}

/* The store writes today's date, as it must; each step, its event and its row of the history get the date of
 * the way. */
static enum stw_code backdate(struct stw_context *ctx, const char *id, const struct way *way)
{
    static const char *const texts[] = {
        "with w as (select id, $3::timestamptz + (row_number() over (order by id) - 1) * $4::interval as at "
        "from stage_changes "
        "where org_id = $1::uuid and opportunity_id = $2::uuid) update stage_changes c set at = w.at, "
        "created_at = w.at, "
        "updated_at = w.at, seconds_in_stage = case when c.from_stage_id is not null then extract(epoch from "
        "$4::interval) end "
        "from w where c.org_id = $1::uuid and c.id = w.id",
        "update opportunities set created_at = $3::timestamptz, updated_at = $3::timestamptz + (version - 1) "
        "* $4::interval, "
        "stage_changed_at = $3::timestamptz + (version - 1) * $4::interval where org_id = $1::uuid and id = "
        "$2::uuid",
        "update events set at = $3::timestamptz + (version - 1) * $4::interval, after = after || "
        "jsonb_build_object('created_at', "
        "$3::timestamptz, 'updated_at', $3::timestamptz + (version - 1) * $4::interval, 'stage_changed_at', "
        "$3::timestamptz + (version - 1) * $4::interval) where org_id = $1::uuid and resource = "
        "'opportunities' "
        "and record_id = $2::uuid",
        "update events e set at = c.at, after = to_jsonb(c) - 'org_id' from stage_changes c where c.org_id = "
        "$1::uuid "
        "and c.opportunity_id = $2::uuid and $3::timestamptz + $4::interval is not null and e.org_id = "
        "$1::uuid "
        "and e.resource = 'stage_changes' and e.record_id = c.id",
    };
    enum { COUNT = sizeof texts / sizeof texts[0] };
    struct stw_stmt stmts[COUNT];
    struct stw_call calls[COUNT];
    const char *const params[] = {
        ctx->org_id, id,
        stw_arena_printf(ctx->arena, "%s %02d:%02d:%02d+00", day_text(ctx, way->start_us),
                         (int)(way->start_us / 1000000 / 3600 % 24), (int)(way->start_us / 1000000 / 60 % 60),
                         (int)(way->start_us / 1000000 % 60)),
        stw_arena_printf(ctx->arena, "%d days", way->days)};

    for (int i = 0; i < COUNT; i++) {
        stmts[i] = (struct stw_stmt){.sql = texts[i], .param_count = 4, .kind = STW_STMT_WRITE};
        calls[i] = (struct stw_call){.stmt = &stmts[i], .params = params};
    }
    return stw_db_run_all(ctx, calls, COUNT);
}

static enum stw_code load_opportunity(struct stw_context *ctx, struct sales *sales)
{
    int row = stw_demo_pick(sales->random, stw_rows_count(sales->accounts));
    int product = stw_demo_pick(sales->random, PRODUCTS);
    int quantity = 1 + stw_demo_pick(sales->random, 20);
    bool chinese = strcmp(stw_rows_value(sales->accounts, row, 3), "CN") == 0;
    struct way way = make_way(sales, stw_rows_number(sales->accounts, row, 4) * 1000, ctx->now_us);
    char id[STW_UUID_TEXT];

    stw_demo_id(sales->random, way.start_us, id);
    enum stw_code code = stw_draft_create(
        ctx, "opportunities",
        json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s*}", "id", id, "name",
            stw_arena_printf(ctx->arena, "%s · %s", stw_rows_text(sales->accounts, row, 1),
                             products[product].name),
            "account_id", stw_rows_text(sales->accounts, row, 0), "product_id", sales->product_ids[product],
            "stage_id", stage_id(sales, way.stages[0]), "amount", "amount",
            stw_arena_printf(ctx->arena, "%d.00", products[product].price / (chinese ? 1 : 8) * quantity),
            "currency", chinese ? "CNY" : "EUR", "engaged_on", day_text(ctx, way.start_us),
            "expected_close_on", day_text(ctx, way.start_us + INT64_C(4) * way.days * DAY_US), "owner_id",
            stw_rows_text(sales->accounts, row, 2)),
        id);
    for (int step = 1; step < way.count && code == STW_OK; step++)
        code = take_step(ctx, sales, id, &way, step);
    return code == STW_OK ? backdate(ctx, id, &way) : code;
}

static enum stw_code read_base(struct stw_context *ctx, struct sales *sales)
{
    /* an account that a conversion has just made has no past to sell in */
    static const struct stw_stmt accounts = {
        .sql = "select * from (select id, name, owner_id, coalesce(country, ''), ('x' || "
               "left(replace(id::text, '-', ''), 12))"
               "::bit(48)::bigint as born from accounts where org_id = $1::uuid and deleted_at is null) a "
               "where born < extract(epoch from now() - interval '5 days') * 1000 order by id",
        .param_count = 1,
        .kind = STW_STMT_READ};
    static const struct stw_stmt stages = {
        .sql = "select s.id from stages s join pipelines p on p.org_id = s.org_id and p.id = s.pipeline_id "
               "where s.org_id = $1::uuid and p.is_default order by s.position",
        .param_count = 1,
        .kind = STW_STMT_READ};
    const char *const params[] = {ctx->org_id};
    struct stw_call calls[] = {{.stmt = &accounts, .params = params}, {.stmt = &stages, .params = params}};
    enum stw_code code = stw_db_run_all(ctx, calls, 2);

    if (code != STW_OK)
        return code;
    sales->accounts = calls[0].rows;
    sales->stages = calls[1].rows;
    return stw_rows_count(sales->accounts) > 0 && stw_rows_count(sales->stages) == STAGES ? STW_OK
                                                                                          : STW_INTERNAL;
}

enum stw_code stw_demo_sales(struct stw_context *ctx, struct stw_demo_random *random)
{
    struct sales *sales = STW_NEW(ctx->arena, struct sales);
    enum stw_code code = read_base(ctx, sales);

    sales->random = random;
    for (int i = 0; i < PRODUCTS && code == STW_OK; i++)
        code = stw_draft_create(ctx, "products",
                                json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "name", products[i].name, "sku",
                                          products[i].sku, "family", products[i].family, "list_price",
                                          "amount", stw_arena_printf(ctx->arena, "%d.00", products[i].price),
                                          "currency", "CNY"),
                                sales->product_ids[i]);
    for (int i = 0; i < OPPORTUNITIES && code == STW_OK; i++)
        code = load_opportunity(ctx, sales);
    return code;
}
