"""Files that become records: the sales export as a whole, then each rule by itself."""

import os
import subprocess

import pytest

import crm_export
import importing
from crm_export import Figures
from harness.server import ROOT, Server
from harness.wire import Wire, request
from importing import LEADS, errors, found, hire, leads_file, progress, run, start, upload, wait

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def boss(server, world, admin_settings, recorder):
    """The admin of an organization for the small cases."""
    return found(server, admin_settings, "importers", recorder)


# ---- the sales export ----

def run_script(api, folder):
    done = subprocess.run([str(ROOT / "examples" / "import-crm-sales.sh"), str(folder)], text=True, timeout=500, check=False,
                          capture_output=True, env={**os.environ, "STEWARD_URL": api.url, "STEWARD_ORG": api.slug,
                                                    "ADMIN_EMAIL": api.email, "ADMIN_PASSWORD": api.password})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def check_export(api, folder):
    figures = Figures(folder)
    first = run_script(api, folder)
    said = {line for line in first[first.index("") + 1:]}
    assert said == figures.lines()
    assert f"opportunities: {figures.count} created, 0 updated, 0 unchanged, 0 failed" in first
    assert api.get("/v1/opportunities?account_id[null]=true&count=exact&limit=1").json()["total"] == figures.without_account
    assert api.get("/v1/accounts?industry=technolgy&count=exact&limit=1").json()["total"] == 0
    assert api.get("/v1/products?count=exact&limit=1").json()["total"] == len(figures.products)
    check_accounts(api, figures)
    check_managers(api, figures)
    again = run_script(api, folder)
    assert again[again.index(""):] == first[first.index(""):]
    for line in again[:again.index("")]:
        assert ": 0 created, 0 updated, " in line and line.endswith(", 0 failed"), line


def check_accounts(api, figures):
    stored = {row["name"]: row for row in api.all("/v1/accounts", {"limit": 500, "expand": "parent"})}
    assert len(stored) == len(figures.accounts)
    for row in figures.accounts:
        account = stored[row["account"]]
        assert (account["parent"] or {"name": ""})["name"] == row["subsidiary_of"]
        assert float(account["annual_revenue"]["amount"]) == pytest.approx(float(row["revenue"]) * 1e6, abs=0.01)
        assert (account["founded_year"], account["employee_count"]) == (int(row["year_established"]), int(row["employees"]))


def check_managers(api, figures):
    """Each manager signed in sees exactly the deals of their own team."""
    for manager in figures.managers:
        user = api.get("/v1/users/by-external-id/crm/" + manager.replace(" ", "%20")).json()
        api.patch(f"/v1/users/{user['id']}", json={"password": "correct horse " + manager}, expect=200)
        theirs = importing.signed_in(api, api.slug, user["email"], "correct horse " + manager)
        wanted = sorted(row["opportunity_id"] for row in figures.deals if figures.manager_of[row["sales_agent"]] == manager)
        assert sorted(row["name"] for row in theirs.all("/v1/opportunities", {"limit": 500, "fields": "name"})) == wanted
        groups = theirs.post("/v1/opportunities/aggregate", expect=200, json={
            "filter": {"status": "won"}, "measures": [{"as": "amount", "op": "sum", "field": "amount"}], "by": ["status"]})
        amounts = figures.by_manager[manager]
        assert [(row["count"], row["amount"]["amount"]) for row in groups.json()["data"]] == \
            ([(len(amounts), f"{sum(amounts):.2f}")] if amounts else [])


def test_generated_export(server, world, admin_settings, recorder, tmp_path):
    crm_export.make(tmp_path)
    check_export(found(server, admin_settings, "crm-made-up", recorder), tmp_path)


def test_real_export(server, world, admin_settings, sample_data):
    check_export(found(server, admin_settings, "crm-real"), sample_data)


# ---- lines ----

