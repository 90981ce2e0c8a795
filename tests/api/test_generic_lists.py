"""Lists of every resource against an oracle: filters, orders, pages, search, counts, expansion."""

import random
import threading
import time

import pytest

from oracle import holds, in_json, ordered, parameter, samples
from registry import EACH, FIELDS, RESOURCES, name_of, resources, valid_body
from world import codes, matching

each = pytest.mark.parametrize("resource", EACH, ids=name_of)
named = pytest.mark.parametrize("resource", [resource for resource in EACH if resource.label()], ids=name_of)
SORTS = {resource.path: [field.name for field in resource.fields if field.has("sort")] for resource in EACH}
LIVE = "deleted_at is null"


def ids(rows):
    return [str(row["id"]) for row in rows]


def crowd_rows(realm, resource):
    realm.crowd(resource.path)
    return realm.rows(resource.path)


def listed(realm, resource, params, **more):
    return ids(realm.admin.all(resource.url, {"fields": "id", "limit": 500, **params, **more}))


def refused(realm, resource, params, code, places):
    """400 for the query, and as a body 422 where the same can be said there."""
    reply = realm.admin.get(resource.url, params=params, expect=400)
    assert reply.json()["code"] == code
    assert codes(reply) == places
    return reply.json()["errors"]


# Filters

@pytest.mark.parametrize("field", [field for field in FIELDS if field.has("filter")], ids=name_of)
def test_filters(realm, field):
    dice = random.Random(field.name)
    rows = crowd_rows(realm, field.resource)
    for operator in field.operators:
        for value in samples(field, operator, rows, dice):
            expected = [row for row in rows if holds(field, row[field.name], operator, value)]
            assert listed(realm, field.resource, parameter(field, operator, value)) == ids(expected), (operator, value)


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.has("filter")], ids=name_of)
def test_fields_without_a_filter(realm, field):
    refused(realm, field.resource, {field.name: "x"}, "unknown_parameter", {field.name: "unknown_parameter"})
    reply = realm.admin.post(field.resource.url + "/search", json={"filter": {field.name: "x"}}, expect=422)
    assert set(codes(reply)) == {f"#/filter/{field.name}"}


@named
def test_wrong_filters(realm, resource):
    field = resource.label()
    for name, value, code in [(field.name + "[like]", "x", "invalid_operator"), (field.name, "", "invalid_format"),
                              (field.name + "[null]", "maybe", "invalid_format"), (field.name + "[in]", "a,,b", "invalid_format"),
                              (field.name + "[]", "x", "invalid_operator"), ("id", "x", "invalid_format"),
                              ("created_at[gt]", "yesterday", "invalid_format"), (field.name + "[gt]", "a", "invalid_operator"),
                              (field.name + "[in]", ",".join(["a"] * 101), "too_many"),
                              (field.name + "[contains]", "x" * 201, "too_long")]:
        refused(realm, resource, {name: value}, "invalid_parameter", {name: code})
    listed(realm, resource, {field.name + "[in]": ",".join(["a"] * 100)})
    errors = refused(realm, resource, {field.name + "x": "1"}, "unknown_parameter", {field.name + "x": "unknown_parameter"})
    assert f'"{field.name}"' in errors[0]["detail"]
    for name in ("limt", "name[eq", "[eq]", "name]eq[", "name[eq][ne]", "offset", "page"):
        refused(realm, resource, {name: "1"}, "unknown_parameter", {name: "unknown_parameter"})


@each
def test_several_filters_are_joined_by_and(realm, resource):
    dice, rows = random.Random(3), crowd_rows(realm, resource)
    fields = [field for field in resource.fields if field.has("filter")]
    for _ in range(15):
        params, expected = {}, rows
        for field in dice.sample(fields, 2):
            operator = dice.choice(field.operators)
            value = dice.choice(samples(field, operator, rows, dice))
            params.update(parameter(field, operator, value))
            expected = [row for row in expected if holds(field, row[field.name], operator, value)]
        assert listed(realm, resource, params) == ids(expected), params


@pytest.mark.parametrize("field", [field for field in FIELDS if field.type == "ref"], ids=name_of)
def test_one_hop_filters(realm, field):
    dice, rows = random.Random(5), crowd_rows(realm, field.resource)
    target = RESOURCES[field.refers]
    related = {row["id"]: row for row in realm.rows(target.path)}
    hop = field.name.removesuffix("_id") + "."
    for other in [other for other in target.fields if other.has("filter")]:
        operator = dice.choice(other.operators)
        for value in samples(other, operator, list(related.values()), dice)[:3]:
            expected = [row for row in rows if row[field.name] in related
                        and holds(other, related[row[field.name]][other.name], operator, value)]
            assert listed(realm, field.resource, parameter(other, operator, value, hop)) == ids(expected), (other.name, value)
    for name in (hop + "nothing", hop + "name.id", field.name + ".id", "nobody.name"):
        refused(realm, field.resource, {name: "x"}, "unknown_parameter", {name: "unknown_parameter"})


