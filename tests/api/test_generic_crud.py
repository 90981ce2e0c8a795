"""What every resource does alike when one record is made, read, changed, deleted and restored."""

import json
import time
import uuid
from copy import deepcopy

import pytest

from registry import (EACH, FIELDS, MISSING, RESOURCES, SPELLINGS, extremes, full_body, name_of, references, resources, serial,
                      uuid7, valid_body, wrong_values)
from world import codes, matching

WRITABLE = [field for field in FIELDS if field.writable and field.resource.can("create")]
DRY = "?dry_run=true"
creating = pytest.mark.parametrize("resource", resources("create"), ids=name_of)
updating = pytest.mark.parametrize("resource", resources("create", "update"), ids=name_of)
deleting = pytest.mark.parametrize("resource", resources("create", "delete"), ids=name_of)


def url_of(resource, record):
    return f"{resource.url}/{record['id']}"


def change(realm, resource):
    """A body that changes something about any record."""
    return {resource.label().name: resource.label().value(next(serial), realm)}


def patch(realm, resource, record, body, expect=200, **arguments):
    return realm.admin.request("PATCH", url_of(resource, record), expect, json=body,
                               headers={**matching(resource), **arguments.pop("headers", {})}, **arguments)


def refused(realm, resource, body, path, code):
    """The create is refused for this one reason."""
    reply = realm.admin.post(resource.url + DRY, json=body, expect=422)
    assert reply.json()["code"] == "validation_failed"
    assert codes(reply) == {path: code}, f"{body!r}"


def state(realm, resource):
    """All that a write could have changed."""
    rows = realm.rows(resource.path, "true")
    events = realm.db.execute("select count(*) from events where org_id = %s", (realm.org,)).fetchone()
    keys = realm.db.execute("select count(*) from idempotency_keys where org_id = %s", (realm.org,)).fetchone()
    return rows, events, keys


# Create

@creating
def test_create_stores_and_shows_everything(realm, resource):
    body = full_body(resource, realm)
    reply = realm.admin.post(resource.url, json=body, expect=201)
    record = reply.json()
    assert list(record) == [field.name for field in resource.shown], "every key, in the order of the table"
    assert {name: record[name] for name in body} == body
    assert record["version"] == 1 and record["deleted_at"] is None and record["created_at"] == record["updated_at"]
    assert reply.headers["location"] == url_of(resource, record)
    assert reply.headers["etag"].startswith('"1-')
    again = realm.admin.get(reply.headers["location"])
    assert again.json() == record and again.headers["etag"] == reply.headers["etag"]
    row = realm.row(resource.path, record["id"])
    assert row["version"] == 1 and row["deleted_at"] is None
    assert [event["type"] for event in realm.events(resource.path, record["id"])] == ["created"]


@creating
def test_what_is_left_out_gets_its_default(realm, resource):
    body = valid_body(resource, realm)
    record = realm.make(resource.path, **body)
    for field in resource.shown:
        if field.name not in body and not field.system and not field.has("server_kept") and not field.filled:
            now = field.type == "timestamp" and field.default == "now"
            assert record[field.name] == (record["created_at"] if now else field.default), field.name


@creating
def test_all_violations_at_once(realm, resource):
    wrong = {field.name: wrong_values(field)[0] for field in resource.writable}
    reply = realm.admin.post(resource.url, json={name: value for name, (value, _, _) in wrong.items()} | {"version": 1},
                             expect=422)
    expected = {f"#/{name}{behind}": code for name, (_, code, behind) in wrong.items()} | {"#/version": "read_only"}
    found = codes(reply)
    assert found.items() <= expected.items()
    assert len(found) == min(len(expected), 16)
    assert len(found) + reply.json().get("more_errors", 0) == len(expected)
    assert codes(realm.admin.post(resource.url, json={}, expect=422)) == {
        f"#/{field.name}": "required" for field in resource.writable if field.has("mandatory")}