def test_bad_lines_stop_nobody_else(boss):
    content = ("key,name,score\r\n"
               "a,Anna,5\r\n"
               "b,,7\r\n"                      # no name
               "c,Carl,lots\r\n"
               'd,"Dora ""D"" Day",101\r\n'     # above the field's bound
               "e,Emil\r\n"                    # a cell too few
               "f,Fay,1,2\r\n"                 # one too many
               'g,"Gus"x,1\r\n'                # text behind the quote
               "\r\n"
               ",Hal,1\r\n"                    # no key
               'i,"Ines\nIda",3\r\n'           # a line break in a name
               "=j,Jo,9\r\n"
               "k,Kim,10")
    row = run(boss, LEADS, content)
    assert row["state"] == "done" and row["progress"]["lines"] == 11
    assert progress(row) == (3, 0, 0, 8)
    assert errors(boss, row["id"]) == [
        (6, "", "required"), (7, "", "too_many"), (8, "", "invalid_format"), (10, "key", "required"), (3, "name", "required"),
        (4, "score", "invalid_format"), (5, "score", "too_large"), (11, "name", "invalid_format")]
    assert boss.get("/v1/leads/by-external-id/sheet/a").json()["name"] == "Anna"
    assert boss.get("/v1/leads/by-external-id/sheet/%3Dj").json()["score"] == 9


def test_one_refused_by_the_database(boss):
    """Its neighbours are stored, though the database ended what they were stored with."""
    for count in (1, 30):
        boss.create("/v1/products", name=f"Taken {count}")
        lines = [f"{count}-{n},Product {count} {n}" for n in range(count)] + [f"{count}-x,Taken {count}"]
        lines += [f"{count}-{n},Product {count} {n}" for n in range(count, 2 * count)]
        row = run(boss, {"collection": "products", "mode": "upsert", "source": "erp", "key_column": "id",
                         "columns": [{"column": "name", "field": "name"}]}, "id,name\n" + "\n".join(lines))
        assert progress(row) == (2 * count, 0, 0, 1)
        assert errors(boss, row["id"]) == [(count + 2, "name", "duplicate")]


def test_formulas_are_defused(boss):
    row = run(boss, {**LEADS, "columns": [{"column": "=1+1", "field": "name"}, {"column": "s", "field": "score"}],
                     "key_column": "s"}, "=1+1,s\nx,@SUM(A1)\n")
    body = boss.get(f"/v1/imports/{row['id']}/errors.csv").text
    assert progress(row) == (0, 0, 0, 1)
    assert "\r\n2,s,invalid_format," in body
    row = run(boss, {**LEADS, "columns": [{"column": "=1+1", "field": "name"}], "key_column": "s"}, "s,name\nx,y\n")
    assert row["state"] == "failed" and row["failure"] == "missing_columns"
    assert "1,\"'=1+1\",required," in boss.get(f"/v1/imports/{row['id']}/errors.csv").text


@pytest.mark.subset
def test_second_run_changes_nothing(boss):
    content = leads_file(450)
    assert progress(run(boss, LEADS, content)) == (450, 0, 0, 0)
    assert progress(run(boss, LEADS, content)) == (0, 0, 450, 0)
    changed = content.replace("Person 7,7", "Person 7,8").replace("Person 440,", "Person 440b,")
    assert progress(run(boss, LEADS, changed)) == (0, 2, 448, 0)


def test_modes(boss):
    content = "key,name,score\nm1,Mo,1\nm2,Mia,2\nm1,Mo again,3\n"
    made = run(boss, {**LEADS, "mode": "create"}, content)
    assert progress(made) == (2, 0, 0, 1) and errors(boss, made["id"]) == [(4, "key", "duplicate")]
    row = run(boss, {**LEADS, "mode": "update"}, "key,name,score\nm1,Moritz,\nm9,Nobody,1\n")
    assert progress(row) == (0, 1, 0, 1) and errors(boss, row["id"]) == [(3, "key", "not_found")]
    lead = boss.get("/v1/leads/by-external-id/sheet/m1").json()
    assert (lead["name"], lead["score"]) == ("Moritz", None), "an empty cell clears"
    assert progress(run(boss, LEADS, "key,name,score\nm1,Mo,1\nm3,Max,\nm3,Max,4\n")) == (1, 2, 0, 0)


