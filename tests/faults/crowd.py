"""Besides those who write: who sends many requests at once, who sends them by halves, and who reads slowly."""

import contextlib
import itertools
import json
import random
import select
import socket
import time

from harness.wire import Wire, request
from ledger import NOT_SENT, Entry

AT_ONCE = 40  # requests on their way of one connection, together more than the server reads ahead
NEWCOMERS = 40
FILLER = "X-Filler: " + "x" * 600
LARGE = "/openapi.json"  # some megabyte


class Crowd:
    """`refusing`: nobody may be listening for a while. Each method is one visit; whatever it raises is a finding."""

    def __init__(self, driver, refusing):
        self.driver, self.place, self.ledger, self.refusing = driver, driver.place, driver.ledger, refusing
        self.numbers, self.draw = itertools.count(1), random.Random(driver.name)
        for visit in (self.newcomers, self.all_at_once, self.by_halves, self.half_and_gone, self.unhurried, self.reluctant):
            driver.also(self.come, visit)

    def dial(self):
        """None: there was nobody."""
        try:
            return Wire(self.place, self.driver.limit)
        except ConnectionRefusedError:
            assert self.refusing, "a connection was refused"
            return None

    def come(self, visit):
        wire = self.dial()
        if wire is None:
            time.sleep(0.02)
            return
        with wire:
            visit(wire)
            poll = select.poll()
            poll.register(wire.socket, 0)
            assert not wire.torn and not poll.poll(0), f"{visit.__name__}: the connection was reset"

    def create(self, counts=True):
        """(entry, its attempt, the request's bytes); without a key."""
        entry = self.ledger.intend(Entry("create", f"{self.driver.name}-crowd-{next(self.numbers)}"))
        body = json.dumps({"name": entry.mark})
        headers = [f"Authorization: Bearer {self.place.token}", "Content-Type: application/json", f"Content-Length: {len(body)}", FILLER]
        return entry, self.ledger.sending(entry, "POST /v1/leads", counts), request("POST", "/v1/leads", headers, body)

    def newcomers(self, wire):
        """Many that connect at the same moment and ask once: whoever is let in is answered."""
        with contextlib.ExitStack() as stack:
            wires = []
            while wire:
                wires.append(stack.enter_context(wire) if wires else wire)
                wire.send(request("GET", "/livez", ["Connection: close"]))
                wire = self.dial() if len(wires) < NEWCOMERS else None
            for one in wires:
                reply = one.reply()
                assert reply and reply.status == 200, f"a new connection was not answered: {reply}"

    def all_at_once(self, wire):
        """Each answer is that of a request that was executed; whatever is behind the one that says `close` was not."""
        made, closed = [self.create(counts=False) for _ in range(AT_ONCE)], False
        wire.send(b"".join(data for _, _, data in made))
        for entry, one, _ in made:
            reply = wire.reply("POST") if not closed else None
            assert closed or reply, f"{entry.mark}: no answer on a connection that was not said to end"
            assert closed or reply.status == 201, f"{entry.mark}: {reply.status} {reply.body[:300]}"
            self.ledger.answered(entry, one, 0 if closed else 201, NOT_SENT if closed else "")
            closed = closed or reply.closed
        time.sleep(0.05)
        assert not closed or wire.ended()

    def by_halves(self, wire):
        """The second half some time later, on a connection that may have had an answer before."""
        if self.draw.random() < 0.5:
            wire.send(request("GET", "/livez"))
            first = wire.reply()
            assert first and first.status == 200
            if first.closed:
                return
        entry, one, data = self.create()
        at = self.draw.randrange(data.index(b"\r\n") + 2, len(data))
        wire.send(data[:at])
        time.sleep(self.draw.uniform(0.1, 1.0))
        wire.send(data[at:])
        reply = wire.reply("POST")
        assert reply and reply.status == 201, f"{entry.mark}, sent by halves: {reply}"
        self.ledger.answered(entry, one, 201)

    def half_and_gone(self, wire):
        entry, one, data = self.create(counts=False)
        wire.send(data[:self.draw.randrange(1, len(data))])
        time.sleep(self.draw.uniform(0.1, 0.7))
        self.ledger.answered(entry, one, 0, NOT_SENT)

    def unhurried(self, wire):
        """Takes all of a large answer, in half a second or so."""
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
        wire.send(request("GET", LARGE))
        for _ in range(20):
            time.sleep(0.025)
            wire.more(1 << 15)
        reply = wire.reply()
        assert reply and reply.status == 200 and json.loads(reply.body)

    def reluctant(self, wire):
        """Asks for much, takes little of it and leaves."""
        wire.send(request("GET", LARGE) * 50)
        for _ in range(15):
            time.sleep(0.05)
            wire.more(100)