@pytest.mark.parametrize("field", WRITABLE, ids=name_of)
def test_values_at_the_limit_and_one_past_it(realm, field):
    body = valid_body(field.resource, realm)
    for value in extremes(field) or []:
        record = realm.admin.post(field.resource.url + DRY, json={**body, field.name: value}, expect=201).json()
        if field.type == "money":
            assert float(record[field.name]["amount"]) == float(value["amount"])
        elif not field.has("write_only"):
            assert record[field.name] == value
    for value, shown in SPELLINGS.get(field.type, []):
        record = realm.admin.post(field.resource.url + DRY, json={**body, field.name: value}, expect=201).json()
        assert record[field.name] == shown
    for value, code, behind in wrong_values(field):
        if not (value == [] and field.type == "texts"):
            refused(realm, field.resource, {**body, field.name: value}, f"#/{field.name}{behind}", code)


@pytest.mark.parametrize("field", WRITABLE, ids=name_of)
def test_null(realm, field):
    body = {**valid_body(field.resource, realm), field.name: None}
    if not field.nullable:
        refused(realm, field.resource, body, f"#/{field.name}", "not_nullable")
    else:
        record = realm.admin.post(field.resource.url + DRY, json=body, expect=201).json()
        assert record.get(field.name) is None


@creating
def test_unknown_members_are_named_with_the_nearest(realm, resource):
    name = resource.label().name
    reply = realm.admin.post(resource.url, json={**valid_body(resource, realm), name + "x": 1, "a/b~c": 2, "": 3}, expect=422)
    assert codes(reply) == {f"#/{name}x": "unknown_field", "#/a~1b~0c": "unknown_field", "#/": "unknown_field"}
    assert f'"{name}"' in next(item["detail"] for item in reply.json()["errors"] if item["pointer"] == f"#/{name}x")


@creating
def test_bodies_that_are_no_object(realm, resource):
    body = json.dumps(valid_body(resource, realm))
    name = json.dumps(resource.label().name)
    kind = {"Content-Type": "application/json"}
    for content, place, code in [
            (b"", None, None), (b"[]", "#", "invalid_type"), (b"null", "#", "invalid_type"), (body[:-1].encode(), None, None),
            (f"{{{name}:\"a\",{name}:\"a\"}}".encode(), "#/" + json.loads(name), "duplicate")]:
        reply = realm.admin.request("POST", resource.url, 400, content=content, headers=kind)
        assert reply.json()["code"] == "invalid_json"
        assert place is None or codes(reply) == {place: code}


@creating
def test_a_client_may_bring_the_id(realm, resource):
    now = int(time.time() * 1000)
    chosen = uuid7(now)
    record = realm.make(resource.path, id=chosen.upper())
    assert record["id"] == chosen
    reply = realm.admin.post(resource.url, json=valid_body(resource, realm, id=chosen), expect=409)
    assert reply.json()["code"] == "duplicate" and codes(reply) == {"#/id": "duplicate"}
    realm.admin.post(resource.url + DRY, json=valid_body(resource, realm, id=uuid7(now - 10**9)), expect=201)
    for bad, code in [(str(uuid.uuid4()), "invalid_format"), (uuid7(now + 10**7), "invalid_format"), (1, "invalid_type"),
                      ("x", "invalid_format"), (None, "not_nullable"), (MISSING.replace("7000", "6000"), "invalid_format")]:
        refused(realm, resource, valid_body(resource, realm, id=bad), "#/id", code)


@pytest.mark.parametrize("field", references(), ids=name_of)
def test_references_to_what_is_not_there(realm, field):
    target = RESOURCES[field.refers]
    gone = [MISSING, realm.strange[field.refers]]
    if target.can("delete"):
        deleted = realm.make(target.path)
        realm.admin.delete(url_of(target, deleted), expect=204)
        gone.append(deleted["id"])
    for missing in gone:
        refused(realm, field.resource, valid_body(field.resource, realm, **{field.name: missing}), f"#/{field.name}",
                "unknown_reference")
    if not field.has("create_only"):
        record = realm.make(field.resource.path)
        reply = patch(realm, field.resource, record, {field.name: gone[1]}, expect=422)
        assert codes(reply) == {f"#/{field.name}": "unknown_reference"}


