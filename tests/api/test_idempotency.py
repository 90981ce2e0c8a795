"""Repeats: one effect for one key, and the same answer to the byte."""

import hashlib
import json
import time
import uuid

import pytest

from registry import name_of, resources, valid_body
from world import codes, matching


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def same(first, again):
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("etag", "location", "content-type"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers


@pytest.mark.parametrize("resource", resources("create"), ids=name_of)
def test_create(realm, resource):
    sent, body = key(), valid_body(resource, realm)
    first = realm.admin.post(resource.url, json=body, headers=sent, expect=201)
    for _ in range(2):
        same(first, realm.admin.post(resource.url, json=body, headers=sent))
    reply = realm.admin.post(resource.url, json=valid_body(resource, realm), headers=sent, expect=422)
    assert reply.json()["code"] == "idempotency_mismatch"
    reply = realm.admin.post(resource.url + "?dry_run=false", json=body, headers=sent, expect=422)
    assert reply.json()["code"] == "idempotency_mismatch", "another request, though it means the same"
    assert len(realm.events(resource.path, first.json()["id"])) == 1


@pytest.mark.parametrize("resource", resources("create", "update"), ids=name_of)
def test_update(realm, resource):
    record, sent = realm.make(resource.path), key()
    path, label = f"{resource.url}/{record['id']}", resource.label().name
    headers = {**matching(resource, '"1"'), **sent}
    first = realm.admin.request("PATCH", path, 200, json={label: record[label] + " changed"}, headers=headers)
    realm.admin.request("PATCH", path, 200, json={label: record[label] + " twice"}, headers=matching(resource))
    same(first, realm.admin.request("PATCH", path, json={label: record[label] + " changed"}, headers=headers))
    assert realm.row(resource.path, record["id"])["version"] == 3
    for other in ({"json": {label: "x"}, "headers": headers},
                  {"json": {label: record[label] + " changed"}, "headers": {**headers, "If-Match": '"2"'}}):
        assert realm.admin.request("PATCH", path, 422, **other).json()["code"] == "idempotency_mismatch"
    elsewhere = f"{resource.url}/{realm.make(resource.path)['id']}"
    reply = realm.admin.request("PATCH", elsewhere, 422, json={label: record[label] + " changed"}, headers=headers)
    assert reply.json()["code"] == "idempotency_mismatch", "another record by the same route"


@pytest.mark.parametrize("resource", resources("create", "delete"), ids=name_of)
def test_restore(realm, resource):
    record, sent = realm.make(resource.path), key()
    path = f"{resource.url}/{record['id']}"
    realm.admin.delete(path, expect=204)
    first = realm.admin.post(path + "/restore", headers=sent, expect=200)
    realm.admin.delete(path, expect=204)
    same(first, realm.admin.post(path + "/restore", headers=sent))
    realm.admin.get(path, expect=404)


def test_errors_are_not_stored(realm):
    sent = key()
    body = {"name": "late", "owner_id": realm.strange["users"]}
    for _ in range(2):
        assert codes(realm.admin.post("/v1/accounts", json=body, headers=sent, expect=422)) == {"#/owner_id": "unknown_reference"}
    realm.admin.post("/v1/accounts", json={}, headers=sent, expect=422)
    first = realm.admin.post("/v1/accounts", json={"name": "late"}, headers=sent, expect=201)
    same(first, realm.admin.post("/v1/accounts", json={"name": "late"}, headers=sent))


def test_a_key_belongs_to_its_user_and_route(realm):
    sent, body = key(), {"name": "scoped"}
    made = {realm.admin.post("/v1/accounts", json=body, headers=sent, expect=201).json()["id"]}
    made.add(realm.people["director"].api.post("/v1/accounts", json=body, headers=sent, expect=201).json()["id"])
    made.add(realm.stranger.post("/v1/accounts", json=body, headers=sent, expect=201).json()["id"])
    made.add(realm.admin.post("/v1/leads", json=body, headers=sent, expect=201).json()["id"])
    assert len(made) == 4


def test_a_replay_needs_the_rights_still(realm):
    role = realm.admin.create("/v1/roles", key="passing", name="Passing", base="account_manager")
    user = realm.hire("passing", role["id"], realm.teams["north"])
    sent, body = key(), {"name": "then allowed"}
    user["api"].post("/v1/accounts", json=body, headers=sent, expect=201)
    realm.admin.patch(f"/v1/roles/{role['id']}", json={"permissions": {"accounts": {"create": "none", "read": "none"}}}, expect=200)
    realm.until(lambda: user["api"].get("/v1/accounts", expect=None).status_code == 403)
    user["api"].post("/v1/accounts", json=body, headers=sent, expect=403)


@pytest.mark.parametrize("bad", ["", "a b", "x" * 256, "é"])
def test_wrong_keys(realm, bad):
    reply = realm.admin.post("/v1/accounts", json={"name": "x"}, headers={"Idempotency-Key": bad.encode()}, expect=400)
    assert codes(reply) == {"Idempotency-Key": "invalid_format"}


def test_the_longest_key(realm):
    realm.admin.post("/v1/accounts", json={"name": "x"}, headers={"Idempotency-Key": str(uuid.uuid4()).ljust(255, "~")}, expect=201)


def test_32_at_once_make_one_record(realm):
    sent = key()

    def send(api, _):
        while True:
            reply = api.post("/v1/accounts", json={"name": "one of 32"}, headers=sent, expect=(201, 409))
            if reply.status_code == 201:
                return reply
            assert reply.json()["code"] == "idempotency_in_progress" and reply.headers["retry-after"]

    replies = realm.at_once(32, send)
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotency-replayed" not in reply.headers for reply in replies) == 1
    assert len(realm.rows("accounts", "name = 'one of 32'")) == 1


def test_answers_that_no_repeat_gets_go_away(realm):
    old, young = str(uuid.uuid4()), str(uuid.uuid4())
    for sent in (old, young):
        realm.admin.post("/v1/accounts", json={"name": "kept for a day"}, headers={"Idempotency-Key": sent}, expect=201)
    realm.db.execute("update idempotency_keys set created_at = now() - case key when %s then interval '24 hours 1 second' "
                     "else interval '23 hours' end where key in (%s, %s)", (old, old, young))
    query = "select array_agg(key) as kept from idempotency_keys where key in (%s, %s)"
    end = time.monotonic() + 20
    while realm.db.execute(query, (old, young)).fetchone()["kept"] != [young]:
        assert time.monotonic() < end, "the server forgets it within seconds"
        time.sleep(0.1)


def test_the_stored_hash_of_a_request_tells_nobody_its_password(realm, settings):
    """It is a quick one: without a key to it, whoever has the table could try passwords by the million."""
    sent = key()
    body = json.dumps({"email": f"hashed-{uuid.uuid4()}@northwind.example", "name": "Hashed", "password": "a guess away",
                       "role_id": realm.roles["account_manager"]}).encode()
    realm.admin.request("POST", "/v1/users", 201, content=body, headers={**sent, "Content-Type": "application/json"})
    stored = realm.db.execute("select request_hash from idempotency_keys where key = %s",
                              (sent["Idempotency-Key"],)).fetchone()["request_hash"]
    hashed = b"".join(len(piece).to_bytes(8, "little") + piece for piece in (b"/v1/users", b"", body))
    assert stored != hashlib.blake2b(hashed, digest_size=32).hexdigest()
    secret = bytes.fromhex(settings["STEWARD_CURSOR_KEY"])
    assert stored == hashlib.blake2b(hashed, digest_size=32, key=secret).hexdigest(), "the guess above was made rightly"
