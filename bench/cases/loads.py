"""What else goes on beside point reads: many connections, slow statements, idle ones, a noisy neighbour, the second wall."""

import json
import math
import resource
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlparse

import data
from cases.base import BUSY, READER, Bench, busy, p99, reading, spread, told
from cases.reads import AGGREGATE, FILTERED, ROWS
from load import Request, Traffic

POINT_READ = ROWS["point_read"][0]
IDLE = 10_000


def memory(name, runs, most, goal):
    return {"name": name, "rss_mb": spread([run.rss_mb for run in runs]), "pss_mb": spread([run.pss_mb for run in runs]),
            "most": most, "goal": goal}


def connections(bench: Bench):
    """Point reads over many connections against few, their latency, and the memory meanwhile."""
    few, many = bench.rounds("connections 256", *[bench.http(busy(POINT_READ, count)) for count in (BUSY, 256)])
    # afterwards: a process gives back only some of what a thousand have taken
    again, most = bench.rounds("connections 1000", *[bench.http(busy(POINT_READ, count)) for count in (BUSY, 1000)])

    def tail(name, runs, **wanted):
        return {"name": name, "ratio": spread([run.p99_ms / run.p50_ms for run in runs]), **wanted}

    return [bench.against("connections_256_to_64", many, few, "64 connections", target=0.85, goal=0.95),
            tail("p99_to_p50_64", few, most=6, goal=3), tail("p99_to_p50_256", many, most=5, goal=3),
            memory("memory_256", many, 64, 24),
            bench.against("connections_1000_to_64", most, again, "64 connections"), tail("p99_to_p50_1000", most)]


def with_slow(bench: Bench):
    """Point reads while four statements of a second each are in flight, through the API like everything else: they
    wait for a lock, so that what is measured is the room they take and not the processor they would."""
    slow = Slow(bench.load)

    def disturbed(seconds):
        slow.start()
        try:
            return bench.load.http(busy(POINT_READ), seconds)
        finally:
            slow.stop()

    ones, others = bench.rounds("with_slow", disturbed, bench.http(busy(POINT_READ)))
    bench.say(f"with_slow: {slow.answered} slow answers, the longest took {slow.longest:.1f} s")
    return [{**bench.against("with_slow", ones, others, "quiet", target=0.9, goal=0.95), "slow_answers": slow.answered},
            bench.against("with_slow_p99", ones, others, "quiet", p99, most=2, goal=1.3)]


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
            status, answer = self.load.server.request(method, path, body, self.load.token(READER))
            if status != 200:
                self.failure = f"{path}: {status} {answer}"
                return
            taken = time.monotonic() - began
            self.longest = max(self.longest, taken)
            self.answered += taken > 0.5


def open_idle(url, count):
    """Connections that have had an answer and wait for the next request."""
    address = urlparse(url)
    opened = []
    for _ in range(count):
        one = socket.create_connection((address.hostname, address.port))
        # closed by a reset, or as many ports would wait for minutes
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
        opened.append(one)
        if len(opened) % 100 == 0:
            for waiting in opened[-100:]:
                waiting.recv(4096)
    return opened


def idle(bench: Bench):
    """Point reads while ten thousand connections stay open, and what these cost in memory."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000
    count = min(IDLE, room)
    if count < IDLE:
        bench.say(f"idle: only {count} connections, a process may open no more here (ulimit -n)")

    def surrounded(seconds):
        opened = open_idle(bench.load.server.url, count)
        try:
            return bench.load.http(busy(POINT_READ), seconds)
        finally:
            for one in opened:
                one.close()

    ones, others = bench.rounds("idle", surrounded, bench.http(busy(POINT_READ)))
    return [bench.against("idle", ones, others, "quiet"),
            bench.against("idle_p99", ones, others, "quiet", p99),
            {**memory("memory_10000_idle", ones, None, 200), "connections": count}]


def wall(bench: Bench):
    """The serving role's views as they are against the same without their WHERE; both name the organisation."""
    found = []
    for name in ("point_read", "page"):
        traffic = busy(ROWS[name][0])

        def without(seconds, traffic=traffic):
            data.second_wall(bench.load.cluster, False)
            try:
                return bench.load.http(traffic, seconds)
            finally:
                data.second_wall(bench.load.cluster, True)

        ones, others = bench.rounds(f"wall {name}", bench.http(traffic), without)
        found.append(bench.against(f"wall_{name}", ones, others, "without it", target=0.85, goal=0.92))
    return found


def noisy(bench: Bench):
    """Six organisations read at leisure over 64 connections, some twenty times a second each of them, while another asks for
    sorted pages and aggregates over 64 connections as fast as it gets answers."""
    others_slugs = tuple(data.slug(number) for number in range(6))
    calm = Traffic([reading("/v1/accounts/{account}", others_slugs, weight=4), reading("/v1/accounts", others_slugs)],
                   delay_ms=50)
    loud = Traffic([reading(FILTERED, weight=9), Request("/v1/accounts/aggregate", "POST", json.dumps(AGGREGATE), (READER,))],
                   refused=True)

    def disturbed(seconds):
        with ThreadPoolExecutor(1) as pool:
            neighbour = pool.submit(bench.load.http, loud, seconds + 1)
            time.sleep(0.5)
            run = bench.load.http(calm, seconds)
            neighbours.append(neighbour.result())
        # what was spent was spent for both, so for neither
        return replace(run, server_us=math.nan, postgres_us=math.nan, load_us=math.nan)

    neighbours = []
    ones, others = bench.rounds("noisy", disturbed, bench.http(calm))
    found = bench.against("noisy_neighbour_p99", ones, others, "without the neighbour", p99, most=None, goal=1.3)
    return [{**found, "neighbour": told(neighbours)}]


CASES = {"connections": connections, "with_slow": with_slow, "idle": idle, "wall": wall, "noisy": noisy}
