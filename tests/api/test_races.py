"""Fifty clients at once: what must hold whoever comes first. No answer is ever 500: the client checks that; nor one that is not
named here, so no deadlock and no serialization failure gets to a client.

STEWARD_RACE_ROUNDS: how often each race is run, 2; with 200 it is the long form."""

import itertools
import os
import secrets
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from harness.cluster import SERVING
from importing import LEADS, leads_file, upload, wait
from registry import EACH, RESOURCES, VALUES, name_of, references, resources, valid_body
from world import HERE, matching

CROWD = 50
TREES = ["teams", "accounts"]
ROUNDS = int(os.environ.get("STEWARD_RACE_ROUNDS", "2"))
pytestmark = pytest.mark.usefixtures("turn")
serial = itertools.count(700_000)


@pytest.fixture(params=range(ROUNDS))
def turn(request):
    return request.param


once = pytest.mark.parametrize("turn", [0])


def statuses(replies):
    return dict(Counter(reply.status_code for reply in replies))


def codes(replies, status):
    return {reply.json()["code"] for reply in replies if reply.status_code == status}


def check_one_won(replies, good, refused, code):
    """The answer of the one; the code is that of all others."""
    assert statuses(replies) == {good: 1, refused: len(replies) - 1}
    assert codes(replies, refused) == {code}
    return next(reply for reply in replies if reply.status_code == good).json()


@pytest.mark.parametrize("resource", resources("create", "update"), ids=name_of)
def test_no_update_is_lost(realm, resource):
    record = realm.make(resource.path)
    path, label = f"{resource.url}/{record['id']}", resource.label().name
    replies = realm.at_once(CROWD, lambda api, number: api.request(
        "PATCH", path, json={label: f"{record[label]} by {number}"}, headers={"If-Match": '"1"'}))
    assert statuses(replies) == {200: 1, 412: CROWD - 1}
    winner = next(reply.json() for reply in replies if reply.status_code == 200)
    assert realm.admin.get(path).json() == winner and winner["version"] == 2


@pytest.mark.parametrize("resource", resources("create", "update"), ids=name_of)
def test_unconditional_updates_are_counted(realm, resource):
    record = realm.make(resource.path)
    path, label = f"{resource.url}/{record['id']}", resource.label().name
    replies = realm.at_once(CROWD, lambda api, number: api.request(
        "PATCH", path, json={label: f"{record[label]} by {number}"}, headers=matching(resource)))
    assert statuses(replies) == {200: CROWD}
    assert sorted(reply.json()["version"] for reply in replies) == list(range(2, CROWD + 2))
    check_events(realm, resource, record["id"])


@pytest.mark.parametrize("resource", resources("create", "update", "delete"), ids=name_of)
def test_one_of_those_who_change_and_delete_wins(realm, resource):
    record = realm.make(resource.path)
    path, label = f"{resource.url}/{record['id']}", resource.label().name

    def act(api, number):
        if number % 2:
            return api.delete(path, version='"1"')
        return api.patch(path, json={label: f"{record[label]} by {number}"}, version='"1"')
    replies = realm.at_once(CROWD, act)
    good = [reply.status_code for reply in replies if reply.status_code < 300]
    assert len(good) == 1 and statuses(replies).get(412, 0) + statuses(replies).get(404, 0) == CROWD - 1
    assert good == [200] or 412 not in statuses(replies)
    check_events(realm, resource, record["id"])


# ---- what is unique ----

UNIQUE = [("teams", "name"), ("roles", "key"), ("users", "email"), ("contacts", "is_primary"), ("products", "name"),
          ("products", "sku"), ("pipelines", "name"), ("pipelines", "is_default"), ("stages", "name"), ("api_keys", "name")]


