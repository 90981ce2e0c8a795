"""Reads from a hot standby: who is served by it, and that nobody misses what they wrote themselves."""

import os
import re
import threading
import time
import uuid

import pytest

from harness.client import Api, Session
from harness.cluster import SERVING, Cluster, Standby
from harness.server import Server, run_command
from harness.waiting import until
from importing import start, wait

WAITING = "select count(*) from pg_stat_activity where application_name = 'steward' and wait_event_type = 'Lock'"
ACCOUNTS = {"collection": "accounts", "mode": "upsert", "source": "sheet", "key_column": "key",
            "columns": [{"column": "name", "field": "name"}]}
PATIENT, STRICT = "60000", "300"  # STEWARD_DATABASE_READ_LAG_MS


@pytest.fixture(scope="module")
def standby(cluster, world):
    made = Standby(cluster)
    try:
        made.start({"max_standby_streaming_delay": "50ms"})
        yield made
    finally:
        made.stop()


class Caller(Api):
    """A user's way to one server."""

    def names(self, word, **arguments):
        """Names of accounts that begin with the word, by a list."""
        return [row["name"] for row in self.get("/v1/accounts", params={"name[starts]": word}, **arguments).json()["data"]]


class Place:
    """A server that reads from the standby."""

    def __init__(self, server, recorder, world):
        self.server, self.recorder, self.world = server, recorder, world
        self.writer, self.reader = self.enter("admin"), self.enter("director")

    def enter(self, role):
        user = self.world.users["acme", role]
        session = Session(self.server.url, self.recorder, "acme", user.email, user.password)
        caller = Caller(self.server.url, self.recorder, session.token)
        session.token()
        return caller

    def metric(self, name):
        text = self.reader.http.get("/metrics").text
        return sum(float(value) for value in re.findall(rf"^steward_db_{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def uses_standby(self):
        """Whether one more list is served by it."""
        before = self.metric("replica_reads_total")
        self.reader.names("nobody")
        end = time.monotonic() + 0.6  # the figures of a loop are told four times a second
        while self.metric("replica_reads_total") == before and time.monotonic() < end:
            time.sleep(0.03)
        return self.metric("replica_reads_total") > before


@pytest.fixture(scope="module")
def places(standby, world, settings, recorder, run_folder):
    """Two servers with a patient bound and one with a strict one, over the same two databases."""
    made = {}
    try:
        for name, bound in (("one", PATIENT), ("two", PATIENT), ("strict", STRICT)):
            made[name] = Server({**settings, "STEWARD_DATABASE_READ_URL": standby.url(SERVING),
                                 "STEWARD_DATABASE_READ_LAG_MS": bound}, run_folder / f"replica-{name}.log")
            made[name].start()
        yield {name: Place(server, recorder, world) for name, server in made.items()}
        for server in made.values():
            server.stop()
    finally:
        for server in made.values():
            server.kill()


@pytest.fixture
def held(standby, places):
    """The standby stays behind for the length of a test."""
    until(lambda: all(place.uses_standby() for place in places.values()))
    standby.catch_up()
    standby.hold()
    yield standby
    standby.go_on()


@pytest.mark.subset
def test_who_wrote_sees_it_and_others_may_wait(places, held):
    place, word = places["one"], uuid.uuid4().hex
    made = place.writer.create("/v1/accounts", name=f"{word} a")
    for _ in range(5):
        assert place.reader.names(word) == [], "another reads from the standby"
        assert place.writer.names(word) == [f"{word} a"]
        place.writer.patch(f"/v1/accounts/{made['id']}", {"city": uuid.uuid4().hex}, expect=200)
    assert place.uses_standby()
    # one record is the primary's business, and so is its history when the standby does not know it
    assert place.reader.get(f"/v1/accounts/{made['id']}").json()["name"] == f"{word} a"
    assert place.reader.get(f"/v1/accounts/{made['id']}/history").json()["data"]
    held.go_on()
    until(lambda: place.reader.names(word) == [f"{word} a"])
    assert place.writer.names(word) == [f"{word} a"]
    until(place.uses_standby)


def test_searches_aggregates_and_parts_too(places, held):
    place, word = places["one"], uuid.uuid4().hex
    account = place.writer.create("/v1/accounts", name=f"{word} b")
    filtered = {"filter": {"name": {"starts": word}}}
    ask = {
        "search": lambda api: len(api.post("/v1/accounts/search", filtered, expect=200).json()["data"]),
        "count": lambda api: api.get("/v1/accounts", params={"name[starts]": word, "count": "exact"}).json()["total"],
        "aggregate": lambda api: api.post("/v1/accounts/aggregate", filtered, expect=200).json()["data"][0]["count"],
    }
    for name, count in ask.items():
        assert (count(place.reader), count(place.writer)) == (0, 1), name
    place.writer.create("/v1/contacts", name="part", account_id=account["id"])
    assert place.writer.get("/v1/contacts", params={"account_id": account["id"]}).json()["data"]
    assert not place.reader.get("/v1/contacts", params={"account_id": account["id"]}).json()["data"]


def test_a_write_in_a_transaction_counts_as_well(places, held):
    place, word = places["one"], uuid.uuid4().hex
    key = {"Idempotency-Key": uuid.uuid4().hex}
    made = place.writer.post("/v1/accounts", {"name": f"{word} c"}, expect=201, headers=key)
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", made.headers["steward-position"])
    assert place.writer.names(word) == [f"{word} c"] and place.reader.names(word) == []


def test_far_behind_everybody_reads_the_primary(places, held):
    word = uuid.uuid4().hex
    places["one"].writer.create("/v1/accounts", name=f"{word} d")
    until(lambda: places["strict"].reader.names(word) == [f"{word} d"])
    until(lambda: not places["strict"].uses_standby())
    assert places["strict"].metric("replica_lag_seconds") > 0.3
    assert places["one"].reader.names(word) == []


def test_the_position_goes_along_to_another_process(places, held):
    one, two, word = places["one"], places["two"], uuid.uuid4().hex
    reply = one.writer.post("/v1/accounts", {"name": f"{word} e"}, expect=201)
    position = {"Steward-Position": reply.headers["steward-position"]}
    assert two.writer.names(word) == [], "the other process knows nothing of it"
    assert two.writer.names(word, headers=position) == [f"{word} e"]
    assert two.reader.names(word, headers=position) == [f"{word} e"], "whoever was told of it may ask"
    # an earlier one than the caller's own changes nothing
    assert one.writer.names(word, headers={"Steward-Position": "0/0"}) == [f"{word} e"]
    assert "steward-position" not in one.writer.get("/v1/accounts").headers
    refused = one.writer.post("/v1/accounts?dry_run=true", {"name": "not kept"}, expect=201)
    assert "steward-position" not in refused.headers


@pytest.mark.parametrize("value", ["x", "0", "1/", "/1", "0/123456789", "1/2/3", "0x1/2", "-1/2"])
def test_no_position(places, admin, value):
    for caller in (places["one"].writer, admin):
        reply = caller.get("/v1/accounts", expect=400, headers={"Steward-Position": value})
        caller.problem(reply, 400, "invalid_parameter", "Steward-Position")


def test_what_a_job_did_is_seen_by_who_asked_for_it(places, standby, cluster):
    """By way of the process that did it; who that is shows its log."""
    done = []
    while not done:
        word = uuid.uuid4().hex
        with cluster.connect("postgres") as locks:
            locks.autocommit = False
            locks.execute("lock table steward.accounts in share mode")
            made = start(places["one"].writer, ACCOUNTS, f"key,name\n{word},{word} f\n")
            standby.catch_up()
            standby.hold()
            locks.rollback()
        try:
            wait(places["one"].writer, made)
            time.sleep(0.1)
            done = [place for place in places.values() if place is not places["strict"] and
                    any(f"job {made} " in line for line in place.server.log_lines())]
            for place in done:
                assert place.reader.names(word) == []
                assert place.writer.names(word) == [f"{word} f"]
        finally:
            standby.go_on()


def test_a_read_that_recovery_cancels_is_asked_of_the_primary(places, standby, cluster):
    place = places["one"]
    until(place.uses_standby)
    fallbacks = place.metric("replica_fallbacks_total")
    answers = []
    asks = threading.Thread(target=lambda: answers.append(
        place.reader.request("GET", "/v1/contacts", params={"account.name[starts]": "z"}).status_code))
    with cluster.connect("postgres") as locks, cluster.connect("postgres") as other:
        locks.autocommit = False

        def lock(table):
            locks.execute(f"lock table steward.{table} in access exclusive mode")
            other.execute("select pg_logical_emit_message(true, 'test', 'sends the lock along')")
        lock("accounts")
        standby.catch_up()
        asks.start()
        until(lambda: standby.ask(WAITING))
        lock("contacts")
        until(lambda: other.execute(WAITING).fetchone()[0])
        locks.rollback()
    asks.join(20)
    assert answers == [200]
    until(lambda: place.metric("replica_fallbacks_total") > fallbacks)


@pytest.mark.subset
def test_without_the_standby_reads_go_on(places, standby):
    place = places["one"]
    until(place.uses_standby)
    seen, ended = set(), threading.Event()

    def ask():
        caller = place.enter("director")
        while not ended.is_set():
            seen.add(caller.request("GET", "/v1/accounts").status_code)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: seen)
        standby.pause("immediate")
        until(lambda: not place.uses_standby())
        place.reader.get("/readyz", expect=200)
        standby.resume()
        until(place.uses_standby)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert seen == {200}


@pytest.fixture(scope="module")
def stranger(world):
    """Another cluster: the same schema and, with the same id, an organisation with rows of its own; its log is far ahead."""
    made = Cluster()
    try:
        made.start()
        run_command("migrate", settings={"STEWARD_ADMIN_DATABASE_URL": made.url("steward_owner")})
        made.let_serve()
        with made.connect() as connection:
            connection.execute("insert into organizations (id, slug, name) values (%s, 'acme', 'Acme')",
                               (world.organizations["acme"],))
        made.pause()
        made.leap()
        made.resume()
        yield made
    finally:
        made.stop()


def plant(cluster, world, word):
    """A row that only this cluster has."""
    with cluster.connect("postgres") as connection:
        connection.execute("insert into accounts (org_id, id, name) values (%s, app.uuid7(), %s)",
                           (world.organizations["acme"], f"{word} foreign"))


def never_read(place, why):
    """Whoever asks gets what the primary has, although the other one answers."""
    until(lambda: any(why in line for line in place.server.log_lines()))
    word = uuid.uuid4().hex
    place.plant(word)
    place.writer.create("/v1/accounts", name=f"{word} own")
    for caller in (place.reader, place.writer, place.enter("director")):
        for headers in ({}, {"Steward-Position": "0/1"}):
            assert caller.names(word, headers=headers) == [f"{word} own"]
        filtered = {"filter": {"name": {"starts": word}}}
        assert caller.post("/v1/accounts/aggregate", filtered, expect=200).json()["data"][0]["count"] == 1
        assert [row["name"] for row in caller.get("/v1/accounts", params={"q": word}).json()["data"]] == [f"{word} own"]
    assert not place.uses_standby()
    return word


@pytest.fixture
def misled_to(start_server, recorder, world):
    """misled_to(cluster): a Place whose URL of the standby leads to that cluster, where its rows are planted."""
    def make(cluster):
        place = Place(start_server(STEWARD_DATABASE_READ_URL=cluster.url(SERVING), STEWARD_DATABASE_READ_LAG_MS=PATIENT),
                      recorder, world)
        place.plant = lambda word: plant(cluster, world, word)
        return place
    return make


def test_another_cluster_is_never_read(stranger, misled_to):
    place = misled_to(stranger)
    never_read(place, "the read replica is not used: internal it is not a copy of the primary")
    assert place.metric("replica_reads_total") == 0
    assert "replica_lag_seconds" not in place.reader.http.get("/metrics").text, "how old it is cannot be said"


def test_another_cluster_that_takes_the_standby_s_place_is_never_read(places, standby, stranger, world):
    place = places["one"]
    place.plant = lambda word: plant(stranger, world, word)
    until(place.uses_standby)
    standby.pause()
    stranger.pause()
    stranger.configure({"unix_socket_directories": f"{stranger.folder},{standby.folder}"})
    stranger.resume()
    try:
        never_read(place, "the read replica is not used: internal it is not a copy of the primary")
    finally:
        stranger.pause()
        stranger.configure({"unix_socket_directories": stranger.folder})
        stranger.resume()
        standby.resume()
    until(place.uses_standby)


@pytest.fixture(params=["promoted", "started without its signal file"])
def former(cluster, world, request):
    """What was a standby of ours and has since written by itself, more than its primary."""
    made = Standby(cluster)
    try:
        made.start()
        if request.param == "promoted":
            made.promote()
        else:
            made.pause()
            os.remove(f"{made.data}/standby.signal")
            made.resume()
        with made.connect("postgres") as connection:
            for _ in range(4):
                connection.execute("select pg_logical_emit_message(false, 'test', 'something'), pg_switch_wal()")
        yield made
    finally:
        made.stop()


def test_a_standby_that_became_a_primary_of_its_own_is_not_read(former, misled_to):
    place = misled_to(former)
    never_read(place, "the read replica is not used: internal it ")
    assert place.metric("replica_reads_total") == 0


def test_a_standby_that_is_promoted_while_it_is_read(cluster, misled_to):
    made = Standby(cluster)
    try:
        made.start()
        place = misled_to(made)
        until(place.uses_standby)
        made.promote()
        with made.connect("postgres") as connection:
            connection.execute("select pg_logical_emit_message(false, 'test', 'something'), pg_switch_wal()")
        never_read(place, "the read replica is not used: internal it does not follow the primary's timeline")
    finally:
        made.stop()


def test_after_a_failover_a_standby_of_the_old_primary_is_not_read(cluster, standby, start_server, recorder, world):
    """Its positions are beyond those of the new primary, whose writes it does not get."""
    new = Standby(cluster)
    try:
        new.start()
        new.promote()
        with cluster.connect("postgres") as connection:
            connection.execute("select pg_logical_emit_message(false, 'test', repeat('something', 1000))")
        standby.catch_up()
        place = Place(start_server(STEWARD_DATABASE_URL=new.url(SERVING), STEWARD_DATABASE_READ_URL=standby.url(SERVING),
                                   STEWARD_DATABASE_READ_LAG_MS=PATIENT), recorder, world)
        place.plant = lambda word: plant(cluster, world, word)
        word = never_read(place, "the read replica is not used: internal it does not follow the primary's timeline")
        with cluster.connect("postgres") as connection:  # a row without its event, which steward check would find
            connection.execute("delete from accounts where name = %s", (f"{word} foreign",))
        place.server.stop()  # before its database goes
    finally:
        new.stop()


def test_after_a_failover_a_standby_of_the_new_primary_is_read(cluster, start_server, recorder, world):
    """Once its control file says that it follows, which a checkpoint there sees to."""
    new, other = Standby(cluster), Standby(cluster)
    try:
        new.start()
        other.start()
        with other.connect("postgres") as connection:
            connection.execute(f"alter system set primary_conninfo = 'host={new.folder} user=postgres'")
            connection.execute("select pg_reload_conf()")
        other.primary = new
        until(lambda: other.ask(f"select exists (select from pg_stat_wal_receiver where sender_host = '{new.folder}')"))
        new.catch_up()
        new.promote()
        place = Place(start_server(STEWARD_DATABASE_URL=new.url(SERVING), STEWARD_DATABASE_READ_URL=other.url(SERVING),
                                   STEWARD_DATABASE_READ_LAG_MS=PATIENT), recorder, world)
        new.ask("select pg_logical_emit_message(true, 'test', 'something')")
        with new.connect("postgres") as connection:
            connection.execute("checkpoint")
        other.catch_up()
        with other.connect("postgres") as connection:
            connection.execute("checkpoint")
        until(place.uses_standby)
        place.server.stop()
    finally:
        other.stop()
        new.stop()


def test_both_ways_may_lead_to_one_server(cluster, start_server, recorder, world):
    """As they do when the standby was promoted and nobody has made another."""
    place = Place(start_server(STEWARD_DATABASE_READ_URL=cluster.url(SERVING)), recorder, world)
    word = uuid.uuid4().hex
    place.writer.create("/v1/accounts", name=f"{word} g")
    until(place.uses_standby)
    assert place.reader.names(word) == place.writer.names(word) == [f"{word} g"]


def test_serve_without_a_standby_and_with_a_role_too_mighty(places, standby, settings, start_server, recorder, world):
    refused = run_command("serve", check=False, timeout=30,
                          settings={**settings, "STEWARD_PORT": "0", "STEWARD_DATABASE_READ_URL": standby.url("postgres")})
    assert refused.returncode != 0 and "STEWARD_DATABASE_READ_URL" in refused.stderr
    nowhere = standby.url(SERVING).replace(standby.folder, "/nowhere") + "&password=canary"
    alone = start_server(STEWARD_DATABASE_READ_URL=nowhere)
    assert Place(alone, recorder, world).reader.names("nobody") == []
    assert Place(alone, recorder, world).metric("replica_reads_total") == 0
    printed = run_command("config", settings={**settings, "STEWARD_DATABASE_READ_URL": nowhere}).stdout
    assert "STEWARD_DATABASE_READ_URL=" in printed and "canary" not in printed
