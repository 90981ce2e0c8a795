"""The two generators of load, wrk for the server and pgbench for the limit, and what the processes spent meanwhile."""

import json
import os
import re
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass

import data
from server import cpu_seconds

PGBENCH_CLIENTS = 8  # more slow two cores down, fewer leave some of it unused
PGBENCH_THREADS = 2
WRK_THREADS = 2

COLUMNS = """
    select string_agg(case data_type when 'ARRAY' then 'to_jsonb(t.' || column_name || ')' else 't.' || column_name end,
                      ', ' order by ordinal_position)
    from information_schema.columns
    where table_schema = 'steward' and table_name = 'accounts' and column_name <> 'org_id'"""

POINT_READ = """
\\set n random(%(first)d, %(last)d)
select %(columns)s from accounts t where t.org_id = :org::uuid and t.id = (:prefix || :n)::uuid and t.deleted_at is null;
"""
PAGE = """
select %(columns)s from accounts t where t.org_id = :org::uuid and t.deleted_at is null order by t.id desc limit 51;
"""
# What the server stores, in as few statements as can be.
CREATE = """
\\set n random(1, 999999)
\\set owner random(%(first_owner)d, %(last_owner)d)
begin;
with new as (
    insert into accounts (org_id, id, name, kind, industry, employee_count, annual_revenue, annual_revenue_currency,
                          founded_year, country, city, website, phone, email, tier, lifecycle_stage, tags, source, owner_id,
                          team_id)
    select :org::uuid, app.uuid7(), 'Bench Customer ' || :n, 'company', 'manufacturing', :n %% 20000, :n + 0.5, 'CNY', 1998,
           'CN', 'Shanghai', 'https://www.customer-' || :n || '.example/', '+8621' || lpad(:n::text, 6, '0'),
           'office@customer-' || :n || '.example', 'key', 'potential', '{fair,vip}', 'web', u.id, u.team_id
    from users u where u.org_id = :org::uuid and u.id = (:prefix || :owner)::uuid
    returning *)
insert into events (org_id, id, actor_kind, actor_id, request_id, resource, record_id, type, version, changes, after)
select t.org_id, app.uuid7(), 'user', t.owner_id, t.id::text, 'accounts', t.id, 'created', t.version, null,
       to_jsonb(t) - 'org_id' from new t;
insert into idempotency_keys (org_id, principal_id, scope, key, request_hash, status, location, etag, body)
values (:org::uuid, (:prefix || :owner)::uuid, 'POST /v1/accounts', gen_random_uuid()::text, :hash, 201,
        '/v1/accounts/' || :prefix || :n, '"1-0123456789abcdef"', :body);
commit;
"""


@dataclass
class Run:
    """What one run gave: per second, latencies, and processor time in microseconds per request by who spent it."""
    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float
    load_us: float


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Load:
    def __init__(self, cluster, server, organizations, tokens):
        self.cluster = cluster
        self.server = server
        self.organizations = organizations
        self.tokens = tokens  # by slug
        self.columns = cluster.sql(COLUMNS)
        self.count = 0
        self.folder = tempfile.mkdtemp(prefix="stw-bench-scripts-", dir="/tmp")

    def _spent(self):
        return (cpu_seconds(self.server.process.pid), cpu_seconds(self.cluster.process.pid, with_children=True),
                _children_seconds())

    @staticmethod
    def _per_request(before, after, requests):
        return [(late - early) * 1e6 / max(requests, 1) for early, late in zip(before, after)]

    def http(self, mode, slug, connections, seconds):
        self.count += 1
        before = self._spent()
        done = subprocess.run(
            ["wrk", "-t", str(WRK_THREADS), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s",
             f"{os.path.dirname(os.path.abspath(__file__))}/load.lua", self.server.url, "--", mode, self.tokens[slug],
             f"{int(time.time())}-{self.count}", data.PREFIX, str(data.FIRST_ACCOUNT), str(data.ACCOUNTS),
             str(data.FIRST_USER), str(data.USERS)], capture_output=True, text=True, check=False)
        after = self._spent()
        found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not found:
            raise SystemExit(f"bench: wrk: {done.stdout}{done.stderr}")
        result = json.loads(found.group(1))
        if result["status"] or result["socket"] or not result["requests"]:
            raise SystemExit(f"bench: {mode}: not every answer was a success: {result}, see {self.server.log_path}")
        return Run(result["requests"] / result["seconds"], result["p50_ms"], result["p99_ms"],
                   *self._per_request(before, after, result["requests"]))

    def _script(self, mode):
        path = f"{self.folder}/{mode}.sql"
        if not os.path.exists(path):
            text = {"point_read": POINT_READ, "page": PAGE, "create": CREATE}[mode] % {
                "columns": self.columns, "first": data.FIRST_ACCOUNT, "last": data.FIRST_ACCOUNT + data.ACCOUNTS - 1,
                "first_owner": data.FIRST_USER, "last_owner": data.FIRST_USER + data.USERS - 1}
            # pgbench ends a command at a line's end only in its own commands
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def limit(self, mode, slug, seconds, body="", request_hash=""):
        variables = {"org": self.organizations[slug], "prefix": data.PREFIX, "body": body, "hash": request_hash}
        command = [f"{self.cluster.bin}/pgbench", "-n", "-M", "prepared", "-c", str(PGBENCH_CLIENTS), "-j",
                   str(PGBENCH_THREADS), "-T", str(seconds), "-h", self.cluster.sockets, "-U", "steward_owner", "-f",
                   self._script(mode)]
        command += [word for name, value in variables.items() if value for word in ("-D", f"{name}={value}")]
        before = self._spent()
        done = subprocess.run([*command, "steward"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PGOPTIONS": "-c search_path=steward,app,public -c timezone=UTC"})
        time.sleep(0.3)  # until the backends that ended have been waited for, which is when their time is counted
        after = self._spent()
        rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        processed = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not rate:
            raise SystemExit(f"bench: pgbench: {done.stdout}{done.stderr}")
        latency = float(re.search(r"^latency average = ([0-9.]+)", done.stdout, re.MULTILINE).group(1))
        return Run(float(rate.group(1)), latency, latency, *self._per_request(before, after, int(processed.group(1))))