# POST search

def random_tree(resource, rows, dice, depth):
    """(tree, predicate over a row)"""
    if depth == 0 or dice.random() < 0.35:
        field = dice.choice([field for field in resource.fields if field.has("filter")])
        operator = dice.choice(field.operators)
        value = dice.choice(samples(field, operator, rows, dice))
        plain = operator == "eq" and dice.random() < 0.5
        test = in_json(field, operator, value)
        return {field.name: test if plain else {operator: test}}, \
            lambda row: holds(field, row[field.name], operator, value)
    word = dice.choice(["and", "or", "not"])
    if word == "not":
        tree, inner = random_tree(resource, rows, dice, depth - 1)
        return {"not": tree}, lambda row: not inner(row)
    children = [random_tree(resource, rows, dice, depth - 1) for _ in range(dice.randint(1, 3))]
    joined = all if word == "and" else any
    return {word: [tree for tree, _ in children]}, lambda row: joined(inner(row) for _, inner in children)


def searched(realm, resource, body):
    found, cursor = [], None
    while True:
        page = realm.admin.post(resource.url + "/search", json={**body, **({"cursor": cursor} if cursor else {})},
                                expect=200).json()
        found += ids(page["data"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@each
def test_search_trees(realm, resource):
    dice, rows = random.Random(11), crowd_rows(realm, resource)
    for _ in range(40):
        tree, matches = random_tree(resource, rows, dice, 4)
        expected = ids(row for row in rows if matches(row))
        assert searched(realm, resource, {"filter": tree, "limit": 500, "fields": ["id"]}) == expected, tree
    assert searched(realm, resource, {"filter": tree, "limit": 7}) == expected, "by pages"
    assert searched(realm, resource, {"limit": 500}) == ids(rows)


@named
def test_limits_of_a_tree(realm, resource):
    name = resource.label().name

    def nested(depth):
        return {"not": nested(depth - 1)} if depth else {name: "x"}

    url = resource.url + "/search"
    for good in (nested(5), {"or": [{name: "x"}] * 100}, {}, {name: {"in": ["x"] * 100}}):
        realm.admin.post(url, json={"filter": good}, expect=200)
    for bad, place, code in [
            (nested(6), "#/filter" + "/not" * 6, "too_many"), ({"or": [{name: "x"}] * 101}, f"#/filter/or/100/{name}", "too_many"),
            ({"or": []}, "#/filter/or", "required"), ({"and": {}}, "#/filter/and", "invalid_type"),
            ({"not": []}, "#/filter/not", "invalid_type"), ({"nothing": 1}, "#/filter/nothing", "unknown_field"),
            ({name: {"like": "x"}}, f"#/filter/{name}/like", "invalid_operator"), ({name: {}}, f"#/filter/{name}", "required"),
            ({name: 1}, f"#/filter/{name}", "invalid_type"), ({name: {"in": "x"}}, f"#/filter/{name}/in", "invalid_type"),
            ({name: {"in": []}}, f"#/filter/{name}/in", "required"), ([], "#/filter", "invalid_type"),
            ({name: {"in": ["x"] * 101}}, f"#/filter/{name}/in", "too_many"),
            ({name: {"null": "true"}}, f"#/filter/{name}/null", "invalid_type")]:
        assert codes(realm.admin.post(url, json={"filter": bad}, expect=422)) == {place: code}, bad
    for body, place in [({"filters": {}}, "#/filters"), ({"limit": "1"}, "#/limit"), ({"limit": 0}, "#/limit"), ({"sort": 1}, "#/sort"),
                        ({"sort": ["nothing"]}, "#/sort/0"), ({"fields": [1]}, "#/fields/0"), ({"count": "all"}, "#/count")]:
        assert set(codes(realm.admin.post(url, json=body, expect=422))) == {place}, body


# Orders and pages

def ranks(realm, resource):
    """The order of names is the database's collation."""
    names = [name for name in SORTS[resource.path] if resource.by_name[name].type == "name"]
    return {name: {row["id"]: row["rank"] for row in realm.db.execute(
        f"select id, dense_rank() over (order by {name}) as rank from {resource.path} where org_id = %s", (realm.org,))}
        for name in names}


def some_sorts(resource, dice):
    names = SORTS[resource.path]
    yield from ("", "id")
    yield from (sign + name for name in names for sign in ("", "-"))
    for _ in range(8):
        chosen = dice.sample(names, min(len(names), dice.randint(2, 3)))
        yield ",".join(dice.choice(("", "-")) + name for name in chosen)


@each
def test_orders_and_pages(realm, resource):
    dice, known = random.Random(13), realm.crowd(resource.path)
    rows = [row for row in realm.rows(resource.path) if str(row["id"]) in known]
    by_rank = ranks(realm, resource)
    for sort in some_sorts(resource, dice):
        params = {"id[in]": ",".join(known), "fields": "id", **({"sort": sort} if sort else {})}
        expected = ordered(rows, sort, by_rank)
        assert listed(realm, resource, params) == expected, sort
        limit = dice.randint(1, 7)
        walked = [ids(page) for page in realm.admin.pages(resource.url, {**params, "limit": limit})]
        assert [one for page in walked for one in page] == expected, f"{sort} by {limit}"
        assert all(len(page) == limit for page in walked[:-1])


@each
def test_wrong_orders(realm, resource):
    unsortable = next(field.name for field in resource.shown if not field.has("sort"))
    names = SORTS[resource.path][:4]
    for sort, code in [(unsortable, "not_allowed"), ("nothing", "unknown_field"), ("id,id", "not_allowed"), ("id,-id", "not_allowed"),
                       (",".join(names[:4]), "too_many"), ("--id", "unknown_field"), ("id,", "invalid_format"), ("", "invalid_format")]:
        refused(realm, resource, {"sort": sort}, "invalid_parameter", {"sort": code})


@each
def test_limits(realm, resource):
    crowd_rows(realm, resource)
    for limit, code in [("0", "too_small"), ("501", "too_large"), ("-1", "too_small"), ("x", "invalid_format"), ("1.5", "invalid_format"),
                        ("", "invalid_format"), ("99999999999999999999", "too_large")]:
        refused(realm, resource, {"limit": limit}, "invalid_parameter", {"limit": code})
    refused(realm, resource, [("limit", "1"), ("limit", "2")], "invalid_parameter", {"limit": "invalid_parameter"})
    page = realm.admin.get(resource.url, params={"limit": 1, "fields": "id"})
    assert len(page.json()["data"]) == 1
    link = page.headers["link"]
    assert link.startswith(f"<{resource.url}?") and link.endswith('>; rel="next"')
    assert realm.admin.get(link[1:link.index(">")]).json()["data"] == \
        realm.admin.get(resource.url, params={"limit": 1, "fields": "id", "cursor": page.json()["next_cursor"]}).json()["data"]
    whole = realm.admin.get(resource.url, params={"limit": 500})
    assert "link" not in whole.headers and whole.json()["next_cursor"] is None


@each
def test_cursors_belong_to_their_query(realm, resource):
    crowd_rows(realm, resource)
    cursor = realm.admin.get(resource.url, params={"limit": 2, "sort": "created_at"}).json()["next_cursor"]
    realm.admin.get(resource.url, params={"limit": 5, "sort": "created_at", "fields": "id", "cursor": cursor})
    for params in ({}, {"sort": "-created_at"}, {"sort": "created_at", "created_at[gt]": "2001-01-01T00:00:00Z"}):
        reply = realm.admin.get(resource.url, params={**params, "cursor": cursor}, expect=400)
        assert reply.json()["code"] == "cursor_mismatch"
    for other in EACH:
        if other is not resource:
            reply = realm.admin.get(other.url, params={"sort": "created_at", "cursor": cursor}, expect=400)
            assert reply.json()["code"] == "cursor_mismatch"
    stranger = realm.stranger.get(resource.url, params={"sort": "created_at", "cursor": cursor}, expect=400)
    assert stranger.json()["code"] == "cursor_mismatch"
    altered = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1:] for at in range(0, len(cursor) - 1, 5)]
    for bad in altered + ["x", cursor[:-4], cursor + "AAAA", "A" * 60, "%", cursor * 20]:
        reply = realm.admin.get(resource.url, params={"sort": "created_at", "cursor": bad}, expect=400)
        assert reply.json()["code"] == "invalid_cursor", bad


