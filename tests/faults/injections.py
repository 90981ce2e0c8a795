"""The n-th statement, the n-th allocation, one after the other, fails in requests of every sort."""

import http.client
import json
import random
import signal
import socket
import time
from collections import Counter

from checker import gaps
from harness.client import check_reply
from harness.cluster import Cluster
from harness.server import run_command
from injector import INJECTING, Injector
from outcome import AWAY, Outcome
from place import Place, until
from representative import REQUESTS, Go, Scene, create, finish_job, job, sign_in

PATIENCE = 60  # seconds until a request counts as hanging
AT_ONCE = 10  # seconds within which the next request must be answered, whoever else uses the machine
# What the database can say to any statement: two that are repeated, disk full, no memory, locked, cancelled, a fault of its
# own, not the primary any more, and the end of the session.
REFUSALS = ("40001", "40P01", "53100", "53200", "55P03", "57014", "XX000", "25006", "end")
REPEATED, FAULT = ("40001", "40P01"), "XX000"
WAYS = {"statement": REFUSALS, "sync": ("unsent", "sent")}
EXCUSED = f"{FAULT} injected"
MOST = 2000  # calls of a kind on one request's way
SLOW = (job, sign_in)  # one waits for another attempt each time, one hashes a password
STOPPED = (create,)  # of which one process is ended in the short form


class Reply:
    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content
        self.code = json.loads(content)["code"] if status >= 400 else ""

    @property
    def names(self):
        return {name.lower() for name in self.headers} - {"connection"}


