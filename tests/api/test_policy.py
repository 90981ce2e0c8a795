"""The server against policy.txt: every route, role, anonymous and key, with a record in every relation to the caller."""

import pytest

from conftest import ROLES
from harness.client import Api
from policy import POLICY, REFUSED, served
from registry import MISSING, RESOURCES, serial, valid_body
from relations import FILE, Relations
from world import Watched, codes, matching

DRY = {"dry_run": "true"}
GONE = ("strange", "missing")
SEGMENTS = {resource.segment: resource for resource in RESOURCES.values()}
every_role = pytest.mark.parametrize("role", ROLES)


def resource_of(line):
    return SEGMENTS[line.segment]


def title(line):
    return f"{line.method}-{line.pattern.removeprefix('/v1/')}" if hasattr(line, "pattern") else None


def lines(holds):
    """For parametrize: the lines of which it holds, and every role."""
    chosen = pytest.mark.parametrize("line", [line for line in POLICY.lines if holds(line)], ids=title)
    return lambda test: every_role(chosen(test))


@pytest.fixture(scope="module")
def relations(realm):
    return Relations(realm)


# The table itself

def test_every_route_has_one_line():
    lines = [line.route for line in POLICY.lines] + POLICY.anyone
    assert len(lines) == len(set(lines)), "a route with two lines"
    actual = served()
    assert set(actual) == set(lines), f"without a line: {set(actual) - set(lines)}, no route: {set(lines) - set(actual)}"
    assert {route for route, auth in actual.items() if auth == "public"} == set(POLICY.anyone)


def test_the_tables_of_the_resources_say_the_same():
    """Scopes as `describe` shows them are what everything else computes from."""
    for (segment, verb), cells in POLICY.cells.items():
        for role, cell in cells.items():
            said = SEGMENTS[segment].access[role]
            word = cell.word.rstrip("+").replace(REFUSED, "none")
            assert said[verb] == word, f"{segment} {verb} {role}: {said[verb]}, not {word}"
            if verb == "read":
                assert said["masked"] == cell.masked, f"{segment} {role}"
    verbs = {(resource.segment, verb) for resource in RESOURCES.values() for verb in ("read", "create", "update", "delete")
             if resource.can({"read": "list"}.get(verb, verb))}
    assert verbs <= set(POLICY.cells)


# One record

def new_body(relations, resource, role):
    """Of a record that is the caller's, or a part of one."""
    part_of = resource.flagged("part_of")
    above = relations.own(resource.parent, role).get("own") if part_of else None
    return valid_body(resource, relations.realm, **({part_of.name: above} if above else {}))


def send(api, line, record, relations, role):
    """The request of a line about a record; what can be asked for without doing it is not done."""
    resource = resource_of(line)
    path, more = line.pattern.replace("{id}", record).replace("{source}", "policy").replace("{key}", record), {}
    if line.method == "GET":
        return api.get(path, expect=None)
    if line.method == "PATCH":
        more = {"json": {resource.label().name: "changed"}, "headers": matching(resource)}
    elif line.method == "DELETE":
        more = {"headers": matching(resource)}
    elif line.method == "PUT" and line.pattern.endswith("/content"):
        return api.request("PUT", path, content=b"subject\nCall\n", headers={"Content-Type": "text/csv"})
    elif line.method == "PUT":
        body = new_body(relations, resource, role) if record in (MISSING, relations.strange(resource.path)) else {}
        more = {"json": {**body, resource.label().name: "changed"}}
    elif line.pattern.endswith("/check-in"):
        more = {"json": {"latitude": "1", "longitude": "1"}}
    elif line.pattern.endswith("/secret"):
        return api.post(path)
    return api.request(line.method, path, params=DRY, **more)


def answered(reply):
    """What a cell says of a relation: yes, refused or gone. States and values may be in the way of what is allowed."""
    if reply.status_code == 403:
        assert reply.json()["code"] == "forbidden", reply.text
        return "refused"
    if reply.status_code == 404:
        assert reply.json()["code"] == "not_found", reply.text
        return "gone"
    assert reply.status_code in (200, 201, 202, 204, 409), reply.text
    return "yes"


def expected(cell, relation):
    if cell.refused:
        return "refused"
    if POLICY.reaches(cell.word, relation):
        return "yes"
    return "refused" if POLICY.reaches(cell.seen, relation) else "gone"


