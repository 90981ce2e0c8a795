"""Records by the keys of other systems."""

import pytest

from registry import RESOURCES, EACH, name_of, serial, valid_body
from world import codes

KNOWN = [resource for resource in EACH if "external_ids" in resource.by_name and resource.can("create")]


def url_by(resource, source, key):
    return f"{resource.url}/by-external-id/{source}/{key}"


@pytest.mark.parametrize("resource", KNOWN, ids=name_of)
def test_created_then_unchanged_then_updated(realm, resource):
    key, body = f"k-{next(serial)}", valid_body(resource, realm)
    body.pop("external_ids", None)
    label = resource.label()
    made = realm.admin.put(url_by(resource, "erp", key), json=body, expect=201)
    record = made.json()
    assert record["result"] == "created" and record["external_ids"] == {"erp": key}
    assert made.headers["Location"] == f"{resource.url}/{record['id']}"

    same = {name: value for name, value in body.items()
            if not resource.by_name[name].has("create_only", "write_only")}
    again = realm.admin.put(url_by(resource, "erp", key), json=same, expect=200).json()
    assert (again["result"], again["version"], again["id"]) == ("unchanged", record["version"], record["id"])

    changed = realm.admin.put(url_by(resource, "erp", key), json={label.name: f"Changed {key}"}, expect=200).json()
    assert (changed["result"], changed["version"], changed[label.name]) == ("updated", record["version"] + 1, f"Changed {key}")

    found = realm.admin.get(url_by(resource, "erp", key)).json()
    assert found == {name: value for name, value in changed.items() if name != "result"}


def test_64_clients_at_once_make_one(realm):
    accounts = RESOURCES["accounts"]
    replies = realm.at_once(64, lambda api, number: api.put(url_by(accounts, "erp", "at-once"), json={"name": "One of 64"}))
    assert sorted(reply.status_code for reply in replies) == [200] * 63 + [201]
    assert sorted({reply.json()["result"] for reply in replies}) == ["created", "unchanged"]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(realm.rows("accounts", "name = 'One of 64'")) == 1


def test_a_patch_adds_and_takes_away(realm):
    record = realm.make("accounts", external_ids={"erp": "m-1"})
    url = f"/v1/accounts/{record['id']}"
    assert realm.admin.patch(url, json={"external_ids": {"crm": "m-2"}}).json()["external_ids"] == {"erp": "m-1", "crm": "m-2"}
    assert realm.admin.patch(url, json={"external_ids": {"erp": None}}).json()["external_ids"] == {"crm": "m-2"}
    realm.admin.get("/v1/accounts/by-external-id/erp/m-1", expect=404)
    assert realm.admin.get("/v1/accounts/by-external-id/crm/m-2").json()["id"] == record["id"]


def test_a_key_means_one_live_record(realm):
    first = realm.make("accounts", external_ids={"erp": "only-1"})
    reply = realm.admin.post("/v1/accounts", json={"name": "Second", "external_ids": {"erp": "only-1"}}, expect=409)
    assert codes(reply) == {"#/external_ids": "duplicate"}
    realm.make("leads", external_ids={"erp": "only-1"})  # another resource has keys of its own

    realm.admin.delete(f"/v1/accounts/{first['id']}", expect=204)
    second = realm.make("accounts", external_ids={"erp": "only-1"})
    assert realm.admin.get("/v1/accounts/by-external-id/erp/only-1").json()["id"] == second["id"]
    reply = realm.admin.post(f"/v1/accounts/{first['id']}/restore", expect=409)
    assert codes(reply) == {"#/external_ids": "duplicate"}
    realm.admin.delete(f"/v1/accounts/{second['id']}", expect=204)
    realm.admin.post(f"/v1/accounts/{first['id']}/restore", expect=200)
    assert realm.admin.get("/v1/accounts/by-external-id/erp/only-1").json()["id"] == first["id"]


@pytest.mark.parametrize("keys, places", [
    ({"ERP": "x"}, {"#/external_ids/ERP": "invalid_format"}),
    ({"erp": 5}, {"#/external_ids/erp": "invalid_type"}),
    ({"erp": ""}, {"#/external_ids/erp": "too_short"}),
    ({"erp": "x" * 201}, {"#/external_ids/erp": "too_long"}),
    ([], {"#/external_ids": "invalid_type"}),
    ({f"s{n}": "x" for n in range(21)}, {"#/external_ids": "too_many"}),
])
def test_faulty_keys(realm, keys, places):
    assert codes(realm.admin.post("/v1/accounts", json={"name": "x", "external_ids": keys}, expect=422)) == places


def test_the_body_may_not_contradict_the_path(realm):
    reply = realm.admin.put("/v1/accounts/by-external-id/erp/a", json={"name": "x", "external_ids": {"erp": "b"}}, expect=422)
    assert codes(reply) == {"#/external_ids/erp": "not_allowed"}
    both = realm.admin.put("/v1/accounts/by-external-id/erp/two-keys", json={"name": "x", "external_ids": {"crm": "c-9"}},
                           expect=201).json()
    assert both["external_ids"] == {"erp": "two-keys", "crm": "c-9"}


def test_strangers_and_bad_paths(realm):
    realm.make("accounts", external_ids={"erp": "hidden-one"})
    realm.stranger.get("/v1/accounts/by-external-id/erp/hidden-one", expect=404)
    realm.people["peer"].api.get("/v1/accounts/by-external-id/erp/hidden-one", expect=404)
    realm.admin.get("/v1/accounts/by-external-id/ERP/x", expect=404)
    realm.admin.put(f"/v1/accounts/by-external-id/erp/{'x' * 201}", json={"name": "x"}, expect=404)


def test_dry_run_stores_nothing(realm):
    reply = realm.admin.put("/v1/accounts/by-external-id/erp/dry", params={"dry_run": "true"}, json={"name": "Dry"}, expect=201)
    assert reply.json()["result"] == "created"
    realm.admin.get("/v1/accounts/by-external-id/erp/dry", expect=404)