class Play:
    """One request after the other, each with another call that fails."""

    def __init__(self, place, scene, injector):
        self.place, self.scene, self.injector = place, scene, injector
        self.models, self.told = {}, Counter()  # {request: Reply}, what came of it all

    def send(self, go, may_fault=False):
        """None: the connection was closed without an answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=PATIENCE)
        body = json.dumps(go.body) if isinstance(go.body, dict) else go.body
        kind = {"Content-Type": "application/json"} if isinstance(go.body, dict) else {}
        try:
            line.connect()
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.request(go.method, go.path, body, {"Authorization": f"Bearer {self.scene.token}", **kind, **go.headers})
            got = line.getresponse()
            reply = Reply(got.status, got.headers, got.read())
        except TimeoutError:
            raise AssertionError("no answer at all") from None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            line.close()
        if reply.status != 500 or not may_fault:
            check_reply(go.method, reply.status, reply.headers, reply.content)
        return reply

    def model(self, ask):
        """What it is answered when nothing fails."""
        for _ in range(2):  # the second time everything is prepared
            go = ask(self.scene)
            self.models[ask] = self.send(go)
            if go.jobs:
                self.injector.hold_jobs(False)
                finish_job(self.scene, go)
            assert self.models[ask].status == go.status, f"{ask.__name__}: {self.models[ask].content}"
            assert go.effect is None or self.scene.done(go) == 1, f"{ask.__name__}: {self.scene.parts(go)}"

    def one(self, ask, kind, how, number):
        """True when it came to a call of that number."""
        go = ask(self.scene)
        if go.jobs:
            assert self.send(go).status == go.status
            self.injector.arm(kind, number, how, jobs=True)
            self.injector.hold_jobs(False)
            finish_job(self.scene, go)
            fired = self.injector.disarm(kind)
            self.told["job"] += fired
        else:
            self.injector.arm(kind, number, how)
            reply = self.send(go, how == FAULT)
            fired = self.injector.disarm(kind)
            self.told["no answer" if reply is None else reply.code or str(reply.status)] += fired
            if kind == "own":
                self.revive(reply)
            self.judge(self.models[ask], go, reply, kind, how)
        self.go_on(ask, go, failed=go.jobs and how == FAULT)
        return fired

    def judge(self, model, go, reply, kind, how):
        """The answer itself, and whether the database agrees with it."""
        if reply is None:
            assert kind in ("libmicrohttpd", "own"), "closed without an answer"
        elif reply.status == model.status:
            assert reply.names == model.names, f"other headers: {sorted(reply.names ^ model.names)}"
            if go.varies:
                token = json.loads(reply.content)["access_token"]
                assert self.send(Go("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})).status == 200
            elif go.effect is None:
                assert reply.content == model.content, f"another content: {reply.content[:300]}"
        else:
            told = f"answered {reply.status} {reply.content[:300]}"
            assert how not in REPEATED, told
            assert reply.status == 503 and reply.code in AWAY or reply.status == 500 and how == FAULT, told
        if go.effect is not None:
            doubt = reply is None or reply.code == "outcome_unknown"
            allowed = (0, 1) if doubt else (1,) if reply.status == model.status else (0,)
            assert self.scene.done(go) in allowed, \
                f"answered {reply and (reply.status, reply.code)}, but of its parts there are {self.scene.parts(go)}"

    def go_on(self, ask, go, failed):
        """Nothing is left of the failure: the next requests work, this one too, unless it is a job that may fail."""
        began = time.monotonic()
        seen = self.scene.boss.get("/v1/me", expect=None)
        took = time.monotonic() - began
        assert seen.status_code == 200 and took < AT_ONCE, f"next: {seen.status_code} after {took:.1f} s: {seen.text[:300]}"
        if not go.jobs and (go.effect is None or go.is_keyed or not self.scene.done(go)):
            again = self.repeat(go)
            # what was in doubt may have been done a moment later: then it cannot be done again
            assert again and (again.status == self.models[ask].status or self.scene.done(go) == 1), \
                f"sent again it was answered {again and (again.status, again.content[:300])}"
        assert go.effect is None or self.scene.done(go) in ((0, 1) if failed else (1,)), \
            f"in the end there are of its parts {self.scene.parts(go)}"

    def repeat(self, go):
        """Again, while the database still has the end of the first before it."""
        end = time.monotonic() + AT_ONCE
        while True:
            reply = self.send(go)
            if reply is None or reply.code != "idempotency_in_progress" or time.monotonic() > end:
                return reply
            time.sleep(0.01)

    def revive(self, reply):
        """A process without memory stops, says why and is started again."""
        process = self.place.server.process
        if reply is not None and process.poll() is None:
            return
        until(lambda: process.poll() is not None, "the end of the process", 30)
        log = self.place.server.log_lines()
        assert process.returncode == -signal.SIGABRT and any("out of memory" in line for line in log[-3:]), \
            f"the process ended with {process.returncode}: {log[-3:]}"
        self.told["stopped"] += 1
        self.start()

    def start(self):
        self.place.start()
        self.place.server.excused = EXCUSED


class Run:
    """All that fails."""

    def __init__(self, stage, outcome, play):
        self.stage, self.outcome, self.play, self.draw = stage, outcome, play, random.Random(stage.seed)

    def every(self, ask, kind, hows, step, most):
        """Each call of that kind on the request's way, each in another of these ways; how many calls they were."""
        number, turn = 1 + self.draw.randrange(step), self.draw.randrange(len(hows))
        while number <= most:
            how = hows[turn % len(hows)]
            try:
                if not self.play.one(ask, kind, how, number):
                    break
            except AssertionError as finding:
                self.outcome.expect(False, f"{ask.__name__}, {kind} {how} {number}: {finding}")
                if self.play.place.server.process.poll() is not None:
                    self.play.start()
            number, turn = number + step, turn + 1
        return number - step

    def request(self, ask):
        self.play.model(ask)
        began, counts, slow = time.monotonic(), {}, ask in SLOW
        long, all_ways = self.stage.long, self.stage.long and not slow
        steps = {"send": 4, "statement": 2, "sync": 3, "libpq": 12, "jansson": 12, "libmicrohttpd": 6, "libjwt": 6, "own": 1}
        for kind, step in steps.items():
            ways = WAYS.get(kind, ("",))
            step = 1 if long else step * 8 if slow else step
            most = MOST if long else MOST // 5  # a description takes a thousand and a half
            if kind == "own" and (ask is job or not long):
                most = 1 if ask in STOPPED else 0
            if kind == "own" and most != 0:
                self.play.injector.hold_jobs(False)
                self.play.place.server.stop()  # whatever failed so far has left nothing behind
                self.play.start()
            for hows in [(way,) for way in ways] if all_ways else [ways]:
                counts[kind] = self.every(ask, kind, hows, step, most)
        calls = ", ".join(f"{kind} {count}" for kind, count in counts.items() if long and count > 0)
        self.outcome.note(f"{ask.__name__}: {calls}{'; ' if calls else ''}{time.monotonic() - began:.1f} s")


def run(stage):
    outcome = Outcome(stage, "injections", "the n-th statement, the n-th allocation fails")
    cluster, injector = Cluster(), Injector(stage.folder / "injections")
    try:
        cluster.start()
        settings = {**injector.settings, "STEWARD_LOOPS": "1"}
        with Place(cluster, stage.folder, "injections", program=INJECTING, **settings).closing() as place:
            place.server.excused = EXCUSED
            scene = Scene(place, injector)
            play = Play(place, scene, injector)
            part = Run(stage, outcome, play)
            for ask in REQUESTS:
                part.request(ask)
            injector.hold_jobs(False)
            told = ", ".join(f"{count} {what}" for what, count in sorted(play.told.items()))
            outcome.note(f"{sum(play.told.values()) - play.told['stopped']} failures, answered {told}")
            outcome.wrong += gaps(scene.db, scene.org)
            scene.close()
        checked = run_command("check", settings=place.admin, check=False)
        outcome.expect(checked.returncode == 0, f"steward check: {checked.stdout[-2000:]}{checked.stderr[-2000:]}")
    finally:
        cluster.stop()
    return outcome