def unique_value(realm, path, name):
    """A value that nobody has, the parent it is unique within, and how another writes the same."""
    resource = RESOURCES[path]
    field = resource.by_name[name]
    parent = {resource.flagged("part_of").name: realm.make(resource.parent)["id"]} if resource.parent else {}
    if field.type == "bool":
        if not parent:  # one in the whole organisation
            for row in realm.rows(path, f"{name} and deleted_at is null"):
                realm.admin.patch(f"{resource.url}/{row['id']}", json={name: False}, expect=200)
        return True, True, parent
    value = field.special(next(serial)) if field.special else VALUES[field.type](next(serial))
    return value, value.upper() if field.type in ("email", "name") else value, parent


@once
def test_all_that_is_unique_is_raced_for(realm):
    assert {(path, field.name) for path in RESOURCES for field in realm.unique(RESOURCES[path].path)} == set(UNIQUE)


@pytest.mark.parametrize("path, name", UNIQUE)
def test_one_is_created_with_a_unique_value(realm, path, name):
    resource = RESOURCES[path]
    value, alike, parent = unique_value(realm, path, name)
    bodies = [valid_body(resource, realm, **parent, **{name: (value, alike)[number % 2]}) for number in range(CROWD)]
    before = len(realm.rows(resource.path))
    check_one_won(realm.at_once(CROWD, lambda api, number: api.post(resource.url, json=bodies[number])), 201, 409, "duplicate")
    assert len(realm.rows(resource.path)) == before + 1


@pytest.mark.parametrize("path, name", [one for one in UNIQUE if not RESOURCES[one[0]].by_name[one[1]].has("create_only")])
def test_one_takes_a_unique_value(realm, path, name):
    """Of ten records that are changed to have it."""
    resource = RESOURCES[path]
    value, alike, parent = unique_value(realm, path, name)
    made = [realm.make(resource.path, **parent)["id"] for _ in range(10)]
    winner = check_one_won(realm.at_once(10, lambda api, number: api.request(
        "PATCH", f"{resource.url}/{made[number]}", json={name: (value, alike)[number % 2]}, headers=matching(resource))),
        200, 409, "duplicate")
    assert winner["version"] == 2
    assert sorted(row["version"] for row in realm.rows(resource.path) if str(row["id"]) in made) == [1] * 9 + [2]


def test_one_record_for_a_brought_id(realm):
    chosen = str(uuid.UUID(realm.make("accounts")["id"][:-12] + secrets.token_hex(6)))
    check_one_won(realm.at_once(CROWD, lambda api, number: api.post("/v1/accounts", json={"id": chosen, "name": f"by {number}"})),
                  201, 409, "duplicate")


def test_one_record_for_a_key_of_another_system(realm):
    key = secrets.token_hex(6)
    replies = realm.at_once(CROWD, lambda api, number: api.put(f"/v1/accounts/by-external-id/erp/{key}", json={"name": f"by {number}"}))
    assert statuses(replies) == {201: 1, 200: CROWD - 1}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(realm.rows("accounts", f"external_ids ->> 'erp' = '{key}'")) == 1
    check_events(realm, RESOURCES["accounts"], replies[0].json()["id"])


def test_one_is_created_with_a_key_of_another_system(realm):
    keys = {"erp": secrets.token_hex(6)}
    check_one_won(realm.at_once(CROWD, lambda api, number: api.post(
        "/v1/accounts", json={"name": f"by {number}", "external_ids": keys})), 201, 409, "duplicate")
    assert len(realm.rows("accounts", f"external_ids ->> 'erp' = '{keys['erp']}'")) == 1


def test_one_takes_a_key_of_another_system(realm):
    keys, made = {"erp": secrets.token_hex(6), "web": secrets.token_hex(6)}, [realm.make("accounts")["id"] for _ in range(10)]
    check_one_won(realm.at_once(10, lambda api, number: api.patch(
        f"/v1/accounts/{made[number]}", json={"external_ids": dict(reversed(keys.items()) if number % 2 else keys)})),
        200, 409, "duplicate")


