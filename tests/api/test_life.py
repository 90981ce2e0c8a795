"""A database through its life: upgraded from every version, migrated while it is used and while the migration is killed, saved
and restored. STEWARD_LIFE_ACCOUNTS: how many accounts it has, 4000. STEWARD_LIFE_OLDER: the program of an older version.
tests/life/long.sh sets both."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from harness.cluster import OWNER, SERVING, Cluster, as_postgres
from harness.demo import demo_organization
from harness.server import ROOT, Server, binary, command_line, environment, run_command
from harness.waiting import until
from importing import found, signed_in
from loads import Load, loaded

ACCOUNTS = int(os.environ.get("STEWARD_LIFE_ACCOUNTS", "4000"))
MIGRATIONS = sorted((ROOT / "migrations").glob("*.sql"))
READING = 0.8 if ACCOUNTS < 100_000 else 7.0  # seconds in which somebody holds all tables, again and again
pytestmark = pytest.mark.timeout(300 + ACCOUNTS // 100)

# What is compared has nothing of the moment it was made in.
SECRET_OF_DUMP = ("\\restrict", "\\unrestrict")
FILL = """
set session_replication_role = replica;
insert into steward.accounts (org_id, id, name, kind, industry, city, employee_count, owner_id, external_ids)
select o.id, app.uuid7(), (array['上海钢铁贸易', '海河', 'Globex', 'Umbra'])[i % 4 + 1] || ' ' || i, 'company', 'retail', 'Lyon', i % 20000,
       u.id, jsonb_build_object('erp', 'E' || i)
from steward.organizations o join steward.users u on u.org_id = o.id cross join generate_series(1, {count}) i;
insert into steward.external_ids (org_id, resource, source, key, record_id)
select org_id, 'accounts', 'erp', external_ids ->> 'erp', id from steward.accounts where external_ids ? 'erp';
insert into steward.events (org_id, id, actor_kind, resource, record_id, type, version, after)
select org_id, app.uuid7(), 'system', 'accounts', id, 'created', 1, '{{}}' from steward.accounts where external_ids ? 'erp';
analyze;
"""


class Place(Cluster):
    """A cluster whose databases come and go."""

    def admin(self, database):
        return {"STEWARD_ADMIN_DATABASE_URL": self.url(OWNER, database)}

    def steward(self, database, *words):
        return run_command(*words, settings=self.admin(database), timeout=3600).stdout

    def dump(self, database, *options):
        """What pg_dump says of it."""
        done = subprocess.run([f"{self.bin}/pg_dump", "-d", self.url("postgres", database), *options], check=True, text=True,
                              capture_output=True)
        return [line for line in done.stdout.splitlines() if not line.startswith(SECRET_OF_DUMP)]

    def schema(self, database):
        return self.dump(database, "--schema-only")

    def superuser(self, database):
        return self.connect("postgres", database)


@pytest.fixture(scope="module")
def place():
    made = Place()
    try:
        made.start()
        made.steward("steward", "migrate")
        made.let_serve()
        yield made
    finally:
        made.stop()


@pytest.fixture
def database(place, request):
    """The name of an empty one."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)[:60].lower()
    place.create_database(name)
    yield name
    place.drop_database(name)


@pytest.fixture
def serve(place, settings, run_folder, request):
    """serve(database) starts a server, `without` settings that an older one does not know; it must stop well in the end."""
    started = []

    def start(database, at=place, program=None, without=()):
        log = run_folder / f"{request.node.name}-{len(started)}.log".replace("/", "_")
        known = {name: value for name, value in settings.items() if name not in without}
        started.append(Server({**known, "STEWARD_DATABASE_URL": at.url(SERVING, database)}, log, program=program))
        return started[-1].start()
    yield start
    try:
        for server in started:
            server.stop()
    finally:
        for server in started:
            server.kill()


def begin(*words, settings=None):
    return subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment(settings or {}))


