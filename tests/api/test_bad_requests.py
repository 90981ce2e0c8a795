"""Every row of bad_requests.py, straight and through HAProxy: one answer or a close, nothing hidden is executed and nothing
stays behind."""

import errno
import json
import os
import re
import select
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bad_requests import CANARY, CLOSES, HALF_CLOSE, HIDDEN, KEY, PROMPT, RESET, SLOW, WRONG_KEY, chunked, get
from harness.client import Api
from harness.haproxy import Haproxy
from harness.server import Server, run_command, sanitized
from harness.wire import Wire, microhttpd

DATABASE = "bad_requests"
AFTER = get("/livez", f"X-Request-Id: after-{CANARY}")
AT_ONCE = 4  # of the prompt rows; the slow ones mostly wait
GROWTH_KB = 2048
ANSWERED = re.compile(rb"HTTP/1\.[01] [2-5]\d\d ")


@pytest.fixture(scope="module")
def key(cluster, world):
    """Of an organization in a database of its own: nobody else changes it."""
    cluster.create_database(DATABASE)
    admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", DATABASE)}
    run_command("migrate", settings=admin)
    run_command("org", "create", "--slug", "bad", "--name", "Bad", settings=admin)
    made = json.loads(run_command("key", "create", "--org", "bad", "--name", "form", "--source", "web", "--scopes",
                                  "leads:create,leads:read,leads:update,leads:delete", settings=admin).stdout)["key"]
    assert len(made) == len(KEY) == len(WRONG_KEY), "the table's lengths are right"
    return made


@pytest.fixture(scope="module")
def servers(cluster, settings, run_folder, key):
    """(the one with the limits of time as shipped, one in a hurry)"""
    own = {**settings, "STEWARD_DATABASE_URL": cluster.url("steward_app", DATABASE), "STEWARD_LOOPS": "1",
           "STEWARD_DATABASE_CONNECTIONS": "6", "STEWARD_TRUSTED_PROXIES": "127.0.0.1"}
    hurry = {f"STEWARD_{name}_TIMEOUT_MS": "1000" for name in ("HEADER", "BODY", "WRITE")}
    made = (Server(own, run_folder / "bad-requests.log"), Server({**own, **hurry}, run_folder / "bad-requests-hurry.log"))
    try:
        yield tuple(server.start() for server in made)
        for server in made:
            server.stop()
    finally:
        for server in made:
            server.kill()


@pytest.fixture
def owner(cluster, servers):
    with cluster.connect(database=DATABASE) as connection:
        yield connection


def contents(owner):
    """Of every table, but for when the key was last used."""
    tables = owner.execute("select relname from pg_class where relnamespace = 'steward'::regnamespace "
                           "and relkind in ('r', 'p') and not relispartition order by 1").fetchall()
    return {name: owner.execute("select count(*), md5(string_agg(row, '' order by row)) from (select (to_jsonb(t) - "
                                f"'last_used_at')::text as row from steward.{name} t) rows").fetchone() for name, in tables}


def descriptors(pid):
    """How many are open, those to the database apart: its pool fills as it likes."""
    with open("/proc/net/unix", encoding="ascii", errors="replace") as file:
        local = {f"socket:[{line.split()[6]}]" for line in list(file)[1:]}
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return sum(link not in local for link in links)


def settled(server, most):
    """The descriptors, once they are no more than `most` or half a minute has passed."""
    end = time.monotonic() + 30
    while (now := descriptors(server.process.pid)) > most and time.monotonic() < end:
        time.sleep(0.05)
    return now


