"""What PostgreSQL does for a page, as its own log tells: for each resource, order and filter, and for callers of narrow and wide
reach, with enough rows that a bad plan would show. The rows that an account manager and a team lead reach are among the oldest,
so that whoever walks from the newest meets all the others first."""

import json
import re
import secrets
from urllib.parse import quote

import pytest

from conftest import SERVING
from harness.client import Api, Session
from harness.server import Server, run_command, sanitized
from registry import EACH, RESOURCES, name_of, resources
from world import matching

pytestmark = [pytest.mark.timeout(300), pytest.mark.skipif(sanitized(), reason="the plans are those of any build")]
DATABASE, HERE = "plans", "here"
ROWS, OTHERS = 6000, 2000  # of each resource; of each of the other organisations
TEAMS, USERS = 100, 500
PAGE = 10
FEW = 100  # rows that may be looked at to write one
CROWD = 12  # rows of others that each of the lead's accounts has besides, in the last tests
# Rows that may be looked at for a page: by whoever reaches all, some pages; else what the caller reaches, some times, and by
# the lead before that the rows of 48 pages as they come.
WIDE, NARROW, NEAR = 20 * PAGE, 1000, 48 * (PAGE + 1)

EXPRESSIONS = {
    "bool": "false", "int": "{least} + n % 900 % {span}", "decimal": "n % 900", "percent": "n % 100", "money": "n % 900",
    "date": "date '2024-01-01' + n % 900", "timestamp": "timestamptz '2024-01-01Z' + n * interval '1 minute'",
    "email": "'person' || n || '@example.com'", "phone": "'+8613' || 100000000 + n", "url": "'https://example.com/' || n",
    "country": "(array['CN','DE','US','FR'])[n % 4 + 1]", "currency": "'CNY'", "language": "'de'",
    "texts": "array['tag' || n % 10]", "object": "'{}'::jsonb", "keys": "'{}'::jsonb",
}
NUMBERED = "('01900000-0000-7000-8000-' || lpad(({})::text, 12, '0'))::uuid"


def expression(field, optional, people):
    """Of the row with number n. Blocks of neighbours belong to one person and one team; now and then a value is missing."""
    if field.name == "id":
        return NUMBERED.format("n")
    if field.type == "ref":
        if field.refers == "users":
            text = f"case n / 12 % {USERS} when 0 then '{people['manager']}'::uuid else {NUMBERED.format(f'n / 12 % {USERS}')} end"
        elif field.refers == "teams" and field.resource.path == "teams":
            text = "null::uuid"
        elif field.refers == "teams":
            numbers = f"n / 60 % {TEAMS}"
            choice = " ".join(f"when {at} then '{team}'::uuid" for at, team in enumerate(people["teams"]))
            text = f"case {numbers} {choice} else {NUMBERED.format(numbers)} end"
        else:
            text = NUMBERED.format("n")
    elif field.type == "enum":
        text = f"(array[{','.join(repr(word) for word in field.words)}])[n % {len(field.words)} + 1]"
    else:
        least, most = field.range if field.type == "int" else (0, 0)
        text = EXPRESSIONS.get(field.type, "'text ' || n") .replace("{least}", str(least)) \
            .replace("{span}", str(min(most - least + 1, 900)))
    return f"case when n % 11 > 0 then {text} end" if field.name in optional else text


def fill(db, resource, orgs, people):
    optional = {name for name, in db.execute("select attname from pg_attribute where attrelid = %s::regclass and not attnotnull",
                                             (f"steward.{resource.path}",)).fetchall()}
    columns, values = ["org_id"], ["o.org"]
    for field in resource.fields:
        if field.has("write_only") or field.name in ("version", "deleted_at"):
            continue
        columns.append(field.name)
        values.append("timestamptz '2024-01-01Z' + n * interval '1 minute'" if field.name in ("created_at", "updated_at")
                      else expression(field, optional, people))
        if field.type == "money":
            columns.append(field.name + "_currency")
            values.append("case when n % 11 > 0 then 'CNY' end" if field.name in optional else "'CNY'")
    later = db.execute("select pg_get_indexdef(i.indexrelid), c.relname from pg_index i join pg_class c on c.oid = i.indexrelid "
                       "where i.indrelid = %s::regclass and not i.indisprimary", (f"steward.{resource.path}",)).fetchall()
    for _, name in later:
        db.execute(f"drop index steward.{name}")
    for name, in db.execute("select conname from pg_constraint where contype = 'c' and conrelid = %s::regclass",
                            (f"steward.{resource.path}",)).fetchall():
        db.execute(f"alter table steward.{resource.path} drop constraint {name}")
    db.execute(f"insert into steward.{resource.path} ({', '.join(columns)}) select {', '.join(values).replace('%', '%%')} "
               "from unnest(%s::uuid[], %s::int[]) as o (org, rows) cross join lateral generate_series(1, o.rows) n",
               ([*orgs], [ROWS] + [OTHERS] * (len(orgs) - 1)))
    for definition, _ in later:
        db.execute(definition)