def migrating(place, database, files):
    """A run of these files' migrations by what steward migrate does with its own."""
    return begin(Path(binary()).parent / "migrate_files", place.url(OWNER, database), *files)


def migrate(place, database, files):
    """The names of what it applied."""
    run = migrating(place, database, files)
    said, complained = run.communicate(timeout=3600)
    assert run.returncode == 0, complained
    return [line.removeprefix("applied ") for line in said.splitlines()]


def columns(connection):
    """{table: its columns} of what migrations made, but for what tells which of them."""
    rows = connection.execute(
        "select c.relname, array_agg(quote_ident(a.attname) order by a.attnum) from pg_class c join pg_namespace n on n.oid = "
        "c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' "
        "where n.nspname = 'steward' and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'schema_migrations' "
        "group by c.relname").fetchall()
    return {name: list(of) for name, of in rows}


def content(connection, tables):
    """{table: (rows, a sum over all that stands in those columns)}"""
    return {name: connection.execute(
        f"select count(*), sum(hashtextextended(row({', '.join(of)})::text, 0)::numeric) from steward.{name}").fetchone()
        for name, of in tables.items()}


def check_sound(place, database):
    assert place.steward(database, "check").splitlines()[-1] == "0 findings"
    with place.superuser(database) as connection:
        assert connection.execute("select indexrelid::regclass::text from pg_index where not indisvalid").fetchall() == []


# ---- from every version ----

@pytest.fixture(scope="module")
def demo(run_folder):
    """A connection to the database of the demo organization."""
    with demo_organization(run_folder / "demo.log") as folder, \
            psycopg.connect(f"dbname=postgres port=5432 user=steward host={folder}/postgres", autocommit=True) as connection:
        yield connection


def copy(source, target, tables):
    target.execute("set session_replication_role = replica")
    for name, of in tables.items():
        target.execute(f"delete from steward.{name}")
        with source.cursor().copy(f"copy (select {', '.join(of)} from steward.{name}) to stdout") as taken, \
                target.cursor().copy(f"copy steward.{name} ({', '.join(of)}) from stdin") as given:
            for piece in taken:
                given.write(piece)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_every_version_becomes_the_newest(place, database, demo, version):
    """With the rows of the demo organization in what that version had: the same database as a new one, and nothing lost."""
    assert len(migrate(place, database, MIGRATIONS[:version])) == version
    with place.superuser(database) as connection:
        newest = columns(demo)
        there = {name: [column for column in of if column in newest[name]]
                 for name, of in columns(connection).items() if name in newest}
        copy(demo, connection, there)
        before = content(connection, there)
        assert before["organizations"][0] == 1 and before["events"][0] > 1000 and (version < 3 or before["accounts"][0] > 100)
        assert place.steward(database, "migrate").splitlines() == [
            *(f"applied {file.stem}" for file in MIGRATIONS[version:]), f"the database is at version {len(MIGRATIONS)}"]
        assert content(connection, there) == before == {name: content(demo, {name: of})[name] for name, of in there.items()}
    assert place.schema(database) == place.schema("steward")
    check_sound(place, database)


# ---- while it is used ----

class Accounts(Load):
    path, changed = "/v1/accounts", "employee_count"
    steps = ("read", "page", "search", "create", "change", "convert")

    def convert(self):
        lead = self.api.create("/v1/leads", name=f"Lead {self.counts['convert']}", company="Load Ltd")
        self.api.post(f"/v1/leads/{lead['id']}/conversion", json={}, expect=200)


def filled(place, database):
    with place.superuser(database) as connection:
        connection.execute(FILL.format(count=ACCOUNTS))


