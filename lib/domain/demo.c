#include "domain/demo.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "core/uuid.h"
#include "db/db.h"
#include "domain/demo_activities.h"
#include "domain/demo_names.h"
#include "domain/demo_sales.h"
#include "domain/draft.h"
#include "domain/leads.h"
#include "domain/organization.h"
#include "domain/password.h"

#define SEED     UINT64_C(20260102)
#define ACCOUNTS 100 /* conversions bring 20 more */
#define CONTACTS 230 /* and here */
#define LEADS    200
#define PEOPLE   16
#define TEAMS    7
#define SELLERS  7 /* of the people, those who have customers; they come last in the table */

static const struct {
    const char *name;
    int parent; /* -1: the top */
} teams[TEAMS] = {
    {"总部 Headquarters", -1}, {"华东大区", 0},     {"Europe", 0},      {"上海团队", 1},
    {"杭州团队", 1},           {"Hamburg Team", 2}, {"London Team", 2},
};

static const struct {
    const char *name;
    const char *mailbox;
    enum stw_role role;
    int team;
    const char *title;
    const char *language;
} people[PEOPLE] = {
    {"何静", "he.jing", STW_ADMIN, 0, "系统管理员", "zh-CN"},
    {"Helena Brandt", "helena.brandt", STW_DIRECTOR, 0, "Sales Director", "en"},
    {"顾然", "gu.ran", STW_ANALYST, 0, "业务分析师", "zh-CN"},
    {"周敏", "zhou.min", STW_SERVICE_AGENT, 1, "客服专员", "zh-CN"},
    {"Oliver Reed", "oliver.reed", STW_SERVICE_AGENT, 2, "Service Agent", "en"},
    {"陈立", "chen.li", STW_TEAM_LEAD, 3, "团队主管", "zh-CN"},
    {"徐雯", "xu.wen", STW_TEAM_LEAD, 4, "团队主管", "zh-CN"},
    {"Jonas Keller", "jonas.keller", STW_TEAM_LEAD, 5, "Team Lead", "en"},
    {"Amelia Hart", "amelia.hart", STW_TEAM_LEAD, 6, "Team Lead", "en"},
    {"林悦", "lin.yue", STW_ACCOUNT_MANAGER, 3, "客户经理", "zh-CN"},
    {"赵磊", "zhao.lei", STW_ACCOUNT_MANAGER, 3, "客户经理", "zh-CN"},
    {"孙可", "sun.ke", STW_ACCOUNT_MANAGER, 4, "客户经理", "zh-CN"},
    {"吴昊", "wu.hao", STW_KEY_ACCOUNT_MANAGER, 4, "大客户经理", "zh-CN"},
    {"Clara Novak", "clara.novak", STW_ACCOUNT_MANAGER, 5, "Account Manager", "en"},
    {"Sofia Lindqvist", "sofia.lindqvist", STW_KEY_ACCOUNT_MANAGER, 5, "Key Account Manager", "en"},
    {"Ben Whitaker", "ben.whitaker", STW_ACCOUNT_MANAGER, 6, "Account Manager", "en"},
};

/* A load under way. The body of a transaction may run twice, so it begins anew each time. */
struct load {
    struct stw_demo_access *access;
    struct stw_demo_random random;
    char team_ids[TEAMS][STW_UUID_TEXT];
    char user_ids[PEOPLE][STW_UUID_TEXT];
    char account_ids[ACCOUNTS][STW_UUID_TEXT];
    bool account_chinese[ACCOUNTS];
    const char *account_domains[ACCOUNTS];
};

static void id_at(struct load *load, int64_t at_us, char ret_id[STW_UUID_TEXT])
{
    stw_demo_id(&load->random, at_us, ret_id);
}

static int64_t moment(struct load *load, const struct stw_context *ctx, int days)
{
    return stw_demo_moment(&load->random, ctx->now_us, days);
}

static const char *pick(struct load *load, const char *const *words, int count)
{
    return words[stw_demo_pick(&load->random, count)];
}

static const char *address_of(int person, struct stw_arena *arena)
{
    return stw_arena_printf(arena, "%s@" STW_DEMO_SLUG ".example", people[person].mailbox);
}

/* A new password for the first person of each role. */
static void make_access(struct stw_context *ctx, struct stw_demo_access *access)
{
    int count = 0;

    for (int i = 0; i < PEOPLE && count < STW_DEMO_LOGINS; i++) {
        unsigned char bytes[24];
        bool known = false;
        char *text;

        for (int j = 0; j < count; j++)
            known = known || access->logins[j].role == people[i].role;
        if (known)
            continue;
        randombytes_buf(bytes, sizeof(bytes));
        text = stw_text_base64url(ctx->arena, bytes, sizeof(bytes));
        access->logins[count].role = people[i].role;
        access->logins[count].email = address_of(i, ctx->arena);
        snprintf(access->logins[count].password, sizeof(access->logins[count].password), "%s", text);
        sodium_memzero(text, strlen(text));
        count++;
    }
}