# Update

@updating
def test_each_field_can_be_changed(realm, resource):
    body = full_body(resource, realm)
    record = realm.make(resource.path, **body)
    for field in resource.shown:
        if not field.writable or field.has("create_only"):
            continue
        before = deepcopy(record)
        value = field.value(next(serial), realm)
        reply = patch(realm, resource, record, {field.name: value})
        record = reply.json()
        assert record[field.name] == value
        if before[field.name] == value:
            assert (record, len(realm.events(resource.path, record["id"]))) == (before, record["version"])
            continue
        assert record["version"] == before["version"] + 1 and reply.headers["etag"].startswith(f'"{record["version"]}-')
        assert record["updated_at"] > before["updated_at"]
        assert {name for name in record if record[name] != before[name]} >= {field.name, "version", "updated_at"}
        event = realm.events(resource.path, record["id"])[-1]
        assert (event["type"], event["version"]) == ("updated", record["version"])
        assert field.name in event["changes"] or f"{field.name}_currency" in event["changes"]
    assert realm.admin.get(url_of(resource, record)).json() == record


@updating
def test_null_clears(realm, resource):
    record = realm.make(resource.path, **full_body(resource, realm))
    for field in resource.shown:
        if not field.writable or field.has("create_only") or field.special:
            continue
        reply = patch(realm, resource, record, {field.name: None}, expect=200 if field.nullable else 422)
        if field.nullable:
            assert reply.json()[field.name] is None
        else:
            assert codes(reply) == {f"#/{field.name}": "not_nullable"}


@updating
def test_what_changes_nothing_keeps_the_version(realm, resource):
    body = {name: value for name, value in full_body(resource, realm).items()
            if not resource.by_name[name].has("create_only")}
    record = realm.make(resource.path, **{**full_body(resource, realm), **body})
    for unchanged in (body, {}, {resource.label().name: record[resource.label().name]}):
        assert patch(realm, resource, record, unchanged).json() == record
    assert len(realm.events(resource.path, record["id"])) == 1


@updating
def test_read_only_and_immutable_members(realm, resource):
    record = realm.make(resource.path)
    for field in resource.fields:
        if not field.writable and field.name != "id":
            refused(realm, resource, valid_body(resource, realm, **{field.name: record[field.name]}), f"#/{field.name}", "read_only")
    closed = [field for field in resource.fields if not field.writable or field.has("create_only")]
    reply = patch(realm, resource, record, {field.name: record[field.name] for field in closed}, expect=422)
    assert codes(reply) == {f"#/{field.name}": "read_only" if not field.writable else "immutable" for field in closed}
    assert realm.admin.get(url_of(resource, record)).json() == record


@updating
def test_wrong_changes_are_refused(realm, resource):
    record = realm.make(resource.path)
    open_fields = [field for field in resource.writable if not field.has("create_only")]
    wrong = {field.name: wrong_values(field)[0] for field in open_fields[:15]}
    reply = patch(realm, resource, record, {name: case[0] for name, case in wrong.items()} | {"nothing": 1}, expect=422)
    assert codes(reply) == {f"#/{name}{case[2]}": case[1] for name, case in wrong.items()} | {"#/nothing": "unknown_field"}
    assert realm.admin.get(url_of(resource, record)).json() == record


