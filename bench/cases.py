"""What is measured. A case gives a result: its name, the ratio in each pair, and what else is worth knowing."""

import json
import statistics
import threading
import time

import data

READER = data.slug(7)
BUSY = 64
MANY = 256


def spread(values):
    return {"min": round(min(values), 4), "median": round(statistics.median(values), 4), "max": round(max(values), 4)}


def middle(runs, name):
    return round(statistics.median(getattr(run, name) for run in runs), 3)


def told(runs):
    return {name: middle(runs, name)
            for name in ("rate", "p50_ms", "p99_ms", "server_us", "postgres_us", "load_us")}


class Bench:
    def __init__(self, load, pairs, seconds, say):
        self.load = load
        self.pairs = pairs
        self.seconds = seconds
        self.say = say

    def _pairs(self, name, first, second, better=lambda a, b: a.rate / b.rate):
        """Interleaved A B A B after one unmeasured round, since the first fills caches and prepares statements."""
        first(1)
        second(1)
        ones, others, ratios = [], [], []
        for number in range(self.pairs):
            ones.append(first(self.seconds))
            others.append(second(self.seconds))
            ratios.append(better(ones[-1], others[-1]))
            self.say(f"{name} {number + 1}/{self.pairs}: {ones[-1].rate:,.0f}/s, {others[-1].rate:,.0f}/s, "
                     f"ratio {ratios[-1]:.2f}, p99 {ones[-1].p99_ms:.1f} ms")
        return ones, others, ratios

    def _against_limit(self, name, slug, target, goal, **variables):
        ones, others, ratios = self._pairs(
            name, lambda seconds: self.load.http(name, slug, BUSY, seconds),
            lambda seconds: self.load.limit(name, slug, seconds, **variables))
        spent = [(other.postgres_us + other.load_us) / (one.server_us + one.postgres_us + one.load_us)
                 for one, other in zip(ones, others)]
        return [{"name": name, "ratio": spread(ratios), "target": target, "goal": goal, "processor": spread(spent),
                 "server": told(ones), "limit": told(others)}]

    def point_read(self):
        return self._against_limit("point_read", READER, 0.55, 1.0)

    def page(self):
        return self._against_limit("page", READER, 0.6, 0.9)

    def create(self):
        """Both sides store the same three rows; the answer kept with the key is one that the server gave."""
        server, slug = self.load.server, data.WRITERS
        sample = {"name": "Bench Customer 123456", "industry": "manufacturing", "employee_count": 3456,
                  "annual_revenue": {"amount": "123456.50", "currency": "CNY"}, "founded_year": 1998, "country": "CN",
                  "city": "Shanghai", "website": "https://www.customer-123456.example/", "phone": "+8621123456",
                  "email": "office@customer-123456.example", "tier": "key", "tags": ["fair", "vip"], "source": "web",
                  "owner_id": f"{data.PREFIX}{data.FIRST_USER}"}
        status, answer = server.request("POST", "/v1/accounts", sample, self.load.tokens[slug])
        if status != 201:
            raise SystemExit(f"bench: create: {status} {answer}")
        try:
            return self._against_limit("create", slug, 0.5, 0.9, request_hash="0123456789abcdef" * 4,
                                       body=json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
        finally:
            data.forget_writes(self.load.cluster, self.load.organizations[slug])

    def connections(self):
        """Point reads over many connections against few, their latency, and the memory meanwhile."""
        memory = []

        def many(seconds):
            watch = threading.Timer(max(seconds - 1, 0.5), lambda: memory.append(self.load.server.memory()))
            watch.start()
            run = self.load.http("point_read", READER, MANY, seconds)
            watch.join()
            return run

        ones, others, ratios = self._pairs(
            "connections", many, lambda seconds: self.load.http("point_read", READER, BUSY, seconds))
        tails = [(name, spread([run.p99_ms / run.p50_ms for run in runs]), most, goal)
                 for name, runs, most, goal in (("p99_to_p50_64", others, 6, 3), ("p99_to_p50_256", ones, 5, 3))]
        return [{"name": "connections_256_to_64", "ratio": spread(ratios), "target": 0.85, "goal": 0.95,
                 "server": told(ones), "limit": told(others)},
                *[{"name": name, "ratio": values, "most": most, "goal": goal} for name, values, most, goal in tails],
                {"name": "memory_256", "rss_mb": spread([rss for rss, _ in memory]),
                 "pss_mb": spread([pss for _, pss in memory]), "most": 64, "goal": 24}]

    def with_slow(self):
        """Point reads while four statements of a second each are in flight, through the API like everything else: they
        wait for a lock, so that what is measured is the room they take and not the processor they would."""
        slow = Slow(self.load)

        def busy(seconds):
            slow.start()
            try:
                return self.load.http("point_read", READER, BUSY, seconds)
            finally:
                slow.stop()

        ones, others, ratios = self._pairs(
            "with_slow", busy, lambda seconds: self.load.http("point_read", READER, BUSY, seconds))
        tails = [one.p99_ms / other.p99_ms for one, other in zip(ones, others)]
        self.say(f"with_slow: {slow.answered} slow answers, the longest took {slow.longest:.1f} s")
        return [{"name": "with_slow", "ratio": spread(ratios), "target": 0.9, "goal": 0.95, "server": told(ones),
                 "limit": told(others), "slow_answers": slow.answered},
                {"name": "with_slow_p99", "ratio": spread(tails), "most": 2, "goal": 1.3}]


class Slow:
    """Four callers, two of aggregates and two of lists, on a table that is locked for a second again and again."""

    def __init__(self, load):
        self.load = load
        self.running = False
        self.threads = []
        self.answered = 0
        self.longest = 0.0
        self.failure = None

    def start(self):
        self.running = True
        self.threads = [threading.Thread(target=self._lock)]
        for _ in range(2):
            self.threads.append(threading.Thread(target=self._call, args=("POST", "/v1/leads/aggregate", {
                "by": ["status"], "measures": [{"as": "least", "op": "min", "field": "score"}]})))
            self.threads.append(threading.Thread(target=self._call, args=("GET", "/v1/leads", None)))
        for thread in self.threads:
            thread.start()
        time.sleep(0.3)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()
        if self.failure:
            raise SystemExit(f"bench: with_slow: {self.failure}")

    def _lock(self):
        session = self.load.cluster.psql()
        while self.running:
            session.stdin.write("begin; lock table steward.leads; select pg_sleep(1); commit;\n")
            session.stdin.flush()
            time.sleep(1.005)
        session.stdin.close()
        session.wait()

    def _call(self, method, path, body):
        while self.running:
            began = time.monotonic()
            status, answer = self.load.server.request(method, path, body, self.load.tokens[READER])
            if status != 200:
                self.failure = f"{path}: {status} {answer}"
                return
            taken = time.monotonic() - began
            self.longest = max(self.longest, taken)
            self.answered += taken > 0.5


ALL = ("point_read", "page", "create", "connections", "with_slow")