@lines(lambda line: "{id}" in line.pattern or "{key}" in line.pattern)
def test_one_record(realm, relations, line, role):
    resource, cell, api = resource_of(line), line.cells[role], realm.people[role].api
    restores, upserts = line.pattern.endswith("/restore"), "{key}" in line.pattern and line.method == "PUT"
    records = (relations.deleted if restores else relations.of)(resource.path, role)
    answers = {}
    for relation, record in records.items():
        reply = send(api, line, record, relations, role)
        wanted = expected(cell, relation)
        if restores and wanted == "refused" and not cell.refused:
            wanted = "gone"  # the bin shows nobody what they cannot take out of it
        if upserts and relation in GONE:
            wanted = expected(POLICY.cells[line.segment, "create"][role], "own") if not cell.refused else wanted
            assert wanted == "refused" or reply.status_code == 201, reply.text
        assert answered(reply) == wanted, f"{relation}: {reply.status_code} {reply.text[:1000]}"
        if wanted == "refused":
            rule = reply.json()["rule"]
            assert rule.startswith(f"{resource.path}.") and (line.verb is None or upserts or rule == f"{resource.path}.{line.verb}")
        answers[relation] = reply.status_code
    assert answers["strange"] == answers["missing"]


def test_nothing_of_it_was_done(realm, relations):
    """By the requests above: they were dry, or refused."""
    for resource in RESOURCES.values():
        if resource.label():
            assert not realm.rows(resource.path, f"{resource.label().name} = 'changed'", relations.realm.strange_org)
            assert not realm.rows(resource.path, f"{resource.label().name} = 'changed'")


# Lists

@lines(lambda line: line.verb == "read" and "{" not in line.pattern)
def test_a_list(realm, relations, line, role):
    """Of records in every relation it has those that are reached, however it is asked."""
    resource, cell, api = resource_of(line), line.cells[role], realm.people[role].api
    records = relations.of(resource.path, role)
    visible = sorted(record for relation, record in records.items() if POLICY.reaches(cell.word, relation))
    asked = {"filter": {"id": {"in": list(records.values())}}}
    if line.method == "GET":
        reply = api.get(line.pattern, expect=None, params={"id[in]": ",".join(records.values()), "limit": 500, "count": "exact"})
    else:
        reply = api.post(line.pattern, json=asked if line.pattern.endswith("aggregate") else {**asked, "limit": 500, "count": "exact"})
    if cell.refused:
        assert answered(reply) == "refused" and reply.json()["rule"] == f"{resource.path}.read"
        return
    assert reply.status_code == 200, reply.text
    if line.pattern.endswith("aggregate"):
        assert reply.json()["data"] == [{"key": {}, "count": len(visible)}]
    else:
        assert sorted(row["id"] for row in reply.json()["data"]) == visible and reply.json()["total"] == len(visible)


# Creating

@lines(lambda line: line.verb == "create")
def test_creating(realm, relations, line, role):
    resource, cell, api = resource_of(line), line.cells[role], realm.people[role].api
    part_of = resource.flagged("part_of")
    above = relations.of(resource.parent, role) if part_of else {"own": None}
    for relation, parent in above.items():
        reply = api.post(line.pattern, json=valid_body(resource, realm, **({part_of.name: parent} if part_of else {})), params=DRY)
        if cell.refused:
            assert answered(reply) == "refused" and reply.json()["rule"] == f"{resource.path}.create"
        elif POLICY.reaches(cell.word, relation):
            assert reply.status_code == 201, reply.text
        else:
            assert (reply.status_code, codes(reply)) == (422, {f"#/{part_of.name}": "unknown_reference"})


@lines(lambda line: line.route == ("POST", "/v1/imports"))
def test_bringing_a_file(realm, line, role):
    reply = realm.people[role].api.post(line.pattern, json=FILE, params=DRY)
    assert answered(reply) == ("refused" if line.cells[role].refused else "yes"), reply.text


# What is the caller's own

OWN = {"/v1/me/password": ("POST", {"current_password": "wrong horse", "password": "correct horse 1"}, (400, 403, 422)),
       "/v1/auth/logout-all": ("POST", None, (204,))}


@every_role
def test_what_is_ones_own(realm, role):
    person = realm.hire(f"self-{role}", realm.roles[role], realm.teams["north"])["api"]
    own = [line for line in POLICY.lines if line.segment in ("me", "describe", "auth")]
    for line in sorted(own, key=lambda line: line.pattern.endswith("/logout-all")):  # after which nothing is
        assert not line.cells[role].refused
        method, body, good = OWN.get(line.pattern, (line.method, None, (200,)))
        for segment in SEGMENTS if "{resource}" in line.pattern else [""]:
            reply = person.request(method, line.pattern.replace("{resource}", segment), json=body)
            assert reply.status_code in good and (reply.status_code != 403 or reply.json()["code"] != "forbidden"), reply.text


