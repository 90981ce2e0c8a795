#include "domain/activities.h"

#include <string.h>

#include "domain/account_link.h"

static const char *const kinds[] = {"call", "visit", "mail", "meeting", "chat", "note", NULL};
static const char *const outcomes[] = {"reached",  "no_answer", "positive", "neutral",
                                       "negative", "follow_up", NULL};

static const struct stw_field fields[] = {
    {.name = "kind",
     .type = STW_TYPE_ENUM,
     .words = kinds,
     .flags = STW_MANDATORY | STW_FILTER,
     .doc = "What it was."},
    {.name = "subject",
     .type = STW_TYPE_NAME,
     .flags = STW_MANDATORY | STW_FILTER | STW_SORT | STW_SEARCH,
     .doc = "What it was about, in a line."},
    {.name = "body", .type = STW_TYPE_NOTE, .doc = "What was said and seen."},
    {.name = "contact_id",
     .type = STW_TYPE_REF,
     .refers = "contacts",
     .flags = STW_FILTER,
     .doc = "With whom; one of the account's."},
    {.name = "opportunity_id",
     .type = STW_TYPE_REF,
     .refers = "opportunities",
     .flags = STW_FILTER,
     .doc = "The opportunity it served; of the same account, if it has one."},
    {.name = "lead_id",
     .type = STW_TYPE_REF,
     .refers = "leads",
     .flags = STW_FILTER,
     .doc = "The lead it was about."},
    {.name = "account_id",
     .type = STW_TYPE_REF,
     .refers = "accounts",
     .flags = STW_SEEN_WITH | STW_FILTER,
     .doc = "The account; without it that of the contact or of the opportunity. Whoever owns it reads this "
            "too."},
    {.name = "happened_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_NOT_NULL | STW_FILTER | STW_SORT,
     .initial = "now",
     .doc = "When it took place. The latest of an account is its last touch."},
    {.name = "duration_minutes",
     .type = STW_TYPE_INT,
     .max = 10080,
     .flags = STW_FILTER | STW_SORT,
     .doc = "How long it took, at most a week."},
    {.name = "participants",
     .type = STW_TYPE_TEXTS,
     .flags = STW_NOT_NULL | STW_FILTER,
     .initial = "{}",
     .doc = "Who took part: names or addresses."},
    {.name = "outcome",
     .type = STW_TYPE_ENUM,
     .words = outcomes,
     .flags = STW_FILTER,
     .doc = "What came of it."},
    {.name = "next_action", .doc = "What is to be done next."},
    {.name = "next_action_on",
     .type = STW_TYPE_DATE,
     .flags = STW_FILTER | STW_SORT,
     .doc = "And on which day."},
    {.name = "checked_in_at",
     .type = STW_TYPE_TIMESTAMP,
     .flags = STW_SERVER_KEPT | STW_DERIVED | STW_FILTER | STW_SORT,
     .doc = "When a visit was checked in, by the server's clock."},
    {.name = "latitude",
     .type = STW_TYPE_DECIMAL,
     .min = -90,
     .max = 90,
     .flags = STW_SERVER_KEPT,
     .doc = "Where it was checked in, in degrees to four places (11 meters)."},
    {.name = "longitude",
     .type = STW_TYPE_DECIMAL,
     .min = -180,
     .max = 180,
     .flags = STW_SERVER_KEPT,
     .doc = "The same for the longitude."},
    {.name = "source",
     .max = 63,
     .flags = STW_SOURCE | STW_FILTER,
     .doc = "Where it came from; an integration's is its own."},
    {.name = "owner_id",
     .type = STW_TYPE_REF,
     .refers = "users",
     .flags = STW_OWNER | STW_FILTER,
     .doc = "Who did it. Given alone, the team follows."},
    {.name = "team_id",
     .type = STW_TYPE_REF,
     .refers = "teams",
     .flags = STW_TEAM | STW_FILTER,
     .doc = "The team it belongs to."},
    STW_EXTERNAL_IDS,
};

