"""Several processes on one database behind HAProxy with the configuration of deploy/: what one of them is told holds at all."""

import contextlib
import hashlib
import json
import secrets
import threading
import time
import uuid

import httpx
import pytest

import importing
from harness.client import Api
from harness.haproxy import Haproxy, free_port
from harness.server import Server, sanitized
from harness.waiting import until
from importing import LEADS, found, leads_file, progress, start, wait
from loads import loaded

PROCESSES = 3
PROMPT = 3.0 if sanitized() else 1.0  # seconds in which a change of rights must be felt, at every process
DATABASE = "fleet"


def make_place(cluster, database):
    """A database of its own, so that no other server of the suite takes its jobs; gives the settings of its owner."""
    cluster.create_database(database)
    admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", database)}
    importing.run_command("migrate", settings=admin)
    return admin


@pytest.fixture(scope="module")
def place(cluster, world):
    return make_place(cluster, DATABASE)


class Fleet:
    def __init__(self, settings, folder, name):
        self.settings, self.folder, self.name = settings, folder, name
        self.servers, self.proxy, self.started = [], None, 0

    def start(self):
        self.servers = [self.launch(free_port()) for _ in range(PROCESSES)]
        self.proxy = Haproxy([server.port for server in self.servers], self.folder, f"{self.name}-haproxy").start()
        return self

    def launch(self, port):
        """Its name stands in the database's list of connections."""
        self.started += 1
        own = {"STEWARD_PORT": str(port),
               "STEWARD_DATABASE_URL": f"{self.settings['STEWARD_DATABASE_URL']}&application_name=process-{port}"}
        return Server({**self.settings, **own}, self.folder / f"{self.name}-{self.started}.log").start()

    @property
    def url(self):
        return self.proxy.url

    def stop(self):
        try:
            if self.proxy:
                self.proxy.stop()
            running = [server for server in self.servers if server.process.poll() is None]
            for server in running:
                server.terminate()
            for server in running:
                server.stop()
        finally:
            for server in self.servers:
                server.kill()

    def served(self, request_id):
        """The numbers of the processes whose log names the request."""
        return [number for number, server in enumerate(self.servers)
                if any(request_id in entry.values() for entry in server.log_entries())]


@pytest.fixture(scope="module")
def make_fleet(cluster, place, settings, run_folder):
    """with make_fleet(name, **settings) as fleet"""
    @contextlib.contextmanager
    def make(name, **changes):
        fleet = Fleet({**settings, "STEWARD_DATABASE_URL": cluster.url("steward_app", DATABASE), "STEWARD_LOOPS": "1",
                       "STEWARD_DATABASE_CONNECTIONS": "8", "STEWARD_TRUSTED_PROXIES": "127.0.0.1",
                       "STEWARD_DRAIN_DELAY_MS": "2000", **changes}, run_folder, f"fleet-{name}")
        try:
            yield fleet.start()
        finally:
            fleet.stop()
    return make


@pytest.fixture(scope="module")
def fleet(make_fleet):
    """The one of the tests that leave it whole."""
    with make_fleet("whole") as made:
        yield made


@pytest.fixture
def own_fleet(make_fleet, request):
    """One of the test alone."""
    with make_fleet(request.node.name) as made:
        yield made


@pytest.fixture(scope="module")
def boss(fleet, place):
    return found(fleet, place, "fleet")


@pytest.fixture
def each(fleet):
    """An Api without a token at each process, past HAProxy."""
    made = [Api(server.url) for server in fleet.servers]
    yield made
    for api in made:
        api.close()


@pytest.fixture
def owner(cluster, place):
    with cluster.connect(database=DATABASE) as connection:
        yield connection


@pytest.fixture
def credentials(boss):
    """(id, body of a sign-in) of a user of this test alone."""
    role = boss.get("/v1/roles?key=account_manager").json()["data"][0]["id"]
    email, password = f"{secrets.token_hex(6)}@fleet.example", secrets.token_urlsafe(15)
    user = boss.create("/v1/users", email=email, name="Person", role_id=role, password=password)
    return user["id"], {"organization": "fleet", "email": email, "password": password}


def login(api, credentials, expect=200, **arguments):
    return api.post("/v1/auth/login", json=credentials, expect=expect, **arguments).json()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def warm(each, token, path="/v1/me"):
    """Into the cache of every process."""
    for api in each:
        for _ in range(3):
            api.get(path, headers=bearer(token))