def test_dry_run_stores_nothing(boss):
    before = boss.get("/v1/leads?count=exact&limit=1").json()["total"]
    row = run(boss, {**LEADS, "dry_run": True}, leads_file(300, first=500000) + "x,Bad,bad\n")
    assert row["state"] == "done" and progress(row) == (300, 0, 0, 1)
    assert errors(boss, row["id"]) == [(302, "score", "invalid_format")]
    assert boss.get("/v1/leads?count=exact&limit=1").json()["total"] == before


def test_encodings_and_delimiters(boss):
    options = {**LEADS, "encoding": "gb18030", "delimiter": ";"}
    lines = "".join(f"g{n};李雷{'𠮷' * (n % 3)};{n % 100}\r\n" for n in range(30000))
    row = run(boss, {**options, "dry_run": True}, ("key;name;score\r\n" + lines).encode("gb18030"))
    assert progress(row) == (30000, 0, 0, 0), "pieces end within characters"
    bad = run(boss, options, "key;name;score\r\ng1;韩".encode("gb18030") + b"\xff;1\r\n" + "g2;梅;2".encode("gb18030"))
    assert progress(bad) == (1, 0, 0, 1) and errors(boss, bad["id"]) == [(2, "name", "invalid_format")]
    assert boss.get("/v1/leads/by-external-id/sheet/g2").json()["name"] == "梅"


def test_long_and_endless_lines(boss):
    content = 'key,name,score\nl1,"open\nl2,Two,2\n' + "l3," + "x" * 600000 + ",3\nl4,Four,4\n"
    row = run(boss, LEADS, content)
    assert progress(row) == (2, 0, 0, 2)
    assert errors(boss, row["id"]) == [(2, "", "too_long"), (4, "", "too_long")]
    assert boss.get("/v1/leads/by-external-id/sheet/l4").json()["name"] == "Four"


def test_references(boss):
    team = boss.create("/v1/teams", name="Reference team")
    hire(boss, "account_manager", "refer", team["id"])
    for n in range(2):
        boss.create("/v1/accounts", name="Twin")
    boss.create("/v1/accounts", name="Only one", external_ids={"erp": "E-1"})
    pipeline = boss.create("/v1/pipelines", name="Reference pipeline")
    stage = boss.create("/v1/stages", pipeline_id=pipeline["id"], name="Start")
    options = {"collection": "opportunities", "mode": "create", "defaults": {"stage_id": stage["id"]}, "columns": [
        {"column": "n", "field": "name"}, {"column": "a", "field": "account_id", "reference": {"by": "name"}},
        {"column": "o", "field": "owner_id", "reference": {"by": "email"}}]}
    row = run(boss, options, f"n,a,o\n1,Only one,REFER@{boss.slug}.example\n2,Twin,\n3,None such,\n4,,nobody@x.example\n")
    assert progress(row) == (1, 0, 0, 3)
    assert errors(boss, row["id"]) == [(3, "a", "conflict"), (4, "a", "unknown_reference"), (5, "o", "unknown_reference")]
    deal = boss.get("/v1/opportunities?name=1&expand=account,owner").json()["data"][0]
    assert (deal["account"]["name"], deal["owner"]["name"], deal["team_id"]) == ("Only one", "refer", team["id"])


# ---- who may, and what is refused ----

def test_access_is_that_of_who_asks(boss):
    team = boss.create("/v1/teams", name="Access team")
    manager, other = hire(boss, "account_manager", "acc", team["id"]), hire(boss, "account_manager", "acc2", team["id"])
    analyst = hire(boss, "analyst", "ana")
    hidden = boss.create("/v1/accounts", name="Not for the manager", external_ids={"erp": "hidden"})
    row = run(manager, {"collection": "accounts", "mode": "upsert", "source": "erp", "key_column": "k", "columns": [
        {"column": "n", "field": "name"}, {"column": "p", "field": "parent_id", "reference": {"by": "name"}}]},
        "k,n,p\nmine,Mine,\nhidden,Taken over,\nunder,Under it,Not for the manager\n")
    assert progress(row) == (1, 0, 0, 2)
    assert errors(manager, row["id"]) == [(4, "p", "unknown_reference"), (3, "", "not_found")]
    assert boss.get(f"/v1/accounts/{hidden['id']}").json()["name"] == "Not for the manager"
    assert boss.get("/v1/accounts/by-external-id/erp/mine").json()["owner_id"] == manager.user["id"]
    for path in ("", "/errors.csv", "/history"):
        other.get(f"/v1/imports/{row['id']}{path}", expect=404)
        boss.get(f"/v1/imports/{row['id']}{path}")
    assert other.all("/v1/imports") == [] and len(manager.all("/v1/imports")) == 1
    analyst.problem(analyst.post("/v1/imports", json=LEADS), 403, "forbidden")
    manager.problem(manager.post("/v1/imports", json={**LEADS, "collection": "teams"}), 403, "forbidden")
    waiting = manager.post("/v1/imports", json=LEADS, expect=201).json()["id"]
    boss.problem(upload(boss, waiting, "key,name,score\n"), 403, "forbidden")
    other.problem(upload(other, waiting, "key,name,score\n"), 404, "not_found")