@pytest.mark.subset
def test_one_effect_for_an_idempotency_key(realm):
    sent, name = {"Idempotency-Key": str(uuid.uuid4())}, f"once {secrets.token_hex(6)}"
    replies = realm.at_once(CROWD, lambda api, number: api.post("/v1/accounts", json={"name": name}, headers=sent, expect=(201, 409)))
    assert codes(replies, 409) <= {"idempotency_in_progress"}
    good = [reply for reply in replies if reply.status_code == 201]
    assert len({reply.content for reply in good}) == 1
    assert sum("idempotency-replayed" not in reply.headers for reply in good) == 1
    assert len(realm.rows("accounts", f"name = '{name}'")) == 1


# ---- what happens once ----

def test_a_lead_is_converted_once(realm):
    company = f"Racing {secrets.token_hex(6)}"
    lead = realm.make("leads", name=company, company=company, owner_id=realm.people["peer"].id)
    path = f"/v1/leads/{lead['id']}/conversion"
    replies = realm.at_once(CROWD, lambda api, number: api.post(path, json={}))
    assert statuses(replies) == {200: 1, 409: CROWD - 1}
    assert len(realm.rows("accounts", f"name = '{company}'")) == 1
    assert len(realm.rows("contacts", f"name = '{company}'")) == 1
    check_events(realm, RESOURCES["leads"], lead["id"])


@pytest.fixture
def stages(realm):
    pipeline = realm.make("pipelines")["id"]
    return [realm.make("stages", pipeline_id=pipeline, kind="open")["id"] for _ in range(4)]


@pytest.mark.subset
def test_an_opportunity_moves_once(realm, stages):
    """Of those who move what they have seen; and there is one step for it."""
    made = realm.make("opportunities", stage_id=stages.pop())
    path = f"/v1/opportunities/{made['id']}"
    moved = check_one_won(realm.at_once(CROWD, lambda api, number: api.patch(
        path, json={"stage_id": stages[number % len(stages)]}, version='"1"')), 200, 412, "version_mismatch")
    steps = realm.rows("stage_changes", f"opportunity_id = '{made['id']}'")
    assert [str(step["to_stage_id"]) for step in steps] == [moved["stage_id"], made["stage_id"]]


def test_moves_make_one_chain(realm, stages):
    made = realm.make("opportunities", stage_id=stages[0])
    replies = realm.at_once(CROWD, lambda api, number: api.patch(
        f"/v1/opportunities/{made['id']}", json={"stage_id": stages[number % len(stages)]}))
    assert statuses(replies) == {200: CROWD}
    in_order = sorted((reply.json() for reply in replies), key=lambda row: row["version"])
    steps = list(reversed(realm.rows("stage_changes", f"opportunity_id = '{made['id']}'")))
    passed = [stage for stage, _ in itertools.groupby([made["stage_id"], *(row["stage_id"] for row in in_order)])]
    assert sorted(str(step["to_stage_id"]) for step in steps) == sorted(passed)
    assert Counter(str(step["from_stage_id"]) for step in steps if step["from_stage_id"]) == Counter(passed[:-1])
    check_events(realm, RESOURCES["opportunities"], made["id"])


@pytest.mark.subset
def test_content_is_taken_once(realm):
    """Of fifty uploads for one import; the one job makes each record once."""
    source = secrets.token_hex(6)
    made = realm.admin.create("/v1/imports", **{**LEADS, "source": source})["id"]
    replies = realm.at_once(CROWD, lambda api, number: upload(api, made, leads_file(5), expect=(202, 409)))
    assert statuses(replies)[202] == 1
    row = wait(realm.admin, made)
    assert row["state"] == "done" and row["progress"]["created"] == 5
    assert len(realm.rows("leads", f"external_ids ? '{source}'")) == 5
    assert len(realm.rows("jobs", f"id = '{made}'")) == 1