static const char *password_of(const struct stw_demo_access *access, const char *email)
{
    for (int i = 0; i < STW_DEMO_LOGINS; i++) {
        if (strcmp(access->logins[i].email, email) == 0)
            return access->logins[i].password;
    }
    return NULL;
}

static enum stw_code load_people(struct stw_context *ctx, struct load *load)
{
    enum stw_code code = STW_OK;

    for (int i = 0; i < TEAMS && code == STW_OK; i++) {
        const char *parent = teams[i].parent >= 0 ? load->team_ids[teams[i].parent] : NULL;

        code = stw_draft_create(ctx, "teams",
                                json_pack("{s:s, s:s*}", "name", teams[i].name, "parent_id", parent),
                                load->team_ids[i]);
    }
    for (int i = 0; i < PEOPLE && code == STW_OK; i++) {
        const char *email = address_of(i, ctx->arena);
        char role_id[STW_UUID_TEXT];

        code = stw_role_id_find(ctx, stw_role_name(people[i].role), role_id);
        if (code == STW_OK)
            code = stw_draft_create(ctx, "users",
                                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "email", email, "name",
                                              people[i].name, "role_id", role_id, "team_id",
                                              load->team_ids[people[i].team], "title", people[i].title,
                                              "language", people[i].language, "password",
                                              password_of(load->access, email)),
                                    load->user_ids[i]);
    }
    return code;
}

/* Who sells to customers of that language. */
static const char *seller(struct load *load, bool chinese)
{
    int first = PEOPLE - SELLERS + (chinese ? 0 : 4);

    return load->user_ids[first + stw_demo_pick(&load->random, chinese ? 4 : 3)];
}

static json_t *account_body(struct stw_context *ctx, struct load *load, int number)
{
    static const char *const tiers[] = {"strategic", "key",      "key",   "standard",
                                        "standard",  "standard", "basic", "basic"};
    static const char *const stages[] = {"potential", "potential", "first_purchase", "repeat",
                                         "repeat",    "loyal",     "lapsed"};
    struct stw_demo_company company = stw_demo_company(ctx->arena, number);
    char id[STW_UUID_TEXT];
    /* Every fifth one belongs to a group that stands before it. */
    const char *parent = number > 20 && number % 5 == 0 ? load->account_ids[number % 20] : NULL;
    int size = 1 << (3 + stw_demo_pick(&load->random, 9));

    id_at(load, moment(load, ctx, 365), id);
    load->account_chinese[number] = company.chinese;
    load->account_domains[number] = company.domain;
    return json_pack(
        "{s:s, s:s, s:s, s:i, s:{s:s, s:s}, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s, s:[s]}", "id",
        id, "name", company.name, "industry", company.industry, "employee_count",
        size + stw_demo_pick(&load->random, size), "annual_revenue", "amount",
        stw_arena_printf(ctx->arena, "%d000.00", size * (100 + stw_demo_pick(&load->random, 400))),
        "currency", company.chinese ? "CNY" : "EUR", "founded_year", 1950 + stw_demo_pick(&load->random, 74),
        "country", company.place.country, "city", company.place.city, "website",
        stw_arena_printf(ctx->arena, "https://www.%s", company.domain), "phone",
        stw_demo_phone(ctx->arena, &load->random, company.chinese), "email",
        stw_arena_printf(ctx->arena, "office@%s", company.domain), "tier", pick(load, tiers, 8),
        "lifecycle_stage", pick(load, stages, 7), "parent_id", parent, "owner_id",
        seller(load, company.chinese), "tags", company.chinese ? "华东" : "europe");
}

static enum stw_code load_contact(struct stw_context *ctx, struct load *load, int number)
{
    static const char *const roles[] = {"decision_maker", "influencer", "champion",
                                        "user",           "buyer",      "gatekeeper"};
    int account = number % ACCOUNTS;
    bool chinese = load->account_chinese[account];
    struct stw_demo_person person = stw_demo_person(ctx->arena, &load->random, chinese);
    char id[STW_UUID_TEXT];

    id_at(load, moment(load, ctx, 300), id);
    return stw_draft_create(
        ctx, "contacts",
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "id", id, "account_id",
                  load->account_ids[account], "name", person.name, "position",
                  stw_demo_position(&load->random, chinese), "phone",
                  stw_demo_phone(ctx->arena, &load->random, chinese), "email",
                  stw_arena_printf(ctx->arena, "%s@%s", person.mailbox, load->account_domains[account]),
                  "decision_role", pick(load, roles, 6), "is_primary", number < ACCOUNTS, "language",
                  chinese ? "zh-CN" : "en"),
        id);
}