def through(resource):
    """The field by which whoever reaches an account reaches the row."""
    return next((field for field in resource.fields if field.refers == "accounts" and field.has("seen_with", "part_of")), None)


def crowd(db, resource, org):
    """Copies of a row of neither lead nor manager, older than all others, for each account of the lead's."""
    columns = [name for name, in db.execute("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
                                            "and not attisdropped", (f"steward.{resource.path}",)).fetchall()]
    others = {"id": "('01890000-0000-7000-8000-' || lpad((k * 1000 + n)::text, 12, '0'))::uuid",
              through(resource).name: NUMBERED.format("n")}
    db.execute(f"insert into steward.{resource.path} ({', '.join(columns)}) select {', '.join(others.get(c, 't.' + c) for c in columns)} "
               f"from steward.{resource.path} t cross join generate_series(1, {CROWD}) k cross join generate_series(1, 179) n "
               f"where t.org_id = %s and t.id = {NUMBERED.format(ROWS // 2)}", (org,))


class Planned:
    """A database full of rows, whose server's plans can be read."""

    def __init__(self, cluster, settings, folder):
        self.cluster, self.log = cluster, open(f"{cluster.folder}/log", encoding="utf-8", errors="replace")
        cluster.create_database(DATABASE)
        self.admin_settings = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", DATABASE)}
        self.run("migrate")
        cluster.let_serve()
        with cluster.connect("postgres", DATABASE) as db:
            for name, value in {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
                                "auto_explain.log_analyze": "on", "auto_explain.log_timing": "off",
                                "auto_explain.log_format": "json", "log_duration": "off"}.items():
                db.execute(f"alter database {DATABASE} set {name} = '{value}'" if "." not in name else
                           f"alter role {SERVING} in database {DATABASE} set {name} = '{value}'")
        self.orgs = [self.run("org", "create", "--slug", slug, "--name", slug.title())["id"] for slug in (HERE, "second", "third")]
        password = secrets.token_urlsafe(12)
        self.run("user", "create", "--org", HERE, "--email", "admin@here.example", "--name", "Admin", "--role", "admin", password=password)
        self.server = Server({**settings, "STEWARD_DATABASE_URL": cluster.url(SERVING, DATABASE)}, folder / "plans.log").start()
        self.callers = {"admin": self.sign_in("admin@here.example", password)}
        self.password = password

    def run(self, *arguments, password=None):
        extra = {"STEWARD_PASSWORD": password} if password else {}
        done = run_command(*arguments, settings={**self.admin_settings, **extra})
        return json.loads(done.stdout) if done.stdout.startswith("{") else done

    def sign_in(self, email, password, slug=HERE):
        return Api(self.server.url, None, Session(self.server.url, None, slug, email, password).token)

    def settle(self):
        """A lead over three teams and an account manager elsewhere."""
        password = self.password
        admin = self.callers["admin"]
        roles = {row["key"]: row["id"] for row in admin.all("/v1/roles")}
        top = admin.create("/v1/teams", name="Lead's")["id"]
        teams = [top] + [admin.create("/v1/teams", name=f"Below {n}", parent_id=top)["id"] for n in range(2)]
        people = {"teams": teams}
        for name, role, team in (("lead", "team_lead", top), ("manager", "account_manager", None)):
            people[name] = admin.create("/v1/users", email=f"{name}@here.example", name=name, role_id=roles[role], team_id=team,
                                        password=password)["id"]
            self.callers[name] = self.sign_in(f"{name}@here.example", password)
            self.callers[name].get("/v1/me", expect=200)
        self.people = people

    def load(self):
        with self.cluster.connect("postgres", DATABASE) as db:
            db.execute("set session_replication_role = replica")
            for resource in EACH:
                fill(db, resource, self.orgs, self.people)
            db.execute("vacuum analyze")

    def send(self, caller, method, path, expect, **arguments):
        """(reply, [plan of each statement])"""
        self.log.seek(0, 2)
        reply = self.callers[caller].request(method, path, expect, **arguments)
        found = re.findall(r"duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)", self.log.read())
        plans = [json.loads(text.replace("\n\t", "\n"))["Plan"] for text in found]
        # where nothing can be found, newer releases do not even name the table
        assert reply.status_code == 403 or any(
            node.get("Relation Name") in RESOURCES or node.get("One-Time Filter") == "false"
            for plan in plans for node in nodes(plan)), f"no plan was logged: {path}"
        return reply, plans

    def ask(self, caller, path):
        """(what it answers, [plan of each statement]); None when the caller may not."""
        reply, plans = self.send(caller, "GET", path, (200, 403))
        return (None, []) if reply.status_code == 403 else (reply.json(), plans)

    def newcomer(self):
        """An organisation with as many rows, of which the statistics know nothing."""
        org = self.run("org", "create", "--slug", "new", "--name", "New")["id"]
        self.run("user", "create", "--org", "new", "--email", "admin@new.example", "--name", "Admin", "--role", "admin",
                 password=self.password)
        with self.cluster.connect("postgres", DATABASE) as db:
            db.execute("set session_replication_role = replica")
            for resource in EACH:
                db.execute(f"alter table steward.{resource.path} set (autovacuum_enabled = off)")
                fill(db, resource, [org], self.people)
        self.callers["newcomer"] = self.sign_in("admin@new.example", self.password, "new")

    def end(self):
        self.server.kill()
        self.log.close()
        with self.cluster.connect("postgres", "postgres") as db:
            db.execute(f"drop database {DATABASE} with (force)")


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def looked_at(node):
    """Rows and index entries that a scan touched, whether it kept them or not."""
    removed = sum(node.get(f"Rows Removed by {name}", 0) for name in ("Filter", "Index Recheck"))
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