@pytest.mark.subset
def test_a_job_is_claimed_once(realm, cluster):
    """By fifty runners who look for one at the same moment, while there are thirty."""
    kind = f"race-{secrets.token_hex(6)}"  # no server knows it
    realm.db.execute("insert into jobs (org_id, id, kind, created_by) select %s, gen_random_uuid(), %s, %s from "
                     "generate_series(1, 30)", (realm.org, kind, realm.people["peer"].id))
    with ThreadPoolExecutor(CROWD) as pool:
        runners = list(pool.map(lambda _: psycopg.connect(cluster.url(SERVING), autocommit=True), range(CROWD)))
        taken = list(pool.map(lambda runner: runner.execute(
            "select id, fence, attempts from app.job_take(array[%s], '1 minute')", (kind,)).fetchall(), runners))
        for runner in runners:
            runner.close()
    got = [row for rows in taken for row in rows]
    assert len(got) == len({job for job, _, _ in got}) == 30 and {row[1:] for row in got} == {(1, 1)}


# ---- sessions ----

def refresh(api, token, expect=(200, 401)):
    return api.post("/v1/auth/refresh", json={"refresh_token": token}, expect=expect)


@pytest.fixture
def person(realm):
    return realm.hire(secrets.token_hex(6), realm.roles["analyst"])


def signed_in(realm, person):
    return realm.admin.post("/v1/auth/login", expect=200, json={
        "organization": HERE, "email": person["email"], "password": person["password"]}).json()


def test_every_failed_sign_in_is_counted(realm, person):
    """For the address and for the account."""
    left = 10 - time.time() % 10  # windows are 10 seconds by the clock
    time.sleep(left if left < 6 else 0)
    realm.db.execute("delete from sign_in_attempts")
    wrong = {"organization": HERE, "email": person["email"], "password": "wrong"}
    assert statuses(realm.at_once(CROWD, lambda api, number: api.post("/v1/auth/login", json=wrong))) == {401: CROWD}
    assert [row["failed"] for row in realm.db.execute("select failed from sign_in_attempts").fetchall()] == [CROWD] * 2


