"""Every field of policy.txt, for every role: shown, written, filtered, sorted by and summed up as its line says, and no column else."""

import random

import pytest

from conftest import ROLES
from oracle import parameter, samples
from policy import POLICY
from registry import MISSING, RESOURCES, full_body, name_of, valid_body
from relations import Relations
from world import codes, matching

DRY = {"dry_run": "true"}
EVERY = list(RESOURCES.values())
BINDING = {"hide": "director", "mask": "director", "read": "director"}  # what a stored role says of each field, and its base
MASKABLE = ("text", "note", "name", "email", "phone", "url")
every_role = pytest.mark.parametrize("role", ROLES)
each = pytest.mark.parametrize("resource", EVERY, ids=name_of)


@pytest.fixture(scope="module")
def relations(realm):
    return Relations(realm)


def fields_of(resource):
    """[(line of the policy, field of the registry)]"""
    return [(line, resource.by_name[line.name]) for line in POLICY.fields_of(resource.segment)]


def common(line):
    return line.segment == "common"


@each
def test_every_field_has_one_line(resource):
    names = [line.name for line in POLICY.fields_of(resource.segment)]
    assert sorted(names) == sorted(resource.by_name), set(names) ^ set(resource.by_name)
    for line, field in fields_of(resource):
        kind = "secret" if field.has("write_only") else "once" if field.has("create_only") or line.name == "id" else \
            "kept" if field.has("server_kept") else "write"
        said = (line.kind, line.filters, line.sorts, line.personal)
        assert said == (kind, *map(field.has, ("filter", "sort", "personal"))), line.name


# ---- what the caller is by the policy ----

class Reader:
    """Of one role and collection: a record that they see, full of values, and what becomes of its fields."""

    def __init__(self, api, cell, record):
        self.api, self.cell, self.record = api, cell, record

    def masks(self, line):
        return self.cell.masked and line.personal

    def hides(self, line):
        return line.kind == "secret"

    def locks(self, _):
        return False


class Bound(Reader):
    """Of a stored role that says `word` of each field."""

    def __init__(self, api, cell, record, resource, word):
        super().__init__(api, cell, record)
        self.resource, self.word = resource, word

    def masks(self, line):
        return self.word == "mask" and not common(line) and self.resource.by_name[line.name].type in MASKABLE

    def hides(self, line):
        return super().hides(line) or (self.word == "hide" and not common(line))

    def locks(self, line):
        return self.word == "read" and not common(line)


def own_record(realm, relations, resource, role):
    """With a value in each field, if it can be made: the caller's own, or part of what is."""
    if not resource.can("create"):
        word = POLICY.cells[resource.segment, "read"][role].word
        return next((record for relation, record in relations.of(resource.path, role).items() if POLICY.reaches(word, relation)), None)
    given = {}
    if resource.flagged("owner"):
        given = {resource.flagged("owner").name: realm.people[role].id}
    elif resource.flagged("part_of") and "own" in relations.own(resource.parent, role):
        given = {resource.flagged("part_of").name: relations.own(resource.parent, role)["own"]}
    if resource.path == "users":
        return realm.people[role].id
    if resource.path == "teams":
        return realm.teams["north"]
    return realm.make(resource.path, **{**full_body(resource, realm), **given})["id"]


@pytest.fixture(scope="module")
def reader(realm, relations):
    made, hired = {}, {}

    def get(role, resource):
        """`role` is a shipped one or a word of BINDING."""
        base = BINDING.get(role, role)
        if role in BINDING and role not in hired:
            said = {other.path: {"fields": {line.name: role for line, field in fields_of(other)
                                            if not common(line) and (role != "mask" or field.type in MASKABLE)}} for other in EVERY}
            stored = realm.admin.create("/v1/roles", key=f"all_{role}", name=f"All {role}", base=base, permissions=said)
            hired[role] = realm.hire(f"all-{role}", stored["id"], realm.teams["north"])["api"]
        if (role, resource.path) not in made:
            cell = POLICY.cells[resource.segment, "read"][base]
            record = own_record(realm, relations, resource, base)
            made[role, resource.path] = Bound(hired[role], cell, record, resource, role) if role in BINDING else \
                Reader(realm.people[role].api, cell, record)
        return made[role, resource.path]
    return get


every_reader = pytest.mark.parametrize("role", [*ROLES, *BINDING])


def seen(get, role, resource):
    """The reader, or None where the role sees nothing of the collection: then test_policy.py says all."""
    caller = get(role, resource)
    if caller.cell.refused or not caller.record:
        return None
    # what is somebody's is not that of the person with the stored role
    found = role not in BINDING or caller.api.get(f"{resource.url}/{caller.record}", expect=(200, 404)).status_code == 200
    return caller if found else None