class Reader(threading.Thread):
    """As pg_dump does, it holds every table for some time, again and again."""

    def __init__(self, place, database, seconds):
        super().__init__()
        self.url, self.seconds, self.ended, self.rounds = place.url("postgres", database), seconds, threading.Event(), 0

    def run(self):
        while not self.ended.is_set():
            with contextlib.suppress(psycopg.errors.UndefinedTable), psycopg.connect(self.url) as connection:
                tables = connection.execute("select format('%I.%I', schemaname, tablename) from pg_tables "
                                            "where schemaname = 'steward'").fetchall()
                connection.execute(f"lock table {', '.join(name for name, in tables)} in access share mode")
                self.ended.wait(self.seconds)
                self.rounds += 1
            self.ended.wait(0.5)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def killed_again_and_again(start):
    """start() begins a run, which is killed some moments later, and so on, each later than before, until one comes to its end.
    Gives how many were killed."""
    moment, killed = 0.2, 0
    while True:
        run = start()
        try:
            assert run.wait(moment) == 0, run.stderr.read()
            return killed
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            moment, killed = moment * 1.5, killed + 1


def tell(what, killed, loads):
    print(f"{what}, {ACCOUNTS} accounts: killed {killed} times, {sum(sum(one.counts.values()) for one in loads)} requests, none "
          f"failed, the slowest {max(one.slowest for one in loads):.2f} s")


def later(folder):
    """Migrations yet to come, of each sort, numbered on from those that are there."""
    files = []
    for number, file in enumerate(sorted((ROOT / "tests/life/later").glob("*.sql")), len(MIGRATIONS) + 1):
        files.append(Path(shutil.copy(file, folder / f"{number:04}_{file.stem[2:]}.sql")))
    return [*MIGRATIONS, *files]


def test_migrations_under_load(place, database, serve, tmp_path):
    """No request fails, whenever they are killed; to run them once more changes nothing."""
    place.steward(database, "migrate")
    server = serve(database)
    boss = found(server, place.admin(database), "life")
    filled(place, database)
    files = later(tmp_path)
    with loaded(server, boss, Accounts) as loads, Reader(place, database, READING):
        time.sleep(1)
        killed = killed_again_and_again(lambda: migrating(place, database, files))
        assert migrate(place, database, files) == []
        time.sleep(1)
    tell("migrations to come", killed, loads)
    assert killed >= 3
    with place.superuser(database) as connection:
        assert connection.execute("select count(*) filter (where nickname is null), count(*) filter (where external_ids ? 'erp') "
                                  "from steward.accounts where name not like 'Load%'").fetchone() == (0, ACCOUNTS)
    place.create_database("as_new")
    assert len(migrate(place, "as_new", files)) == len(files)
    assert place.schema(database) == place.schema("as_new")
    place.drop_database("as_new")
    check_sound(place, database)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_deadlock_is_not_the_clients(cluster, admin, method):
    """Between whoever writes an account and a migration that wants the table, then the view: the server's statement is the one
    that PostgreSQL ends."""
    path = "/v1/accounts" if method == "POST" else f"/v1/accounts/{admin.create('/v1/accounts', name='Deadlock')['id']}"
    waits = "select exists (select from pg_locks where relation = %s::regclass and not granted)"
    with cluster.connect("postgres") as watcher, cluster.connect("postgres") as migration, ThreadPoolExecutor(1) as pool, \
            contextlib.ExitStack() as done:
        migration.execute("set deadlock_timeout = '60s'")
        with migration.transaction():
            migration.execute("lock table steward.accounts in access exclusive mode")
            asked = pool.submit(admin.request, method, path, json={"name": "Deadlocked"}, headers={"If-Match": "*"})
            done.callback(asked.result)
            until(lambda: watcher.execute(waits, ("steward.accounts",)).fetchone()[0])
            migration.execute("lock table app.accounts in access exclusive mode")  # granted once the server's was ended
        reply = asked.result()
    assert reply.status_code == (201 if method == "POST" else 200), reply.text
    assert reply.json()["name"] == "Deadlocked" and reply.json()["version"] == (1 if method == "POST" else 2)