@pytest.mark.subset
@pytest.mark.parametrize("end", ["logout", "logout-all", "disabled"])
def test_no_session_outlives_its_end(realm, person, end):
    """Whatever was got by refreshing while it ended is worth nothing afterwards."""
    tokens = signed_in(realm, person)

    def act(api, number):
        if number != 20:
            return refresh(api, tokens["refresh_token"])
        if end == "disabled":
            return api.patch(f"/v1/users/{person['id']}", json={"status": "disabled"}, expect=200)
        if end == "logout":
            return api.post("/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]}, expect=204)
        return api.post("/v1/auth/logout-all", expect=204, headers={"Authorization": f"Bearer {tokens['access_token']}"})
    got = [reply.json() for reply in realm.at_once(CROWD, act) if reply.status_code == 200 and "access_token" in reply.json()]
    left = [one["refresh_token"] for one in got]
    again = realm.at_once(len(left), lambda api, number: refresh(api, left[number])) if left else []
    assert statuses(again) == ({401: len(left)} if left else {})
    if end != "logout":
        for one in [tokens, *got[:5]]:
            realm.until(lambda one=one: realm.admin.get(
                "/v1/me", expect=(200, 401), headers={"Authorization": f"Bearer {one['access_token']}"}).status_code == 401)


def test_a_replayed_refresh_token_ends_the_session(realm, person):
    """Half of them show one that was spent long ago, half the one that came of it: in the end none is good."""
    first = signed_in(realm, person)["refresh_token"]
    second = refresh(realm.admin, first, 200).json()["refresh_token"]
    realm.db.execute("update refresh_tokens set used_at = used_at - interval '11 seconds' where user_id = %s and used_at is not null",
                     (person["id"],))
    replies = realm.at_once(CROWD, lambda api, number: refresh(api, (first, second)[number % 2]))
    assert {reply.status_code for reply in replies[::2]} == {401}
    left = [second, *(reply.json()["refresh_token"] for reply in replies if reply.status_code == 200)]
    assert statuses(realm.at_once(len(left), lambda api, number: refresh(api, left[number]))) == {401: len(left)}


# ---- trees and references ----

@pytest.mark.parametrize("path", TREES)
def test_moves_never_make_a_cycle(realm, path):
    resource = RESOURCES[path]
    for size in (2, 3, 5) * 5:
        made = [realm.make(path, parent_id=None)["id"] for _ in range(size)]

        def move(api, number, made=made, size=size):
            return api.request("PATCH", f"{resource.url}/{made[number]}", (200, 422), json={"parent_id": made[(number + 1) % size]},
                               headers=matching(resource))
        replies = realm.at_once(size, move)
        assert statuses(replies) == {200: size - 1, 422: 1}
    cycles = realm.db.execute(f"with recursive up as (select id, parent_id from {path} union select up.id, p.parent_id from up "
                              f"join {path} p on p.id = up.parent_id) select count(*) as n from up where parent_id = id").fetchone()
    assert cycles["n"] == 0


def deletable(field):
    return RESOURCES[field.refers].can("delete") and field.resource.can("create")


@pytest.mark.parametrize("field", [field for field in references() if deletable(field)], ids=name_of)
def test_nothing_live_refers_to_what_is_deleted(realm, field):
    target = RESOURCES[field.refers]
    for _ in range(6):
        used = realm.make(target.path)["id"]
        bodies = [valid_body(field.resource, realm, **{field.name: used}) for _ in range(6)]

        def act(api, number, used=used, bodies=bodies):
            if number == 3:
                return api.delete(f"{target.url}/{used}", expect=(204, 409))
            return api.post(field.resource.url, json=bodies[number], expect=(201, 422))
        replies = realm.at_once(6, act)
        made = statuses(replies).get(201, 0)
        assert replies[3].status_code == (409 if made and not field.has("part_of") else 204)
    orphans = realm.db.execute(
        f"select count(*) as n from {field.resource.path} r join {target.path} t on t.org_id = r.org_id and t.id = r.{field.name} "
        "where r.deleted_at is null and t.deleted_at is not null").fetchone()["n"]
    assert orphans == 0


@pytest.mark.parametrize("resource", resources("create", "delete"), ids=name_of)
def test_deleted_and_restored_once(realm, resource):
    record = realm.make(resource.path)
    path = f"{resource.url}/{record['id']}"
    assert statuses(realm.at_once(CROWD, lambda api, number: api.delete(path))) == {204: 1, 404: CROWD - 1}
    assert statuses(realm.at_once(CROWD, lambda api, number: api.post(path + "/restore"))) == {200: CROWD}
    assert [event["type"] for event in realm.events(resource.path, record["id"])] == ["created", "deleted", "restored"]


# ---- what happened is complete, for all that the suite has done so far ----

def check_events(realm, resource, record_id):
    events = realm.events(resource.path, record_id)
    kept = {field.name for field in resource.with_flag("derived")} | {"version", "updated_at"}
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "created" and events[0]["changes"] is None
    for before, event in zip(events, events[1:]):
        differing = {name: value for name, value in before["after"].items() if event["after"][name] != value and name not in kept}
        if event["type"] == "updated":
            assert {name: value for name, value in event["changes"].items() if name not in kept} == differing
        else:
            assert set(differing) == {"deleted_at"}
    now = realm.db.execute(f"select to_jsonb(r) - 'org_id' as row from {resource.path} r where org_id = %s and id = %s",
                           (realm.org, record_id)).fetchone()["row"]
    last = events[-1]["after"]
    derived = {field.name for field in resource.with_flag("derived")}
    assert {name: value for name, value in last.items() if name not in derived} == \
        {name: value for name, value in now.items() if name not in derived}


@once
@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_events_are_complete(realm, resource):
    for row in realm.rows(resource.path, "true"):
        check_events(realm, resource, row["id"])


@once
def test_events_of_one_record_are_in_order(realm):
    disordered = realm.db.execute("select count(*) as n from (select version - lag(version) over (partition by org_id, resource, record_id "
                                  "order by seq) as step from events) steps where step <> 1").fetchone()["n"]
    assert disordered == 0
