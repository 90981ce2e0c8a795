"""Sales: stages and what entering them does, the history of steps, conversion, sums, and who sees what."""

import random
import secrets
import threading
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from harness.client import Api, Session
from world import codes

STAGES = [("Prospecting", "open", "10"), ("Qualification", "open", "25"), ("Proposal", "open", "50"), ("Negotiation", "open", "75"),
          ("Won", "won", "100"), ("Lost", "lost", "0")]


@pytest.fixture
def stages(admin):
    """The default pipeline's: {name: id}."""
    pipeline = admin.get("/v1/pipelines", params={"is_default": "true"}).json()["data"][0]
    return {row["name"]: row["id"] for row in admin.all(f"/v1/pipelines/{pipeline['id']}/stages")}


def make(api, **fields):
    return api.create("/v1/opportunities", **{"name": "Rollout", **fields})


def change(api, record, expect=200, **fields):
    return api.patch(f"/v1/opportunities/{record['id']}", json=fields, expect=expect)


def steps(api, record):
    """Oldest first."""
    return api.get(f"/v1/opportunities/{record['id']}/stage-changes", params={"sort": "id"}, expect=200).json()["data"]


def today(zone="Asia/Shanghai"):
    return datetime.now(ZoneInfo(zone)).date().isoformat()


def pipeline_of(api, *kinds):
    """A pipeline of its own: (id, [stage ids])."""
    pipeline = api.create("/v1/pipelines", name=f"Renewals {secrets.token_hex(4)}")["id"]
    return pipeline, [api.create("/v1/stages", pipeline_id=pipeline, name=f"Step {n}", kind=kind, position=n)["id"]
                      for n, kind in enumerate(kinds)]


def test_the_default_pipeline(admin):
    pipelines = admin.get("/v1/pipelines", params={"is_default": "true"}).json()["data"]
    assert [row["name"] for row in pipelines] == ["Sales"]
    found = admin.get(f"/v1/pipelines/{pipelines[0]['id']}/stages", params={"sort": "position"}).json()["data"]
    assert [(row["name"], row["kind"], row["probability"]) for row in found] == STAGES
    reply = admin.post("/v1/pipelines", json={"name": "Another", "is_default": True})
    admin.problem(reply, 409, "duplicate", "#/is_default")


def test_what_is_left_out_comes_from_the_first_open_stage(admin, stages):
    made = make(admin)
    assert (made["stage_id"], made["status"], made["probability"]) == (stages["Prospecting"], "open", "10")
    assert made["closed_on"] is None and made["stage_changed_at"] == made["created_at"]
    first, = steps(admin, made)
    assert (first["from_stage_id"], first["to_stage_id"]) == (None, stages["Prospecting"])
    assert (first["seconds_in_stage"], first["reopened"]) == (None, False)
    assert first["at"] == made["created_at"] and first["actor_id"] == admin.user.id
    assert make(admin, stage_id=stages["Proposal"], probability="61.5")["probability"] == "61.5"


def test_stages_without_a_probability(admin):
    _, (open_stage, won, lost) = pipeline_of(admin, "open", "won", "lost")
    assert [admin.get(f"/v1/stages/{stage}").json()["probability"] for stage in (open_stage, won, lost)] == ["0", "100", "0"]
    admin.problem(admin.patch(f"/v1/stages/{won}", json={"kind": "lost"}), 422, "validation_failed", "#/kind")


def test_winning(admin, stages):
    made = make(admin, amount={"amount": "1000.00", "currency": "CNY"})
    won = change(admin, made, stage_id=stages["Won"]).json()
    assert (won["status"], won["probability"], won["closed_on"]) == ("won", "100", today())
    assert won["version"] == 2 and won["stage_changed_at"] == won["updated_at"]
    corrected = change(admin, made, amount={"amount": "950.00", "currency": "CNY"}, closed_on="2024-02-29").json()
    assert (corrected["amount"]["amount"], corrected["closed_on"], corrected["status"]) == ("950.00", "2024-02-29", "won")
    assert corrected["stage_changed_at"] == won["stage_changed_at"] and len(steps(admin, made)) == 2
    given = change(admin, make(admin), stage_id=stages["Won"], closed_on="2023-05-06", probability="99").json()
    assert (given["closed_on"], given["probability"]) == ("2023-05-06", "99")
    assert make(admin, stage_id=stages["Won"])["closed_on"] == today()


