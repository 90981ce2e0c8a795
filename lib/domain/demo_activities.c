#include "domain/demo_activities.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/uuid.h"
#include "db/db.h"
#include "domain/draft.h"

#define WITH_CONTACTS 320
#define WITH_LEADS    80
#define TASKS         60
#define DAYS          365
#define SECOND_US     INT64_C(1000000)
#define HOUR_US       (3600 * SECOND_US)
#define DAY_US        (24 * HOUR_US)

/* Somebody to deal with. */
enum { WHO_ID, WHO_NAME, WHO_CHINESE, WHO_OWNER, WHO_OPPORTUNITY, WHO_SINCE };
static const char *const contacts_sql =
    "select c.id, c.name, c.language = 'zh-CN', a.owner_id, (select o.id from opportunities o where o.org_id "
    "= $1::uuid "
    "and o.account_id = a.id and o.deleted_at is null order by o.id limit 1), 365 "
    "from contacts c join accounts a on a.org_id = $1::uuid and a.id = c.account_id "
    "where c.org_id = $1::uuid and a.owner_id is not null and c.deleted_at is null order by c.id";
/* a lead can have been called since it came in, which its id tells */
static const char *const leads_sql =
    "select l.id, l.name, l.phone like '+86%', l.owner_id, null, "
    "greatest(1, floor(extract(epoch from now()) / 86400 - "
    "('x' || left(replace(l.id::text, '-', ''), 12))::bit(48)::bigint / 86400000)::integer) "
    "from leads l where l.org_id = $1::uuid and l.owner_id is not null and l.deleted_at is null order by "
    "l.id";

struct story {
    const char *kind;
    const char *subject[2]; /* English, Chinese */
    const char *body[2];
    int minutes; /* at most */
};
static const struct story stories[] = {
    {"call",
     {"Asked about the order", "询问订单进展"},
     {"They want to know when it ships.", "客户希望了解发货时间。"},
     20},
    {"call",
     {"Quarterly check-in", "季度回访"},
     {"All runs well, one new person in purchasing.", "使用顺利,采购部门有新同事。"},
     30},
    {"call", {"Price question", "价格咨询"}, {"Compares us with another offer.", "正在与其他报价比较。"}, 15},
    {"visit",
     {"Visit on site", "上门拜访"},
     {"Saw the new hall; more capacity by summer.", "参观新厂房,夏季前扩产。"},
     150},
    {"visit",
     {"Delivery together", "现场交付"},
     {"Handed over and trained two people.", "完成交付并培训两名员工。"},
     240},
    {"mail", {"Sent the offer", "发送报价单"}, {"Valid for thirty days.", "报价三十天内有效。"}, 0},
    {"mail", {"Sent the data sheets", "发送产品资料"}, {"As asked on the phone.", "按电话中的要求发送。"}, 0},
    {"meeting",
     {"Demonstration", "产品演示"},
     {"Finance wants figures on the savings.", "财务希望看到节省成本的数据。"},
     90},
    {"meeting", {"Contract talks", "合同洽谈"}, {"Payment terms are open.", "付款条件待定。"}, 120},
    {"chat", {"Short question", "简短咨询"}, {"Answered at once.", "已当场答复。"}, 10},
    {"note",
     {"What to know", "备注"},
     {"Decides in committee, every first Monday.", "每月第一个周一集体决策。"},
     0},
};
static const struct {
    const char *subject[2];
    const char *priority;
} to_do[] = {
    {{"Call back", "回电"}, "high"},
    {{"Send the offer", "发送报价"}, "normal"},
    {{"Prepare the visit", "准备拜访"}, "normal"},
    {{"Clarify the complaint", "核实投诉"}, "urgent"},
    {{"Update the contact's details", "更新联系人信息"}, "low"},
    {{"Renew the contract", "续签合同"}, "high"},
};
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const char *time_text(struct stw_arena *arena, int64_t at_us)
{
    char text[40];
    struct tm parts;
    time_t seconds = (time_t)(at_us / SECOND_US);

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return stw_arena_strdup(arena, text);
}

static const char *day_text(struct stw_arena *arena, int64_t at_us)
{
    return stw_arena_strndup(arena, time_text(arena, at_us), sizeof("2026-01-31") - 1);
}

static bool is_chinese(const struct stw_rows *rows, int row)
{
    const char *text = stw_rows_text(rows, row, WHO_CHINESE);

    return text && text[0] == 't';
}

