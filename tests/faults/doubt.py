"""Connections that are cut between a commit and its answer."""

import time
from collections import Counter

from harness.cluster import SERVING
from outcome import Outcome
from place import Place, until
from proxy import CUTS, Proxy

EVERY = 40  # commits between two cuts
WINDOW = 0.005


def run(stage):
    count = stage.pick(50, 500)
    outcome = Outcome(stage, "doubt", f"{count} connections cut between COMMIT and its answer")
    with Proxy(stage.cluster, SERVING) as proxy, Place(stage.cluster, stage.folder, "doubt", proxy.url).closing() as place:
        with outcome.driving(place) as driver:
            time.sleep(0.5)
            proxy.every = EVERY
            until(lambda: len(proxy.cuts) >= count, f"{count} cuts", 300)
            proxy.every = 0
            driver.windows += [(when - WINDOW, when + WINDOW) for when, _ in proxy.cuts]
            time.sleep(0.5)
        told = outcome.refusals(driver.ledger.requests, {"outcome_unknown"})
        flights = [driver.ledger.in_flight(when) for when, _ in proxy.cuts]
        places = Counter(where for _, where in proxy.cuts)
        outcome.note(f"cut {', '.join(f'{places[where]} {where}' for where in CUTS)}, with {min(flights)} to {max(flights)} "
                     f"requests in flight; refusals: {told}")
        # the other cuts were those of jobs and sessions
        outcome.expect(told.get("outcome_unknown", 0) >= len(proxy.cuts) * 0.8, "hardly a cut was told as outcome_unknown")
    return outcome
