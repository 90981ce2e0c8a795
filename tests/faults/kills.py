"""kill -9 of the server under write load, at random and at named crash points."""

import random
import signal
import time
from pathlib import Path

from harness.server import binary
from outcome import Outcome
from place import CRASHING, Place, until

POINTS = ("request.complete", "key.looked_up", "transaction.statement", "key.effect_made", "commit.before", "commit.sent",
          "commit.answered", "request.handled", "answer.queued", "job.taken", "job.stepped")

DYING = 0.05  # seconds from the end of its connections until it is seen to be dead


def plan(count, draw):
    """Each point once, the other kills at random moments (None)."""
    kills = [f"{point}:{draw.randint(1, 3) if point.startswith('job') else draw.randint(20, 200)}" for point in POINTS]
    kills += [None] * (count - len(kills))
    draw.shuffle(kills)
    return kills


def die(server, crash_point, draw):
    """When it was alive last, and when dead."""
    time.sleep(draw.uniform(0.1, 0.5))
    alive = time.monotonic()
    if crash_point is None:
        server.kill()
        return alive, time.monotonic()
    server.process.send_signal(signal.SIGUSR1)

    def dead():
        nonlocal alive
        before = time.monotonic() - DYING
        if server.process.poll() is None:
            alive = before
            return False
        return True
    until(dead, f"the crash point {crash_point}")
    assert server.process.returncode == -signal.SIGKILL, f"it ended with {server.process.returncode}:\n{server.log_tail()}"
    assert f"crash point {crash_point.split(':')[0]}" in server.log_lines(), f"another end than by {crash_point}"
    return alive, time.monotonic()


def run(stage):
    draw = random.Random(stage.seed)
    kills = plan(stage.pick(len(POINTS) + 2, 20), draw)
    outcome, ready = Outcome(stage, "kills", f"{len(kills)} times kill -9 of the server"), []
    having = [b"CRASH_POINT" in Path(program).read_bytes() for program in (binary(), CRASHING)]
    outcome.expect(having == [False, True], f"the server, and the one with crash points, have them: {having}")
    with Place(stage.cluster, stage.folder, "kills").closing() as place:
        place.server.stop()
        place.start(kills[0])
        with outcome.driving(place) as driver:
            for crash_point, following in zip(kills, kills[1:] + [None]):
                alive, dead = die(place.server, crash_point, draw)
                ready.append(place.start(following))
                driver.windows.append((alive, time.monotonic()))
                outcome.note(f"{crash_point or 'at random'}: {driver.ledger.cut(alive, dead)} requests in flight, "
                             f"ready again in {ready[-1]:.2f} s")
            time.sleep(1)
        outcome.refusals(driver.ledger.requests)
        outcome.within(ready, 1, "ready again")
    return outcome
