"""The disk below PostgreSQL is full: first its tables cannot grow, then its log cannot."""

import contextlib
import time
from collections import Counter
from pathlib import Path

import psycopg

from harness.cluster import Cluster
from harness.server import binary
from outcome import Outcome
from place import Place, until
from restarts import first_success

LIBRARY = Path(binary()).with_name("libfull_disk.so")


class SmallDisk(Cluster):
    """Within full(where) no file below such a folder grows."""

    def __init__(self):
        super().__init__()
        self.when = Path(self.folder) / "full"
        self.environment = {"LD_PRELOAD": str(LIBRARY), "FULL_DISK_WHEN": str(self.when)}

    @contextlib.contextmanager
    def full(self, where):
        self.when.write_text(where, encoding="ascii")
        yield
        self.when.unlink()


def flood(cluster):
    """More than the rest of the log's newest file holds."""
    with contextlib.suppress(psycopg.Error), cluster.connect("postgres") as db:
        for _ in range(40):
            db.execute("select pg_logical_emit_message(false, 'flood', repeat('x', 1000000))")


def read(driver, seconds):
    """What records and lists answer meanwhile: {status: how many}."""
    line, end, seen, ids = driver.line(), time.monotonic() + seconds, Counter(), list(driver.accounts)
    while time.monotonic() < end:
        for path in (f"/v1/accounts/{ids[sum(seen.values()) % len(ids)]}", "/v1/leads?limit=20"):
            reply = line.send(None, "GET", path)
            seen[reply.status if reply is not None else 0] += 1
        time.sleep(0.02)
    line.close()
    return seen


def fill(outcome, stage, place, driver, where, before=lambda cluster: None):
    """While nothing grows there, and until writes succeed again."""
    process, first = place.server.process.pid, len(driver.ledger.requests)
    began = time.monotonic()
    with place.cluster.full(where):
        before(place.cluster)
        seen = read(driver, stage.pick(2, 15))
    released = time.monotonic()
    if not place.cluster.is_running():
        place.cluster.resume()
    until(lambda: first_success(driver.ledger, released), "a write that succeeds", 60)
    again = first_success(driver.ledger, released) - released
    driver.windows.append((began, released + 2))
    told = outcome.refusals(driver.ledger.requests[first:])
    outcome.note(f"nothing grows below {where}, {driver.ledger.in_flight(began)} requests in flight: "
                 f"writes {told}, reads {dict(seen)}, a write succeeds {again:.2f} s after there is room")
    outcome.expect({"unavailable", "outcome_unknown"} & set(told), f"{where}: no write was refused")
    outcome.expect(place.server.process.poll() is None and place.server.process.pid == process, "the server ended")
    return seen


def run(stage):
    outcome, cluster = Outcome(stage, "full", "a full disk below PostgreSQL"), SmallDisk()
    try:
        cluster.start()
        with Place(cluster, stage.folder, "full").closing() as place:
            with outcome.driving(place) as driver:
                time.sleep(1)
                seen = fill(outcome, stage, place, driver, "/base/")
                outcome.expect(set(seen) == {200}, f"reads while tables cannot grow: {dict(seen)}")
                time.sleep(1)
                fill(outcome, stage, place, driver, "/pg_wal/", flood)
                time.sleep(2.5)
    finally:
        cluster.stop()
    return outcome
