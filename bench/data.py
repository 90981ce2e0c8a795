"""What the figures are measured on: organisations with accounts, activities and opportunities, written by SQL as the
schema's owner. Ids are made of numbers, so that both sides of a comparison can draw them at random without a look-up."""

import glob
import hashlib
import json
import os
import shutil
import threading
import time

BIG = 20  # organisations that share the accounts; all others have a handful each
SMALL_ACCOUNTS = 4
SCALE = 1_000_000  # accounts; three times as many activities, as many opportunities
USERS = 500
TEAMS = 100
OWNED = 50  # records of the account manager
PRODUCTS = 40
WRITERS = "bench-writes"  # the organisation whose records come and go
PASSWORD = "bench-Passw0rd-of-no-value"
PREFIX = "01900000-0000-7000-8000-"  # and twelve decimal digits
FIRST = {name: (place + 1) * 100_000_000_000
         for place, name in enumerate(("account", "user", "team", "activity", "opportunity", "product"))}
MANAGER, LEAD = USERS - 1, USERS - 2  # their numbers; the lead's tree has the last three teams
COMMON, RARE = "科技", "琥珀"  # pairs of characters in every eighth name, and in every thousandth

# References are right by construction; checking them row by row would take most of the time.
SESSION = """
set session_replication_role = replica;
set search_path = steward, app, public;
set maintenance_work_mem = '1GB';
set max_parallel_maintenance_workers = 0;
set synchronous_commit = off;
"""
PEOPLE = """
insert into teams (org_id, id, name, parent_id)
select o.id, ('{prefix}' || {team} + i)::uuid, 'Team ' || i,
       case when i > {teams} - 3 then ('{prefix}' || {team} + {teams} - 3)::uuid
            when i > 0 then ('{prefix}' || {team} + (i - 1) / 9)::uuid end
from organizations o cross join generate_series(0, {teams} - 1) i;

insert into users (org_id, id, email, name, role_id, team_id)
select o.id, ('{prefix}' || {user} + i)::uuid, 'user' || i || '@' || o.slug || '.example', '客户经理 ' || i, r.id,
       ('{prefix}' || {team} + case when i = {lead} then {teams} - 3 else i % {teams} end)::uuid
from organizations o cross join generate_series(0, {users} - 1) i
join roles r on r.org_id = o.id and r.key = case when i = {lead} then 'team_lead' else 'account_manager' end;

insert into credentials (org_id, user_id, password_hash)
select c.org_id, ('{prefix}' || {user} + i)::uuid, c.password_hash
from credentials c cross join unnest(array[{lead}, {manager}]) i;

insert into products (org_id, id, name, sku, family, list_price, list_price_currency)
select o.id, ('{prefix}' || {product} + i)::uuid, '产品 ' || i, 'SKU-' || i, 'family-' || i % 5, 100 + i, 'CNY'
from organizations o cross join generate_series(0, {products} - 1) i;
"""
# The owner of account n, and the moment of activity n.
OWNER = "case when {n} % {step} = {step} - 1 then {manager} else (hashint4({n} # 7919) & 2147483647) % {manager} end"
MOMENT = "timestamptz '2026-01-01' - interval '700 days' * (1 - ({n})::float8 / ({each} * 3))"

