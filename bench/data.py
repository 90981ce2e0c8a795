"""One million accounts in twenty organisations, as the schema's owner; ids are made of numbers, so that both sides of a
comparison can draw them at random without a look-up."""

import glob
import hashlib
import json
import os

SHAPE = 2  # raise it when anything below changes what is built
ORGANIZATIONS = 20
ACCOUNTS = 50_000  # of each organisation
USERS = 500
TEAMS = 100
WRITERS = "bench-writes"  # the organisation whose records come and go
PASSWORD = "bench-Passw0rd-of-no-value"
PREFIX = "01900000-0000-7000-8000-"  # and twelve decimal digits
FIRST_ACCOUNT, FIRST_USER, FIRST_TEAM = 100_000_000_000, 200_000_000_000, 300_000_000_000

# References are right by construction; checking them row by row would take most of the time.
FILL = """
set session_replication_role = replica;
set search_path = steward, app, public;
set maintenance_work_mem = '1GB';

insert into teams (org_id, id, name, parent_id)
select o.id, ('{prefix}' || {team} + i)::uuid, 'Team ' || i,
       case when i > 0 then ('{prefix}' || {team} + (i - 1) / 9)::uuid end
from organizations o cross join generate_series(0, {teams} - 1) i;

insert into users (org_id, id, email, name, role_id, team_id)
select o.id, ('{prefix}' || {user} + i)::uuid, 'user' || i || '@' || o.slug || '.example', 'User ' || i, r.id,
       ('{prefix}' || {team} + i % {teams})::uuid
from organizations o cross join generate_series(0, {users} - 1) i
join roles r on r.org_id = o.id and r.key = 'account_manager';

create temporary table later as
    select pg_get_indexdef(i.indexrelid) as make, format('drop index steward.%I', c.relname) as away
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'steward.accounts'::regclass and not i.indisprimary;
do $$ declare one record; begin for one in select * from later loop execute one.away; end loop; end $$;

insert into accounts (org_id, id, name, kind, industry, employee_count, annual_revenue, annual_revenue_currency,
                      founded_year, country, city, website, phone, email, tier, lifecycle_stage, description, tags,
                      source, parent_id, owner_id, team_id, last_touch_at, external_ids, version, created_at, updated_at)
select o.id, ('{prefix}' || {account} + i)::uuid,
       (array['Northwind', '海河贸易', 'Globex', '晨星科技', 'Initech', '远洋物流', 'Umbra', '蓝天药业'])[h % 8 + 1] || ' ' || i,
       case when h % 10 = 0 then 'person' else 'company' end,
       (array['manufacturing', 'retail', 'logistics', 'software', 'energy', 'health', 'food', 'finance'])[h / 8 % 8 + 1],
       h % 20000, (h % 9000000)::numeric / 4, (array['CNY', 'EUR', 'USD'])[h % 3 + 1], 1950 + h % 75,
       (array['CN', 'DE', 'US', 'FR', 'GB'])[h % 5 + 1],
       (array['上海', 'Hamburg', 'Boston', 'Lyon', 'Leeds', '杭州', 'Köln'])[h % 7 + 1],
       'https://www.customer-' || i || '.example/', '+8621' || 50000000 + i, 'office@customer-' || i || '.example',
       (array['strategic', 'key', 'standard', 'basic', null])[h % 5 + 1],
       (array['potential', 'first_purchase', 'repeat', 'loyal', 'lapsed'])[h / 3 % 5 + 1],
       'Met at the fair in ' || 1990 + h % 35 || '; asks for an offer each spring, pays on time, wants one contact.',
       (array['{{}}', '{{fair}}', '{{fair,vip}}', '{{web,"newsletter"}}'])[h % 4 + 1]::text[],
       (array['web', 'fair', 'referral', 'import'])[h % 4 + 1],
       case when i % 50 > 0 and h % 9 = 0 then ('{prefix}' || {account} + i / 50 * 50)::uuid end,
       ('{prefix}' || {user} + h % {users})::uuid, ('{prefix}' || {team} + h % {users} % {teams})::uuid,
       case when h % 3 > 0 then now() - h % 500 * interval '1 hour' end, '{{}}', 1 + h % 7,
       now() - interval '400 days' + i * interval '11 minutes', now() - h % 9000 * interval '1 minute'
from organizations o
cross join lateral (select i, hashint4(i) & 2147483647 as h from generate_series(0, {accounts} - 1) i) n
where o.slug <> '{writers}';

do $$ declare one record; begin for one in select * from later loop execute one.make; end loop; end $$;
"""


def account_id(number):
    return f"{PREFIX}{FIRST_ACCOUNT + number}"


def slug(number):
    return f"bench-{number}"


def _fingerprint(root):
    """Data of another schema are no good."""
    digest = hashlib.sha256(str(SHAPE).encode())
    for path in sorted(glob.glob(f"{root}/migrations/*.sql")):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def build(cluster, steward, say):
    """`steward(*arguments)` runs a command of the binary as the operator and gives its JSON answer."""
    say("PostgreSQL: a new cluster")
    cluster.remove()
    cluster.create()
    cluster.start()
    cluster.sql("create role steward_owner login createrole; create database steward owner steward_owner;",
                "postgres", "postgres")
    steward("migrate")
    cluster.sql("alter role steward_app login", "postgres")
    say(f"{ORGANIZATIONS} organisations")
    organizations = {}
    for name in [slug(number) for number in range(ORGANIZATIONS)] + [WRITERS]:
        organizations[name] = steward("org", "create", "--slug", name, "--name", name)["id"]
        steward("user", "create", "--org", name, "--email", f"admin@{name}.example", "--name", "Admin", "--role", "admin",
                password=PASSWORD)
    say(f"{ORGANIZATIONS * ACCOUNTS:,} accounts (some minutes, once)")
    cluster.sql(FILL.format(prefix=PREFIX, account=FIRST_ACCOUNT, user=FIRST_USER, team=FIRST_TEAM, accounts=ACCOUNTS,
                            users=USERS, teams=TEAMS, writers=WRITERS), "postgres")
    say("VACUUM ANALYZE")
    cluster.sql("vacuum analyze; checkpoint;", "postgres")
    return organizations


def prepare(cluster, steward, root, say):
    """Starts the cluster with the data in it, building them when they are missing or of another schema; gives the
    organisations' ids by slug."""
    stamp_path = f"{cluster.folder}/built.json"
    fingerprint = _fingerprint(root)
    if cluster.exists() and os.path.exists(stamp_path):
        with open(stamp_path, encoding="utf-8") as file:
            stamp = json.load(file)
        if stamp["fingerprint"] == fingerprint:
            cluster.start()
            steward("migrate")
            return stamp["organizations"]
    if os.path.exists(stamp_path):
        os.remove(stamp_path)
    organizations = build(cluster, steward, say)
    with open(stamp_path, "w", encoding="utf-8") as file:
        json.dump({"fingerprint": fingerprint, "organizations": organizations}, file)
    return organizations


def forget_writes(cluster, organization):
    """What the writing cases left behind."""
    cluster.sql(f"""
        set session_replication_role = replica;
        delete from steward.accounts where org_id = '{organization}';
        delete from steward.events where org_id = '{organization}';
        delete from steward.idempotency_keys where org_id = '{organization}';
        vacuum analyze steward.accounts; vacuum analyze steward.events; vacuum analyze steward.idempotency_keys;
        checkpoint;""", "postgres")