@updating
def test_if_match(realm, resource):
    record = realm.make(resource.path)
    tag = realm.admin.get(url_of(resource, record)).headers["etag"]
    changed = patch(realm, resource, record, change(realm, resource), headers={"If-Match": tag})
    for stale in (tag, '"1"', '"99-abc"'):
        reply = patch(realm, resource, record, change(realm, resource), expect=412, headers={"If-Match": stale})
        assert reply.json()["code"] == "version_mismatch"
    patch(realm, resource, record, change(realm, resource), headers={"If-Match": '"2"'})
    patch(realm, resource, record, change(realm, resource), headers={"If-Match": "*"})
    for bad in ("2", "W/x", '"x"', '""', '"2', "**"):
        reply = patch(realm, resource, record, change(realm, resource), expect=400, headers={"If-Match": bad})
        assert codes(reply) == {"If-Match": "invalid_format"}
    reply = realm.admin.request("PATCH", url_of(resource, record), json=change(realm, resource))
    assert reply.status_code == (428 if resource.needs_precondition else 200)
    assert changed.json()["version"] == 2
    assert realm.row(resource.path, record["id"])["version"] == (4 if resource.needs_precondition else 5)


@pytest.mark.parametrize("resource", resources("create", "get"), ids=name_of)
def test_if_none_match(realm, resource):
    record = realm.make(resource.path)
    path = url_of(resource, record)
    tag = realm.admin.get(path).headers["etag"]
    for sent in (tag, f'"x", {tag}', "W/" + tag, "*"):
        assert realm.admin.get(path, expect=304, headers={"If-None-Match": sent}).headers["etag"] == tag
        realm.admin.head(path, expect=304, headers={"If-None-Match": sent})
    realm.admin.get(path, headers={"If-None-Match": '"1-0000000000000000"'})
    assert realm.admin.get(path + "?fields=id").headers["etag"] != tag, "it covers what was asked for"
    assert resource.expand == [] or "etag" not in realm.admin.get(f"{path}?expand={resource.expand[0]}").headers
    patch(realm, resource, record, change(realm, resource)) if resource.can("update") else None
    assert not resource.can("update") or realm.admin.get(path, headers={"If-None-Match": tag}).headers["etag"] != tag


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_ids_of_nothing(realm, resource):
    for missing in (MISSING, "x", realm.strange[resource.path], "null"):
        assert realm.admin.get(f"{resource.url}/{missing}", expect=404).json()["code"] == "not_found"
        realm.admin.get(f"{resource.url}/{missing}/history", expect=404)
        if resource.can("update"):
            realm.admin.patch(f"{resource.url}/{missing}", json={}, expect=404)
        if resource.can("delete"):
            realm.admin.delete(f"{resource.url}/{missing}", expect=404)
            realm.admin.post(f"{resource.url}/{missing}/restore", expect=404)


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_what_a_resource_cannot_do(realm, resource):
    record = realm.reference(resource.path)
    realm.admin.put(f"{resource.url}/{record}", json={}, expect=405)
    for operation, method, path in (("create", "POST", ""), ("update", "PATCH", "/" + record), ("delete", "DELETE", "/" + record)):
        if not resource.can(operation):
            realm.admin.request(method, resource.url + path, 405, **({} if method == "DELETE" else {"json": {}}))


# Dry run

@creating
def test_dry_run_stores_nothing(realm, resource):
    record = realm.make(resource.path)
    before = state(realm, resource)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    reply = realm.admin.post(resource.url + DRY, json=valid_body(resource, realm), expect=201, headers=key)
    assert list(reply.json()) == [field.name for field in resource.shown]
    realm.admin.get(f"{resource.url}/{reply.json()['id']}", expect=404)
    if resource.can("update"):
        realm.admin.patch(url_of(resource, record) + DRY, json=change(realm, resource), expect=200)
        realm.admin.patch(url_of(resource, record) + DRY, json={"nothing": 1}, expect=422)
    if resource.can("delete"):
        realm.admin.delete(url_of(resource, record) + DRY, expect=204)
    realm.admin.post(resource.url + "?dry_run=maybe", json=valid_body(resource, realm), expect=400)
    realm.admin.post(resource.url + "?dryrun=true", json=valid_body(resource, realm), expect=400)
    assert state(realm, resource) == before


