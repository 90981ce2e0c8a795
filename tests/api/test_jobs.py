"""Jobs: who takes them, who has lost them, and what becomes of them when their worker or their owner goes."""

import signal
import threading
import time

import psycopg
import pytest

import importing
from harness.server import Server
from importing import LEADS, found, hire, leads_file, progress, run, start, wait

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def place(cluster, world):
    """A database of its own, so that no other server takes its jobs: (admin settings, name)."""
    cluster.create_database("jobs_apart")
    admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", "jobs_apart")}
    importing.run_command("migrate", settings=admin)
    return admin, "jobs_apart"


@pytest.fixture
def workers(cluster, place, settings, run_folder, request):
    """workers(): another server over that database."""
    made = []

    def more():
        own = {**settings, "STEWARD_DATABASE_URL": cluster.url("steward_app", place[1])}
        made.append(Server(own, run_folder / f"{request.node.name}-{len(made)}.log"))
        return made[-1].start()
    yield more
    try:
        for server in made:
            if server.process.poll() is None:
                server.stop()
    finally:
        for server in made:
            server.kill()


@pytest.fixture
def owner(cluster, place):
    with cluster.connect(database=place[1]) as connection:
        yield connection


def test_a_frozen_worker_is_overtaken_and_has_lost(place, workers, owner):
    """Within 60 s another process goes on; the frozen one, when it wakes, stores nothing more."""
    first = workers()
    boss = found(first, place[0], "frozen")
    going = start(boss, LEADS, leads_file(8000))
    wait(boss, going, lambda row: row["progress"]["lines"] >= 400)
    first.process.send_signal(signal.SIGSTOP)
    frozen = time.monotonic()
    second = workers()
    boss = importing.signed_in(second, "frozen", boss.email, boss.password)
    before = boss.get(f"/v1/imports/{going}").json()["progress"]["lines"]
    wait(boss, going, lambda row: row["progress"]["lines"] > before, seconds=70)
    assert time.monotonic() - frozen < 60
    first.process.send_signal(signal.SIGCONT)
    row = wait(boss, going)
    assert row["state"] == "done" and progress(row) == (8000, 0, 0, 0)
    assert owner.execute("select count(*), count(distinct external_ids ->> 'sheet') from leads").fetchone() == (8000, 8000)
    assert owner.execute("select fence, state from jobs").fetchall() == [(2, "done")]


@pytest.mark.subset
def test_stopping_gives_the_job_back(place, workers, owner):
    """A stop waits for one step, not for the lease."""
    first = workers()
    boss = found(first, place[0], "stopped")
    going = start(boss, LEADS, leads_file(8000))
    wait(boss, going, lambda row: row["progress"]["lines"] >= 200)
    stopped = time.monotonic()
    first.stop()
    assert time.monotonic() - stopped < 10
    state, fence = owner.execute("select state, fence from jobs where id = %s", (going,)).fetchone()
    assert (state, fence) == ("queued", 1)
    second = workers()
    boss = importing.signed_in(second, "stopped", boss.email, boss.password)
    assert progress(wait(boss, going)) == (8000, 0, 0, 0)


def test_the_owner_is_disabled_meanwhile(place, workers):
    server = workers()
    boss = found(server, place[0], "disabled")
    team = boss.create("/v1/teams", name="Team")
    manager = hire(boss, "account_manager", "leaver", team["id"])
    going = start(manager, LEADS, leads_file(8000))
    wait(boss, going, lambda row: row["progress"]["lines"] >= 200)
    boss.patch(f"/v1/users/{manager.user['id']}", json={"status": "disabled"}, expect=200)
    row = wait(boss, going)
    assert (row["state"], row["failure"]) == ("failed", "user_inactive")
    assert 0 < row["progress"]["created"] < 8000


def test_rights_are_looked_at_for_each_step(place, workers):
    server = workers()
    boss = found(server, place[0], "demoted")
    manager = hire(boss, "account_manager", "mover")
    going = start(manager, LEADS, leads_file(8000))
    wait(boss, going, lambda row: row["progress"]["lines"] >= 200)
    analyst = boss.get("/v1/roles?key=analyst").json()["data"][0]["id"]
    boss.patch(f"/v1/users/{manager.user['id']}", json={"role_id": analyst}, expect=200)
    row = wait(boss, going)
    assert (row["state"], row["failure"]) == ("failed", "access_lost")
    assert 0 < row["progress"]["created"] < 8000


@pytest.mark.subset
def test_each_is_done_once(place, workers, owner):
    """Two processes, many jobs at once: none is lost, none is done twice."""
    first, second = workers(), workers()
    boss = found(first, place[0], "many")
    made = [start(boss, LEADS, leads_file(40, first=1000 * n)) for n in range(20)]
    for one in made:
        assert progress(wait(boss, one)) == (40, 0, 0, 0)
    assert second.process.poll() is None
    assert owner.execute("select distinct fence, attempts, state from jobs where id = any(%s)", (made,)).fetchall() == \
        [(1, 0, "done")]
    org = owner.execute("select id from organizations where slug = 'many'").fetchone()[0]
    assert owner.execute("select count(*) from leads where org_id = %s", (org,)).fetchone()[0] == 800


@pytest.mark.subset
def test_two_imports_of_the_same_keys(place, workers, owner):
    """At the same time, in other orders: each key becomes one record."""
    first, second = workers(), workers()
    boss = found(first, place[0], "twice")
    lines = leads_file(1200).splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    made, both = [], threading.Barrier(2)

    def go(server, content):
        api = importing.signed_in(server, "twice", boss.email, boss.password)
        both.wait()
        made.append(run(api, LEADS, content))
    threads = [threading.Thread(target=go, args=pair) for pair in ((first, "\n".join(lines)), (second, turned))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["state"] for row in made] == ["done", "done"]
    assert sum(row["progress"]["created"] for row in made) == 1200
    assert sum(row["progress"]["unchanged"] for row in made) == 1200
    assert all(row["progress"]["failed"] == 0 for row in made)


def test_the_serving_role_sees_no_job_of_others(cluster, place, workers):
    """The look across organizations hands out one job at a time; tables and views stay closed."""
    boss = found(workers(), place[0], "walled")
    run(boss, LEADS, leads_file(1))
    with psycopg.connect(cluster.url("steward_app", place[1]), autocommit=True) as app:
        assert app.execute("select count(*) from app.jobs").fetchone()[0] == 0
        assert app.execute("select count(*) from app.imports").fetchone()[0] == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("select 1 from steward.jobs")
        assert app.execute("select count(*) from app.job_take('{nothing}', '1 second')").fetchone()[0] == 0