ACCOUNTS = """
insert into accounts (org_id, id, name, kind, industry, employee_count, annual_revenue, annual_revenue_currency,
                      founded_year, country, city, website, phone, email, tier, lifecycle_stage, description, tags,
                      source, parent_id, owner_id, team_id, last_touch_at, external_ids, version, created_at, updated_at)
select o.id, ('{prefix}' || {account} + i)::uuid,
       case when i % 1000 = 3 then '{rare}' else
           (array['Northwind', '海河', 'Globex', '晨星', 'Initech', '远洋', 'Umbra', '蓝天'])[h % 8 + 1] end ||
       (array['{common}', '贸易', '物流', '药业', ' Trading', ' Works', ' Group', ' & Co'])[h / 8 % 8 + 1] || ' ' || i,
       case when h % 10 = 0 then 'person' else 'company' end,
       (array['manufacturing', 'retail', 'logistics', 'software', 'energy', 'health', 'food', 'finance'])[h / 64 % 8 + 1],
       h % 20000, (h % 9000000)::numeric / 4, (array['CNY', 'EUR', 'USD'])[h % 3 + 1], 1950 + h % 75,
       (array['CN', 'DE', 'US', 'FR', 'GB'])[h % 5 + 1],
       (array['上海', 'Hamburg', 'Boston', 'Lyon', 'Leeds', '杭州', 'Köln'])[h % 7 + 1],
       'https://www.customer-' || i || '.example/', '+8621' || 50000000 + i, 'office@customer-' || i || '.example',
       (array['strategic', 'key', 'standard', 'basic', null])[h / 32 % 5 + 1],
       (array['potential', 'first_purchase', 'repeat', 'loyal', 'lapsed'])[h / 3 % 5 + 1],
       'Met at the fair in ' || 1990 + h % 35 || '; asks for an offer each spring, pays on time, wants one contact.',
       (array['{{}}', '{{fair}}', '{{fair,vip}}', '{{web,"newsletter"}}'])[h % 4 + 1]::text[],
       (array['web', 'fair', 'referral', 'import'])[h % 4 + 1],
       case when i % 50 > 0 and h % 9 = 0 then ('{prefix}' || {account} + i / 50 * 50)::uuid end,
       ('{prefix}' || {user} + w)::uuid, ('{prefix}' || {team} + {team_of_w})::uuid,
       {moment}, '{{}}', 1 + h % 7, timestamptz '2024-01-01' + i * interval '1 minute',
       timestamptz '2026-01-01' - h % 9000 * interval '1 minute'
from organizations o
cross join lateral (select i, hashint4(i) & 2147483647 as h, {owner} as w from generate_series(0, {each} - 1) i) n
where o.slug <> '{writers}' and o.slug like 'bench-%';
"""
# Each account has three, the last of which is its last touch.
ACTIVITIES = """
insert into activities (org_id, id, kind, subject, body, account_id, happened_at, duration_minutes, participants, outcome,
                        next_action, next_action_on, source, owner_id, team_id, created_at, updated_at)
select o.id, ('{prefix}' || {activity} + i)::uuid,
       (array['call', 'visit', 'mail', 'meeting', 'chat', 'note'])[h % 6 + 1],
       (array['电话回访', '上门拜访', 'Offer sent', '季度会议', 'Question', '合同续签', 'Complaint', '新品介绍'])[h % 8 + 1] ||
       (array['：报价', '：交期', '', ', urgent'])[h / 8 % 4 + 1],
       case when h % 3 > 0 then 'They asked for terms and will decide within the month; call again. 客户希望尽快收到报价。' end,
       ('{prefix}' || {account} + n)::uuid, {moment}, h % 120, '{{}}',
       (array['reached', 'no_answer', 'positive', 'neutral', 'negative', 'follow_up', null])[h % 7 + 1],
       case when h % 5 = 0 then 'Send the offer' end, case when h % 5 = 0 then date '2026-01-01' + h % 90 end,
       (array['web', 'mobile', 'import'])[h % 3 + 1],
       ('{prefix}' || {user} + w)::uuid, ('{prefix}' || {team} + {team_of_w})::uuid, {moment}, {moment}
from organizations o
cross join lateral (select i, i % {each} as n, hashint4(i) & 2147483647 as h, {owner_of_n} as w
                    from generate_series(0, {each} * 3 - 1) i) n
where o.slug <> '{writers}' and o.slug like 'bench-%';
"""
OPPORTUNITIES = """
insert into opportunities (org_id, id, name, account_id, product_id, stage_id, status, amount, amount_currency,
                           probability, engaged_on, expected_close_on, closed_on, reason, description, source, owner_id,
                           team_id, stage_changed_at, created_at, updated_at)
select o.id, ('{prefix}' || {opportunity} + i)::uuid,
       (array['设备采购', '年度框架', 'Renewal', '扩容项目', 'Pilot', '培训服务', 'Upgrade', '备件'])[h % 8 + 1] || ' ' || i,
       ('{prefix}' || {account} + i)::uuid, ('{prefix}' || {product} + h % {products})::uuid, s.id, s.kind,
       (1000 + h % 900000)::numeric, (array['CNY', 'EUR', 'USD'])[h % 3 + 1], s.probability, date '2025-01-01' + h % 300,
       date '2026-01-01' + h % 180, case when s.kind <> 'open' then date '2025-06-01' + h % 200 end,
       case s.kind when 'lost' then (array['price', 'timing', 'competitor'])[h / 7 % 3 + 1] when 'won' then 'fit' end,
       'Agreed on the phone.', (array['web', 'fair', 'referral'])[h % 3 + 1],
       ('{prefix}' || {user} + w)::uuid, ('{prefix}' || {team} + {team_of_w})::uuid,
       timestamptz '2026-01-01' - h % 9000 * interval '1 hour', timestamptz '2025-01-01' + i * interval '1 minute',
       timestamptz '2026-01-01' - h % 9000 * interval '1 minute'
from organizations o
cross join lateral (select i, hashint4(i) & 2147483647 as h, {owner} as w from generate_series(0, {each} - 1) i) n
join stages s on s.org_id = o.id and s.position = h / 5 % 6 + 1
where o.slug <> '{writers}' and o.slug like 'bench-%';
"""
# Each has what a sign-in needs and a few accounts.
SMALL = """
insert into organizations (id, slug, name)
select ('{prefix}' || 900000000000 + g)::uuid, 'small-' || g, '小公司 ' || g from generate_series(1, {small}) g;

insert into roles (org_id, id, key, name, base)
select o.id, ('{prefix}' || 800000000000)::uuid, 'admin', 'Admin', 'admin'
from organizations o where o.slug like 'small-%';

insert into users (org_id, id, email, name, role_id)
select r.org_id, ('{prefix}' || {user})::uuid, 'admin@' || o.slug || '.example', 'Admin', r.id
from roles r join organizations o on o.id = r.org_id where o.slug like 'small-%';

insert into credentials (org_id, user_id, password_hash)
select u.org_id, u.id, (select c.password_hash from credentials c where c.password_hash is not null limit 1)
from users u join organizations o on o.id = u.org_id where o.slug like 'small-%';

insert into accounts (org_id, id, name, industry, country, city, phone, owner_id, created_at)
select o.id, ('{prefix}' || {account} + i)::uuid, '小客户 ' || i, 'retail', 'CN', '上海', '+8621' || 50000000 + i,
       ('{prefix}' || {user})::uuid, timestamptz '2025-01-01' + i * interval '1 day'
from organizations o cross join generate_series(0, {small_accounts} - 1) i where o.slug like 'small-%';
"""
BUILD_SETTINGS = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": 0,
                  "autovacuum": "off", "max_wal_size": "32GB"}


