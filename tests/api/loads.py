"""Callers who read, create and change all the time while something is done to the servers or the database."""

import contextlib
import threading
import time
import uuid
from collections import Counter

import httpx

from harness.client import Api
from harness.waiting import until


class Load(threading.Thread):
    """One caller, over kept connections, until it is told to stop."""
    path, changed = "/v1/leads", "score"
    steps = ("read", "create", "change")

    def __init__(self, server, boss, repeat=()):
        super().__init__()
        self.api = Api(server.url, token=boss.token)
        self.record = boss.create(self.path, name="Loaded")["id"]
        self.repeat = repeat  # statuses after which a write with its key is sent again
        self.ended = threading.Event()
        self.failed, self.names, self.counts, self.repeated, self.slowest = [], [], Counter(), 0, 0.0

    def run(self):
        try:
            while not self.ended.is_set():
                for step in self.steps:
                    began = time.monotonic()
                    self.counts[step] += 1
                    getattr(self, step)()
                    self.slowest = max(self.slowest, time.monotonic() - began)
        except Exception as error:  # pylint: disable=broad-except
            self.failed.append(repr(error))

    def read(self):
        self.api.get(f"{self.path}/{self.record}")

    def page(self):
        self.api.get(f"{self.path}?limit=20&sort=-updated_at")

    def search(self):
        self.api.get(f"{self.path}?q=Load&limit=5")

    def create(self):
        name, headers = f"Load {uuid.uuid4()}", self.headers()
        self.names.append(name)
        self.until(201, lambda: self.api.post(self.path, json={"name": name}, headers=headers, expect=(201, 409, *self.repeat)))

    def change(self):
        value, headers = self.counts["change"] % 101, self.headers()
        reply = self.until(200, lambda: self.api.patch(f"{self.path}/{self.record}", json={self.changed: value}, headers=headers,
                                                       expect=(200, 409, *self.repeat)))
        assert reply.json()[self.changed] == value

    def headers(self):
        """Without a key nothing may be sent twice, by HAProxy neither."""
        return {"Idempotency-Key": str(uuid.uuid4())} if self.repeat else {}

    def until(self, good, send):
        while True:
            try:
                reply = send()
                if reply.status_code == good:
                    return reply
                # A key is in progress only after its first request was cut off.
                assert self.repeat and (reply.status_code != 409 or reply.json()["code"] == "idempotency_in_progress")
            except httpx.TransportError:
                assert self.repeat
            self.repeated += 1
            time.sleep(0.02)


@contextlib.contextmanager
def loaded(server, boss, kind=Load, **options):
    """Four callers of whatever has that url, all of whose requests must be answered well; each goes round some times at least."""
    loads = [kind(server, boss, **options) for _ in range(4)]
    for one in loads:
        one.start()
    try:
        yield loads
        until(lambda: all(one.failed or all(one.counts[step] > 5 for step in one.steps) for one in loads), 120)
    finally:
        for one in loads:
            one.ended.set()
        for one in loads:
            one.join()
            one.api.close()
    assert [one.failed for one in loads] == [[]] * len(loads)
