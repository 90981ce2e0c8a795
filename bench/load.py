"""The two generators of load, wrk for the server and pgbench for the limit, and what the processes spent meanwhile."""

import glob
import json
import os
import random
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

import data
from server import cpu_seconds

PGBENCH_CLIENTS = 8  # more slow two cores down, fewer leave some of it unused
PGBENCH_THREADS = 2
WRK_THREADS = 2
SAMPLES = 20_000  # latencies that pgbench writes down in a run, at most


@dataclass
class Request:
    """One kind of request that wrk sends. In path and body {account} ({few} in a small organisation), {owner}, {n}
    and {organization} are drawn at random; {record} is one of the records to patch."""
    path: str
    method: str = "GET"
    body: str = None
    slugs: tuple = ()  # the organisations whose tokens are sent in turn; none: no token
    user: str = "admin"
    weight: float = 1
    key: bool = False  # with an Idempotency-Key of its own each
    match: bool = False  # with If-Match, of a record that no other request has at the moment


@dataclass
class Traffic:
    requests: list
    connections: int = 64
    delay_ms: int = 0  # between an answer and the next request of a connection, on average
    records: callable = None  # gives [(id, version)] for requests that match
    refused: bool = False  # asks for more than can be had: 503 is an answer too


@dataclass
class Run:
    """What one run gave: per second, latencies, processor time in microseconds per request by who spent it, memory of the
    server in MB."""
    rate: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    server_us: float = 0
    postgres_us: float = 0
    load_us: float = 0
    rss_mb: float = 0
    pss_mb: float = 0


@dataclass
class Script:
    """What pgbench runs: texts with their weights, and the variables in them. `planned`: the server plans at least one of the
    statements anew with its values each time."""
    parts: list  # of (text, weight)
    variables: dict = field(default_factory=dict)
    planned: bool = False