@pytest.mark.parametrize("resource", resources("create", "update", "delete"), ids=name_of)
def test_pages_while_the_data_changes(realm, resource):
    known, moving = set(realm.crowd(resource.path)), [realm.make(resource.path)["id"] for _ in range(6)]
    stop = threading.Event()
    troubles = []

    def disturb():
        api, dice, label = realm.another_admin(), random.Random(17), resource.label()
        try:
            while not stop.is_set():
                victim = dice.choice(moving)
                step = dice.randrange(4)
                if step == 0:
                    moving.append(api.create(resource.url, **valid_body(resource, realm))["id"])
                elif step == 1:
                    api.delete(f"{resource.url}/{victim}", expect=(204, 404))
                else:
                    body = {label.name: f"{dice.choice('aMz海')} {dice.random()}"}
                    api.request("PATCH", f"{resource.url}/{victim}", (200, 404), json=body, headers=matching(resource))
        except Exception as trouble:  # pylint: disable=broad-except
            troubles.append(trouble)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for sort in ("id", "-id", resource.label().name, "-" + resource.label().name, "-created_at"):
            seen = [one for page in realm.admin.pages(resource.url, {"sort": sort, "limit": 5, "fields": "id"}) for one in ids(page)]
            for one in known:
                assert seen.count(one) == 1, f"{seen.count(one)} times by {sort}"
    finally:
        stop.set()
        thread.join()
    assert not troubles, troubles