static enum stw_code check_write(struct stw_context *ctx, struct stw_write *write)
{
    static const struct stw_account_link link = {.account = STW_ACTIVITY_ACCOUNT_ID,
                                                 .contact = STW_ACTIVITY_CONTACT_ID,
                                                 .opportunity = STW_ACTIVITY_OPPORTUNITY_ID};
    return stw_account_link_check(ctx, write, &link);
}

/* The last touch of one or two accounts. They are locked first, in one order, and looked at in a statement of
 * its own: in a single one, who waited for the lock would go on with a picture from before it and miss what
 * the other writer has added. */
static enum stw_code keep_last_touch(struct stw_context *ctx, const char *account, const char *other)
{
    static const struct stw_stmt lock = {.sql = "select 1 from accounts where org_id = $1::uuid and id in "
                                                "($2::uuid, $3::uuid) order by id for no key update",
                                         .param_count = 3,
                                         .kind = STW_STMT_WRITE};
    /* "version > 0" names the index activities_account_id_happened_at_idx. */
    static const struct stw_stmt keep = {
        .sql = "update accounts a set last_touch_at = n.at from (select t.id, (select max(v.happened_at) "
               "from activities v "
               "where v.org_id = $1::uuid and v.account_id = t.id and v.deleted_at is null and v.version > "
               "0) as at "
               "from accounts t where t.org_id = $1::uuid and t.id in ($2::uuid, $3::uuid)) n "
               "where a.org_id = $1::uuid and a.id = n.id and a.last_touch_at is distinct from n.at",
        .param_count = 3,
        .kind = STW_STMT_WRITE};
    const char *const params[] = {ctx->org_id, account, other};
    struct stw_call calls[] = {{.stmt = &lock, .params = params}, {.stmt = &keep, .params = params}};

    return account || other ? stw_db_run_all(ctx, calls, 2) : STW_OK;
}

static bool same(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static enum stw_code after_write(struct stw_context *ctx, const struct stw_write *write)
{
    const char *account = stw_record_text(write->record, STW_ACTIVITY_ACCOUNT_ID);
    const char *before = write->old ? stw_record_text(write->old, STW_ACTIVITY_ACCOUNT_ID) : NULL;

    if (write->old && same(account, before) && !stw_write_gives(write, STW_ACTIVITY_HAPPENED_AT))
        return STW_OK;
    return keep_last_touch(ctx, account, before);
}

static enum stw_code after_delete(struct stw_context *ctx, const struct stw_record *record)
{
    return keep_last_touch(ctx, stw_record_text(record, STW_ACTIVITY_ACCOUNT_ID), NULL);
}

static const char *const wakes[] = {"account_id", "contact_id", "opportunity_id", "happened_at", NULL};

const struct stw_resource stw_activities = {
    .path = "activities",
    .singular = "activity",
    .operations = STW_CAN_ALL,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .access =
        {
            [STW_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            [STW_KEY_ACCOUNT_MANAGER] = STW_MAY_WRITE(STW_OWN),
            /* they read what others did and write what they did themselves */
            [STW_TEAM_LEAD] = {.scope = {[STW_READ] = STW_TREE,
                                         [STW_CREATE] = STW_OWN,
                                         [STW_UPDATE] = STW_OWN,
                                         [STW_DELETE] = STW_OWN}},
            [STW_DIRECTOR] = {.scope = {[STW_READ] = STW_ALL,
                                        [STW_CREATE] = STW_OWN,
                                        [STW_UPDATE] = STW_OWN,
                                        [STW_DELETE] = STW_OWN}},
            [STW_SERVICE_AGENT] = STW_MAY_WRITE(STW_OWN),
            [STW_ANALYST] = STW_MAY_READ(STW_ALL),
            [STW_ADMIN] = STW_MAY_ASSIGN(STW_ALL),
        },
    .hooks = {.wakes = wakes,
              .needs_old = true,
              .check_write = check_write,
              .after_write = after_write,
              .after_delete = after_delete},
    .doc = "What was done with customers: calls, visits, mails, meetings, chats and notes.",
};