def test_the_day_is_that_of_the_organization(stranger):
    won = stranger.get("/v1/stages", params={"kind": "won"}).json()["data"][0]
    assert make(stranger, stage_id=won["id"])["closed_on"] == today("Europe/Berlin")


def test_losing_needs_a_reason(admin, stages):
    made = make(admin)
    admin.problem(change(admin, made, expect=422, stage_id=stages["Lost"]), 422, "validation_failed", "#/reason")
    admin.problem(admin.post("/v1/opportunities", json={"name": "x", "stage_id": stages["Lost"]}), 422, "validation_failed", "#/reason")
    reply = admin.post("/v1/opportunities", json={"name": "x", "stage_id": stages["Lost"], "closed_on": None})
    assert codes(reply) == {"#/reason": "required", "#/closed_on": "not_nullable"}
    assert [step["to_stage_id"] for step in steps(admin, made)] == [stages["Prospecting"]]
    lost = change(admin, made, stage_id=stages["Lost"], reason="no budget").json()
    assert (lost["status"], lost["probability"], lost["closed_on"], lost["reason"]) == ("lost", "0", today(), "no budget")
    assert codes(change(admin, made, expect=422, reason=None)) == {"#/reason": "required"}
    assert change(admin, made, reason="chose a competitor").json()["reason"] == "chose a competitor"


def test_the_day_of_closing_belongs_to_the_closed(admin, stages):
    made = make(admin)
    assert codes(change(admin, made, expect=422, closed_on="2024-01-01")) == {"#/closed_on": "not_allowed"}
    assert codes(admin.post("/v1/opportunities", json={"name": "x", "closed_on": "2024-01-01"}, expect=422)) == {
        "#/closed_on": "not_allowed"}
    change(admin, made, stage_id=stages["Won"])
    assert codes(change(admin, made, expect=422, closed_on=None)) == {"#/closed_on": "not_nullable"}
    reply = change(admin, made, expect=422, stage_id=stages["Proposal"], closed_on="2024-01-01")
    assert codes(reply) == {"#/closed_on": "not_allowed"}


def test_reopening(admin, stages):
    made = make(admin)
    change(admin, made, stage_id=stages["Lost"], reason="no budget", closed_on="2024-01-01")
    reopened = change(admin, made, stage_id=stages["Negotiation"]).json()
    assert (reopened["status"], reopened["closed_on"], reopened["reason"], reopened["probability"]) == ("open", None, None, "75")
    assert [step["reopened"] for step in steps(admin, made)] == [False, False, True]
    admin.problem(change(admin, made, expect=422, stage_id=stages["Lost"]), 422, "validation_failed", "#/reason")
    changes = admin.get(f"/v1/opportunities/{made['id']}/history").json()["data"][0]["changes"]
    assert changes["reason"] == {"from": "no budget", "to": None} and changes["status"] == {"from": "lost", "to": "open"}
    assert changes["closed_on"] == {"from": "2024-01-01", "to": None}


def test_the_reason_of_another_outcome_does_not_count(admin, stages):
    made = make(admin, stage_id=stages["Won"], reason="best price", closed_on="2024-01-01")
    admin.problem(change(admin, made, expect=422, stage_id=stages["Lost"]), 422, "validation_failed", "#/reason")
    lost = change(admin, made, stage_id=stages["Lost"], reason="never paid").json()
    assert (lost["status"], lost["closed_on"]) == ("lost", today())
    early = make(admin, reason="no budget")
    assert change(admin, early, stage_id=stages["Lost"]).json()["reason"] == "no budget", "noted before it was decided"