# What is shown

@each
def test_fields(realm, resource):
    record = realm.reference(resource.path)
    whole = realm.admin.get(f"{resource.url}/{record}").json()
    names = [field.name for field in resource.shown]
    for chosen in (["id"], names, names[2:4], [names[-1], names[1]]):
        expected = {name: whole[name] for name in names if name in chosen or name == "id"}
        params = {"fields": ",".join(chosen)}
        assert realm.admin.get(f"{resource.url}/{record}", params=params).json() == expected
        assert realm.admin.get(resource.url, params={**params, "id": record}).json()["data"] == [expected]
    for path in (resource.url, f"{resource.url}/{record}"):
        for bad in ("nothing", "id,,name", names[1] + "x"):
            assert set(codes(realm.admin.get(path, params={"fields": bad}, expect=400))) == {"fields"}
    reply = realm.admin.get(f"{resource.url}/{record}?limit=1", expect=400)
    assert reply.json()["code"] == "unknown_parameter"


@pytest.mark.parametrize("resource", [resource for resource in EACH if resource.expand], ids=name_of)
def test_expand(realm, resource):
    newest = str(crowd_rows(realm, resource)[0]["id"])
    for name in resource.expand:
        if name in RESOURCES:
            realm.make(name, **{RESOURCES[name].flagged("part_of").name: newest})
        rows = realm.admin.get(resource.url, params={"expand": name, "limit": 40}).json()["data"]
        reference = resource.by_name.get(name + "_id")
        assert any(row[name] for row in rows) or (reference and reference.has("server_kept")), f"nothing to expand by {name}"
        for row in rows[:15]:
            assert row[name] == related(realm, resource, row, name), name
        one = realm.admin.get(f"{resource.url}/{rows[0]['id']}", params={"expand": name}).json()
        assert one == rows[0]
    both = ",".join(resource.expand[:5])
    assert set(resource.expand[:5]) <= set(realm.admin.get(resource.url, params={"expand": both}).json()["data"][0])
    for bad, code in (("nothing", "unknown_field"), (f"{name},{name}", "not_allowed"), (resource.expand[0] + "_id", "unknown_field")):
        refused(realm, resource, {"expand": bad}, "invalid_parameter", {"expand": code})


def related(realm, resource, row, name):
    """The same by direct reads."""
    reference = resource.by_name.get(name + "_id")
    if reference is None:
        return realm.admin.get(f"{resource.url}/{row['id']}/{RESOURCES[name].segment}?limit=100").json()["data"]
    if row[reference.name] is None:
        return None
    reply = realm.admin.get(f"{RESOURCES[reference.refers].url}/{row[reference.name]}", expect=(200, 404))
    return reply.json() if reply.status_code == 200 else None


# Counts

@named
def test_counts(realm, resource):
    rows = crowd_rows(realm, resource)
    page = realm.admin.get(resource.url, params={"limit": 1, "count": "exact"}).json()
    assert page["total"] == len(rows)
    field = resource.label()
    few = [row for row in rows if holds(field, row[field.name], "contains", "海")]
    params = {field.name + "[contains]": "海", "limit": 2}
    assert realm.admin.get(resource.url, params={**params, "count": "exact"}).json()["total"] == len(few)
    estimated = realm.admin.get(resource.url, params={**params, "count": "estimated"}).json()["total"]
    assert isinstance(estimated, int) and estimated >= 0
    assert "total" not in realm.admin.get(resource.url, params=params).json()
    refused(realm, resource, {"count": "yes"}, "invalid_parameter", {"count": "not_allowed"})


@named
def test_a_query_has_a_limit(realm, resource):
    """4096 bytes of path and query."""
    start = f"{resource.url}?{resource.label().name}%5Bin%5D=" + ",".join(["x" * 150] * 26) + ","
    longest = start.ljust(4096, "y")
    realm.admin.get(longest, expect=200)
    assert realm.admin.get(longest + "y", expect=414).json()["code"] == "uri_too_long"


def test_the_default_order(realm):
    """That of creation, newest first."""
    made = []
    for _ in range(3):
        made.insert(0, realm.make("accounts")["id"])
        time.sleep(0.002)
    assert ids(realm.admin.get("/v1/accounts?limit=3").json()["data"]) == made
