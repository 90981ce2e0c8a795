"""What the requests run against: a PostgreSQL with the same data each time, and the server under callgrind."""

import glob
import secrets
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from callgrind import instructions

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/api"))

from harness.client import Session  # noqa: E402
from harness.cluster import SERVING, Cluster  # noqa: E402
from harness.server import Server, new_signing_key, run_command  # noqa: E402
from harness.wire import Wire, request  # noqa: E402

ACCOUNTS = 2000
PREFIX = "01900000-0000-7000-8000-"  # and twelve decimal digits
FIRST_ACCOUNT = 100_000_000_000
WHO = ("budget", "admin@budget.example", secrets.token_urlsafe(15))
# Each entry of this function, by this request, ends a count and begins the next: no signal and no clock is in the way.
MARK, MARKED_BY = "/livez", "livez"

FILL = """
set session_replication_role = replica;
insert into accounts (org_id, id, name, kind, industry, employee_count, annual_revenue, annual_revenue_currency,
                      founded_year, country, city, website, phone, email, tier, lifecycle_stage, description, tags,
                      source, owner_id, last_touch_at, external_ids, version, created_at, updated_at)
select o.id, ('{prefix}' || {first} + i)::uuid,
       (array['Northwind', '海河贸易', 'Globex', '晨星科技'])[i % 4 + 1] || ' ' || 1000 + i, 'company',
       (array['manufacturing', 'logistics'])[i % 2 + 1], 1000 + i, 1000000 + i + 0.25, 'CNY', 1950 + i % 50,
       (array['CN', 'DE'])[i % 2 + 1], (array['上海', 'Hamburg'])[i % 2 + 1],
       'https://www.customer-' || 1000 + i || '.example/', '+8621' || 50000000 + i,
       'office@customer-' || 1000 + i || '.example', (array['key', 'basic', null])[i % 3 + 1], 'repeat',
       'Met at the fair in ' || 1990 + i % 30 || '; asks for an offer each spring, pays on time, wants one contact.',
       (array['{{}}', '{{fair,vip}}'])[i % 2 + 1]::text[], 'web', u.id,
       '2026-01-05T06:07:08.123456Z', '{{}}', 1, '2026-01-01T00:00:00.123456Z'::timestamptz + i * interval '1 minute',
       '2026-02-01T00:00:00.654321Z'::timestamptz + i * interval '1 minute'
from organizations o join users u on u.org_id = o.id cross join generate_series(0, {accounts} - 1) i
"""


def account_id(number):
    return f"{PREFIX}{FIRST_ACCOUNT + number % ACCOUNTS}"


class Stage:
    """A context: what it started ends with it. The log of the server stays in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self.cluster = Cluster()
        self.server = self.wire = self.token = self.counts = None
        self.marks = 0
        self.open = ExitStack()

    def __enter__(self):
        with self.open:
            self.counts = self.open.enter_context(tempfile.TemporaryDirectory(prefix="steward-budget-"))
            self.open.callback(self.cluster.stop)
            self._load()
            self._serve()
            self.open = self.open.pop_all()
        return self

    def __exit__(self, *failure):
        with self.open:
            if failure[0] is None:
                self.server.stop()

    def _load(self):
        slug, email, password = WHO
        self.cluster.start()
        operator = {"STEWARD_ADMIN_DATABASE_URL": self.cluster.url("steward_owner")}
        run_command("migrate", settings=operator)
        self.cluster.let_serve()
        run_command("org", "create", "--slug", slug, "--name", "Budget", settings=operator)
        run_command("user", "create", "--org", slug, "--email", email, "--name", "Admin", "--role", "admin",
                    settings={**operator, "STEWARD_PASSWORD": password})
        with self.cluster.connect("postgres") as connection:
            connection.execute(FILL.format(prefix=PREFIX, first=FIRST_ACCOUNT, accounts=ACCOUNTS))
            connection.execute("vacuum analyze")

    def _serve(self):
        key = Path(self.counts, "signing.pem")
        key.write_text(new_signing_key())
        key.chmod(0o600)
        settings = {"STEWARD_DATABASE_URL": self.cluster.url(SERVING), "STEWARD_SIGNING_KEY_FILE": str(key),
                    "STEWARD_CURSOR_KEY": secrets.token_hex(32), "STEWARD_LOOPS": "1",
                    "STEWARD_SECCOMP": "off"}  # valgrind needs more than serving does
        callgrind = ("valgrind", "-q", f"--log-file={self.folder}/valgrind.log", "--tool=callgrind",
                     "--separate-threads=yes", f"--dump-before={MARKED_BY}", f"--callgrind-out-file={self.counts}/out")
        self.server = Server(settings, self.folder / "server.log", under=callgrind)
        self.open.callback(self.server.kill)
        self.server.start(timeout=120)
        self.token = Session(self.server.url, None, *WHO).token()
        self.wire = self.open.enter_context(Wire(self.server, timeout=60))

    def ask(self, method, path, body=None, headers=(), expect=200):
        """One request, whose answer is read before the next. `body` is text."""
        lines = [f"Authorization: Bearer {self.token}", "Accept: application/json", *headers]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
        self.wire.send(request(method, path, lines, body or ""))
        reply = self.wire.reply(method)
        assert reply is not None and reply.status == expect, f"{method} {path}: {reply}"

    def mark(self):
        """What the loop's thread spent since the mark before, by function."""
        self.wire.send(request("GET", MARK))
        assert self.wire.reply().status == 200
        self.marks += 1
        found = glob.glob(f"{self.counts}/out.{self.marks}-*")  # of the thread that came by, and no other
        assert len(found) == 1, f"callgrind did not count up to {MARKED_BY}(), which answers {MARK}: {found}"
        return instructions(found[0])