def test_steps_and_time_in_stage(admin, stages, db):
    made = make(admin)
    way = ["Qualification", "Prospecting", "Won"]
    for hours, name in enumerate(way, 1):
        db.execute("update opportunities set stage_changed_at = now() - %s * interval '1 hour' where id = %s", (hours, made["id"]))
        change(admin, made, stage_id=stages[name])
    rows = steps(admin, made)
    assert [row["to_stage_id"] for row in rows] == [stages[name] for name in ["Prospecting", *way]]
    assert [row["from_stage_id"] for row in rows] == [None] + [row["to_stage_id"] for row in rows[:-1]]
    for hours, row in enumerate(rows):
        assert row["seconds_in_stage"] is None if hours == 0 else 3600 * hours <= row["seconds_in_stage"] < 3600 * hours + 60
    mean = admin.post("/v1/stage-changes/aggregate", json={
        "filter": {"opportunity_id": made["id"]}, "by": ["from_stage_id"],
        "measures": [{"as": "longest", "op": "max", "field": "seconds_in_stage"}]}, expect=200).json()["data"]
    longest = {row["key"]["from_stage_id"]: row["longest"] for row in mean}
    assert longest[stages["Prospecting"]] == rows[3]["seconds_in_stage"] and longest[None] is None
    one = admin.get(f"/v1/stage-changes/{rows[1]['id']}", params={"expand": "from_stage,to_stage,actor"}).json()
    assert (one["from_stage"]["name"], one["to_stage"]["name"]) == ("Prospecting", "Qualification")
    assert one["actor"]["id"] == admin.user.id
    history = admin.get(f"/v1/stage-changes/{rows[1]['id']}/history").json()["data"]
    assert [event["type"] for event in history] == ["created"]


def test_only_a_move_is_a_step(admin, stages):
    made = make(admin, stage_id=stages["Proposal"], probability="60")
    same = change(admin, made, stage_id=stages["Proposal"]).json()
    assert same["version"] == 1 and same["probability"] == "60"
    change(admin, made, description="a word", probability="55", reason="to be seen")
    admin.patch(f"/v1/opportunities/{made['id']}?dry_run=true", json={"stage_id": stages["Won"]}, expect=200)
    assert len(steps(admin, made)) == 1
    assert change(admin, made, stage_id=stages["Negotiation"]).json()["probability"] == "75"


def test_nobody_writes_the_history(admin):
    row = steps(admin, make(admin))[0]
    admin.post("/v1/stage-changes", json={}, expect=405)
    admin.patch(f"/v1/stage-changes/{row['id']}", json={}, expect=405)
    admin.delete(f"/v1/stage-changes/{row['id']}", expect=405)


def test_the_history_goes_and_comes_with_the_opportunity(admin):
    made = make(admin)
    row = steps(admin, made)[0]
    admin.delete(f"/v1/opportunities/{made['id']}", expect=204)
    admin.get(f"/v1/stage-changes/{row['id']}", expect=404)
    admin.post(f"/v1/opportunities/{made['id']}/restore", expect=200)
    assert [again["id"] for again in steps(admin, made)] == [row["id"]]


