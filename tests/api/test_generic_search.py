"""q on every resource that has it: any piece of a name, by index."""

import json

import pytest

from oracle import fold
from registry import EACH, RESOURCES, name_of
from world import NAMES, codes

SEARCHED = [resource for resource in EACH if resource.with_flag("search")]
QUERIES = ["海", "海风", "运集", "钢铁", "上海钢铁贸易有限公司", "ZEBRA", "acme", "ＡＣＭＥ", "ärzte", "ÄRZTE", "& s",
           "\"q\" \\", "%", "_", "100% 好", "straße", "STRASSE", "double  space", "double space",
           "οδος", "ΟΔΟΣ", "𠮷", "ガス", "nothing of it", "e", "重"]


@pytest.mark.parametrize("resource", SEARCHED, ids=name_of)
def test_q(realm, resource):
    realm.crowd(resource.path)
    rows = realm.rows(resource.path)
    fields = [field.name for field in resource.with_flag("search")]
    for query in QUERIES:
        expected = [str(row["id"]) for row in rows if fold(query) in "\n".join(fold(row[name] or "") for name in fields)]
        for found in (realm.admin.all(resource.url, {"q": query, "limit": 500}),
                      realm.admin.post(resource.url + "/search", json={"q": query, "limit": 500}, expect=200).json()["data"]):
            assert [row["id"] for row in found] == expected, query
        page = realm.admin.get(resource.url, params={"q": f" {query}\u3000", "count": "exact", "limit": 1}).json()
        assert page["total"] == len(expected)


@pytest.mark.parametrize("resource", SEARCHED, ids=name_of)
def test_names_are_found_by_themselves(realm, resource):
    realm.crowd(resource.path)
    for name in NAMES:
        assert realm.admin.get(resource.url, params={"q": name, "limit": 1}).json()["data"], name


def test_any_piece_of_a_name_finds_it(realm):
    """However long, in any case and width: what is asked of the index must be a part of what it holds."""
    realm.crowd("accounts")
    rows = [(str(row["id"]), fold(row["name"])) for row in realm.rows("accounts")]
    wide = {code: code + 0xfee0 for code in range(0x21, 0x7f)}
    pieces = {name[at:at + size] for name in NAMES for at in range(len(name)) for size in (1, 2, 3, 4, 7, len(name))}
    for piece in sorted(piece for piece in pieces if piece == piece.strip()):
        for query in {piece, piece.upper(), piece.translate(wide)}:
            found = realm.admin.get("/v1/accounts", params={"q": query, "limit": 500}).json()
            assert [row["id"] for row in found["data"]] == [id for id, key in rows if fold(query) in key], query


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_wrong_q(realm, resource):
    if resource not in SEARCHED:
        assert realm.admin.get(resource.url, params={"q": "x"}, expect=400).json()["code"] == "unknown_parameter"
        return
    for bad, code in (("", "invalid_format"), (" \u3000", "invalid_format"), ("x" * 201, "too_long"), ("a\u0007", "invalid_format")):
        assert codes(realm.admin.get(resource.url, params={"q": bad}, expect=400)) == {"q": code}
    realm.admin.get(resource.url, params={"q": "海" * 200})


def column_values(realm, resource):
    """SQL expressions over i for the columns that every row must have."""
    ideograph = "chr((19968 + (i::bigint * {0} + {0}) % 20000)::integer)"
    of_type = {"name": "'有限' || " + " || ".join(ideograph.format(prime) for prime in (7919, 104729, 1299709, 15485863)) + " || i",
               "email": "'p' || i || '@example.com'"}
    needed = realm.db.execute("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull "
                              "and not atthasdef and attname not in ('org_id', 'id')", (f"steward.{resource.path}",)).fetchall()
    for field in [resource.by_name[row["attname"]] for row in needed]:
        yield field.name, of_type.get(field.type) or f"'{field.value(1, realm)}'"


def scans(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from scans(child)


def search_key(resource):
    fields = [f"t.{field.name}" for field in resource.with_flag("search")]
    return fields[0] if len(fields) == 1 else " || e'\\n' || ".join(f"coalesce({field}, '')" for field in fields)


def scans_of(realm, query):
    return list(scans(realm.db.execute("explain (format json) " + query).fetchone()["QUERY PLAN"][0]["Plan"]))


@pytest.mark.parametrize("path", ["accounts", "leads"])
def test_an_index_finds_what_is_rare_and_a_page_what_is_common(realm, path):
    """Among 20,000 records, which are gone afterwards; of one field and of several. Asked as the server asks."""
    columns, key = dict(column_values(realm, RESOURCES[path])), search_key(RESOURCES[path])
    with realm.db.transaction(force_rollback=True):
        realm.db.execute(f"insert into {path} (org_id, id, {', '.join(columns)}) select '{realm.org}', app.uuid7(), "
                         f"{', '.join(columns.values())} from generate_series(1, 20000) i")
        realm.db.execute(f"analyze {path}")
        realm.db.execute("select set_config('steward.org', %s, true)", (str(realm.org),))
        for query, index in {"丁": "search_idx", "丁七": "search_idx", "丁七海": "search_idx", "有": "pkey", "有限": "pkey"}.items():
            found = scans_of(realm, f"select t.* from app.{path} t where t.org_id = '{realm.org}' and t.deleted_at is null "
                             f"and app.grams(app.fold({key})) @> app.grams_asked(app.fold('{query}')) "
                             f"and strpos(app.fold({key}), app.fold('{query}')) > 0 order by t.id desc limit 51")
            assert [f"{path}_{index}"] == [scan["Index Name"] for scan in found if "Index Name" in scan], json.dumps(found[0])
    realm.db.execute(f"analyze {path}")


@pytest.mark.parametrize("resource", SEARCHED, ids=name_of)
def test_the_index_is_of_what_is_searched(realm, resource):
    with realm.db.transaction(force_rollback=True):
        realm.db.execute("set local enable_seqscan = off")
        for row in realm.db.execute("select indexname from pg_indexes where schemaname = 'steward' and tablename = %s and "
                                    "indexname like '%%_idx' and indexname <> %s", (resource.path, f"{resource.path}_search_idx")):
            realm.db.execute(f"drop index steward.{row['indexname']}")
        found = scans_of(realm, f"select from {resource.path} t where app.grams(app.fold({search_key(resource)})) @> "
                                "app.grams_asked(app.fold('丁七'))")
    assert f"{resource.path}_search_idx" in [scan.get("Index Name") for scan in found], json.dumps(found[0])
