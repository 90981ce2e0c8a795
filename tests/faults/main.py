"""./dev faults: what is promised when processes, connections, disks and databases fail, with clients at work."""

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import doubt  # noqa: E402
import failover  # noqa: E402
import full  # noqa: E402
import handovers  # noqa: E402
import injections  # noqa: E402
import kills  # noqa: E402
import restarts  # noqa: E402
import starving  # noqa: E402
import stops  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.server import ROOT, variant  # noqa: E402

SCENARIOS = {module.__name__: module.run
             for module in (kills, doubt, restarts, starving, full, failover, stops, handovers, injections)}

# Commits take as long as on a slow disk, so that many requests are on their way when something happens.
DURABLE = {"fsync": "on", "full_page_writes": "on", "commit_delay": "20000", "commit_siblings": "1"}


class Stage:
    """What all scenarios of a run share. `cluster`: a PostgreSQL of theirs, for those that leave it whole."""

    def __init__(self, long, seed, folder):
        self.long, self.seed, self.folder = long, seed, folder
        self._cluster = None

    def pick(self, short, long):
        return long if self.long else short

    @property
    def cluster(self):
        if self._cluster is None:
            self._cluster = Cluster()
            self._cluster.start(DURABLE)
        return self._cluster

    def close(self):
        if self._cluster is not None:
            self._cluster.stop()


def play(stage, name):
    """True when the scenario holds."""
    try:
        return SCENARIOS[name](stage).end()
    except Exception:  # of whatever kind: it is told, and the others still have their turn
        traceback.print_exc()
        print(f"{name}: FAILS", flush=True)
        return False


def main():
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all when none is named")
    parser.add_argument("--short", action="store_true", help="about a tenth of the faults, as in ./dev test")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    arguments = parser.parse_args()
    names = arguments.scenario or list(SCENARIOS)
    for name in names:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name}")
    folder = ROOT / "build" / "logs" / f"faults-{variant()}"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {arguments.seed}, logs and ledgers in {folder.relative_to(ROOT)}", flush=True)
    began = time.monotonic()
    stage = Stage(not arguments.short, arguments.seed, folder)
    try:
        held = [play(stage, name) for name in names]
    finally:
        stage.close()
    print(f"faults: {sum(held)} passed, {len(held) - sum(held)} failed in {time.monotonic() - began:.1f}s")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