static enum stw_code load_base(struct stw_context *ctx, struct load *load)
{
    enum stw_code code = STW_OK;

    for (int i = 0; i < ACCOUNTS && code == STW_OK; i++)
        code = stw_draft_create(ctx, "accounts", account_body(ctx, load, i), load->account_ids[i]);
    for (int i = 0; i < CONTACTS && code == STW_OK; i++)
        code = load_contact(ctx, load, i);
    return code;
}

/* Leads go the way that people take them: each step is a write of its own, with its event. */
static enum stw_code advance(struct stw_context *ctx, struct load *load, const char *id, int number)
{
    static const char *const reasons[] = {"没有预算", "chose a competitor", "no answer", "项目取消"};
    int way = number / 2 % 10; /* as many Chinese as English ones; 0-2 new, 3-5 working, 6-7 qualified, 8
                                  disqualified, 9 converted */
    enum stw_code code = STW_OK;

    if (way >= 3)
        code = stw_draft_update(ctx, "leads", id, json_pack("{s:s}", "status", "working"));
    if (code == STW_OK && (way == 6 || way == 7 || way == 9))
        code = stw_draft_update(ctx, "leads", id, json_pack("{s:s}", "status", "qualified"));
    if (code == STW_OK && way == 8)
        code = stw_draft_update(
            ctx, "leads", id,
            json_pack("{s:s, s:s}", "status", "disqualified", "disqualified_reason", pick(load, reasons, 4)));
    if (code == STW_OK && way == 9) {
        struct stw_value *in = STW_NEW_N(ctx->arena, struct stw_value, (size_t)stw_lead_conversion.in_count);
        struct stw_value *out =
            STW_NEW_N(ctx->arena, struct stw_value, (size_t)stw_lead_conversion.out_count);

        code = stw_lead_conversion.run(ctx, id, in, out);
    }
    return code;
}

static enum stw_code load_lead(struct stw_context *ctx, struct load *load, int number)
{
    static const char *const sources[] = {"website", "trade_fair", "referral", "newsletter", "phone"};
    struct stw_demo_company company = stw_demo_company(ctx->arena, ACCOUNTS + number);
    struct stw_demo_person person = stw_demo_person(ctx->arena, &load->random, company.chinese);
    char id[STW_UUID_TEXT];
    enum stw_code code;

    id_at(load, moment(load, ctx, 365), id);
    code = stw_draft_create(
        ctx, "leads",
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "id", id, "name", person.name, "company",
                  company.name, "title", stw_demo_position(&load->random, company.chinese), "phone",
                  stw_demo_phone(ctx->arena, &load->random, company.chinese), "email",
                  stw_arena_printf(ctx->arena, "%s@%s", person.mailbox, company.domain), "source",
                  pick(load, sources, 5), "score", stw_demo_pick(&load->random, 101), "owner_id",
                  seller(load, company.chinese)),
        id);
    return code == STW_OK ? advance(ctx, load, id, number) : code;
}

static enum stw_code run(struct stw_context *ctx, const char *sql)
{
    struct stw_stmt stmt = {.sql = sql, .param_count = 1, .kind = STW_STMT_WRITE};
    const char *params[] = {ctx->org_id};

    return stw_db_run(ctx, &stmt, params, NULL);
}

/* The store writes today's date, as it must. A demo wants a past: records take the time of their id (what a
 * conversion made, that of the conversion), each later write comes three days after, and the events follow.
 */
/* `made`: when a conversion made the record t, as SQL. */
static enum stw_code backdate(struct stw_context *ctx, const char *path, const char *made)
{
    enum stw_code code = run(
        ctx, stw_arena_printf(ctx->arena,
                              "with born as (select t.id, t.version, least(to_timestamp(('x' || "
                              "left(replace(t.id::text, '-', ''), 12))"
                              "::bit(48)::bigint / 1000.0), %s) as at from %s t where t.org_id = $1::uuid) "
                              "update %s t set created_at = b.at, updated_at = least(b.at + (b.version - 1) "
                              "* interval '3 days', now()) "
                              "from born b where t.org_id = $1::uuid and t.id = b.id",
                              made, path, path));

