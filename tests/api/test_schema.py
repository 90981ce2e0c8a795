"""The table of a resource and its table in the database say the same."""

import re

import psycopg
import pytest

from registry import APART, RESOURCES, email_of, name_of

each = pytest.mark.parametrize("resource", list(RESOURCES.values()), ids=name_of)
EVERY = [field for resource in RESOURCES.values() for field in resource.fields]
STORED = [field for field in EVERY if not field.has("write_only")]
TYPES = {"bool": "boolean", "int": "integer", "decimal": "numeric(19,4)", "money": "numeric(19,4)", "percent": "numeric(7,4)",
         "date": "date", "timestamp": "timestamp with time zone", "ref": "uuid", "id": "uuid", "texts": "text[]",
         "object": "jsonb", "keys": "jsonb"}


@pytest.fixture(scope="module")
def columns(realm):
    found = realm.db.execute(
        "select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required, "
        "pg_get_expr(d.adbin, d.adrelid) as default, l.collname as collation, a.attnum as number "
        "from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
        "left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum left join pg_collation l on l.oid = a.attcollation "
        "where n.nspname = 'steward' and a.attnum > 0 and not a.attisdropped").fetchall()
    return {(row["table"], row["name"]): row for row in found}


@pytest.fixture(scope="module")
def indexes(realm):
    """{table: [columns of an index, in order]}"""
    found = realm.db.execute(
        "select t.relname as table, i.relname as name, x.indisunique as is_unique, "
        "array(select trim('\"' from pg_get_indexdef(x.indexrelid, k, true)) from generate_series(1, x.indnkeyatts) k) as columns "
        "from pg_index x join pg_class i on i.oid = x.indexrelid "
        "join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace where n.nspname = 'steward'").fetchall()
    tables = {}
    for row in found:
        tables.setdefault(row["table"], []).append(row)
    return tables


@pytest.fixture(scope="module")
def constraints(realm):
    found = realm.db.execute(
        "select c.relname as table, o.conname as name, o.contype as kind, pg_get_constraintdef(o.oid) as definition from pg_constraint o "
        "join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'steward'").fetchall()
    tables = {}
    for row in found:
        tables.setdefault(row["table"], {})[row["name"]] = row
    return tables


@pytest.mark.parametrize("field", STORED, ids=name_of)
def test_columns(realm, columns, field):
    column = columns[field.resource.path, field.name]
    assert column["type"] == TYPES.get(field.type, "text")
    if column["type"] == "text":
        expected = {"name": ("name_order",), "note": ("default", "C")}.get(field.type, ("C",))
        assert column["collation"] in expected
    if field.has("mandatory", "not_null"):
        assert column["required"]
    elif not (field.has("server_kept") or field.filled):
        assert not column["required"]
    if field.type == "money":
        currency = columns[field.resource.path, field.name + "_currency"]
        assert (currency["type"], currency["collation"], currency["required"]) == ("text", "C", column["required"])
    if field.initial == "now":
        assert column["default"] == "now()"
    elif not field.system and not field.filled and not field.has("server_kept"):
        default = realm.db.execute(f"select {column['default'] or 'null'} as value").fetchone()["value"]
        assert default == field.default


@each
def test_no_column_is_unknown(columns, resource):
    known = {"org_id"} | {field.name for field in STORED if field.resource is resource}
    known |= {field.name + "_currency" for field in resource.fields if field.type == "money"}
    unknown = {name for table, name in columns if table == resource.path} ^ known
    assert not unknown or resource.path in APART
    assert min(columns[key]["number"] for key in columns if key[0] == resource.path) == columns[resource.path, "org_id"]["number"]


@each
def test_the_view_has_the_same_columns(realm, columns, resource):
    found = realm.db.execute("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
                             (f"app.{resource.path}",)).fetchall()
    own = sorted((row for key, row in columns.items() if key[0] == resource.path), key=lambda row: row["number"])
    assert [row["attname"] for row in found] == [row["name"] for row in own], "made again after the last change"


@each
def test_names_of_constraints_are_part_of_the_api(columns, constraints, indexes, resource):
    names = "|".join(sorted((name for table, name in columns if table == resource.path), key=len, reverse=True))
    for name in constraints[resource.path]:
        assert re.fullmatch(rf"{resource.path}_(pkey|({names})(_({names}))*_(key|fkey|check))", name), name
    for row in indexes[resource.path]:
        assert re.fullmatch(rf"{resource.path}_(pkey|search_idx|({names})(_({names}))*_(key|idx))", row["name"]), row["name"]
        assert row["is_unique"] == row["name"].endswith("key")
        assert row["columns"][0] == "org_id", f"{row['name']} is not led by the organisation"


@pytest.mark.parametrize("field", [field for field in EVERY if field.type == "ref"], ids=name_of)
def test_references_are_foreign_keys(constraints, field):
    found = constraints[field.resource.path][f"{field.resource.path}_{field.name}_fkey"]
    assert found["definition"].startswith(f"FOREIGN KEY (org_id, {field.name}) REFERENCES ")
    assert re.search(rf"REFERENCES (steward\.)?{field.refers}\(org_id, id\)$", found["definition"])