# Delete and restore

@deleting
def test_deleted_and_restored(realm, resource):
    record = realm.make(resource.path)
    path = url_of(resource, record)
    realm.admin.delete(path, expect=204)
    realm.admin.get(path, expect=404)
    realm.admin.patch(path, json={}, expect=404)
    realm.admin.delete(path, expect=404)
    one = {"id": record["id"]}
    assert realm.admin.get(resource.url, params=one).json()["data"] == []
    for deleted in ("only", "include"):
        found = realm.admin.get(resource.url, params={**one, "deleted": deleted}).json()["data"]
        assert [row["version"] for row in found] == [2] and found[0]["deleted_at"] is not None
    realm.admin.get(resource.url, params={"deleted": "never"}, expect=400)
    realm.admin.post(path + "/restore" + DRY, expect=200)
    restored = realm.admin.post(path + "/restore", expect=200)
    assert restored.json() == {**record, "version": 3, "updated_at": restored.json()["updated_at"]}
    assert restored.headers["etag"] == realm.admin.get(path).headers["etag"]
    assert realm.admin.post(path + "/restore", expect=200).json() == restored.json(), "alive already"
    assert realm.admin.get(resource.url, params={**one, "deleted": "only"}).json()["data"] == []
    events = [(event["type"], event["version"]) for event in realm.events(resource.path, record["id"])]
    assert events == [("created", 1), ("deleted", 2), ("restored", 3)]


@deleting
def test_delete_with_if_match(realm, resource):
    record = realm.make(resource.path)
    path = url_of(resource, record)
    if resource.needs_precondition:
        assert realm.admin.delete(path, version=None, expect=428).json()["code"] == "precondition_required"
    realm.admin.delete(path, version='"7"', expect=412)
    realm.admin.delete(path, version=realm.admin.get(path).headers["etag"], expect=204)


def test_unique_values_and_restoring_onto_them(realm):
    met = 0
    for resource, field in ((resource, field) for resource in EACH for field in realm.unique(resource.path)):
        value = True if field.type == "bool" else field.value(next(serial), realm)
        parent = {resource.flagged("part_of").name: realm.make(resource.parent)["id"]} if resource.parent else {}
        first = realm.make(resource.path, **{field.name: value}, **parent)
        body = valid_body(resource, realm, **{field.name: value.upper() if field.type == "email" else value}, **parent)
        reply = realm.admin.post(resource.url, json=body, expect=409)
        assert reply.json()["code"] == "duplicate" and codes(reply) == {f"#/{field.name}": "duplicate"}
        met += 1
        if not resource.can("delete"):
            continue
        realm.admin.delete(url_of(resource, first), expect=204)
        second = realm.make(resource.path, **{**body, field.name: value})
        reply = realm.admin.post(url_of(resource, first) + "/restore", expect=409)
        assert reply.json()["code"] == "duplicate" and codes(reply) == {f"#/{field.name}": "duplicate"}
        assert reply.json().get("conflicting_id") == second["id"], "the record that now holds it"
    assert met >= 5


@pytest.mark.parametrize("field", [field for field in references() if not field.has("part_of")
                                   and RESOURCES[field.refers].can("delete") and field.resource.can("create")], ids=name_of)
def test_what_is_in_use_stays(realm, field):
    target = RESOURCES[field.refers]
    used = realm.make(target.path)
    users = [realm.make(field.resource.path, **{field.name: used["id"]}) for _ in range(2)]
    used = realm.admin.get(url_of(target, used)).json()  # what it derives from those that refer to it
    reply = realm.admin.delete(url_of(target, used), expect=409)
    assert reply.json()["code"] == "in_use"
    errors = reply.json()["errors"]
    assert [(item["pointer"], item["code"]) for item in errors] == [(f"#/{field.resource.path}", "in_use")]
    assert ": 2." in errors[0]["detail"]
    assert realm.admin.get(url_of(target, used)).json() == used
    for record in users:
        if field.resource.can("delete"):
            realm.admin.delete(url_of(field.resource, record), expect=204)
        else:
            patch(realm, field.resource, record, {field.name: realm.reference(field.refers)})
    realm.admin.delete(url_of(target, used), expect=204)


