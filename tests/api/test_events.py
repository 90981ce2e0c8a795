"""Partitions of events: there is one for each moment to come, and an event is never without a place."""

import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from harness.cluster import OWNER, SERVING
from harness.server import Server, run_command

AHEAD = 3  # months
PARTITIONS = """
    select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'steward.events'::regclass order by 1"""


def month(ahead):
    """The first moment of a month from now."""
    now = datetime.now(timezone.utc)
    number = now.year * 12 + now.month - 1 + ahead
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=timezone.utc)


def name_of(moment):
    return f"events_{moment:%Y_%m}"


def uuid7(moment, tail):
    milliseconds = round(moment.timestamp() * 1000)
    return uuid.UUID(f"{milliseconds:012x}7{tail}")


LEAST, MOST = "000" + "8" + "0" * 15, "fff" + "b" + "f" * 15


@pytest.fixture
def later(cluster, world):
    """A database that nobody has looked after since the last month: of its partitions only the default one and that month's
    are left."""
    cluster.create_database("later")
    run_command("migrate", settings={"STEWARD_ADMIN_DATABASE_URL": cluster.url(OWNER, "later")})
    with cluster.connect(database="later") as connection:
        for (name,) in connection.execute("select name from (" + PARTITIONS + ") p where name <> 'events_default'").fetchall():
            connection.execute(f"drop table steward.{name}")
        last, this = month(-1), month(0)
        connection.execute(f"create table {name_of(last)} partition of events for values from (steward.uuid_floor('{last}')) "
                           f"to (steward.uuid_floor('{this}'))")
        yield connection
    cluster.drop_database("later")


def put(connection, moment, tail):
    """Into which partition an event of that moment goes."""
    return connection.execute(
        "insert into events (org_id, id, actor_kind, resource, record_id, type, version) "
        "values (gen_random_uuid(), %s, 'system', 'accounts', gen_random_uuid(), 'created', 1) returning tableoid::regclass::text",
        (uuid7(moment, tail),)).fetchone()[0].removeprefix("steward.")


def names(connection):
    return {name for name, _ in connection.execute(PARTITIONS).fetchall()}


def test_who_serves_makes_the_partitions_ahead(later, cluster, settings, run_folder):
    assert put(later, month(1), LEAST) == "events_default", "without its partition an event has a place all the same"
    wanted = {"events_default", *(name_of(month(ahead)) for ahead in (-1, 0, 2, 3))}
    server = Server({**settings, "STEWARD_DATABASE_URL": cluster.url(SERVING, "later")}, run_folder / "partitions.log")
    try:
        server.start()
        end = time.monotonic() + 20
        while names(later) != wanted:
            assert time.monotonic() < end, names(later)
            time.sleep(0.1)
        server.stop()
    finally:
        server.kill()
    assert put(later, month(1), MOST) == "events_default", "the month that began there goes on there"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/Los_Angeles"])
def test_each_moment_to_come_has_its_partition(later, zone):
    later.execute(f"set timezone = '{zone}'")
    later.execute("select app.events_extend(%s)", (AHEAD,))
    later.execute("select app.events_extend(%s)", (AHEAD,))
    for ahead in range(-1, AHEAD + 1):
        first, end = month(ahead), month(ahead + 1)
        moments = [first, first + timedelta(days=14), end - timedelta(milliseconds=1)]
        for moment in moments:
            assert {put(later, moment, LEAST), put(later, moment, MOST)} == {name_of(first)}, moment
    assert put(later, month(AHEAD + 1), LEAST) == "events_default"


def test_two_years_ahead_at_most_and_over_the_turn_of_years(later):
    later.execute("select app.events_extend(1000)")
    assert names(later) == {"events_default", *(name_of(month(ahead)) for ahead in range(-1, 25))}
