"""Sixteen clients that write: creates with a key, updates with If-Match, batches of a hundred, conversions."""

import collections
import http.client
import json
import random
import select
import socket
import sys
import threading
import time
import traceback
import uuid

from harness.client import check_reply
from importing import ENDED, LEADS
from ledger import LOST, NOT_SENT, Entry

CLIENTS = 16
PATIENCE = 90  # seconds until a client gives up on a write that it may repeat
BATCH = 100
PENDING = 2  # imports of one client that are under way
SOON = 0.5  # seconds; whoever does not ask for a second is let go by a server that stops


class Line:
    """One client's connection; `limit`: seconds within which every request must be answered."""

    def __init__(self, port, token, ledger, limit):
        self.port, self.token, self.ledger, self.limit = port, token, ledger, limit
        self.http = self.kept = None
        self.opened, self.answers = 0.0, 0

    def open(self):
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.limit)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # http.client closes its own when an answer does not come
        self.kept, self.opened, self.answers = self.http.sock.dup(), time.monotonic(), 0

    def acknowledged(self):
        """Bytes that the other side's kernel has taken: tcpi_bytes_acked."""
        return int.from_bytes(self.kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)[120:128], sys.byteorder)

    def is_closed(self):
        """Something to read before anything was asked is the end."""
        poll = select.poll()
        poll.register(self.kept, select.POLLIN)
        return bool(poll.poll(0))

    def is_owed(self, before):
        """An answer, to what had arrived or to whoever had just been let in."""
        return self.acknowledged() > before or (not self.answers and time.monotonic() < self.opened + SOON)

    def send(self, entry, method, path, body=None, headers=None):
        """The reply, with its body as `content`; None when there was none."""
        kind = {"Content-Type": "application/json"} if isinstance(body, dict) else {}
        data = json.dumps(body) if isinstance(body, dict) else body
        one = self.ledger.sending(entry, f"{method} {path}")
        before = None  # what was acknowledged: from then on the request may have been sent
        try:
            if self.http and self.is_closed():
                self.close()
            if self.http is None:
                self.open()
            before = self.acknowledged()
            self.http.request(method, path, data, {"Authorization": f"Bearer {self.token}", **kind, **(headers or {})})
            reply = self.http.getresponse()
            reply.content = reply.read()
        except (OSError, http.client.HTTPException) as problem:
            assert not isinstance(problem, TimeoutError), f"no answer to {method} {path} within {self.limit} s"
            self.ledger.answered(entry, one, 0, NOT_SENT if before is None else LOST, before is not None and self.is_owed(before))
            self.close()
            return None
        self.answers += 1
        check_reply(method, reply.status, reply.headers, reply.content)
        code = json.loads(reply.content)["code"] if reply.status >= 400 else ""
        self.ledger.answered(entry, one, reply.status, code)
        if reply.headers.get("Connection", "").lower() == "close":
            self.close()
        return reply

    def close(self):
        if self.http:
            self.http.close()
            self.http = None
        if self.kept:
            self.kept.close()
            self.kept = None

    def persist(self, entry, method, path, body=None, headers=None):
        """Sends until it is answered for good; a write only with a key. The reply, None when patience is over."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            reply = self.send(entry, method, path, body, headers)
            if reply is not None and reply.status < 500 and reply.status != 429 and \
                    not (reply.status == 409 and b"idempotency_in_progress" in reply.content):
                return reply
            time.sleep(random.uniform(0.02, 0.1))
        return None


def identity(reply):
    """What must be the same when an answer is given again."""
    return reply.status, reply.headers.get("Location"), reply.headers.get("ETag"), reply.headers.get("Content-Type")


class Upload:
    """A file that is sent in pieces, with pauses between."""

    def __init__(self, rows, pause):
        self.rows, self.pause = ["key,name,score\n", *rows], pause

    def __iter__(self):
        for first in range(0, len(self.rows), 20):
            yield "".join(self.rows[first:first + 20]).encode()
            time.sleep(self.pause)


class Client(threading.Thread):
    def __init__(self, driver, number):
        super().__init__(daemon=True)
        self.driver, self.number, self.made = driver, number, 0
        self.pending = collections.deque()  # imports that were not seen to end
        self.line = driver.line()
        self.draw = random.Random(f"{driver.name} {number}")

    def run(self):
        kinds = ((0.50, self.create), (0.90, self.update), (0.97, self.convert), (1.0, self.import_batch))

        def act():
            at = self.draw.random()
            next(kind for share, kind in kinds if at < share)()
        self.driver.go_on(act)
        self.line.close()

    def entry(self, kind, **more):
        self.made += 1
        return self.driver.ledger.intend(Entry(kind, f"{self.driver.name}-{self.number}-{self.made}", **more))

    def keyed(self, entry, path, body):
        """A POST with a key, until it has its answer; then now and then once more."""
        key = {"Idempotency-Key": str(uuid.UUID(int=self.draw.getrandbits(128)))}
        entry.repeat = (path, body, key)
        reply = self.line.persist(entry, "POST", path, body, key)
        if reply is None:
            return None
        assert reply.status < 300, f"{entry.kind} {entry.mark}: {reply.status} {reply.content[:500]}"
        entry.answer, entry.headers = reply.content, identity(reply)
        if len(entry.tries) > 1 or self.draw.random() < 0.05:
            self.driver.repeat(self.line, entry)
        return json.loads(reply.content)

    def create(self):
        entry = self.entry("create")
        return self.keyed(entry, "/v1/leads", {"name": entry.mark, "score": self.draw.randrange(101)})

    def update(self):
        """Without a key: what is in doubt is looked up, not repeated."""
        account, version = self.driver.an_account(self.draw)
        entry = self.entry("update", record=account)
        reply = self.line.send(entry, "PATCH", f"/v1/accounts/{account}", {"city": entry.mark}, {"If-Match": f'"{version}"'})
        if reply is not None and reply.status == 200:
            entry.answer = reply.content
            self.driver.accounts[account] = json.loads(reply.content)["version"]
            return
        assert reply is None or reply.status in (412, 503), f"{entry.mark}: {reply.status} {reply.content[:500]}"
        if reply is None or reply.status == 503:
            time.sleep(self.draw.uniform(0.02, 0.1))
        seen = self.line.persist(None, "GET", f"/v1/accounts/{account}")
        if seen is not None and seen.status == 200:
            self.driver.accounts[account] = json.loads(seen.content)["version"]

    def convert(self):
        lead = self.create()
        if lead is None or self.driver.stopping.is_set():
            return
        entry = self.entry("conversion", record=lead["id"])
        self.keyed(entry, f"/v1/leads/{lead['id']}/conversion",
                   {"account_name": entry.mark, "contact_name": entry.mark, "opportunity_name": entry.mark})

    def import_batch(self):
        """A hundred leads by one file: acknowledged when the import says that it is done."""
        if len(self.pending) >= PENDING:
            self.look(self.pending.popleft())
            return
        entry = self.entry("batch", count=BATCH)
        made = self.keyed(self.entry("import"), "/v1/imports", LEADS)
        if made is None:
            return
        entry.record = made["id"]
        rows = [f"{entry.mark}-{n},{entry.mark} {n},{n}\n" for n in range(BATCH)]
        if self.line.persist(None, "PUT", f"/v1/imports/{entry.record}/content", Upload(rows, self.driver.dawdle),
                             {"Content-Type": "text/csv"}) is not None:
            self.pending.append((entry, self.driver.ledger.sending(entry, "the import", request=False)))

    def look(self, pending):
        entry, one = pending
        seen = self.line.persist(None, "GET", f"/v1/imports/{entry.record}")
        assert seen is None or seen.status == 200, f"{entry.mark}: its import answers {seen.status}"
        row = json.loads(seen.content) if seen is not None else {"state": "unknown"}
        if row["state"] not in ENDED:
            self.pending.append(pending)
            return
        assert row["state"] == "done" and row["progress"]["created"] == BATCH, f"{entry.mark}: {row}"
        self.driver.ledger.answered(entry, one, 200)


class Driver:
    """with Driver(...) as driver: the clients are at work. `wrong`: what no client may see. `dawdle`: seconds between the pieces
    of an upload."""

    def __init__(self, place, ledger, limit=20.0, clients=CLIENTS, dawdle=0.0):
        self.place, self.ledger, self.name, self.limit, self.dawdle = place, ledger, ledger.name, limit, dawdle
        self.wrong, self.windows, self.repeated = [], [], 0
        self.stopping, self.others = threading.Event(), []
        self.accounts = {place.boss.create("/v1/accounts", name=f"{self.name} {n}")["id"]: 1 for n in range(2 * clients)}
        self._ids = list(self.accounts)
        self.clients = [Client(self, number) for number in range(clients)]

    def line(self):
        return Line(self.place.port, self.place.token, self.ledger, self.limit)

    def go_on(self, act):
        """Until the end. Whatever is raised is a finding."""
        try:
            while not self.stopping.is_set():
                act()
        except Exception:  # of whatever kind
            self.wrong.append(traceback.format_exc(limit=-3))

    def also(self, act, *arguments):
        """Does that too, in a thread of its own."""
        thread = threading.Thread(target=self.go_on, args=(lambda: act(*arguments),), daemon=True)
        self.others.append(thread)
        thread.start()

    def an_account(self, draw):
        account = draw.choice(self._ids)
        return account, self.accounts[account]

    def repeat(self, line, entry):
        """The stored answer, byte by byte."""
        path, body, key = entry.repeat
        reply = line.persist(None, "POST", path, body, key)
        if reply is None:
            return
        self.repeated += 1
        if (reply.content, identity(reply)) != (entry.answer, entry.headers) or reply.headers.get("Idempotency-Replayed") != "true":
            self.wrong.append(f"{entry.kind} {entry.mark}: another answer to the repeat: {reply.status} {reply.content[:300]}")

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        for client in [*self.clients, *self.others]:
            client.join(PATIENCE + 30)
            if client.is_alive():
                self.wrong.append(f"{client.name} does not end")

    def see_imports(self):
        """After all jobs have ended."""
        for client in self.clients:
            for _ in range(len(client.pending)):
                try:
                    client.look(client.pending.popleft())
                except AssertionError as finding:
                    self.wrong.append(str(finding))
            self.wrong += [f"{entry.mark}: its import does not end" for entry, _ in client.pending]
            client.line.close()

    def repeat_all(self, most):
        """After all faults: those that took several attempts, and as many others as `most` allows."""
        keyed = [entry for entry in self.ledger.entries if entry.repeat and entry.answer]
        keyed.sort(key=lambda entry: -len(entry.tries))
        line = self.line()
        for entry in keyed[:most]:
            self.repeat(line, entry)
        line.close()
