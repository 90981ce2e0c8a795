"""Writes against the same rows written by pgbench, sign-in against its hash, and reads and writes mixed."""

import ctypes
import ctypes.util
import json
import os
import re
import resource
import threading
import time

import data
import statements
from cases.base import READER, Bench, busy, run_of
from cases.reads import ROWS
from load import Request, Script, Traffic

PATCHED = data.FIRST["account"] + 90_000_000  # the numbers of the records to patch begin here
RECORDS = 2000
ACCOUNT = {"name": "Bench Customer {n}", "industry": "manufacturing", "employee_count": 3456,
           "annual_revenue": {"amount": "{n}.50", "currency": "CNY"}, "founded_year": 1998, "country": "CN",
           "city": "Shanghai", "website": "https://www.customer-{n}.example/", "phone": "+8621{n}",
           "email": "office@customer-{n}.example", "tier": "key", "tags": ["fair", "vip"], "source": "web",
           "owner_id": "{owner}"}
CREATE = Request("/v1/accounts", "POST", json.dumps(ACCOUNT), (data.WRITERS,), key=True)
PATCH = Request("/v1/accounts/{record}", "PATCH", '{"employee_count":{n},"city":"Lyon"}', (data.WRITERS,), match=True)

# What the server stores for a create, in as few statements as can be.
CREATE_SQL = """
\\set n random(100000, 999999)
\\set owner random({first_owner}, {last_owner})
begin;
with new as (
    insert into accounts (org_id, id, name, kind, industry, employee_count, annual_revenue, annual_revenue_currency,
                          founded_year, country, city, website, phone, email, tier, lifecycle_stage, tags, source, owner_id,
                          team_id)
    select :org::uuid, app.uuid7(), 'Bench Customer ' || :n, 'company', 'manufacturing', 3456, :n + 0.5, 'CNY', 1998,
           'CN', 'Shanghai', 'https://www.customer-' || :n || '.example/', '+8621' || :n,
           'office@customer-' || :n || '.example', 'key', 'potential', '{{fair,vip}}', 'web', u.id, u.team_id
    from users u where u.org_id = :org::uuid and u.id = (:prefix || :owner)::uuid
    returning *)
insert into events (org_id, id, actor_kind, actor_id, request_id, resource, record_id, type, version, changes, after)
select t.org_id, app.uuid7(), 'user', t.owner_id, t.id::text, 'accounts', t.id, 'created', t.version, null,
       to_jsonb(t) - 'org_id' from new t;
insert into idempotency_keys (org_id, principal_id, scope, key, request_hash, status, location, etag, body)
values (:org::uuid, (:prefix || :owner)::uuid, 'POST /v1/accounts', gen_random_uuid()::text, :hash, 201,
        '/v1/accounts/' || :prefix || :n, '"1-0123456789abcdef"', :body);
commit;
"""


def _filled(text):
    return text.replace("{n}", "123456").replace("{owner}", f"{data.PREFIX}{data.FIRST['user']}")


def create_script(bench: Bench):
    """The answer kept with the key is one that the server gave."""
    load = bench.load
    answer = load.server.expect(201, "POST", CREATE.path, _filled(CREATE.body), load.token(data.WRITERS))
    text = CREATE_SQL.format(first_owner=data.FIRST["user"], last_owner=data.FIRST["user"] + data.USERS - 1)
    return Script([(text, 1)], {
        "org": load.organizations[data.WRITERS], "prefix": data.PREFIX, "hash": "0123456789abcdef" * 4,
        "body": json.dumps(answer, ensure_ascii=False, separators=(",", ":"))})


def create(bench: Bench):
    """Both sides store the same three rows."""
    try:
        return bench.against_limit("create", busy(CREATE), create_script(bench), 0.5, 0.9)
    finally:
        forget(bench)


def forget(bench: Bench):
    data.forget_writes(bench.load.cluster, bench.load.organizations[data.WRITERS])


def make_records(bench: Bench, first=PATCHED, count=RECORDS):
    """What is patched: copies of another organisation's accounts."""
    cluster, organizations = bench.load.cluster, bench.load.organizations
    columns = cluster.sql("""select string_agg(column_name, ', ') from information_schema.columns where
        table_schema = 'steward' and table_name = 'accounts' and column_name not in ('org_id', 'id', 'parent_id')""")
    cluster.sql(f"""
        insert into steward.accounts (org_id, id, {columns})
        select '{organizations[data.WRITERS]}', ('{data.PREFIX}' || {first} + i)::uuid, {columns}
        from generate_series(0, {count} - 1) i join steward.accounts a on a.org_id = '{organizations[READER]}'
             and a.id = ('{data.PREFIX}' || {data.FIRST['account']} + i % {bench.load.shape.each})::uuid;""")