def account_id(number):
    return f"{PREFIX}{FIRST['account'] + number}"


def user_email(number, organization):
    return f"user{number}@{organization}.example"


def slug(number):
    return f"bench-{number}"


class Shape:
    """How much data: accounts in the big organisations, and organisations altogether; bare: accounts alone."""

    def __init__(self, scale, organizations, bare=False):
        self.scale = scale
        self.bare = bare
        self.organizations = max(organizations, BIG)
        self.each = scale // BIG
        self.small = self.organizations - BIG
        self.words = f"{scale:,} {'bare ' if bare else ''}accounts, {self.organizations:,} organisations"

    def __str__(self):
        return f"{self.scale}-{self.organizations}{'-bare' if self.bare else ''}"

    def fill(self, text, number="i"):
        """A statement with its names filled in; `number` is what the moment is counted by."""
        words = {**FIRST, "prefix": PREFIX, "users": USERS, "teams": TEAMS, "products": PRODUCTS, "manager": MANAGER,
                 "lead": LEAD, "writers": WRITERS, "each": self.each, "step": max(self.each // OWNED, 2), "common": COMMON,
                 "rare": RARE, "small": self.small, "small_accounts": SMALL_ACCOUNTS,
                 "team_of_w": f"(case when w = {LEAD} then {TEAMS} - 3 else w % {TEAMS} end)"}
        words["owner"] = OWNER.format(n="i", **words)
        words["owner_of_n"] = OWNER.format(n=f"(i % {self.each})", **words)
        words["moment"] = MOMENT.format(n=number, **words)
        return text.format(**words)


def _without_indexes(table, fill):
    """Filling first and indexing afterwards takes a third of the time."""
    return f"""
create temporary table later_{table} as
    select pg_get_indexdef(i.indexrelid) as make, format('drop index steward.%I', c.relname) as away
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'steward.{table}'::regclass and not i.indisprimary;
do $$ declare one record; begin for one in select * from later_{table} loop execute one.away; end loop; end $$;
{fill}
do $$ declare one record; begin for one in select * from later_{table} loop execute one.make; end loop; end $$;
"""


def _fingerprint(root):
    """Data of another schema, or built by another recipe, are no good."""
    digest = hashlib.sha256()
    for path in [*sorted(glob.glob(f"{root}/migrations/*.sql")), os.path.abspath(__file__)]:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def _fill(cluster, shape, say):
    """Two sessions for two cores: the activities take as long as all the rest."""
    failures = []

    def run(what, script):
        began = time.monotonic()
        try:
            cluster.sql(SESSION + script, "postgres")
            say(f"{what}: {time.monotonic() - began:.0f} s")
        except SystemExit as failure:
            failures.append(failure)

    def activities():
        run(f"{shape.each * BIG * 3:,} activities", _without_indexes("activities", shape.fill(ACTIVITIES)))

    other = threading.Thread(target=activities)
    if not shape.bare:
        other.start()
    small = shape.fill(SMALL) if shape.small else ""
    run(f"{shape.each * BIG + shape.small * SMALL_ACCOUNTS:,} accounts",
        _without_indexes("accounts", shape.fill(ACCOUNTS, f"({shape.each} * 2 + i)") + small))
    if not shape.bare:
        run(f"{shape.each * BIG:,} opportunities", _without_indexes("opportunities", shape.fill(OPPORTUNITIES)))
        other.join()
    if failures:
        raise failures[0]


def build(cluster, steward, shape, say):
    """`steward(*arguments)` runs a command of the binary as the operator and gives its JSON answer."""
    say(f"building {cluster.folder}, once: some minutes for a million accounts")
    cluster.remove()
    cluster.create()
    cluster.start(BUILD_SETTINGS)
    cluster.sql("create role steward_owner login createrole; create database steward owner steward_owner;",
                "postgres", "postgres")
    steward("migrate")
    cluster.sql("alter role steward_app login", "postgres")
    organizations = {}
    for name in [slug(number) for number in range(BIG)] + [WRITERS]:
        organizations[name] = steward("org", "create", "--slug", name, "--name", name)["id"]
        steward("user", "create", "--org", name, "--email", f"admin@{name}.example", "--name", "Admin", "--role", "admin",
                password=PASSWORD)
    cluster.sql(SESSION + shape.fill(PEOPLE), "postgres")
    say(f"{len(organizations)} organisations with {USERS} users and {TEAMS} teams")
    _fill(cluster, shape, say)
    cluster.sql("vacuum (analyze, parallel 0); checkpoint;", "postgres")
    say("vacuumed and analyzed")
    cluster.halt()
    os.sync()  # what fsync = off has left to the kernel
    return organizations


def prepare(cluster, steward, root, shape, say):
    """Starts the cluster with the data in it, building them when they are missing or of another schema; gives the
    organisations' ids by slug."""
    stamp_path = f"{cluster.folder}/built.json"
    fingerprint = _fingerprint(root)
    organizations = None
    if cluster.exists() and os.path.exists(stamp_path):
        with open(stamp_path, encoding="utf-8") as file:
            stamp = json.load(file)
        if stamp["fingerprint"] == fingerprint:
            organizations = stamp["organizations"]
    if not organizations:
        if os.path.exists(stamp_path):
            os.remove(stamp_path)
        organizations = build(cluster, steward, shape, say)
        with open(stamp_path, "w", encoding="utf-8") as file:
            json.dump({"fingerprint": fingerprint, "organizations": organizations}, file)
    cluster.start()
    steward("migrate")
    # what a run that was killed may have left
    second_wall(cluster, True)
    if cluster.sql(f"select 1 from steward.events where org_id = '{organizations[WRITERS]}' and actor_kind = 'user' limit 1"):
        forget_writes(cluster, organizations[WRITERS])
    return organizations


def warm(cluster, organization):
    """Reads an organisation's accounts once, whose rows lie in every block of the table."""
    cluster.sql(f"""
        select count(t::text) from steward.accounts t where org_id = '{organization}';
        set enable_bitmapscan = off; set enable_seqscan = off;
        select count(*) from steward.accounts where org_id = '{organization}' and id is not null;""")


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


def second_wall(cluster, stands):
    """The views of the serving role: bound to the transaction's organisation, or the bare tables for a comparison."""
    off = """
        do $$ declare one record; begin
            for one in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       where n.nspname = 'app' and c.relkind = 'v' and pg_get_viewdef(c.oid) like '%org_id = %steward.org%'
            loop execute format('create or replace view app.%1$I as select * from steward.%1$I', one.relname); end loop;
        end $$;"""
    on = """
        do $$ declare one record; begin
            for one in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
                       where n.nspname = 'app' and c.relkind = 'v' and pg_get_viewdef(c.oid) not like '%WHERE%'
            loop execute steward.view_of(one.relname); end loop;
        end $$;"""
    cluster.sql(on if stands else off)


def forget_writes(cluster, organization):
    """What the writing cases left behind."""
    cluster.sql(f"""
        set session_replication_role = replica;
        delete from steward.accounts where org_id = '{organization}';
        delete from steward.events where org_id = '{organization}';
        delete from steward.idempotency_keys where org_id = '{organization}';
        vacuum steward.accounts, steward.events, steward.idempotency_keys;
        checkpoint;""", "postgres")