@pytest.mark.parametrize("resource", [resource for resource in resources("create") if resource.parent], ids=name_of)
def test_parts_go_with_their_parent(realm, resource):
    part_of, above = resource.flagged("part_of"), RESOURCES[resource.parent]
    parent = realm.make(above.path)
    given = {part_of.name: parent["id"]}
    stays, gone_before = realm.make(resource.path, **given), realm.make(resource.path, **given)
    listed = f"{url_of(above, parent)}/{resource.segment}"
    assert [row["id"] for row in realm.admin.all(listed)] == [gone_before["id"], stays["id"]]
    realm.admin.delete(url_of(resource, gone_before), expect=204)
    realm.admin.delete(url_of(above, parent), expect=204)
    realm.admin.get(url_of(resource, stays), expect=404)
    realm.admin.get(listed, expect=404)
    reply = realm.admin.post(url_of(resource, stays) + "/restore", expect=409)
    assert reply.json()["code"] == "conflict", "not without its parent"
    refused(realm, resource, valid_body(resource, realm, **given), f"#/{part_of.name}", "unknown_reference")
    realm.admin.post(url_of(above, parent) + "/restore", expect=200)
    assert [row["id"] for row in realm.admin.all(listed)] == [stays["id"]], "what was deleted before stays deleted"
    events = [(event["type"], event["version"]) for event in realm.events(resource.path, stays["id"])]
    assert events == [("created", 1), ("deleted", 2), ("restored", 3)]
    realm.admin.get(f"{above.url}/{realm.strange[above.path]}/{resource.segment}", expect=404)


# History

def shown_change(value):
    return value["amount"] if isinstance(value, dict) and set(value) == {"amount", "currency"} else value


@updating
def test_history(realm, resource):
    record = realm.make(resource.path, **full_body(resource, realm))
    first = record
    fields = [field for field in resource.shown if field.writable and not field.has("create_only")]
    body = {field.name: field.value(next(serial), realm) for field in fields}
    changed = patch(realm, resource, record, body).json()
    path = url_of(resource, record) + "/history"
    history = realm.admin.get(path).json()
    assert [(event["type"], event["version"]) for event in history["data"]] == [("updated", 2), ("created", 1)]
    assert history["next_cursor"] is None
    updated = history["data"][0]
    me = realm.admin.get("/v1/me").json()["user"]["id"]
    assert updated["actor"] == {"kind": "user", "id": me} and set(updated) == {"at", "actor", "type", "version", "changes"}
    differing = {name for name in body if first[name] != changed[name]}
    assert {name.removesuffix("_currency") for name in updated["changes"]} == differing
    for name in differing & set(updated["changes"]):
        assert updated["changes"][name] == {"from": shown_change(first[name]), "to": shown_change(changed[name])}, name
    pages = realm.admin.get(path + "?limit=1").json()
    assert pages["data"] == history["data"][:1]
    rest = realm.admin.get(path, params={"limit": 1, "cursor": pages["next_cursor"]}).json()
    assert rest == {"data": history["data"][1:], "next_cursor": None}
    for bad in ({"limit": 0}, {"limit": 501}, {"cursor": "x"}, {"sort": "at"}):
        realm.admin.get(path, params=bad, expect=400)
    if resource.can("delete"):
        realm.admin.delete(url_of(resource, record), expect=204)
        assert realm.admin.get(path).json()["data"][0]["type"] == "deleted"