def versions(bench: Bench, first=PATCHED, count=RECORDS):
    rows = bench.load.cluster.sql(f"""select id, version from steward.accounts
        where org_id = '{bench.load.organizations[data.WRITERS]}' and id >= '{data.PREFIX}{first}'
              and id < '{data.PREFIX}{first + count}'""")
    return [tuple(row.split("|")) for row in rows.splitlines()]


def patch_script(bench: Bench, body=PATCH.body, first=PATCHED, count=RECORDS):
    """The server's own statement for a body with a number {n}; it names the version that it finds instead of one that was
    read before, and draws the number and the ids that the server would make."""
    load = bench.load
    organization, record = load.organizations[data.WRITERS], f"{data.PREFIX}{first}"
    token = load.token(data.WRITERS)
    me = load.server.expect(200, "GET", "/v1/users?email=admin@bench-writes.example", None, token)["data"][0]["id"]

    def send():
        load.cluster.sql(f"update steward.accounts set version = 4711 where org_id = '{organization}' and id = '{record}'")
        number = str(int(time.time() * 1000) % 900000 + 100000)
        load.server.expect(200, "PATCH", f"/v1/accounts/{record}", body.replace("{n}", number), token, {"If-Match": '"4711"'})

    found = [one for one in statements.record(load.cluster, send) if one.sql.startswith("with old as")]
    uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    replaced = {"4711": ("old.version", None),
                record: (f"('{data.PREFIX}' || :r)::uuid", f"\\set r random({first}, {first + count - 1})")}
    for value in found[0].values.values():
        if value in (None, organization, me, record):
            continue
        if uuid.match(value):
            replaced[value] = ("app.uuid7()", None)
        elif number := re.fullmatch(r"(\D*)\d{6}(\D.*)?", value):
            before, after = (f"'{word}'" if word else "" for word in number.groups())
            text = " || ".join(piece for piece in (before, ":n", after) if piece)
            replaced[value] = (f"({text})", "\\set n random(100000, 999999)")
    text, variables = statements.script(found, replaced)
    return Script([(text, 1)], variables)


def patch(bench: Bench):
    make_records(bench)
    try:
        traffic = busy(PATCH, records=lambda: versions(bench))
        return bench.against_limit("patch", traffic, patch_script(bench), None, 0.8)
    finally:
        forget(bench)


def hashes(bench: Bench, seconds):
    """How many passwords as many threads as the server has for it verify, and nothing else: libsodium, called by itself."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    sodium.sodium_init()
    stored = bench.load.cluster.sql("select password_hash from steward.credentials where password_hash is not null limit 1")
    plain = data.PASSWORD.encode()
    taken = []

    def verify(until):
        while time.monotonic() < until:
            began = time.monotonic()
            if sodium.crypto_pwhash_str_verify(stored.encode(), plain, ctypes.c_ulonglong(len(plain))) != 0:
                raise SystemExit("bench: login: the stored hash is not that of the password")
            taken.append(time.monotonic() - began)

    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    threads = [threading.Thread(target=verify, args=(began + seconds,)) for _ in range(min(max(os.cpu_count(), 2), 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run_of(taken, time.monotonic() - began, spent)


def login(bench: Bench):
    """Sign-ins of twenty people over 16 connections, against verifying their password's hash."""
    body = {"organization": "{organization}", "email": "admin@{organization}.example", "password": data.PASSWORD}
    traffic = busy(Request("/v1/auth/login", "POST", json.dumps(body)), 16)
    ones, others = bench.rounds("login", bench.http(traffic), lambda seconds: hashes(bench, seconds))
    bench.load.cluster.sql("delete from steward.refresh_tokens; vacuum steward.refresh_tokens;", "postgres")
    return [bench.against("login", ones, others, "Argon2id alone")]


# Of a hundred requests.
MIX = {"point_read": 50, "page": 20, "page_expanded": 5, "search_rare": 5, "create": 10, "patch": 10}


def mixed(bench: Bench):
    """Eighty reads to twenty writes, the reads of one organisation and the writes of another."""
    make_records(bench)
    try:
        requests = {**{name: row[0] for name, row in ROWS.items()}, "create": CREATE, "patch": PATCH}
        scripts = {"create": create_script, "patch": patch_script}
        traffic = Traffic([Request(**{**vars(requests[name]), "weight": weight}) for name, weight in MIX.items()],
                          records=lambda: versions(bench))
        parts, variables, planned = [], {}, False
        for name, weight in MIX.items():
            script = scripts[name](bench) if name in scripts else bench.script(requests[name])
            planned = planned or script.planned
            parts.append((re.sub(r":(v\d+_\d+)", f":{name}_\\1", script.parts[0][0]), weight))
            variables |= {f"{name}_{key}" if re.match(r"v\d", key) else key: value
                          for key, value in script.variables.items()}
        return bench.against_limit("mixed", traffic, Script(parts, variables, planned))
    finally:
        forget(bench)


CASES = {"create": create, "patch": patch, "login": login, "mixed": mixed}