static enum stw_code find(struct stw_context *ctx, const char *sql, struct stw_rows **ret_rows)
{
    struct stw_stmt stmt = {.sql = sql, .param_count = 1, .kind = STW_STMT_READ};
    const char *params[] = {ctx->org_id};
    enum stw_code code = stw_db_run(ctx, &stmt, params, ret_rows);

    return code == STW_OK && stw_rows_count(*ret_rows) == 0 ? STW_INTERNAL : code;
}

static enum stw_code make_activity(struct stw_context *ctx, struct stw_demo_random *random,
                                   const struct stw_rows *rows, const char *who)
{
    static const char *const outcomes[] = {"reached",  "positive",  "positive",  "neutral",
                                           "negative", "follow_up", "follow_up", "no_answer"};
    const struct story *story = &stories[stw_demo_pick(random, COUNT(stories))];
    int row = stw_demo_pick(random, stw_rows_count(rows));
    bool chinese = is_chinese(rows, row);
    int days = (int)stw_rows_number(rows, row, WHO_SINCE);
    int64_t at_us = stw_demo_moment(random, ctx->now_us, days < DAYS ? days : DAYS);
    const char *outcome = story->kind[0] == 'n' ? NULL : outcomes[stw_demo_pick(random, COUNT(outcomes))];
    bool follows = outcome && strcmp(outcome, "follow_up") == 0;
    bool serves = stw_demo_pick(random, 3) == 0;
    char id[STW_UUID_TEXT];

    stw_demo_id(random, at_us + HOUR_US, id);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "id", id, "kind",
                             story->kind, "subject", story->subject[chinese], "body", story->body[chinese],
                             "happened_at", time_text(ctx->arena, at_us), "owner_id",
                             stw_rows_text(rows, row, WHO_OWNER), "outcome", outcome, "opportunity_id",
                             serves ? stw_rows_text(rows, row, WHO_OPPORTUNITY) : NULL, "next_action",
                             !follows  ? NULL
                             : chinese ? "下周再次联系"
                                       : "Get in touch next week",
                             "next_action_on", follows ? day_text(ctx->arena, at_us + 7 * DAY_US) : NULL);

    if (body && story->minutes)
        json_object_set_new(body, "duration_minutes",
                            json_integer(5 + stw_demo_pick(random, story->minutes)));
    if (body) {
        json_object_set_new(body, who, json_string(stw_rows_text(rows, row, WHO_ID)));
        json_object_set_new(body, "participants", json_pack("[s]", stw_rows_text(rows, row, WHO_NAME)));
    }
    return stw_draft_create(ctx, "activities", body, id);
}

/* Six of ten are open still; some of those are late. */
static enum stw_code make_task(struct stw_context *ctx, struct stw_demo_random *random,
                               const struct stw_rows *rows, int number)
{
    static const char *const ways[10] = {NULL,          NULL,   NULL,   NULL,   "in_progress",
                                         "in_progress", "done", "done", "done", "cancelled"};
    int what = stw_demo_pick(random, COUNT(to_do));
    int row = stw_demo_pick(random, stw_rows_count(rows));
    const char *way = ways[number % 10];
    int64_t at_us = stw_demo_moment(random, ctx->now_us, way && way[0] != 'i' ? 200 : 30);
    int64_t due_us = at_us + (1 + stw_demo_pick(random, 40)) * DAY_US;
    char id[STW_UUID_TEXT];

    stw_demo_id(random, at_us, id);
    enum stw_code code = stw_draft_create(
        ctx, "tasks",
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "subject",
                  to_do[what].subject[is_chinese(rows, row)], "priority", to_do[what].priority, "contact_id",
                  stw_rows_text(rows, row, WHO_ID), "assignee_id", stw_rows_text(rows, row, WHO_OWNER),
                  "due_at", time_text(ctx->arena, due_us)),
        id);
    if (code == STW_OK && way)
        code = stw_draft_update(ctx, "tasks", id, json_pack("{s:s}", "status", way));
    return code;
}

enum stw_code stw_demo_activities(struct stw_context *ctx, struct stw_demo_random *random)
{
    struct stw_rows *contacts = NULL, *leads = NULL;
    enum stw_code code = find(ctx, contacts_sql, &contacts);

    if (code == STW_OK)
        code = find(ctx, leads_sql, &leads);
    for (int i = 0; i < WITH_CONTACTS && code == STW_OK; i++)
        code = make_activity(ctx, random, contacts, "contact_id");
    for (int i = 0; i < WITH_LEADS && code == STW_OK; i++)
        code = make_activity(ctx, random, leads, "lead_id");
    for (int i = 0; i < TASKS && code == STW_OK; i++)
        code = make_task(ctx, random, contacts, i);
    return code;
}
