"""Where faults happen: an organization, and a server that is killed and started again on the same port."""

import contextlib
import secrets
import time
from pathlib import Path

from harness.cluster import SERVING
from harness.haproxy import free_port
from harness.server import Server, binary, new_signing_key, run_command
from importing import found

CRASHING = Path(binary()).with_name("steward_with_crash_points")


def until(holds, what, seconds=60.0):
    """Waits; how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.002)
    return time.monotonic() - began


class Place:
    """`url`: how the server finds the database, when that is not the straight way. `program`: another server than the real one."""

    def __init__(self, cluster, folder, slug, url=None, program=None, **settings):
        self.cluster, self.folder, self.slug, self.program, self.started = cluster, Path(folder), slug, program, 0
        self.port = free_port()
        signing = self.folder / f"{slug}.pem"
        signing.write_text(new_signing_key(), encoding="ascii")
        signing.chmod(0o600)
        self.admin = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner")}
        self.settings = {"STEWARD_DATABASE_URL": url or cluster.url(SERVING), "STEWARD_SIGNING_KEY_FILE": str(signing),
                         "STEWARD_CURSOR_KEY": secrets.token_hex(32), "STEWARD_FAILED_SIGN_INS": "60000",
                         "STEWARD_ACCESS_TOKEN_SECONDS": "86400", "STEWARD_PORT": str(self.port), **settings}
        run_command("migrate", settings=self.admin)
        cluster.let_serve()
        self.server = None
        self.start()
        self.boss = found(self.server, self.admin, slug)
        self.token = self.boss.token()
        with cluster.connect() as db:
            self.org = db.execute("select id from organizations where slug = %s", (slug,)).fetchone()[0]

    def start(self, crash_point=None, listens=None):
        """Serves again; how long that took from the process's start to /readyz. The crash point counts from SIGUSR1 on.
        `listens`: the socket to serve on instead of one of its own."""
        self.started += 1
        # one that is confined could not kill itself
        more = {"STEWARD_TEST_CRASH_POINT": crash_point, "STEWARD_SECCOMP": "off"} if crash_point else {}
        self.server = Server({**self.settings, **more}, self.folder / f"{self.slug}-{self.started}.log",
                             program=str(CRASHING) if crash_point else self.program, listens=listens)
        began = time.monotonic()
        self.server.start()
        return time.monotonic() - began

    @contextlib.contextmanager
    def closing(self):
        """At its end the server must stop with 0 and leave a clean log."""
        try:
            yield self
            self.server.stop()
        finally:
            self.boss.close()
            self.server.kill()

    def settle_jobs(self):
        """Waits until no job is left; what a dead worker holds need not wait for the rest of its time."""
        with self.cluster.connect("postgres") as db:
            db.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'steward-jobs' and "
                       "state = 'idle in transaction' and state_change < now() - interval '1 second'")
            db.execute("update jobs set lease_until = now() where state = 'running'")
            db.execute("update jobs set run_after = now() where state = 'queued'")
            left = "select count(*) from jobs where state in ('queued', 'running') and org_id = %s"
            until(lambda: not db.execute(left, (self.org,)).fetchone()[0], "the end of all jobs")
