"""The server is told to stop, and started again, under load: whatever it had taken is answered, and it ends well and in time."""

import random
import time

from crowd import Crowd
from ledger import LOST
from outcome import Outcome
from place import Place

DRAIN = 15  # seconds; STEWARD_DRAIN_TIMEOUT_MS
PATIENCE = 60  # seconds of a client, for one answer; a busy machine is slow to start a server
ENDING = 10  # seconds more, for jobs, threads and whoever else uses the machine


def lost(ledger):
    """Requests that a server had taken and did not answer. The others met a connection just as it was closed."""
    found = [one for one in list(ledger.requests) if one.code == LOST]
    return [one for one in found if one.owed], [one for one in found if not one.owed]


def judge(outcome, driver):
    owed, unlucky = lost(driver.ledger)
    outcome.note(f"{len(owed)} requests were taken and not answered; {len(unlucky)} met a connection as it closed")
    outcome.expect(not owed, f"no answer to {len(owed)} requests, the first: {[one.what for one in owed[:5]]}")


def run(stage):
    count, draw = stage.pick(5, 50), random.Random(stage.seed)
    outcome, took = Outcome(stage, "stops", f"{count} times told to stop"), []
    with Place(stage.cluster, stage.folder, "stops", STEWARD_DRAIN_TIMEOUT_MS=str(DRAIN * 1000)).closing() as place:
        with outcome.driving(place, limit=PATIENCE, dawdle=0.05) as driver:
            Crowd(driver, refusing=True)
            for _ in range(count):
                time.sleep(draw.uniform(0.5, 1.5))
                began = time.monotonic()
                flying = driver.ledger.in_flight(began)
                place.server.stop()
                took.append(time.monotonic() - began)
                place.start()
                driver.windows.append((began, time.monotonic()))
                outcome.note(f"{flying} requests in flight, ended with 0 after {took[-1]:.2f} s")
            time.sleep(1)
        judge(outcome, driver)
        outcome.refusals(driver.ledger.requests, set())
        outcome.note(f"ended after {sorted(took)[len(took) // 2]:.2f} s (at most {max(took):.2f} s; allowed {DRAIN} s)")
        outcome.expect(max(took) < DRAIN + ENDING, f"a stop took {max(took):.2f} s")
    return outcome
