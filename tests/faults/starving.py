"""A database that takes everything and answers nothing, one that is slow, and one whose connections are all taken."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from harness.cluster import SERVING
from outcome import Outcome
from place import Place, until
from proxy import Proxy

DEADLINE = 2.0  # seconds; STEWARD_REQUEST_TIMEOUT_MS
SLACK = 0.5
SLOW = 0.2  # seconds on each way
LIVEZ = 50  # milliseconds
SETTLED = {"vanished": 8.0}  # seconds until all is as before; else 1: a dead connection is given up after five
BUSY = "select count(*) from pg_stat_activity where usename = %s and (state = 'active' or state like 'idle in%%')"


@contextlib.contextmanager
def black_hole(proxy, _):
    proxy.black_hole()
    yield
    proxy.release(revive=True)


@contextlib.contextmanager
def vanished(proxy, _):
    """As when the machine is gone and another takes its place: no connection of before is ever heard of again."""
    proxy.black_hole()
    yield
    proxy.release(revive=False)


@contextlib.contextmanager
def slow(proxy, _):
    proxy.delay = SLOW
    yield
    proxy.delay = 0.0


@contextlib.contextmanager
def exhausted(_, cluster):
    """Whoever changes an account waits for this lock with a connection in hand, until no other is left."""
    with cluster.connect() as db, db.transaction():
        db.execute("lock table accounts in exclusive mode")
        yield


@contextlib.contextmanager
def living(port):
    """Gives a list that holds the milliseconds of every answer to /livez, afterwards."""
    answers = []
    asking = subprocess.Popen([sys.executable, str(Path(__file__).with_name("livez.py")), str(port)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        yield answers
    finally:
        told, _ = asking.communicate()
    answers += sorted(json.loads(told))


def rate(ledger, begin, end):
    """Successful requests per second."""
    return sum(one.is_done and begin <= one.ended < end for one in ledger.requests) / (end - begin)


def sign_in(line, boss):
    """Not in the database alone: hashing has threads of its own."""
    line.send(None, "POST", "/v1/auth/login", {"organization": boss.slug, "email": boss.email, "password": boss.password})
    time.sleep(0.2)


def starve(outcome, stage, driver, proxy, fault):
    name, seconds, ledger = fault.__name__.replace("_", " "), stage.pick(2.5, 15), driver.ledger
    before_from = time.monotonic()
    time.sleep(stage.pick(1, 4))
    began = time.monotonic()
    with living(driver.place.port) as answers, fault(proxy, stage.cluster):
        time.sleep(seconds)
        released = time.monotonic()
    settled = released + SETTLED.get(fault.__name__, 1)
    driver.windows.append((began, settled))
    time.sleep(max(0, settled + stage.pick(1, 4) - time.monotonic()))
    after_to = time.monotonic()
    slowest = max((one for one in ledger.requests if one.status and one.ended >= began), key=lambda one: one.ended - one.sent)
    longest = slowest.ended - slowest.sent
    before, after = rate(ledger, before_from, began), rate(ledger, settled, after_to)
    late = sum(one > LIVEZ for one in answers)
    outcome.note(f"{name} for {seconds} s with {ledger.in_flight(began)} requests in flight: longest answer {longest:.2f} s "
                 f"(deadline {DEADLINE:g} s); /livez {len(answers)} times, median {answers[len(answers) // 2]:.1f} ms, at most "
                 f"{answers[-1]:.0f} ms, {late} above {LIVEZ} ms; {before:.0f} requests/s before, {after:.0f} afterwards")
    outcome.expect(longest <= DEADLINE + SLACK * stage.pick(4, 1), f"{name}: the answer to {slowest.what} took {longest:.2f} s")
    outcome.expect(late <= len(answers) * stage.pick(0.2, 0.01), f"{name}: /livez took more than {LIVEZ} ms {late} times")
    outcome.expect(after >= before * stage.pick(0.3, 0.7), f"{name}: {after:.0f} requests/s afterwards, {before:.0f} before")


def run(stage):
    outcome = Outcome(stage, "starving", "a database that is black-holed, slow, vanished, or has no connection left")
    settings = {"STEWARD_DATABASE_CONNECTIONS": "8", "STEWARD_REQUEST_TIMEOUT_MS": str(int(DEADLINE * 1000))}
    with Proxy(stage.cluster, SERVING) as proxy, \
            Place(stage.cluster, stage.folder, "starving", proxy.url, **settings).closing() as place:
        with outcome.driving(place, limit=30.0) as driver:
            driver.also(sign_in, driver.line(), place.boss)
            time.sleep(0.5)  # until all is prepared
            for fault in stage.pick((black_hole, exhausted, vanished), (black_hole, slow, exhausted, vanished)):
                starve(outcome, stage, driver, proxy, fault)
        outcome.refusals(driver.ledger.requests)
        with stage.cluster.connect() as db:
            until(lambda: not db.execute(BUSY, (SERVING,)).fetchone()[0], "the end of all backends' work", 10)
    return outcome
