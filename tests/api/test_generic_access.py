"""What comes with access to records: giving them to others, the bin, masked fields, expansion. Access itself: test_policy.py."""

import random

import pytest

from conftest import ROLES
from oracle import holds, samples
from registry import EACH, MISSING, RESOURCES, full_body, name_of, resources, valid_body
from world import codes, matching, reaches, scopes

DRY = "?dry_run=true"
every_role = pytest.mark.parametrize("role", ROLES)
each = pytest.mark.parametrize("resource", EACH, ids=name_of)
owned = pytest.mark.parametrize("resource", [resource for resource in resources("create") if resource.flagged("owner")], ids=name_of)


def refused_by_rule(reply, resource, verb):
    assert reply.status_code == 403, reply.text
    assert reply.json()["code"] == "forbidden" and reply.json()["rule"] == f"{resource.path}.{verb}"


def assignment(reply, resource, access, caller, field, person, written):
    """Who has no right to assign keeps all for themselves; who has it sees only whom it reaches."""
    target = person.id if field.has("owner") else person.team
    mine = target == (caller.id if field.has("owner") else caller.team)
    belonging = (person.id if field.has("owner") else None, person.team)
    if access["assign"] == "none" and not mine:
        refused_by_rule(reply, resource, "assign")
    elif mine or reaches(access["assign"], belonging, caller):
        assert reply.status_code == written, reply.text
        assert reply.json()[field.name] == target
    else:
        assert (reply.status_code, codes(reply)) == (422, {f"#/{field.name}": "unknown_reference"})


@owned
@every_role
def test_giving_to_others(realm, resource, role):
    caller, access = realm.callers[role], scopes(resource, role)
    if access["create"] == "none":
        return
    mine = caller.api.create(resource.url, **valid_body(resource, realm), **{resource.flagged("owner").name: caller.id})
    for field in filter(None, (resource.flagged("owner"), resource.flagged("team"))):
        for person in realm.people.values():
            target = person.id if field.has("owner") else person.team
            if target is None:
                continue
            reply = caller.api.post(resource.url + DRY, json=valid_body(resource, realm, **{field.name: target}))
            assignment(reply, resource, access, caller, field, person, 201)
            reply = caller.api.request("PATCH", f"{resource.url}/{mine['id']}{DRY}", json={field.name: target},
                                       headers=matching(resource))
            assignment(reply, resource, access, caller, field, person, 200)
        for method, path in (("POST", resource.url), ("PATCH", f"{resource.url}/{mine['id']}")):
            body = valid_body(resource, realm) if method == "POST" else {}
            strange = realm.strange["users" if field.has("owner") else "teams"]
            reply = caller.api.request(method, path + DRY, json={**body, field.name: strange}, headers=matching(resource))
            assert (reply.status_code, codes(reply)) == (422, {f"#/{field.name}": "unknown_reference"}) or \
                (access["assign"] == "none" and reply.status_code == 403), reply.text


@owned
@every_role
def test_what_one_makes_one_can_read(realm, resource, role):
    """Whatever of owner and team is given, left out or null."""
    caller, access = realm.callers[role], scopes(resource, role)
    owner, team = resource.flagged("owner"), resource.flagged("team")
    if access["create"] == "none":
        return
    for given in ({}, {owner.name: caller.id}, {owner.name: None}, {team.name: caller.team}, {team.name: None},
                  {owner.name: None, team.name: caller.team}, {owner.name: None, team.name: None},
                  {owner.name: caller.id, team.name: caller.team}, {owner.name: caller.id, team.name: None}):
        reply = caller.api.post(resource.url, json=valid_body(resource, realm, **given))
        assert reply.status_code in (201, 403), reply.text
        if reply.status_code == 201:
            caller.api.get(reply.headers["location"], expect=200)
        else:
            refused_by_rule(reply, resource, "assign")
            assert None in given.values()
    record = caller.api.create(resource.url, **valid_body(resource, realm), **{owner.name: caller.id})
    assert record[team.name] == caller.team, "the team follows the owner"


@owned
def test_the_team_follows_the_owner(realm, resource):
    owner, team = resource.flagged("owner").name, resource.flagged("team").name
    record = realm.make(resource.path, **{owner: realm.people["peer"].id})
    assert record[team] == realm.teams["north"]
    path = f"{resource.url}/{record['id']}"
    for name in ("below", "elsewhere", "alone"):
        person = realm.people[name]
        changed = realm.admin.patch(path, json={owner: person.id}, expect=200).json()
        assert (changed[owner], changed[team]) == (person.id, person.team)
    changed = realm.admin.patch(path, json={owner: realm.people["peer"].id, team: realm.teams["south"]}, expect=200).json()
    assert changed[team] == realm.teams["south"], "unless given"
    assert realm.admin.patch(path, json={owner: None}, expect=200).json()[team] == realm.teams["south"]


