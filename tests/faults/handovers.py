"""A server takes the address of another one over, under load, and nobody notices."""

import random
import socket
import time

from crowd import Crowd
from ledger import NOT_SENT
from outcome import Outcome
from place import Place
from stops import PATIENCE, judge


def same_address(place, _):
    """Both listen there for a while."""
    before = place.server
    place.start()
    before.stop()


def same_socket(place, listening):
    """Of the service manager: both accept from it for a while."""
    before = place.server
    place.start(listens=listening)
    before.stop()


def one_after_the_other(place, listening):
    """As by `systemctl restart`: for a while nobody accepts, and connections wait in the socket."""
    place.server.stop()
    place.start(listens=listening)


WAYS = (same_address, same_socket, one_after_the_other)


def listener(place):
    """What the service manager holds; it may share the address with a server's own."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", place.port))
    held.listen(4096)
    return held


def run(stage):
    count, draw = stage.pick(1, 10), random.Random(stage.seed)
    outcome, listening = Outcome(stage, "handovers", f"{len(WAYS)} ways to hand over, each {count} times"), None
    with Place(stage.cluster, stage.folder, "handovers").closing() as place:
        with outcome.driving(place, limit=PATIENCE, dawdle=0.05) as driver:
            Crowd(driver, refusing=False)
            for way in WAYS:
                if way is not same_address and listening is None:
                    listening = listener(place)
                for _ in range(count):
                    time.sleep(draw.uniform(0.5, 1.5))
                    flying = driver.ledger.in_flight(time.monotonic())
                    way(place, listening)
                    outcome.note(f"{way.__name__}: {flying} requests in flight")
            time.sleep(1)
        judge(outcome, driver)
        outcome.refusals(driver.ledger.requests, set())
        slowest = max(one.ended - one.sent for one in driver.ledger.requests if one.status)
        outcome.note(f"the slowest answer took {slowest:.2f} s")
        never = [one for one in driver.ledger.requests if one.code == NOT_SENT]
        outcome.expect(not never, f"{len(never)} requests found nobody")
    listening.close()
    return outcome