def test_an_older_server_is_upgraded(place, database, serve):
    """It goes on while the database becomes the newest, and until the new server has taken its place."""
    older = os.environ.get("STEWARD_LIFE_OLDER")
    if not older:
        pytest.skip("STEWARD_LIFE_OLDER is not set")
    admin = place.admin(database)
    before = begin(older, "migrate", settings=admin).communicate()[0].splitlines()[-1]
    assert before != f"the database is at version {len(MIGRATIONS)}"
    old = serve(database, program=older, without=("STEWARD_SECCOMP",))
    boss = found(old, admin, "life")
    filled(place, database)
    with loaded(old, boss, Accounts) as loads, Reader(place, database, READING):
        time.sleep(1)
        killed = killed_again_and_again(lambda: begin(*command_line("migrate"), settings=admin))
        assert place.steward(database, "migrate") == f"the database is at version {len(MIGRATIONS)}\n"
        new = serve(database)
        with loaded(new, boss, Accounts):
            time.sleep(2)
    tell(before, killed, loads)
    old.stop()
    assert place.schema(database) == place.schema("steward")
    check_sound(place, database)


# ---- saved and restored ----

def check_served(server, boss, names, ids):
    """What was there before it was saved is there, by the tokens and passwords of then."""
    api = signed_in(server, boss.slug, boss.email, boss.password)
    for record in ids:
        api.get(f"/v1/accounts/{record}")
    assert api.get("/v1/accounts/by-external-id/erp/E7").json()["name"].endswith(" 7")
    assert {row["name"] for row in api.all("/v1/accounts", {"q": "Load", "limit": 200})} >= set(names)
    api.token = boss.token
    made = api.create("/v1/accounts", name="Restored")
    assert api.get(f"/v1/accounts/{made['id']}").json() == made
    api.close()


@pytest.fixture
def used(place, database, serve):
    """A database while it is used: (boss, names of what was created before, ids)."""
    place.steward(database, "migrate")
    server = serve(database)
    boss = found(server, place.admin(database), "life")
    filled(place, database)
    with loaded(server, boss, Accounts) as loads:
        time.sleep(1.5)
        yield boss, [name for one in loads for name in one.names[:-1]], [one.record for one in loads]
        time.sleep(0.5)


def bare(lines):
    """PostgreSQL writes what it has read from a dump with fewer parentheses."""
    return [line.replace("(", "").replace(")", "") for line in lines]


def test_a_dump_is_restored(place, database, used, serve, tmp_path):
    """By pg_dump, while it is used, into another cluster."""
    boss, names, ids = used
    subprocess.run([f"{place.bin}/pg_dump", "-Fc", "-d", place.url("postgres", database), "-f", tmp_path / "dump"], check=True)
    other = Place()
    try:
        other.start()
        with other.superuser("postgres") as connection:
            connection.execute(f"create role {SERVING} login")
        subprocess.run([f"{place.bin}/pg_restore", "--exit-on-error", "-d", other.url(OWNER), tmp_path / "dump"], check=True)
        assert bare(other.schema("steward")) == bare(place.schema(database))
        check_sound(other, "steward")
        assert other.steward("steward", "migrate") == f"the database is at version {len(MIGRATIONS)}\n"
        server = serve("steward", at=other)
        check_served(server, boss, names, ids)
        check_sound(other, "steward")
        server.stop()
    finally:
        other.stop()


def test_a_base_backup_is_restored(place, database, used, serve):
    """By pg_basebackup, while it is used."""
    boss, names, ids = used
    other = Place()
    try:
        subprocess.run(as_postgres([f"{place.bin}/pg_basebackup", "-h", place.folder, "-U", "postgres", "-D", other.data,
                                    "--checkpoint=fast", "--no-sync"]), check=True, cwd=other.folder)
        other.configure({"unix_socket_directories": other.folder})
        other.resume()
        check_sound(other, database)
        server = serve(database, at=other)
        check_served(server, boss, names, ids)
        server.stop()
    finally:
        other.stop()