@each
@every_reader
def test_reading(realm, reader, resource, role):
    caller = seen(reader, role, resource)
    if not caller:
        return
    full = realm.admin.get(f"{resource.url}/{caller.record}").json()
    shown = {line.name for line, _ in fields_of(resource) if not caller.hides(line)}
    listed = caller.api.get(resource.url, params={"id": caller.record}).json()["data"]
    found = caller.api.post(f"{resource.url}/search", json={"filter": {"id": caller.record}}, expect=200).json()["data"]
    for record in (caller.api.get(f"{resource.url}/{caller.record}").json(), *listed, *found):
        assert set(record) == shown
        for line, _ in fields_of(resource):
            if line.name in shown and caller.masks(line):
                assert full[line.name] is None or ("****" in record[line.name] and record[line.name] != full[line.name])
            elif line.name in shown and line.name != "last_touch_at":
                assert record[line.name] == full[line.name], line.name
    assert len(listed) == len(found) == 1
    history = caller.api.get(f"{resource.url}/{caller.record}/history").json()["data"]
    changed = {name.removesuffix("_currency") if name not in resource.by_name else name for event in history for name in event["changes"]}
    assert changed <= shown
    for line, _ in fields_of(resource):
        reply = caller.api.get(resource.url, expect=None, params={"fields": line.name, "id": caller.record})
        assert reply.status_code == (200 if line.name in shown else 400), (line.name, reply.text)


@each
@every_reader
def test_filtering_and_sorting(realm, reader, resource, role):
    caller = seen(reader, role, resource)
    if not caller:
        return
    full = realm.row(resource.path, caller.record)
    for line, field in fields_of(resource):
        open_ = line.filters and not caller.hides(line)
        for operator in (field.operators if caller.masks(line) else field.operators[:1]) or ["eq"]:
            value = samples(field, operator, [full], random.Random(1))[0] if line.filters else "x"
            asked = parameter(field, operator, value)
            reply = caller.api.get(resource.url, expect=None, params=asked)
            good = open_ and (operator in ("eq", "in", "null") or not caller.masks(line))
            assert reply.status_code == (200 if good else 400), (asked, reply.text)
            if not open_:
                assert set(codes(reply)) == set(asked)
        reply = caller.api.get(resource.url, expect=None, params={"sort": line.name})
        good = line.sorts and not caller.hides(line) and not caller.masks(line)
        assert reply.status_code == (200 if good else 400), (line.name, reply.text)


@each
@every_reader
def test_summing_up(reader, resource, role):
    """The way in which values leave in great numbers."""
    caller = seen(reader, role, resource)
    if not caller:
        return
    for line, _ in fields_of(resource):
        for body in ({"by": [line.name]}, {"measures": [{"as": "most", "op": "max", "field": line.name}]},
                     {"filter": {line.name: {"null": True}}}):
            reply = caller.api.post(f"{resource.url}/aggregate", json=body)
            assert reply.status_code in (200, 422), reply.text
            if caller.hides(line) or (caller.masks(line) and "filter" not in body):
                assert reply.status_code == 422, (body, reply.text)


@each
@every_reader
def test_writing(realm, reader, resource, role):
    caller, base = reader(role, resource), BINDING.get(role, role)
    for verb, method in (("create", "POST"), ("update", "PATCH")):
        cell = POLICY.cells.get((resource.segment, verb), {}).get(base)
        if cell is None or not (cell.refused or POLICY.reaches(cell.word, "own") or verb == "create"):
            continue
        path = resource.url if verb == "create" else f"{resource.url}/{caller.record}"
        for line, field in fields_of(resource):
            # what is kept has the forms of others; the check that it is there comes before that of its value
            value = MISSING if line.name == "id" else field.value(2, realm) if field.writable else 1
            reply = caller.api.request(method, path, json={line.name: value}, params=DRY, headers=matching(resource))
            said = {item["code"] for item in reply.json().get("errors", []) if item["pointer"] == f"#/{line.name}"}
            if cell.refused:
                assert reply.status_code == 403 and reply.json()["rule"] == f"{resource.path}.{verb}", reply.text
            elif caller.hides(line) and line.kind != "secret":
                assert "unknown_field" in said, (line.name, reply.text)
            elif line.kind == "kept" or caller.locks(line):
                assert "read_only" in said, (line.name, reply.text)
            elif line.kind == "once" and verb == "update":
                assert said & {"immutable", "read_only"}, (line.name, reply.text)
            else:
                assert not said & {"unknown_field", "read_only", "immutable"}, (line.name, reply.text)


# ---- mass assignment ----

def columns(realm):
    """The names of all columns of all tables."""
    return sorted({row["attname"] for row in realm.db.execute(
        "select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'steward' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped")})


@pytest.mark.parametrize("resource", [resource for resource in EVERY if resource.can("update")], ids=name_of)
@pytest.mark.parametrize("role", ["admin", "account_manager"])
def test_no_column_can_be_assigned(realm, reader, resource, role):
    """Each name of a column anywhere in the database, sent by those who may write."""
    caller = reader(role, resource)
    lines = {line.name: line for line, _ in fields_of(resource)}
    names = [name for name in columns(realm) if name not in lines or lines[name].kind == "kept"]
    assert {"org_id", "password_hash", "session_version", "deleted_at", "version"} <= set(names)
    before = realm.row(resource.path, caller.record)
    for method, path, verb in (("POST", resource.url, "create"), ("PATCH", f"{resource.url}/{caller.record}", "update")):
        if POLICY.cells[resource.segment, verb][role].refused:
            continue
        count = len(realm.rows(resource.path, "true"))
        for name in names:
            body = valid_body(resource, realm) if verb == "create" else {}
            reply = caller.api.request(method, path, 422, json={**body, name: realm.strange_org}, headers=matching(resource))
            assert codes(reply)[f"#/{name}"] == ("read_only" if name in lines else "unknown_field"), (name, reply.text)
        assert len(realm.rows(resource.path, "true")) == count
    assert realm.row(resource.path, caller.record) == before