def memory_kb(server):
    with open(f"/proc/{server.process.pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def marked(data, canary, key, hidden_key):
    for placeholder, real in ((CANARY, canary), (KEY, key), (WRONG_KEY, hidden_key)):
        data = data.replace(placeholder.encode(), real.encode())
    return data


def send(wire, step):
    """False when the connection is of no more use."""
    if step == RESET:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.socket.close()
        return False
    if not isinstance(step, (bytes, str)):
        time.sleep(step)
        return True
    try:
        if step == HALF_CLOSE:
            wire.socket.shutdown(socket.SHUT_WR)
        else:
            wire.send(step)
    except OSError as error:
        # the answer came before the end, and the connection is closed already
        if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
            raise
    return True


def judge(wire, case, published):
    """The answers of a row, and what comes behind them."""
    statuses, by_library = case.allowed(microhttpd())
    for _ in range(case.before):
        assert wire.reply().status == 200, "a good request in front"
    reply = wire.reply("HEAD" if b"HEAD" == case.data[:4] else "GET", by_library=by_library)
    assert (reply.status if reply else 0) in statuses, reply
    refused = reply is None or b"<html>" in reply.body
    if not refused and reply.status >= 400 and reply.body:
        assert json.loads(reply.body)["code"] in published, reply
    if case.then == CLOSES or refused:
        assert wire.ended(), f"something more is answered, or the connection stays open: {wire.buffer[:300]!r}"
    else:
        after = wire.reply()
        assert after and after.status == 200 and after.headers["x-request-id"].startswith("after-"), f"behind it: {after}"


def straight(server, published, case, canary, key):
    """None, or what is wrong."""
    steps = case.data if isinstance(case.data, list) else [case.data + (HIDDEN if case.then == CLOSES else AFTER)]
    try:
        with Wire(server, timeout=30) as wire:
            if all(send(wire, marked(step, canary, key, key) if isinstance(step, bytes) else step) for step in steps):
                judge(wire, case, published)
    except (AssertionError, OSError, ValueError, KeyError) as error:
        return f"{case.name}: {type(error).__name__} {str(error)[:700]}"
    return None


def proxied(proxy, case, canary, key):
    """Where HAProxy finds the same boundaries, what is hidden is the next request and may be answered, but never by 500. How
    long it keeps a slow client that has its answer is its own affair, and differs from release to release."""
    last = get(f"/v1/{CANARY}", f"X-Request-Id: {CANARY}", "Connection: close")
    steps = case.data if isinstance(case.data, list) else [case.data + last, HALF_CLOSE]
    answer = b""
    try:
        with Wire(proxy, timeout=60) as wire:
            if all(send(wire, marked(step, canary, key, WRONG_KEY) if isinstance(step, bytes) else step) for step in steps):
                while wire.more() and not (isinstance(case.data, list) and ANSWERED.search(wire.buffer)):
                    pass
                answer = wire.buffer
    except OSError as error:
        return f"{case.name}: {type(error).__name__} {error}"
    broken = re.search(rb"HTTP/1\.[01] 500 ", answer)
    return f"{case.name}: {answer[:700]!r}" if broken else None


def run_all(one, cases, key, at_once, first):
    """What is wrong. The canaries count from `first`."""
    numbered = [(case, f"canary-{number:08}") for number, case in enumerate(cases, first)]
    with ThreadPoolExecutor(at_once) as pool:
        return [fault for fault in pool.map(lambda item: one(*item, key), numbered) if fault]


def executed(server):
    """The rows whose HIDDEN has been looked for among the routes."""
    return {entry["request_id"] for entry in server.log_entries()
            if re.match("canary-", entry.get("request_id", "")) and entry.get("code") == "unknown_route"}


def corpus(servers, key, first):
    """Once all of it, straight; what is wrong."""
    prompt, hasty = servers
    published = {problem["code"] for problem in Api(prompt.url).get("/problems").json()["data"]}
    faults = []
    slow = threading.Thread(target=lambda: faults.extend(
        run_all(lambda *item: straight(hasty, published, *item), SLOW, key, len(SLOW), first + len(PROMPT))))
    slow.start()
    faults += run_all(lambda *item: straight(prompt, published, *item), PROMPT, key, AT_ONCE, first)
    slow.join()
    return faults


def report(faults):
    assert not faults, f"{len(faults)} rows:\n" + "\n".join(faults)


def test_the_table_is_large_and_its_names_are_unique():
    names = [case.name for case in PROMPT + SLOW]
    assert len(names) >= 200 and len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


@pytest.mark.subset
def test_each_is_answered_once_and_nothing_stays_behind(servers, owner, key):
    before = contents(owner)
    report(corpus(servers, key, 0))
    opened = [descriptors(server.process.pid) for server in servers]
    # What it takes to work may still grow, but not each time.
    for again in range(1, 5):
        held = [memory_kb(server) for server in servers]
        report(corpus(servers, key, again * 1000))
        grown = [memory_kb(server) - kb for server, kb in zip(servers, held)]
        if sanitized() or max(grown) <= GROWTH_KB:
            break
    else:
        raise AssertionError(f"{grown} KB more, again and again")
    assert contents(owner) == before
    for server, most in zip(servers, opened):
        assert server.process.poll() is None
        assert settled(server, most) <= most
        assert not executed(server), "what was hidden has been executed"
        assert not [entry for entry in server.log_entries() if entry.get("status") == 500]


@pytest.fixture
def proxy(servers, run_folder):
    started = Haproxy([servers[0].port], run_folder, "bad-requests-haproxy")
    try:
        yield started.start()
    finally:
        started.stop()


def unseen(servers, proxy, key, cases, at_once, first):
    """Of cases sent through HAProxy those whose hidden request Steward has seen and HAProxy has not logged."""
    report(run_all(lambda *item: proxied(proxy, *item), cases, key, at_once, first))
    forwarded = set(re.findall(r'"GET /v1/(canary-\d+) ', proxy.log_path.read_text(errors="replace")))
    assert forwarded
    return [case for number, case in enumerate(cases, first) if f"canary-{number:08}" in executed(servers[0]) - forwarded]


def test_nothing_is_smuggled_through_haproxy(servers, proxy, owner, key):
    """A request that Steward sees is one that HAProxy has seen too. Where two threads of HAProxy write at once a line of its log can
    be lost; so what it has not logged is sent once more, one after the other."""
    before = contents(owner)
    again = unseen(servers, proxy, key, SLOW + PROMPT, 32, 20000)
    assert len(again) < 5, again
    assert not again or not unseen(servers, proxy, key, again, 1, 30000)
    assert servers[0].process.poll() is None
    assert contents(owner) == before


def test_a_reader_that_does_not_read_is_let_go(servers):
    hasty = servers[1]
    with Wire(hasty) as wire:
        wire.send(get("/openapi.json") * 200)
        # Without reading, only a reset is heard of.
        reset = select.poll()
        reset.register(wire.socket, 0)
        assert reset.poll(30000), "the connection is still open"
    assert hasty.process.poll() is None


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_chunk_line_without_an_end_keeps_no_core_busy(servers, key):
    """It fills libmicrohttpd's buffer, which then has nothing to wait for."""
    hasty = servers[1]
    with Wire(hasty) as wire:
        before = cpu_seconds(hasty)
        wire.send(marked(chunked("0" * 20000), CANARY, key, key))
        time.sleep(0.7)
        assert cpu_seconds(hasty) - before < 0.3
