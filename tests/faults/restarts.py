"""PostgreSQL crashes and comes back under load."""

import random
import time

from outcome import Outcome
from place import Place, until



def first_success(ledger, since):
    """When the first write that was sent after `since` was answered with 2xx; None: not yet."""
    ends = [one.ended for one in ledger.requests[-400:] if one.sent >= since and one.is_done]
    return min(ends) if ends else None


def run(stage):
    count, draw = stage.pick(2, 10), random.Random(stage.seed)
    outcome, returned = Outcome(stage, "restarts", f"{count} times an immediate stop of PostgreSQL"), []
    with Place(stage.cluster, stage.folder, "restarts").closing() as place:
        with outcome.driving(place) as driver:
            for _ in range(count):
                time.sleep(draw.uniform(0.5, 1.0))
                began = time.monotonic()
                stage.cluster.pause("immediate")
                stopped = time.monotonic()
                time.sleep(draw.uniform(0.0, 1.0))
                stage.cluster.resume()
                accepting = time.monotonic()
                until(lambda: first_success(driver.ledger, accepting), "a write that succeeds", 30)
                returned.append(first_success(driver.ledger, accepting) - accepting)
                # connections come back after pauses of up to two seconds
                driver.windows.append((began, accepting + 2))
                outcome.note(f"{driver.ledger.in_flight(began)} requests in flight, first success "
                             f"{returned[-1]:.2f} s after the database accepts connections")
            time.sleep(2.5)
        outcome.note(f"refusals: {outcome.refusals(driver.ledger.requests)}")
        outcome.within(returned, 3, "first success after the database accepts")
    return outcome