def soon_everywhere(each, holds, began):
    """Within the promised time of `began` at each process, and for good."""
    left = list(each)
    while left:
        left = [api for api in left if not holds(api)]
        assert not left or time.monotonic() < began + PROMPT, f"{len(left)} processes not within {PROMPT} s"
        time.sleep(0.01)
    assert all(holds(api) for api in each)


def refused(token):
    return lambda api: api.get("/v1/me", expect=(200, 401), headers=bearer(token)).status_code == 401


def at_once(calls):
    """Their answers, in order; all begin together."""
    answers, gate = [None] * len(calls), threading.Barrier(len(calls))

    def go(number):
        gate.wait()
        answers[number] = calls[number]()
    threads = [threading.Thread(target=go, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# ---- what all of them know ----

def test_requests_are_spread(fleet, boss):
    """Over new connections and over a kept one alike; each request reaches one process, under the id that the client gave."""
    boss.token()  # signs in
    for kept in (True, False):
        run, count = secrets.token_hex(4), 30
        for number in range(count):
            headers = {"X-Request-Id": f"{run}-{number}", **({} if kept else {"Connection": "close"})}
            assert boss.get("/v1/me", headers=headers).headers["x-request-id"] == f"{run}-{number}"
        served = [fleet.served(f"{run}-{number}") for number in range(count)]
        assert all(len(by) == 1 for by in served), served
        assert all(sum(by == [number] for by in served) >= count / PROCESSES / 2 for number in range(PROCESSES)), served


def test_a_rotated_refresh_token_is_spent_everywhere(each, credentials, owner):
    first = login(each[0], credentials[1])["refresh_token"]
    second = each[0].post("/v1/auth/refresh", json={"refresh_token": first}, expect=200).json()["refresh_token"]
    owner.execute("update refresh_tokens set used_at = used_at - interval '11 seconds' where hash = %s",
                  (hashlib.sha256(first[38:].encode()).hexdigest(),))
    assert each[1].post("/v1/auth/refresh", json={"refresh_token": first}, expect=401).json()["code"] == "invalid_token"
    # Whoever had the first one may have stolen it: what came of it has ended, wherever it is shown.
    assert each[2].post("/v1/auth/refresh", json={"refresh_token": second}, expect=401).json()["code"] == "invalid_token"


def test_logout_everywhere_is_felt_everywhere(each, credentials):
    sessions = [login(api, credentials[1])["access_token"] for api in each]
    for token in sessions:
        warm(each, token)
    each[0].post("/v1/auth/logout-all", expect=204, headers=bearer(sessions[1]))
    began = time.monotonic()
    for token in sessions:
        soon_everywhere(each, refused(token), began)


def test_a_disabled_user_is_out_everywhere(each, boss, credentials):
    token = login(each[0], credentials[1])["access_token"]
    warm(each, token)
    boss.patch(f"/v1/users/{credentials[0]}", json={"status": "disabled"}, expect=200)
    soon_everywhere(each, refused(token), time.monotonic())


def test_another_role_is_felt_everywhere(each, boss, credentials):
    token = login(each[0], credentials[1])["access_token"]
    warm(each, token, "/v1/me/access")
    role = boss.get("/v1/roles?key=admin").json()["data"][0]["id"]
    boss.patch(f"/v1/users/{credentials[0]}", json={"role_id": role}, expect=200)
    began = time.monotonic()

    def may_create_users(api):
        return api.get("/v1/me/access", headers=bearer(token)).json()["resources"]["users"]["create"] == "all"
    soon_everywhere(each, may_create_users, began)


def test_a_deleted_api_key_is_out_everywhere(each, boss, place):
    made = json.loads(importing.run_command("key", "create", "--org", "fleet", "--name", "form", "--source", "web", "--scopes",
                                            "leads:create,leads:read", settings=place).stdout)
    warm(each, made["key"])
    key, = [row for row in boss.all("/v1/api-keys") if row["name"] == "form"]
    boss.delete(f"/v1/api-keys/{key['id']}", expect=204)
    soon_everywhere(each, refused(made["key"]), time.monotonic())


def test_a_cursor_is_good_at_any_process(each, boss):
    made = [boss.create("/v1/leads", name=f"Cursor {number}")["id"] for number in range(7)]
    params, seen, turn = {"name[starts]": "Cursor ", "limit": 2}, [], 0
    headers = bearer(boss.token())
    while True:
        page = each[turn % PROCESSES].get("/v1/leads", params=params, headers=headers).json()
        seen += [row["id"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        params["cursor"], turn = page["next_cursor"], turn + 1
    assert turn == 3 and sorted(seen) == sorted(made)


@pytest.mark.parametrize("attempt", range(5))
def test_one_key_at_all_processes_at_once(each, boss, owner, attempt):
    name, sent = f"Once {attempt} {secrets.token_hex(4)}", {"Idempotency-Key": str(uuid.uuid4()), **bearer(boss.token())}

    def send(api):
        while True:
            reply = api.post("/v1/leads", json={"name": name}, headers=sent, expect=(201, 409))
            if reply.status_code == 201:
                return reply
            assert reply.json()["code"] == "idempotency_in_progress"
    replies = at_once([lambda api=api: send(api) for api in each])
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotency-replayed" not in reply.headers for reply in replies) == 1
    assert owner.execute("select count(*) from leads where name = %s", (name,)).fetchone()[0] == 1


def test_an_import_is_run_once(boss, owner):
    """Three runners look for jobs; each of ten is taken by one."""
    made = [start(boss, {**LEADS, "source": "once"}, leads_file(40, first=1000 * number)) for number in range(10)]
    for one in made:
        assert progress(wait(boss, one)) == (40, 0, 0, 0)
    assert owner.execute("select distinct fence, attempts, state from jobs where id = any(%s)", (made,)).fetchall() == \
        [(1, 0, "done")]
    assert owner.execute("select count(*) from leads where external_ids ? 'once'").fetchone()[0] == 400


# ---- guessing ----

def test_failed_sign_ins_are_counted_for_all_processes(make_fleet, place, owner):
    """Whoever guesses has no more tries for there being more processes. Success is not counted."""
    limit = 20
    with make_fleet("guessing", STEWARD_FAILED_SIGN_INS=limit) as fleet:
        boss = found(fleet, place, "guessing")
        good = {"organization": boss.slug, "email": boss.email, "password": boss.password}
        apis = [Api(server.url) for server in fleet.servers]

        def guess(api, number, client, **changes):
            headers = {"X-Forwarded-For": client}  # the suite calls from where HAProxy does
            return api.post("/v1/auth/login", json={**good, "password": f"guess {number}", **changes},
                            expect=(401, 429), headers=headers)
        for number in range(2 * limit):
            login(apis[number % PROCESSES], good, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        for changes in ("account", "address"):
            left = 10 - time.time() % 10  # windows are 10 seconds by the clock
            time.sleep(left if left < 6 else 0)
            replies = [guess(apis[number % PROCESSES], number,
                             f"198.51.100.{number}" if changes == "account" else "203.0.113.7",
                             **({} if changes == "account" else {"email": f"{number}@guessing.example"}))
                       for number in range(PROCESSES * limit)]
            statuses = [reply.status_code for reply in replies]
            assert statuses[:limit + 1] == [401] * (limit + 1)
            assert statuses[limit + 2:] == [429] * (PROCESSES * limit - limit - 2), changes
            assert 1 <= int(replies[-1].headers["retry-after"]) <= 10
        names = [name for name, in owner.execute("select name from sign_in_attempts").fetchall()]
        assert names and all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)
        for api in apis:
            api.close()


# ---- who calls ----

def clients(fleet, request_id):
    number, = fleet.served(request_id)
    return [entry["client"] for entry in fleet.servers[number].log_entries() if request_id in entry.values()]


def from_address(url, address, headers):
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address=address), trust_env=False) as http:
        assert http.get("/v1/me", headers=headers).status_code == 401  # who is turned away is logged with his address


LIES = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.8"}


def test_haproxy_tells_where_a_request_is_from(fleet):
    """What the client says of itself is worth nothing."""
    for headers in ({}, LIES, {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}):
        sent = str(uuid.uuid4())
        from_address(fleet.url, "127.0.0.77", {"X-Request-Id": sent, **headers})
        assert clients(fleet, sent) == ["127.0.0.77"]


def test_nobody_else_is_believed(fleet):
    """Past HAProxy, from an address that is not trusted."""
    sent = str(uuid.uuid4())
    from_address(fleet.servers[0].url, "127.0.0.78", {"X-Request-Id": sent, **LIES})
    assert clients(fleet, sent) == ["127.0.0.78"]


# ---- what HAProxy says by itself ----

def test_haproxy_answers_like_steward(own_fleet):
    api = Api(own_fleet.url)
    api.get("/metrics", expect=404)
    api.get("/%6detrics", expect=404)
    for server in own_fleet.servers:
        server.kill()
    sent = str(uuid.uuid4())
    reply = api.get("/v1/me", expect=503, headers={"X-Request-Id": sent})
    assert reply.json()["code"] == "unavailable" and reply.headers["x-request-id"] == sent
    api.get("/v1/me", expect=503, headers={"X-Request-Id": 'a"b'})
    api.close()


# ---- processes that come and go ----

def test_a_rolling_restart_fails_no_request(own_fleet, place):
    """Each process in turn is stopped by SIGTERM and started anew while four callers read and write, without keys and
    without repeating."""
    fleet, boss = own_fleet, found(own_fleet, place, "rolling")
    with loaded(fleet, boss) as loads:
        for number in range(PROCESSES):
            before = sum(one.counts["create"] for one in loads)
            fleet.servers[number].stop()
            assert sum(one.counts["create"] for one in loads) > before, "nothing went on meanwhile"
            fleet.servers[number] = fleet.launch(fleet.servers[number].port)
            time.sleep(1)  # until HAProxy has seen it
    # They had left before they stopped taking connections: nobody waited for a connection in vain either.
    assert fleet.proxy.tried_twice() == []


def test_a_killed_process_costs_nothing_that_cannot_be_repeated(own_fleet, place, owner):
    """Reads go on without a failure. What is written with a key happens once, whether HAProxy or the client repeats it."""
    fleet, boss = own_fleet, found(own_fleet, place, "killed")
    with loaded(fleet, boss, repeat=(502, 503)) as loads:
        for number in range(PROCESSES):
            time.sleep(0.5)
            fleet.servers[number].kill()
            time.sleep(0.5)
            fleet.servers[number] = fleet.launch(fleet.servers[number].port)
            time.sleep(1)
    names = [name for one in loads for name in one.names]
    rows = owner.execute("select name, count(*) from leads where name = any(%s) group by name", (names,)).fetchall()
    assert sorted(rows) == sorted((name, 1) for name in names)
    for one in loads:
        # each change made one version, and none was made twice
        assert owner.execute("select version from leads where id = %s", (one.record,)).fetchone()[0] == 1 + one.counts["change"]


@contextlib.contextmanager
def held(owner, name, key=4711):
    """While inside, whoever writes the lead of that name waits for us; gives the key of the lock it waits for."""
    owner.execute(f"create function hold() returns trigger language plpgsql as "
                  f"$$ begin perform pg_advisory_xact_lock({key}); return new; end $$")
    owner.execute(f"create trigger hold before insert on leads for each row when (new.name = '{name}') execute function hold()")
    owner.execute("select pg_advisory_lock(%s)", (key,))
    try:
        yield key
    finally:
        owner.execute("select pg_advisory_unlock(%s)", (key,))
        owner.execute("drop trigger hold on leads")
        owner.execute("drop function hold")


def waiting_for(fleet, owner, key):
    """The process whose connection waits for the lock of that key."""
    query = ("select application_name from pg_locks l join pg_stat_activity using (pid) "
             "where l.locktype = 'advisory' and l.objid = %s and not l.granted and datname = current_database()")
    names = set()
    until(lambda: names.update(name for (name,) in owner.execute(query, (key,))) or names)
    return next(server for server in fleet.servers if f"process-{server.port}" in names)


def test_the_runner_of_an_import_is_killed(make_fleet, cluster, world):
    """In the middle of a batch; another process takes it over where it stood, and every line is there once."""
    name = "fleet_runner"  # where no process of another fleet takes the job
    place = make_place(cluster, name)
    with make_fleet("runner", STEWARD_DATABASE_URL=cluster.url("steward_app", name)) as fleet, \
            cluster.connect(database=name) as owner:
        boss = found(fleet, place, "runner")
        with held(owner, "Person 4000") as key:
            going = start(boss, LEADS, leads_file(8000))
            waiting_for(fleet, owner, key).kill()
            assert 0 < boss.get(f"/v1/imports/{going}").json()["progress"]["lines"] <= 4000
        # as if its lease had run out
        owner.execute("update jobs set lease_until = now() - interval '1 second' where state = 'running'")
        row = wait(boss, going)
        assert row["state"] == "done" and progress(row) == (8000, 0, 0, 0)
        assert owner.execute("select fence, state from jobs").fetchall() == [(2, "done")]
        assert owner.execute("select count(*), count(distinct external_ids ->> 'sheet') from leads").fetchone() == (8000, 8000)