@pytest.mark.parametrize("field", [field for field in EVERY if field.has("filter", "sort", "owner", "team")], ids=name_of)
def test_what_is_asked_for_has_an_index(indexes, field):
    leading = [row["columns"] for row in indexes[field.resource.path]]
    if field.name == "id":
        assert ["org_id", "id"] in leading
    elif field.type == "texts":
        assert ["org_id", field.name] in leading
    else:
        assert ["org_id", field.name, "id"] in leading


@each
def test_search_has_an_index(indexes, resource):
    searched = bool(resource.with_flag("search"))
    assert searched == any(row["name"] == f"{resource.path}_search_idx" for row in indexes[resource.path])


def test_what_is_new_in_a_gin_index_waits_in_a_short_list(realm):
    found = realm.db.execute(
        "select i.relname as name, i.reloptions as options from pg_class i join pg_am a on a.oid = i.relam "
        "where i.relnamespace = 'steward'::regnamespace and a.amname = 'gin'").fetchall()
    assert found and all(row["options"] == ["gin_pending_list_limit=256"] for row in found), found


def test_statistics_hear_of_a_newcomer_soon(realm):
    """Of each table that has rows of organisations; partitions are small for long."""
    missing = realm.db.execute(
        "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' "
        "join pg_views v on v.viewname = c.relname and v.schemaname = 'app' "
        "where c.relnamespace = 'steward'::regnamespace and c.relkind = 'r' and not coalesce(c.reloptions @> "
        "'{autovacuum_analyze_threshold=500,autovacuum_analyze_scale_factor=0.01}', false)").fetchall()
    assert not missing


def edges(field):
    """(values that the column takes, values that it refuses)"""
    least, most = field.range
    if field.type in ("text", "note", "name"):
        return ["x" * field.length], ["x" * (field.length + 1)] + [""] * (field.min >= 0)
    if field.type in ("int", "decimal", "percent") and (field.min or field.max or field.type == "percent"):
        top = 100 if field.type == "percent" else most if field.max or field.type == "int" else None
        step = 1 if field.type == "int" else 0.0001
        high = [] if top is None or top == 2**31 - 1 else [top + step]
        return [least if field.type != "percent" else 0] + ([top] if top is not None else []), \
            [(least if field.type != "percent" else 0) - step] + high
    return {
        "enum": (field.words, ["nothing of it", ""]),
        "email": (["a@b", email_of(254)], ["a", email_of(255)]),
        "phone": (["+1234567", "+123456789012345"], ["1234567", "+123456", "+1234567890123456", "+12345 67"]),
        "url": (["http://a", "https://a/" + "x" * 2038], ["", "https://a/" + "x" * 2039]),
        "country": (["CN"], ["cn", "CHN", ""]),
        "currency": (["CNY"], ["cny", "CNYX", ""]),
        "language": (["de", "x" * 35], ["x", "x" * 36]),
        "texts": ([["x"] * (field.max or 20)], [["x"] * ((field.max or 20) + 1)]),
        "object": (["{}"], ["[]", "1"]),
        "keys": (["{}"], ["[]", "1"]),
    }.get(field.type, ([], []))


def attempt(realm, constraints, field, value):
    """The name of the constraint that refuses it, or None; what the table demands of other fields is set aside."""
    path, record = field.resource.path, realm.reference(field.resource.path)
    others = [f"drop constraint {row['name']}" for row in constraints[path].values()
              if row["kind"] == "c" and row["name"] != f"{path}_{field.name}_check"]
    try:
        with realm.db.transaction(force_rollback=True):
            realm.db.execute(f"alter table {path} {', '.join(others)}")
            realm.db.execute(f"update {path} set {field.name} = %s where org_id = %s and id = %s", (value, realm.org, record))
    except psycopg.errors.IntegrityError as refusal:
        return refusal.diag.constraint_name
    return None


@pytest.mark.parametrize("field", [field for field in STORED if not field.system and field.resource.path not in APART], ids=name_of)
def test_checks_are_the_bounds_of_the_field(realm, constraints, field):
    good, bad = edges(field)
    for value in good:
        assert attempt(realm, constraints, field, value) is None, f"{value!r} is refused"
    for value in bad:
        assert attempt(realm, constraints, field, value) == f"{field.resource.path}_{field.name}_check", f"{value!r} is taken"


@pytest.mark.parametrize("field", [field for field in STORED if field.type == "money" and field.resource.path not in APART], ids=name_of)
def test_an_amount_has_a_currency(realm, field):
    path, record = field.resource.path, realm.reference(field.resource.path)
    for amount, currency, name in ((1, None, field.name), (None, "CNY", field.name), (1, "cny", field.name + "_currency")):
        with pytest.raises(psycopg.errors.CheckViolation) as refusal, realm.db.transaction(force_rollback=True):
            realm.db.execute(f"update {path} set {field.name} = %s, {field.name}_currency = %s where org_id = %s and id = %s",
                             (amount, currency, realm.org, record))
        assert refusal.value.diag.constraint_name == f"{path}_{name}_check"