# Without a token, and with that of a key

def takes_body(line):
    return line.method in ("POST", "PUT", "PATCH") and not line.pattern.endswith(("/logout-all", "/secret", "/cancellation"))


def bare(api, line, record=MISSING):
    path = line.pattern
    for name, value in {"{id}": record, "{source}": "policy", "{key}": record, "{resource}": "leads"}.items():
        path = path.replace(name, value)
    if path.endswith("/content"):
        return api.request(line.method, path, content=b"a\n", headers={"Content-Type": "text/csv"})
    return api.request(line.method, path, **({"json": {}} if takes_body(line) else {}))


@pytest.mark.parametrize("token", [None, "nonsense", "stw_" + "0" * 32 + "_" + "0" * 43], ids=["none", "nonsense", "strange"])
def test_without_a_token(realm, token):
    api = Api(realm.server.url, realm.recorder, token)
    for line in POLICY.lines:
        for record in (MISSING, realm.reference("accounts")):
            assert bare(api, line, record).status_code == 401, line


def test_what_anyone_may(realm):
    api = Watched(realm.server.url)  # not recorded: the page of the contract is not in it
    for method, pattern in POLICY.anyone:
        path = pattern.replace("{code}", "not_found").replace("{file}", "swagger-ui.css")
        reply = api.request(method, path, **({"json": {}} if method == "POST" else {}))
        # a server that was built without the page's files has none
        assert reply.status_code not in (401, 403) and (reply.status_code != 404 or "{file}" in pattern), (path, reply.text)


def new_key(realm, scopes):
    n = next(serial)
    key = realm.admin.create("/v1/api-keys", name=f"Policy {n}", source=f"policy-{n}", scopes=sorted(scopes))
    secret = realm.admin.post(f"/v1/api-keys/{key['id']}/secret", expect=201).json()["key"]
    return Watched(realm.server.url, realm.recorder, secret), key["source"]


def scopes_of(segment):
    return {scope for (other, _), scope in POLICY.keys.items() if other == segment} - {REFUSED}


def judge_key(line, reply, opened, sees):
    """What a key may not do is 403, or 404 where it looks for a record first in what it may read."""
    closed = (403, 404) if line.key == REFUSED and sees else (403,)
    assert reply.status_code != 401, line
    assert reply.status_code != 403 if opened else reply.status_code in closed, f"{line.route}: {reply.text[:500]}"


@pytest.mark.parametrize("bound", [False, True], ids=["all", "bound"])
@pytest.mark.parametrize("segment", sorted({segment for segment, _ in POLICY.cells}))
def test_a_key(realm, segment, bound):
    """One with every scope of a collection opens the routes of that one, and no other."""
    scopes = scopes_of(segment)
    api, _ = new_key(realm, [f"{SEGMENTS[segment].path}:{scope}" + (":all" if not bound else "") for scope in scopes])
    for line in POLICY.lines:
        opened = line.key == "any" or (line.segment == segment and line.key in scopes)
        judge_key(line, bare(api, line), opened, line.segment == segment)


@pytest.mark.parametrize("verb", sorted({scope for scope in POLICY.keys.values()} - {REFUSED}))
def test_a_scope(realm, verb):
    """One for every collection, but of one verb, opens that verb alone. Without reading nothing can be found to be changed."""
    verbs = {verb, "read"} if verb in ("update", "delete") else {verb}
    api, _ = new_key(realm, {f"{SEGMENTS[segment].path}:{scope}:all" for segment, _ in POLICY.cells
                             for scope in verbs & scopes_of(segment)})
    for line in POLICY.lines:
        judge_key(line, bare(api, line), line.key in ("any", *verbs), "read" in verbs)


@pytest.mark.parametrize("resource", [resource for resource in SEGMENTS.values() if resource.can("create")], ids=lambda r: r.path)
def test_what_a_key_reaches(realm, relations, resource):
    """Without :all what bears its source, with it all of the organisation, and never another one's."""
    records = relations.common(resource.path)
    own, source = new_key(realm, {f"{resource.path}:read"})
    wide, _ = new_key(realm, {f"{path}:read:all" for path in (resource.path, resource.parent) if path})
    if resource.flagged("source"):
        mine = realm.make(resource.path, **{resource.flagged("source").name: source})["id"]
        assert [row["id"] for row in own.get(resource.url).json()["data"]] == [mine]
    else:
        assert own.get(resource.url).json()["data"] == []
    for relation, record in records.items():
        own.get(f"{resource.url}/{record}", expect=404)
        wide.get(f"{resource.url}/{record}", expect=404 if relation in GONE else 200)