def test_options_are_checked_at_once(boss):
    reply = boss.post("/v1/imports", json={
        "collection": "accounts", "mode": "upsert", "key_column": "k", "encodng": "x", "defaults": {"password": "x", "tier": "gold"},
        "columns": [{"column": "a", "field": "indusry"}, {"column": "b", "field": "founded_year", "currency": "USD"},
                    {"column": "c", "field": "annual_revenue"}, {"column": "d", "field": "last_touch_at"},
                    {"column": "e", "field": "parent_id", "reference": {"by": "external_id"}},
                    {"column": "f", "field": "founded_year"}, {"column": "g", "field": "external_ids"},
                    {"column": "h", "field": "city", "date_format": "YYYY"}, {"column": "i", "field": "owner_id", "aliases": {"x": 1}}]})
    boss.problem(reply, 422, "validation_failed", "#/encodng", "#/source", "#/defaults/password", "#/defaults/tier",
                 "#/columns/0/field", "#/columns/1/currency", "#/columns/2/currency", "#/columns/3/field",
                 "#/columns/4/reference/source", "#/columns/5/field", "#/columns/6/field", "#/columns/7/date_format",
                 "#/columns/8/aliases/x")
    for wrong, place in (({"columns": []}, "#/columns"), ({"mode": "replace"}, "#/mode"), ({"collection": "lead"}, "#/collection"),
                         ({"collection": "imports"}, "#/mode"), ({"delimiter": "x"}, "#/delimiter"),
                         ({"columns": [{"column": "score", "field": "score"}]}, "#/defaults/name")):
        boss.problem(boss.post("/v1/imports", json={**LEADS, **wrong}), 422, "validation_failed", place)
    boss.post("/v1/imports?dry_run=true", json=LEADS, expect=201)



def test_content_is_checked_before_it_is_taken(boss, nobody, start_server):
    row = boss.post("/v1/imports", json=LEADS, expect=201).json()
    boss.problem(upload(boss, row["id"], "{}", kind="application/x-ndjson"), 415, "unsupported_media_type", "Content-Type")
    nobody.problem(upload(nobody, row["id"], "key,name,score\n"), 401, "unauthenticated")
    boss.problem(upload(boss, "019de000-0000-7000-8000-000000000000", "x\n"), 404, "not_found")
    small = start_server(STEWARD_IMPORT_MAX_BYTES="100000")
    there = importing.signed_in(small, boss.slug, boss.email, boss.password)
    there.problem(upload(there, row["id"], b"x" * 100001), 413, "body_too_large")

    def pieces():
        for _ in range(20):
            yield b"y" * 6000
    reply = there.request("PUT", f"/v1/imports/{row['id']}/content", content=pieces(), headers={"Content-Type": "text/csv"})
    there.problem(reply, 413, "body_too_large")
    assert boss.get(f"/v1/imports/{row['id']}").json()["state"] == "waiting_for_content"
    assert upload(boss, row["id"], "key,name,score\n", expect=202)
    boss.problem(upload(boss, row["id"], "key,name,score\n"), 409, "invalid_transition")


