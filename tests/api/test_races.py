"""Fifty clients at once: what must hold whoever comes first. No answer is ever 500: the client checks that."""

from collections import Counter

import pytest

from registry import EACH, RESOURCES, name_of, references, resources, valid_body
from world import matching

CROWD = 50
TREES = ["teams", "accounts"]


def statuses(replies):
    return dict(Counter(reply.status_code for reply in replies))


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


def test_one_email_one_user(realm):
    replies = realm.at_once(CROWD, lambda api, number: api.post("/v1/users", json=valid_body(
        RESOURCES["users"], realm, email="Only.One@example.com" if number % 2 else "only.one@example.com")))
    assert statuses(replies) == {201: 1, 409: CROWD - 1}
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"duplicate"}


def test_one_record_for_a_brought_id(realm):
    chosen = realm.make("accounts")["id"][:-12] + "0123456789ab"
    replies = realm.at_once(CROWD, lambda api, number: api.post("/v1/accounts", json={"id": chosen, "name": f"by {number}"}))
    assert statuses(replies) == {201: 1, 409: CROWD - 1}


def test_one_record_for_a_key_of_another_system(realm):
    replies = realm.at_once(CROWD, lambda api, number: api.put("/v1/accounts/by-external-id/erp/race-1", json={"name": f"by {number}"}))
    assert statuses(replies) == {201: 1, 200: CROWD - 1}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(realm.rows("accounts", "external_ids ->> 'erp' = 'race-1'")) == 1
    check_events(realm, RESOURCES["accounts"], replies[0].json()["id"])


def test_a_lead_is_converted_once(realm):
    lead = realm.make("leads", name="Race", company="Racing Ltd", owner_id=realm.people["peer"].id)
    path = f"/v1/leads/{lead['id']}/conversion"
    replies = realm.at_once(CROWD, lambda api, number: api.post(path, json={}))
    assert statuses(replies) == {200: 1, 409: CROWD - 1}
    assert len(realm.rows("accounts", "name = 'Racing Ltd'")) == 1
    assert len(realm.rows("contacts", "name = 'Race'")) == 1
    check_events(realm, RESOURCES["leads"], lead["id"])


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


def test_one_primary_contact(realm):
    account = realm.make("accounts")["id"]
    contacts = [realm.make("contacts", account_id=account)["id"] for _ in range(10)]
    replies = realm.at_once(10, lambda api, number: api.patch(f"/v1/contacts/{contacts[number]}", json={"is_primary": True}))
    assert statuses(replies) == {200: 1, 409: 9}


# What happened is complete, for all that the suite has done so far

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


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_events_are_complete(realm, resource):
    for row in realm.rows(resource.path, "true"):
        check_events(realm, resource, row["id"])


def test_events_of_one_record_are_in_order(realm):
    disordered = realm.db.execute("select count(*) as n from (select version - lag(version) over (partition by org_id, resource, record_id "
                                  "order by seq) as step from events) steps where step <> 1").fetchone()["n"]
    assert disordered == 0