def test_moves_at_the_same_time_make_one_chain(admin, stages):
    made, open_stages = make(admin), [stages[name] for name, kind, _ in STAGES if kind == "open"]

    def wander(seed):
        dice, api = random.Random(seed), Api(admin.url, None, admin.token)
        for _ in range(8):
            change(api, made, stage_id=dice.choice(open_stages))
        api.close()

    threads = [threading.Thread(target=wander, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = steps(admin, made)
    # what was left as often as entered, but for the first and the last stage
    entered = [row["to_stage_id"] for row in rows]
    left = [row["from_stage_id"] for row in rows if row["from_stage_id"]]
    entered.remove(admin.get(f"/v1/opportunities/{made['id']}").json()["stage_id"])
    assert sorted(entered) == sorted(left)
    assert all(row["from_stage_id"] != row["to_stage_id"] for row in rows)


def test_stages_that_cannot_be_entered(admin, stranger, stages):
    _, (gone,) = pipeline_of(admin, "open")
    admin.delete(f"/v1/stages/{gone}", expect=204)
    foreign = stranger.get("/v1/stages").json()["data"][0]["id"]
    made = make(admin)
    for stage in (gone, foreign):
        assert codes(change(admin, made, expect=422, stage_id=stage)) == {"#/stage_id": "unknown_reference"}
        assert codes(admin.post("/v1/opportunities", json={"name": "x", "stage_id": stage}, expect=422)) == {
            "#/stage_id": "unknown_reference"}


def test_stages_and_pipelines_in_use_stay(admin, stages):
    pipeline, (first, second) = pipeline_of(admin, "open", "open")
    made = make(admin, stage_id=first)
    for path, used in ((f"/v1/stages/{first}", "#/opportunities"), (f"/v1/pipelines/{pipeline}", "#/opportunities")):
        admin.problem(admin.delete(path), 409, "in_use", used)
    change(admin, made, stage_id=second)
    admin.delete(f"/v1/stages/{first}", expect=204)  # only the past speaks of it
    admin.problem(admin.delete(f"/v1/pipelines/{pipeline}"), 409, "in_use", "#/opportunities")
    change(admin, made, stage_id=stages["Proposal"])
    admin.delete(f"/v1/pipelines/{pipeline}", expect=204)
    admin.get(f"/v1/stages/{second}", expect=404)
    assert [row["to_stage_id"] for row in steps(admin, made)] == [first, second, stages["Proposal"]]


def test_a_pipeline_cannot_go_while_something_enters_it(admin):
    """Either the deletion is refused or the opportunity is."""
    outcomes = set()

    def enter(api, stage, statuses):
        statuses.append(api.post("/v1/opportunities", json={"name": "x", "stage_id": stage}).status_code)

    for n in range(24):
        pipeline, (stage,) = pipeline_of(admin, "open")
        api, statuses = Api(admin.url, None, admin.token), []
        entering = threading.Thread(target=enter, args=(api, stage, statuses))
        entering.start()
        time.sleep(n % 8 / 2000)
        deleted = admin.delete(f"/v1/pipelines/{pipeline}").status_code
        entering.join()
        api.close()
        outcomes.add((statuses[0], deleted))
    assert outcomes <= {(201, 409), (422, 204)} and outcomes


def test_without_a_default_pipeline_a_stage_must_be_named(steward, server, recorder):
    slug, password = f"plain-{secrets.token_hex(3)}", secrets.token_urlsafe(15)
    steward("org", "create", "--slug", slug, "--name", "Plain")
    steward("user", "create", "--org", slug, "--email", "a@plain.example", "--name", "A", "--role", "admin", password=password)
    api = Api(server.url, recorder, Session(server.url, recorder, slug, "a@plain.example", password).token)
    pipeline = api.get("/v1/pipelines").json()["data"][0]
    api.patch(f"/v1/pipelines/{pipeline['id']}", json={"is_default": False}, expect=200)
    api.problem(api.post("/v1/opportunities", json={"name": "x"}), 422, "validation_failed", "#/stage_id")
    lead = api.create("/v1/leads", name="Li Na")
    reply = api.post(f"/v1/leads/{lead['id']}/conversion", json={"opportunity_name": "x"})
    api.problem(reply, 422, "validation_failed", "#/opportunity_name")
    assert api.get("/v1/accounts").json()["data"] == [], "all or nothing"
    stage = api.get("/v1/stages", params={"name": "Proposal"}).json()["data"][0]
    assert make(api, stage_id=stage["id"])["probability"] == "50"


# Conversion

def test_conversion_with_an_opportunity(sign_in, admin, stages):
    manager = sign_in("account_manager")
    product = admin.create("/v1/products", name=f"Gateway {secrets.token_hex(4)}")
    lead = manager.create("/v1/leads", name="Li Na", company="Hai Feng", source="web")
    amount = {"amount": "1200.50", "currency": "CNY"}
    done = manager.post(f"/v1/leads/{lead['id']}/conversion", expect=200, json={
        "opportunity_name": "Gateways", "opportunity_amount": amount, "opportunity_product_id": product["id"]}).json()
    sale = manager.get(f"/v1/opportunities/{done['opportunity_id']}", expect=200).json()
    assert (sale["name"], sale["account_id"], sale["product_id"], sale["amount"]) == (
        "Gateways", done["account_id"], product["id"], amount)
    assert (sale["stage_id"], sale["owner_id"], sale["source"]) == (stages["Prospecting"], manager.user.id, "web")
    assert len(steps(manager, sale)) == 1
    converted = manager.get(f"/v1/leads/{lead['id']}", params={"expand": "converted_opportunity"}).json()
    assert converted["converted_opportunity_id"] == sale["id"] == converted["converted_opportunity"]["id"]


def test_conversion_without_one(manager):
    lead = manager.create("/v1/leads", name="Li Na")
    done = manager.post(f"/v1/leads/{lead['id']}/conversion", json={}, expect=200).json()
    assert done["opportunity_id"] is None
    assert manager.get(f"/v1/leads/{lead['id']}").json()["converted_opportunity_id"] is None


def test_conversion_refused_for_its_opportunity(manager, db):
    lead = manager.create("/v1/leads", name="Li Na", company=f"Nowhere {secrets.token_hex(4)}")
    path = f"/v1/leads/{lead['id']}/conversion"
    missing = "019de000-0000-7000-8000-000000000000"
    for body, violations in [
            ({"opportunity_amount": {"amount": "1", "currency": "CNY"}}, {"#/opportunity_name": "required"}),
            ({"opportunity_product_id": missing}, {"#/opportunity_name": "required"}),
            ({"opportunity_name": "x", "opportunity_product_id": missing}, {"#/opportunity_product_id": "unknown_reference"}),
            ({"opportunity_name": "x", "opportunity_amount": {"amount": 1, "currency": "CNY"}},
             {"#/opportunity_amount/amount": "invalid_type"})]:
        assert codes(manager.post(path, json=body, expect=422)) == violations
    assert manager.get(f"/v1/leads/{lead['id']}").json()["status"] == "new"
    assert db.execute("select count(*) from accounts where name = %s", (lead["company"],)).fetchone() == (0,)


# Figures

def test_sums_by_quarter(admin, stages):
    dice, source = random.Random(7), f"figures-{secrets.token_hex(3)}"
    won, count = {}, {}
    for n in range(60):
        day = (date(2023, 1, 1) + timedelta(days=dice.randrange(730))).isoformat()
        stage = dice.choice(["Won", "Won", "Lost", "Proposal"])
        amount = f"{dice.randrange(1, 10**6)}.{dice.randrange(100):02}"
        currency = dice.choice(["CNY", "CNY", "EUR"])
        outcome = {} if stage == "Proposal" else {"closed_on": day, "reason": "so it was"}
        make(admin, name=f"Deal {n}", stage_id=stages[stage], source=source, amount={"amount": amount, "currency": currency}, **outcome)
        if stage == "Won":
            key = (f"{day[:4]}-{(int(day[5:7]) - 1) // 3 * 3 + 1:02}-01", currency)
            won[key] = won.get(key, 0) + Decimal(amount)
            count[key] = count.get(key, 0) + 1
    groups = admin.post("/v1/opportunities/aggregate", expect=200, json={
        "filter": {"and": [{"status": "won"}, {"source": source}]},
        "measures": [{"as": "won", "op": "sum", "field": "amount"}],
        "by": [{"field": "closed_on", "unit": "quarter"}]}).json()["data"]
    found = {(row["key"]["closed_on"], row["won"]["currency"]): row for row in groups}
    assert {key: Decimal(row["won"]["amount"]) for key, row in found.items()} == won
    assert {key: row["count"] for key, row in found.items()} == count
    by_pipeline = admin.get("/v1/opportunities", params={"stage.kind": "won", "source": source, "count": "exact"}).json()["total"]
    assert by_pipeline == sum(count.values())


# Who

READERS = ("account_manager", "key_account_manager", "team_lead", "director", "service_agent", "analyst", "admin")


@pytest.mark.parametrize("role", READERS)
def test_the_catalogue_is_open_to_all_and_kept_by_few(sign_in, stages, role):
    api = sign_in(role)
    for path in ("products", "pipelines", "stages"):
        api.get(f"/v1/{path}", expect=200)
    api.get(f"/v1/stages/{stages['Won']}", expect=200)
    keeps = role in ("director", "admin")
    reply = api.post("/v1/products?dry_run=true", json={"name": f"Sensor {secrets.token_hex(4)}"})
    assert reply.status_code == (201 if keeps else 403)
    reply = api.patch(f"/v1/stages/{stages['Won']}?dry_run=true", json={"name": "Signed"})
    assert reply.status_code == (200 if keeps else 403)


def test_seen_with_the_account(sign_in, admin, stages):
    manager, other = sign_in("account_manager"), sign_in("key_account_manager")
    account = manager.create("/v1/accounts", name="Hai Feng")
    sale = make(admin, account_id=account["id"], owner_id=other.user.id)
    path = f"/v1/opportunities/{sale['id']}"
    manager.get(path, expect=200)
    assert len(steps(manager, sale)) == 1 and steps(manager, sale) == steps(other, sale)
    assert sale["id"] in [row["id"] for row in manager.all("/v1/opportunities", {"account_id": account["id"]})]
    manager.patch(path, json={"stage_id": stages["Won"]}, expect=403)
    manager.delete(path, expect=403)
    other.patch(path, json={"stage_id": stages["Proposal"]}, expect=200)
    own = make(other)
    for hidden in (f"/v1/opportunities/{own['id']}", f"/v1/opportunities/{own['id']}/stage-changes",
                   f"/v1/stage-changes/{steps(other, own)[0]['id']}"):
        manager.get(hidden, expect=404)
    assert own["id"] not in [row["opportunity_id"] for row in manager.all("/v1/stage-changes", {"opportunity_id": own["id"]})]
    sign_in("analyst").get(path, expect=200)
    sign_in("analyst").patch(path, json={"name": "x"}, expect=403)
    sign_in("service_agent").get(path, expect=403)
    sign_in("service_agent").get("/v1/stage-changes", expect=403)
    sign_in("director").patch(path, json={"owner_id": manager.user.id}, expect=200)
    manager.patch(path, json={"stage_id": stages["Won"]}, expect=200)


def test_handing_over_and_moving_at_once_is_recorded(sign_in, stages):
    lead, manager = sign_in("director"), sign_in("account_manager")
    sale = make(lead)
    moved = change(lead, sale, stage_id=stages["Proposal"], owner_id=manager.user.id).json()
    assert moved["owner_id"] == manager.user.id
    assert [step["actor_id"] for step in steps(manager, sale)] == [lead.user.id] * 2


def test_an_integration_starts_where_sales_start(steward, server, recorder, admin, stages):
    key = steward("key", "create", "--org", "acme", "--name", "shop", "--source", "shop", "--scopes",
                  "opportunities:create,opportunities:read")["key"]
    api = Api(server.url, recorder, key)
    made = make(api)
    assert (made["stage_id"], made["source"], made["owner_id"]) == (stages["Prospecting"], "shop", None)
    assert steps(admin, made)[0]["actor_id"] is None
