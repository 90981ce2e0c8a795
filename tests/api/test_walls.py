"""The second wall: what the serving role can do by itself, were the first one, the composed predicate, to fail."""

import uuid

import psycopg
import pytest

from registry import EACH, name_of
from world import CANARY

COMMON = {"organization_slugs", "schema_version"}  # what belongs to no organisation


@pytest.fixture(scope="module")
def serving(cluster, realm):
    with psycopg.connect(cluster.url("steward_app"), autocommit=True, options="-c search_path=app,public") as connection:
        yield connection


def bound(connection, org):
    """The organisation of the transaction around."""
    connection.execute("select set_config('steward.org', %s, true)", (str(org),))


def views(realm):
    return [row["viewname"] for row in realm.db.execute("select viewname from pg_views where schemaname = 'app' order by 1")]


def tables(realm):
    return [row["relname"] for row in realm.db.execute(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'steward' and c.relkind in ('r', 'p') order by 1")]


def test_no_table_can_be_touched(serving, realm):
    assert len(tables(realm)) > 10
    for table in tables(realm):
        for sql in (f"select * from steward.{table}", f"select count(*) from steward.{table}", f"delete from steward.{table}",
                    f"insert into steward.{table} default values", f"truncate steward.{table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                serving.execute(sql)


def test_without_an_organization_nothing_is_there(serving, realm):
    for view in set(views(realm)) - COMMON:
        assert serving.execute(f"select count(*) from app.{view}").fetchone() == (0,), view
    with serving.transaction():
        bound(serving, realm.org)
    assert serving.execute("select count(*) from app.users").fetchone() == (0,), "the setting ends with its transaction"


def test_only_slugs_are_common(serving, realm):
    with serving.cursor() as cursor:
        cursor.execute("select * from app.organization_slugs")
        assert [column.name for column in cursor.description] == ["slug", "id"]


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_a_view_shows_one_organization(serving, realm, resource):
    realm.reference(resource.path)
    expected = {org: realm.db.execute(f"select count(*) as n from {resource.path} where org_id = %s", (org,)).fetchone()["n"]
                for org in (realm.org, realm.strange_org)}
    assert all(expected.values())
    for org, count in expected.items():
        with serving.transaction():
            bound(serving, org)
            found = serving.execute(f"select org_id::text, v::text from app.{resource.path} v").fetchall()
        assert len(found) == count and {row[0] for row in found} == {org}
        assert org == realm.strange_org or not any(CANARY in row[1] for row in found)


def test_every_view_is_bound(serving, realm):
    """Also those of tables that no resource describes."""
    for view in set(views(realm)) - COMMON - {"organizations"}:
        with serving.transaction():
            bound(serving, realm.org)
            orgs = serving.execute(f"select distinct org_id::text from app.{view}").fetchall()
        assert set(orgs) <= {(realm.org,)}, view


@pytest.mark.parametrize("resource", EACH, ids=name_of)
def test_no_row_can_be_written_into_another_organization(serving, realm, resource):
    record, strange = realm.reference(resource.path), realm.strange[resource.path]
    columns = [row["attname"] for row in realm.db.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped", (f"steward.{resource.path}",))]
    copied = ", ".join(columns[2:])
    deleted = copied.replace("deleted_at", "now()")  # so that no unique value stands in the way
    with pytest.raises(psycopg.errors.WithCheckOptionViolation), serving.transaction():
        bound(serving, realm.org)
        serving.execute(f"insert into app.{resource.path} (org_id, id, {copied}) select %s, %s, {deleted} from app.{resource.path} "
                        "where id = %s", (realm.strange_org, uuid.uuid4(), record))
    with pytest.raises(psycopg.errors.WithCheckOptionViolation), serving.transaction():
        bound(serving, realm.org)
        serving.execute(f"update app.{resource.path} set org_id = %s, deleted_at = now() where id = %s",
                        (realm.strange_org, record))
    for sql in (f"update app.{resource.path} set version = 99 where id = %s", f"delete from app.{resource.path} where id = %s"):
        with serving.transaction():
            bound(serving, realm.org)
            assert serving.execute(sql, (strange,)).rowcount == 0


def test_what_happened_cannot_be_rewritten(serving, realm):
    for sql in ("update app.events set type = 'created'", "delete from app.events"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), serving.transaction():
            bound(serving, realm.org)
            serving.execute(sql)


def test_references_cannot_cross(serving, realm):
    """The foreign keys carry the organisation."""
    for resource in EACH:
        for field in resource.fields:
            if field.type == "ref":
                with pytest.raises((psycopg.errors.ForeignKeyViolation, psycopg.errors.CheckViolation)), serving.transaction():
                    bound(serving, realm.org)
                    serving.execute(f"update app.{resource.path} set {field.name} = %s where id = %s",
                                    (realm.strange[field.refers], realm.reference(resource.path)))


def test_the_serving_role_makes_nothing(serving, realm):
    for sql in ("create table app.x (a int)", "create schema x", "create function app.x() returns int language sql return 1",
                "set role steward_owner", "alter role steward_app superuser", "create role x",
                "drop view app.accounts", "alter view app.accounts owner to steward_app"):
        with pytest.raises(psycopg.errors.Error):
            serving.execute(sql)