def percentile(ordered, share):
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _lua(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # the texts have no escape that the two languages read differently
    if isinstance(value, dict):
        return "{" + ",".join(f"[{_lua(key)}]={_lua(item)}" for key, item in value.items() if item is not None) + "}"
    return "{" + ",".join(_lua(item) for item in value) + "}"


class Load:
    def __init__(self, cluster, server, organizations, shape):
        self.cluster = cluster
        self.server = server
        self.organizations = organizations
        self.shape = shape
        self.tokens = {}
        self.folder = tempfile.mkdtemp(prefix="stw-bench-work-", dir="/tmp")
        self.rates = {}  # of pgbench, by script, to choose how many latencies it writes down
        self.modes = {}  # plan_cache_mode, by script

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def token(self, slug, user="admin"):
        if (slug, user) not in self.tokens:
            self.tokens[slug, user] = self.server.login(slug, f"{user}@{slug}.example", data.PASSWORD)
        return self.tokens[slug, user]

    def spent(self):
        return (cpu_seconds(self.server.process.pid), cpu_seconds(self.cluster.process.pid, with_children=True),
                children_seconds())

    @staticmethod
    def per_request(before, after, requests):
        return [(late - early) * 1e6 / max(requests, 1) for early, late in zip(before, after)]

    def _work(self, traffic):
        """The file that tells load.lua what to do."""
        records = traffic.records() if traffic.records else []
        path = f"{self.folder}/work-{random.getrandbits(48):012x}.lua"
        work = {
            "seed": random.getrandbits(40), "prefix": data.PREFIX, "first_account": data.FIRST["account"],
            "accounts": self.shape.each, "few": data.SMALL_ACCOUNTS, "first_user": data.FIRST["user"], "users": data.USERS,
            "delay_ms": traffic.delay_ms, "organizations": [data.slug(number) for number in range(data.BIG)],
            "requests": [{"method": one.method, "path": one.path, "body": one.body, "weight": one.weight, "key": one.key,
                          "match": one.match, "tokens": [self.token(slug, one.user) for slug in one.slugs]}
                         for one in traffic.requests],
            "records": [{"id": name, "tag": f'"{version}"'} for name, version in records],
            "patched": {name: True for name, _ in records}}
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"return {_lua(work)}\n")
        return path

    def _watch(self, seconds, memory):
        watch = threading.Timer(seconds * 0.7, lambda: memory.append(self.server.memory()))
        watch.start()
        return watch

    def http(self, traffic, seconds):
        path, memory = self._work(traffic), []
        before = self.spent()
        watch = self._watch(seconds, memory)
        done = subprocess.run(
            ["wrk", "-t", str(min(WRK_THREADS, traffic.connections)), "-c", str(traffic.connections), "-d", f"{seconds}s",
             "--timeout", "30s", "-s", f"{os.path.dirname(os.path.abspath(__file__))}/load.lua", self.server.url, "--", path],
            capture_output=True, text=True, check=False)
        after = self.spent()
        watch.join()
        os.remove(path)
        found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not found:
            raise SystemExit(f"bench: wrk: {done.stdout}{done.stderr}")
        result = json.loads(found.group(1))
        if (result["status"] and not traffic.refused) or result["socket"] or not result["requests"]:
            raise SystemExit(f"bench: {traffic.requests[0].path}: not every answer was a success: {result}, see "
                             f"{self.server.log_path}")
        return Run(result["requests"] / result["seconds"], result["p50_ms"], result["p99_ms"], result["p999_ms"],
                   *self.per_request(before, after, result["requests"]), *memory[0])

    def _latencies(self, prefix):
        values = []
        for path in glob.glob(f"{prefix}.*"):
            with open(path, encoding="ascii") as file:
                values += [int(line.split(" ", 3)[2]) / 1000 for line in file]
            os.remove(path)
        return sorted(values)

    def limit(self, script, seconds, warm=True):
        """pgbench as owner of the tables, without the second wall. What the server plans each time is planned each time here
        too, unless a plan made once is faster; `warm`: so that it is worth a second each to find out."""
        known = json.dumps(script.parts)
        if known not in self.modes:
            modes = ("force_custom_plan", "auto") if script.planned else ("auto",)
            rates = {mode: self._pgbench(script, ("-T", "1"), mode, 1).rate for mode in modes} if warm and len(modes) > 1 else {}
            self.modes[known] = max(rates, key=rates.get, default=modes[0])
        share = min(1.0, SAMPLES / (self.rates[known] * seconds)) if known in self.rates else 1
        run = self._pgbench(script, ("-T", str(seconds)), self.modes[known], share)
        self.rates[known] = max(run.rate, 1)
        return run

    def times(self, script, count):
        """pgbench again, so and so often instead of so and so long."""
        each = max(count // PGBENCH_CLIENTS, 1)
        return self._pgbench(script, ("-t", str(each)), "auto", min(1.0, SAMPLES / count))

    def _pgbench(self, script, length, mode, share):
        prefix = f"{self.folder}/latency"
        command = [f"{self.cluster.bin}/pgbench", "-n", "-M", "prepared", "-c", str(PGBENCH_CLIENTS), "-j",
                   str(PGBENCH_THREADS), *length, "-h", self.cluster.sockets, "-U", "steward_owner", "-l",
                   f"--log-prefix={prefix}", f"--sampling-rate={share:.4f}"]
        for number, (text, weight) in enumerate(script.parts):
            path = f"{self.folder}/{number}.sql"
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            command += ["-f", f"{path}@{weight}"]
        command += [word for name, value in script.variables.items() for word in ("-D", f"{name}={value}")]
        before = self.spent()
        done = subprocess.run([*command, "steward"], capture_output=True, text=True, check=False, env={
            **os.environ, "PGOPTIONS": f"-c search_path=steward,app,public -c timezone=UTC -c plan_cache_mode={mode}"})
        time.sleep(0.3)  # until the backends that ended have been waited for, which is when their time is counted
        after = self.spent()
        rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        processed = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not rate:
            raise SystemExit(f"bench: pgbench: {done.stdout}{done.stderr}")
        latencies = self._latencies(prefix) or [float("nan")]
        return Run(float(rate.group(1)), *[percentile(latencies, share) for share in (0.5, 0.99, 0.999)],
                   *self.per_request(before, after, int(processed.group(1))))