@pytest.mark.parametrize("resource", resources("create", "delete"), ids=name_of)
@every_role
def test_the_bin(realm, resource, role):
    """Deleted records are seen by who may delete them."""
    caller, access = realm.callers[role], scopes(resource, role)
    record = realm.make(resource.path)
    belonging = realm.belonging(resource, realm.row(resource.path, record["id"]))
    realm.admin.delete(f"{resource.url}/{record['id']}", expect=204)
    reply = caller.api.get(resource.url, expect=None, params={"deleted": "only", "id": record["id"]})
    if access["read"] == "none":
        refused_by_rule(reply, resource, "read")
    elif access["delete"] == "none":
        assert (reply.status_code, codes(reply)) == (400, {"deleted": "not_allowed"})
    else:
        assert [row["id"] for row in reply.json()["data"]] == [record["id"]] * reaches(access["read"], belonging, caller)


# Masked

def masked(field, value):
    if value is None:
        return None
    if field.type == "email":
        return f"{value[0]}****{value[value.index('@'):]}"
    if field.type == "phone" and len(value) >= 11:
        return f"{value[:-8]}****{value[-4:]}"
    return value[0] + "****"


@pytest.mark.parametrize("resource", [resource for resource in EACH if resource.with_flag("personal")], ids=name_of)
@every_role
def test_personal_fields(realm, resource, role):
    caller, access = realm.callers[role], scopes(resource, role)
    if access["read"] == "none":
        return
    given = {resource.flagged("owner").name: caller.id} if resource.flagged("owner") else {}
    if resource.parent:
        given = {resource.flagged("part_of").name: realm.make(resource.parent, owner_id=caller.id)["id"]}
    record = realm.make(resource.path, **{**full_body(resource, realm), **given})
    path = f"{resource.url}/{record['id']}"
    history = caller.api.get(path + "/history").json()
    assert history["data"]
    listed = caller.api.get(resource.url, params={"id": record["id"]}).json()["data"][0]
    for shown in (caller.api.get(path).json(), listed):
        for field in resource.with_flag("personal"):
            value = record[field.name]
            assert shown[field.name] == (masked(field, value) if access["masked"] else value)
    for field in resource.with_flag("personal"):
        if not field.has("filter"):
            continue
        for operator in field.operators:
            for value in samples(field, operator, [record], random.Random(1))[:3]:
                name = field.name + f"[{operator}]"
                text = ",".join(value) if isinstance(value, list) else value
                reply = caller.api.get(resource.url, expect=None, params={name: text, "id": record["id"]})
                if access["masked"] and operator not in ("eq", "in", "null"):
                    assert (reply.status_code, codes(reply)) == (400, {name: "invalid_operator"})
                else:
                    assert len(reply.json()["data"]) == holds(field, record[field.name], operator, value)
        if access["masked"]:
            assert codes(caller.api.get(resource.url, expect=400, params={"sort": field.name})) == {"sort": "not_allowed"}


def test_masked_in_history_expansion_and_parts(realm):
    phones = ["+8613811112222", "+8613833334444"]
    account = realm.make("accounts", phone=phones[0])
    realm.make("contacts", account_id=account["id"], phone=phones[0])
    realm.admin.patch(f"/v1/accounts/{account['id']}", json={"phone": phones[1]}, expect=200)
    for role in ("service_agent", "analyst"):
        api = realm.callers[role].api
        for path in (f"/v1/accounts/{account['id']}?expand=contacts", f"/v1/accounts/{account['id']}/history",
                     f"/v1/accounts/{account['id']}/contacts?expand=account", f"/v1/contacts?account.phone=%2B{phones[1][1:]}"):
            text = api.get(path).text
            assert phones[0] not in text and phones[1] not in text and "****" in text, path


# Expansion and hops keep to what a direct read shows

@pytest.mark.parametrize("resource", [resource for resource in EACH if resource.expand], ids=name_of)
@every_role
def test_expansion_shows_what_a_read_shows(realm, resource, role):
    caller = realm.callers[role]
    if scopes(resource, role)["read"] == "none":
        return
    wanted = ",".join(realm.sample(resource.path))
    for name in resource.expand:
        reference = resource.by_name.get(f"{name}_id")
        target = RESOURCES[reference.refers if reference else name]
        scope = scopes(target, role)["read"]
        params = {"id[in]": wanted, "expand": name, "limit": 500}
        if scope == "none":
            assert codes(caller.api.get(resource.url, expect=400, params=params)) == {"expand": "unknown_field"}
            hop = caller.api.get(resource.url, expect=400, params={f"{name}.id": MISSING})
            assert hop.json()["code"] == "unknown_parameter"
            continue
        for row in caller.api.get(resource.url, params=params).json()["data"]:
            if reference and row[reference.name]:
                direct = caller.api.get(f"{target.url}/{row[reference.name]}", expect=(200, 404))
                assert row[name] == (direct.json() if direct.status_code == 200 else None)
                hopped = caller.api.get(resource.url, params={"id": row["id"], f"{name}.id": row[reference.name]}).json()["data"]
                assert len(hopped) == (direct.status_code == 200)
            elif not reference:
                assert row[name] == caller.api.get(f"{resource.url}/{row['id']}/{target.segment}").json()["data"]