def faults_of(plans, most):
    """`most` None: in another order or by a filter the planner weighs a walk against all that a narrow caller reaches."""
    for plan in plans:
        scans = [node for node in nodes(plan) if "Index Name" in node or "Relation Name" in node]
        total = sum(looked_at(node) for node in scans)
        if most is not None and total > most:
            worst = max(scans, key=looked_at)
            yield f"{total:.0f} rows looked at, {looked_at(worst):.0f} of them here: {json.dumps(worst)[:1500]}"
        for node in scans:
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in RESOURCES and node["Actual Loops"]:
                yield f"a scan of all {node['Relation Name']}"


def told(value):
    """A value of a record as a filter says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value["amount"] if isinstance(value, dict) else value


def questions(resource, record):
    """Lists in each order and by each filter."""
    yield ""
    for field in resource.with_flag("sort"):
        yield f"sort={field.name}"
        yield f"sort=-{field.name}"
    for field in resource.with_flag("filter"):
        value = record.get(field.name)
        if value in (None, []):
            continue
        yield f"{field.name}[any]={value[0]}" if field.type == "texts" else f"{field.name}={quote(str(told(value)))}"


@pytest.fixture(scope="module")
def planned(cluster, world, settings, run_folder):
    made = Planned(cluster, settings, run_folder)
    try:
        made.settle()
        made.load()
        yield made
    finally:
        made.end()


@pytest.mark.parametrize("caller", ["admin", "lead", "manager"])
@pytest.mark.parametrize("resource", resources("list"), ids=name_of)
def test_a_page_looks_at_few_rows(planned, resource, caller):
    first, _ = planned.ask("admin", f"{resource.url}?limit=2")
    faults = []
    for question in questions(resource, first["data"][0]):
        path = f"{resource.url}?limit={PAGE}&{question}"
        most = WIDE if caller == "admin" else None if question else NARROW + NEAR * (caller == "lead")
        faults += [f"{path}: {fault}" for fault in faults_of(planned.ask(caller, path)[1], most)]
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])


@pytest.mark.parametrize("resource", resources("list"), ids=name_of)
def test_a_later_page_looks_at_no_more(planned, resource):
    faults = []
    for question in questions(resource, {}):
        cursor = planned.ask("admin", f"{resource.url}?limit=500&{question}")[0]["next_cursor"]
        path = f"{resource.url}?limit={PAGE}&{question}&cursor={cursor}"
        faults += [f"{path}: {fault}" for fault in faults_of(planned.ask("admin", path)[1], WIDE)]
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])


@pytest.mark.parametrize("caller", ["admin", "lead", "manager"])
@pytest.mark.parametrize("resource", [resource for resource in EACH if resource.with_flag("search")], ids=name_of)
def test_a_search_looks_at_few_rows(planned, resource, caller):
    """For what is in every name, and for what is in one."""
    faults = []
    for words in ("text", str(ROWS - 13)):
        path = f"{resource.url}?limit={PAGE}&q={words}"
        faults += [f"{path}: {fault}" for fault in faults_of(planned.ask(caller, path)[1], WIDE if caller == "admin" else NARROW)]
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="module")
def unknown(planned):
    planned.newcomer()
    return planned


@pytest.mark.parametrize("resource", resources("update"), ids=name_of)
def test_a_write_looks_at_few_rows(unknown, resource):
    """Also in an organisation of which the planner thinks that it has hardly a row."""
    record = unknown.ask("newcomer", f"{resource.url}?limit=50")[0]["data"][-1]
    writes = [("PATCH", "", {resource.label().name: resource.label().value(7, None)})]
    if resource.can("delete"):
        writes += [("DELETE", "", None), ("POST", "/restore", None)]
    faults = []
    for method, action, body in writes:
        reply, plans = unknown.send("newcomer", method, f"{resource.url}/{record['id']}{action}", (200, 204, 409), json=body,
                                    headers=matching(resource))
        faults += [f"{method} {action}: {fault}" for fault in faults_of(plans, FEW)]
        if reply.status_code == 409:  # others refer to it
            break
    assert not faults, "\n".join(faults)


def test_a_create_with_a_key_looks_at_few_rows(unknown):
    """Also when its statements were planned while no key was there."""
    def create():
        _, plans = unknown.send("newcomer", "POST", "/v1/accounts", 201, json={"name": "Keyed"},
                                headers={"Idempotency-Key": secrets.token_hex(8)})
        return list(faults_of(plans, FEW))

    with unknown.cluster.connect("postgres", DATABASE) as db:
        db.execute("vacuum analyze steward.idempotency_keys")
        assert not create()
        db.execute("insert into steward.idempotency_keys select k.org_id, k.principal_id, k.scope, n::text, k.request_hash, k.status, "
                   f"k.location, k.etag, k.body from steward.idempotency_keys k, generate_series(1, {ROWS}) n")
    assert not create()


def test_the_last_touch_is_looked_up(unknown):
    """The newest activity of an account is the end of an index of its own."""
    account = unknown.ask("newcomer", "/v1/activities?limit=50&sort=id")[0]["data"][-1]["account_id"]
    body = {"kind": "call", "subject": "Again", "account_id": account}
    _, plans = unknown.send("newcomer", "POST", "/v1/activities", 201, json=body)
    assert not list(faults_of(plans, FEW))
    used = {node.get("Index Name") for plan in plans for node in nodes(plan)}
    assert "activities_account_id_happened_at_idx" in used, used


@pytest.mark.parametrize("resource", resources("list"), ids=name_of)
def test_a_page_of_a_newcomer_looks_at_few_rows(unknown, resource):
    faults = []
    for question in questions(resource, {}):
        path = f"{resource.url}?limit={PAGE}&{question}"
        faults += [f"{path}: {fault}" for fault in faults_of(unknown.ask("newcomer", path)[1], WIDE)]
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])


@pytest.fixture(scope="module")
def crowded(planned):
    with planned.cluster.connect("postgres", DATABASE) as db:
        db.execute("set session_replication_role = replica")
        for resource in filter(through, EACH):
            crowd(db, resource, planned.orgs[0])
        db.execute("vacuum analyze")
    return planned


@pytest.mark.parametrize("resource", list(filter(through, EACH)), ids=name_of)
def test_a_page_looks_at_few_rows_of_each_account(crowded, resource):
    """The newest of each account, and then at those of the accounts that have the newest."""
    faults = list(faults_of(crowded.ask("lead", f"{resource.url}?limit={PAGE}")[1], NARROW + NEAR))
    assert not faults, "\n".join(faults)


def walked(crowded, caller, resource, question):
    """The ids of some pages, one after the other."""
    found, more = [], {}
    while more is not None and len(found) < 15 * PAGE:
        reply = crowded.callers[caller].post(f"{resource.url}/search", json={**question, **more, "limit": PAGE}, expect=200).json()
        found += [row["id"] for row in reply["data"]]
        more = {"cursor": reply["next_cursor"]} if reply["next_cursor"] else None
    return found


@pytest.mark.parametrize("caller", ["lead", "manager"])
@pytest.mark.parametrize("resource", resources("list"), ids=name_of)
def test_each_way_to_a_page_finds_the_same(crowded, resource, caller):
    """A filter of as many terms as may be stands in the statement once, so it is one select; this one lets all pass."""
    if crowded.callers[caller].get(resource.url, expect=(200, 403)).status_code == 403:
        return
    everything = {"or": [{"created_at": {"gte": "2000-01-01T00:00:00Z"}}] * 100}
    for order in ["-id", "id", *(sign + field.name for field in resource.with_flag("sort") for sign in ("", "-"))]:
        by_parts, at_once = [walked(crowded, caller, resource, {"sort": order, **more}) for more in ({}, {"filter": everything})]
        assert by_parts == at_once, order
        assert len(by_parts) == len(set(by_parts)), order
