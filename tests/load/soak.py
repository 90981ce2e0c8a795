"""./dev soak: a million requests of all sorts leave memory and descriptors where they were after the warm-up; idle and slow
clients in numbers cost the others little and leave nothing behind."""

import argparse
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from client import Connection, drive, request  # noqa: E402
from harness.client import Api  # noqa: E402
from harness.cluster import SERVING, Cluster  # noqa: E402
from harness.server import Server, new_signing_key, run_command  # noqa: E402
from harness.waiting import until  # noqa: E402
from slow import KINDS, Slow  # noqa: E402

GROWTH_KB = 2048
CONNECTIONS = 32
LEADS = 500
PASSWORD = "soak-4711-password"
IDLE = 10_000
BUSY = 1_000
SLOW = 100  # of each kind
HONEST = 10_000  # requests, once alone and once beside all those
KEPT = 0.9  # of the throughput
CROWD_KB = 200 << 10
LEFT_KB = 16 << 10  # the C library keeps what it may need again
SETTLE = 15  # seconds that a busy machine may be late


def memory_kb(pid, name="Pss"):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def status_kb(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Place:
    """An organization with leads, its server and what is needed to call it."""

    def __init__(self, cluster, folder, patience):
        admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner")}
        run_command("migrate", settings=admin)
        cluster.let_serve()
        run_command("org", "create", "--slug", "soak", "--name", "Soak", settings=admin)
        run_command("user", "create", "--org", "soak", "--email", "a@soak.example", "--name", "A", "--role", "admin",
                    settings={**admin, "STEWARD_PASSWORD": PASSWORD})
        made = run_command("key", "create", "--org", "soak", "--name", "form", "--source", "web", "--scopes",
                           "leads:create,leads:read", settings=admin)
        self.key = json.loads(made.stdout)["key"]
        signing = Path(folder) / "signing.pem"
        signing.write_text(new_signing_key(), encoding="ascii")
        self.server = Server({"STEWARD_DATABASE_URL": cluster.url(SERVING), "STEWARD_SIGNING_KEY_FILE": str(signing),
                              "STEWARD_CURSOR_KEY": "ab" * 32, "STEWARD_FAILED_SIGN_INS": "60000",
                              "STEWARD_ACCESS_TOKEN_SECONDS": "86400",
                              **{f"STEWARD_{name}_TIMEOUT_MS": str(1000 * seconds) for name, seconds in
                                 zip(("HEADER", "BODY", "WRITE"), patience)}}, Path(folder) / "serve.log").start()
        self.pid = self.server.process.pid
        api = Api(self.server.url)
        self.login = json.dumps({"organization": "soak", "email": "a@soak.example", "password": PASSWORD})
        self.tokens = [api.post("/v1/auth/login", json=json.loads(self.login), expect=200).json()["access_token"]
                       for _ in range(4)]
        api.token = self.tokens[0]
        self.leads = [api.create("/v1/leads", name=f"Lead {number}", score=number % 101)["id"] for number in range(LEADS)]
        api.close()


def mixed(place, seed):
    """make(number) for drive: what clients send on good and on bad days."""
    draw = random.Random(seed)

    def token():
        return draw.choice(place.tokens)

    def lead():
        return f"/v1/leads/{draw.choice(place.leads)}"

    def page():
        words = draw.choice(("limit=20", "limit=50&sort=-score", "score[gte]=50&limit=10", "status[in]=new,working&limit=5",
                             f"name[starts]=Lead%20{draw.randrange(99)}", "limit=3&expand=owner"))
        return request("GET", f"/v1/leads?{words}", token())

    def create():
        key = [f"Idempotency-Key: {uuid.UUID(int=draw.getrandbits(128))}"] if draw.random() < 0.5 else []
        return request("POST", "/v1/leads", draw.choice((token(), place.key)), json.dumps({"name": f"Soaked {draw.random()}"}), key)

    def change(match="*"):
        return request("PATCH", lead(), token(), json.dumps({"score": draw.randrange(101)}), [f"If-Match: {match}"])

    wrong = (
        lambda: request("GET", f"/v1/leads/{uuid.UUID(int=draw.getrandbits(128))}", token()),
        lambda: request("GET", f"/v1/{draw.randrange(10 ** 9)}", token()),
        lambda: request("GET", "/v1/leads", f"guess-{draw.random()}"),
        lambda: request("GET", "/v1/leads"),
        lambda: request("POST", "/v1/leads", token(), json.dumps({"name": "", f"x{draw.randrange(10 ** 6)}": 1})),
        lambda: request("POST", "/v1/leads", token(), '{"name":'),
        lambda: request("POST", "/v1/leads", token(), "name", ["Content-Type: text/plain"]),
        lambda: request("DELETE", "/v1/leads", token()),
        lambda: request("GET", f"/v1/leads?colour={draw.random()}", token()),
        lambda: request("GET", "/v1/leads?cursor=nonsense", token()),
        lambda: change('"999999"'),
        lambda: request("DELETE", "/v1/leads/" + place.leads[0], place.key, headers=["If-Match: *"]),
        lambda: b"GET /v1/leads HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    )
    kinds = ((0.45, lambda: request("GET", lead(), token())), (0.65, page), (0.73, create), (0.80, change),
             (0.9998, lambda: draw.choice(wrong)()), (1.0, lambda: request("POST", "/v1/auth/login", body=place.login)))

    def make(_):
        at = draw.random()
        return next(kind for share, kind in kinds if at < share)()
    return make


def idle_connections(place, count):
    """Those that have had an answer and stay."""
    made = []
    for _ in range(count):
        made.append(Connection(place.server.port))
        made[-1].socket.sendall(request("GET", "/livez"))
        while made[-1].take() is None:
            pass
    return made


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def honest(place, seed, count):
    """What `count` requests of everyday clients took: seconds, and seconds of the server's processor."""
    began, before = time.monotonic(), cpu_seconds(place.pid)
    statuses = drive(place.server.port, CONNECTIONS, count, mixed(place, seed))
    assert not [status for status in statuses if status >= 500], statuses
    return time.monotonic() - began, cpu_seconds(place.pid) - before


def surrounded(place, arguments):
    """Ten thousand idle connections and hundreds of slow senders and readers. What does not hold."""
    limits = dict(zip(KINDS, arguments.patience))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle = min(IDLE, (hard if hard > 0 else soft) - 3 * SLOW - 200)
    wrong, ratios, oldest, let_go, said = [], [], Counter(), Counter(), Counter()
    before, opened = memory_kb(place.pid), descriptors(place.pid)
    for number in range(arguments.pairs):
        alone = honest(place, 100 + number, HONEST) if arguments.pairs > 1 else None
        standing, made = memory_kb(place.pid), idle_connections(place, idle)
        each = (memory_kb(place.pid) - standing) / idle
        with Slow(place.server.port, place.tokens[0], SLOW) as slow:
            beside = honest(place, 100 + number, HONEST)
            growth = memory_kb(place.pid) - before
            end = time.monotonic() + (max(limits.values()) + SETTLE if number == 0 else 0)
            while time.monotonic() < end and min(len(slow.lives[kind]) for kind in KINDS) < SLOW:
                time.sleep(1)
                growth = max(growth, memory_kb(place.pid) - before)
            oldest |= Counter(slow.oldest())
            let_go.update({kind: len(lives) for kind, lives in slow.lives.items()})
            said.update(slow.said)
        for one in made:
            one.close()
        until(lambda: descriptors(place.pid) <= opened, 30)
        wrong += [slow.failure] if slow.failure else []
        ratios += [[one / other for one, other in zip(alone, beside)]] if alone else []
        if number == 0:
            print(f"{idle} idle connections: {each:.1f} KB each; with {SLOW} slow senders of heads, of bodies and readers: {growth} KB")
            wrong += [f"{idle} idle and {3 * SLOW} slow connections take {growth} KB"] if growth > CROWD_KB else []
    print("slow ones let go: " + ", ".join(f"{kind}: {let_go[kind]} (after {oldest[kind]:.0f} s at most, allowed {limits[kind]} s)"
                                          for kind in KINDS) + f"; told {dict(said)}")
    wrong += [f"a slow {kind} was held for {oldest[kind]:.0f} s" for kind in KINDS if oldest[kind] > limits[kind] + SETTLE]
    wrong += [f"no slow {kind} was let go" for kind in KINDS if let_go[kind] < SLOW]
    wrong += [f"slow senders were told {dict(said)}"] if set(said) != {"408"} else []
    if ratios:
        rate, cost = (statistics.median(part) for part in zip(*ratios))
        print(f"beside them honest clients keep {100 * rate:.0f} % of their throughput ({', '.join(f'{ratio[0]:.2f}' for ratio in ratios)}), "
              f"at {1 / cost:.2f} times the processor's time")
        wrong += [f"honest clients keep {100 * rate:.0f} % of their throughput"] if rate < KEPT else []
    left = memory_kb(place.pid) - before
    end = time.monotonic() + SETTLE
    while left > LEFT_KB and time.monotonic() < end:
        time.sleep(1)
        left = memory_kb(place.pid) - before
    print(f"after them: {left} KB more than before")
    wrong += [f"{left} KB stay behind"] if left > LEFT_KB else []
    return wrong


def busy_requests(place, count):
    """KB that each of many pages at once adds at the peak."""
    with open(f"/proc/{place.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    before = status_kb(place.pid, "VmRSS")
    statuses = drive(place.server.port, count, count, lambda _: request("GET", "/v1/leads?limit=50", place.tokens[0]))
    return (status_kb(place.pid, "VmHWM") - before) / count, statuses


def soak(place, warm_up, count):
    """Prints what was measured; the list of what does not hold."""
    drive(place.server.port, CONNECTIONS, warm_up, mixed(place, 1))
    time.sleep(1)
    first = memory_kb(place.pid), memory_kb(place.pid, "Rss"), descriptors(place.pid)
    print(f"after {warm_up} requests: PSS {first[0]} KB, RSS {first[1]} KB, {first[2]} descriptors", flush=True)
    statuses, began, done, part = {}, time.monotonic(), 0, 0
    while done < count:
        part += 1
        step = min(count - done, max(count // 10, 1))
        for status, number in drive(place.server.port, CONNECTIONS, step, mixed(place, 1 + part)).items():
            statuses[status] = statuses.get(status, 0) + number
        done += step
        print(f"{done:>8} more: PSS {memory_kb(place.pid)} KB", flush=True)
    took = time.monotonic() - began
    time.sleep(1)
    last = memory_kb(place.pid), memory_kb(place.pid, "Rss"), descriptors(place.pid)
    print(f"growth over {count} requests in {took:.0f} s: PSS {last[0] - first[0]} KB, RSS {last[1] - first[1]} KB, "
          f"descriptors {last[2] - first[2]}")
    print("statuses: " + ", ".join(f"{status}: {statuses[status]}" for status in sorted(statuses)))
    wrong = [f"{number} answers of {status}" for status, number in statuses.items() if status >= 500]
    if last[0] - first[0] > GROWTH_KB:
        wrong.append(f"memory grew by more than {GROWTH_KB} KB")
    if last[2] > first[2]:
        wrong.append("descriptors are left open")
    wrong += [f"no answer of {status}" for status in (200, 201, 400, 401, 403, 404, 405, 412, 415, 422) if status not in statuses]
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="after the warm-up")
    parser.add_argument("--warm-up", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=7, help="of rounds with and without slow clients; with one, what honest ones keep is not judged")
    parser.add_argument("--patience", type=int, nargs=3, default=(10, 30, 60), help="seconds for a head, a body and an answer")
    arguments = parser.parse_args()
    cluster = Cluster()
    with tempfile.TemporaryDirectory(prefix="steward-soak-") as folder:
        try:
            cluster.start()
            place = Place(cluster, folder, arguments.patience)
            try:
                wrong = soak(place, arguments.warm_up, arguments.requests)
                each, statuses = busy_requests(place, BUSY)
                print(f"{BUSY} pages of 50 at once: {each:.0f} KB each at the peak ({dict(statuses)})")
                wrong += surrounded(place, arguments)
                place.server.stop()
            finally:
                place.server.kill()
        finally:
            cluster.stop()
    print(f"soak: {'1 passed, 0 failed' if not wrong else '0 passed, 1 failed: ' + '; '.join(wrong)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