def test_failures_of_the_whole(boss):
    for content, failure in (("", "no_content"), ('"a"b,c\n', "malformed_header"), ("key,name\nx,y\n", "missing_columns")):
        row = run(boss, LEADS, content)
        assert (row["state"], row["failure"]) == ("failed", failure)
    assert progress(run(boss, LEADS, "key,name,score\n")) == (0, 0, 0, 0)


def test_cancellation(boss, db):
    waiting = boss.post("/v1/imports", json=LEADS, expect=201).json()["id"]
    assert boss.post(f"/v1/imports/{waiting}/cancellation", expect=200).json() == {"import_id": waiting, "state": "cancelled"}
    boss.problem(upload(boss, waiting, "key,name,score\n"), 409, "invalid_transition")
    running = start(boss, LEADS, leads_file(20000, first=100000))
    row = wait(boss, running, lambda row: row["progress"]["lines"] > 0)
    assert row["state"] == "running"
    boss.post(f"/v1/imports/{running}/cancellation", expect=200)
    row = boss.get(f"/v1/imports/{running}").json()
    assert row["state"] == "cancelled" and 0 < row["progress"]["created"] < 20000
    stored = db.execute("select count(*) from leads where external_ids ->> 'sheet' like 'K1_____'").fetchone()[0]
    assert stored == row["progress"]["created"], "what was stored before stays, and nothing comes behind it"
    assert db.execute("select count(*) from import_chunks where import_id = %s", (running,)).fetchone()[0] == 0
    done = run(boss, LEADS, "key,name,score\n")["id"]
    boss.problem(boss.post(f"/v1/imports/{done}/cancellation"), 409, "invalid_transition")


# ---- a server that dies ----

def test_kill_in_the_middle(cluster, world, settings, run_folder, tmp_path):
    """Each line becomes one record, whatever happened to the process."""
    cluster.create_database("kill_imports")
    admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", "kill_imports")}
    importing.run_command("migrate", settings=admin)
    own = {**settings, "STEWARD_DATABASE_URL": cluster.url("steward_app", "kill_imports")}
    first = Server(own, run_folder / "kill-import-1.log")
    second = Server(own, run_folder / "kill-import-2.log")
    try:
        boss = found(first.start(), admin, "killed")
        going = start(boss, LEADS, leads_file(6000))
        wait(boss, going, lambda row: row["progress"]["lines"] >= 400)
        first.kill()
        with cluster.connect(database="kill_imports") as db:
            left = db.execute("select (progress ->> 'lines')::int from imports").fetchone()[0]
            assert 400 <= left < 6000 and left % 200 == 0
            assert db.execute("select count(*) from leads").fetchone()[0] == left, "a batch is stored whole or not at all"
            db.execute("update jobs set lease_until = now() where state = 'running'")  # as if its time had passed
        boss = importing.signed_in(second.start(), "killed", boss.email, boss.password)
        row = wait(boss, going)
        assert row["state"] == "done" and progress(row) == (6000, 0, 0, 0)
        with cluster.connect(database="kill_imports") as db:
            assert db.execute("select count(*), count(distinct external_ids ->> 'sheet') from leads").fetchone() == (6000, 6000)
            assert db.execute("select count(*) from events where resource = 'leads'").fetchone()[0] == 6000
        second.stop()
    finally:
        first.kill()
        second.kill()


def test_an_upload_in_chunks_is_taken_whole(server, boss):
    """A piece of it is stored while the next chunks already stand behind it."""
    made = boss.post("/v1/imports", json=LEADS, expect=201).json()["id"]
    content = "".join(line + f",{'x' * 900}\n" for line in leads_file(400, first=900000).splitlines())  # a column for nobody
    assert len(content) > 300_000, "more than is stored at a time"
    parts = [content[at:at + 97] for at in range(0, len(content), 97)]
    head = request("PUT", f"/v1/imports/{made}/content",
                   [f"Authorization: Bearer {boss.token()}", "Content-Type: text/csv", "Transfer-Encoding: chunked"])
    with Wire(server) as wire:
        wire.send(head + b"".join(b"%x\r\n%s\r\n" % (len(part), part.encode()) for part in [*parts, ""]))
        assert wire.reply("PUT").status == 202
    assert progress(wait(boss, made)) == (400, 0, 0, 0)