    if (code == STW_OK)
        code = run(ctx,
                   stw_arena_printf(
                       ctx->arena,
                       "update events e set at = d.at, after = e.after || jsonb_build_object('created_at', "
                       "d.created_at, 'updated_at', d.at) || case when e.after ->> 'converted_at' is null "
                       "then '{}' else jsonb_build_object('converted_at', d.at) end "
                       "|| case when e.after ->> 'completed_at' is null "
                       "then '{}' else jsonb_build_object('completed_at', d.at) end "
                       "from (select t.id, v.version, t.created_at, least(t.created_at + (v.version - 1) * "
                       "interval '3 days', now()) as at from %s t, generate_series(1, t.version) v (version) "
                       "where t.org_id = $1::uuid) d where e.org_id = $1::uuid and e.resource = '%s' "
                       "and e.record_id = d.id and e.version = d.version",
                       path, path));
    return code;
}

static enum stw_code backdate_all(struct stw_context *ctx)
{
    enum stw_code code = backdate(ctx, "leads", "null");

    if (code == STW_OK)
        code = run(
            ctx,
            "update leads set converted_at = updated_at where org_id = $1::uuid and status = 'converted'");
    if (code == STW_OK)
        code = backdate(ctx, "activities", "null");
    if (code == STW_OK)
        code = backdate(ctx, "tasks", "null");
    if (code == STW_OK)
        code = run(ctx,
                   "update tasks set completed_at = updated_at where org_id = $1::uuid and status = 'done'");
    if (code == STW_OK)
        code = backdate(
            ctx, "accounts",
            "(select l.updated_at from leads l where l.org_id = $1::uuid and l.converted_account_id = t.id)");
    if (code == STW_OK)
        code = backdate(
            ctx, "contacts",
            "(select l.updated_at from leads l where l.org_id = $1::uuid and l.converted_contact_id = t.id)");
    return code;
}

static enum stw_code make_key(struct stw_context *ctx, const char *name, struct stw_demo_access *access)
{
    char id[STW_UUID_TEXT];

    return stw_draft_key(ctx,
                         json_pack("{s:s, s:s, s:[s, s, s]}", "name", name, "source", "website", "scopes",
                                   "leads:create", "leads:read", "leads:update"),
                         id, access->integration_key);
}

static enum stw_code load_all(struct stw_context *ctx, void *argument)
{
    static const struct stw_organization_input organization = {
        .slug = STW_DEMO_SLUG, .name = "Steward Demo 示范", .zone = "Asia/Shanghai", .currency = "CNY"};
    struct load *load = argument;
    char id[STW_UUID_TEXT];
    enum stw_code code;

    load->random.state = SEED;
    code = stw_organization_create(ctx, &organization, id);
    if (code != STW_OK)
        return code;
    ctx->actor = stw_actor_system(ctx);
    code = load_people(ctx, load);
    if (code == STW_OK)
        code = load_base(ctx, load);
    for (int i = 0; i < LEADS && code == STW_OK; i++)
        code = load_lead(ctx, load, i);
    if (code == STW_OK)
        code = stw_demo_sales(ctx, &load->random);
    if (code == STW_OK)
        code = stw_demo_activities(ctx, &load->random);
    if (code == STW_OK)
        code = backdate_all(ctx);
    return code == STW_OK ? make_key(ctx, "Website", load->access) : code;
}

enum stw_code stw_demo_load(struct stw_context *ctx, struct stw_demo_access *ret_access)
{
    struct load *load = STW_NEW(ctx->arena, struct load);

    load->access = ret_access;
    make_access(ctx, ret_access);
    return stw_tx_run(ctx, load_all, load, false);
}

static enum stw_code renew_all(struct stw_context *ctx, void *argument)
{
    static const struct stw_stmt find = {.sql = "select id from users where org_id = $1::uuid and "
                                                "lower(email) = lower($2) and deleted_at is null",
                                         .param_count = 2,
                                         .kind = STW_STMT_READ};
    struct stw_demo_access *access = argument;
    enum stw_code code = STW_OK;
    char name[64];

    for (int i = 0; i < STW_DEMO_LOGINS && code == STW_OK; i++) {
        const char *params[] = {ctx->org_id, access->logins[i].email};
        struct stw_rows *rows;

        code = stw_db_run(ctx, &find, params, &rows);
        if (code == STW_OK)
            code = stw_rows_count(rows) == 1
                       ? stw_password_set(ctx, stw_rows_text(rows, 0, 0), access->logins[i].password)
                       : STW_NOT_FOUND;
    }
    if (code != STW_OK)
        return code;
    snprintf(name, sizeof(name), "Website %lld", (long long)(ctx->now_us / 1000000));
    return make_key(ctx, name, access);
}

enum stw_code stw_demo_renew(struct stw_context *ctx, struct stw_demo_access *ret_access)
{
    enum stw_code code = stw_organization_open(ctx, STW_DEMO_SLUG);

    if (code != STW_OK)
        return code;
    ctx->actor = stw_actor_system(ctx);
    make_access(ctx, ret_access);
    return stw_tx_run(ctx, renew_all, ret_access, false);
}
