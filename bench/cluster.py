"""The bench's own PostgreSQL: kept under bench/data, so that a million rows are built once."""

import glob
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time

OWNER = "steward_owner"
SERVING = "steward_app"
DATABASE = "steward"
# As one would set them on such a machine. Commits are durable, as they must be.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": 120,
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": 1.1,
    "fsync": "on",
    "synchronous_commit": "on",
    "autovacuum_naptime": "5min",
    "log_line_prefix": "%m [%p] %a ",
}


def binary_folder():
    folders = [folder for folder in glob.glob("/usr/lib/postgresql/*/bin") if os.path.exists(f"{folder}/pgbench")]
    if not folders:
        raise SystemExit("bench: no PostgreSQL server with pgbench is installed")
    return max(folders, key=lambda folder: int(re.search(r"/(\d+)/", folder).group(1)))


def dies_with_us(signal, user=None):
    """The start of a command line whose process ends with this one; PostgreSQL refuses to run as root."""
    command = ["setpriv", "--pdeathsig", signal]
    if user and os.geteuid() == 0:
        command += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
    return command


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        self.data = f"{folder}/cluster"
        self.bin = binary_folder()
        self.process = None
        self.sockets = tempfile.mkdtemp(prefix="stw-bench-", dir="/tmp")  # a socket's path has at most 107 bytes
        os.makedirs(folder, exist_ok=True)
        self._give_away(self.sockets)

    def _give_away(self, path):
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(path, user.pw_uid, user.pw_gid)
        os.chmod(path, 0o755)

    def exists(self):
        return os.path.exists(f"{self.data}/PG_VERSION")

    def remove(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def create(self):
        os.makedirs(self.data)
        self._give_away(self.data)
        subprocess.run([*dies_with_us("KILL", "postgres"), f"{self.bin}/initdb", "-D", self.data, "-U", "postgres",
                        "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"],
                       cwd="/", check=True, stdout=subprocess.DEVNULL)

    def start(self, more=None):
        """With its settings, and others in their place."""
        settings = [word for name, value in {**SETTINGS, **(more or {})}.items() for word in ("-c", f"{name}={value}")]
        with open(f"{self.folder}/postgresql.log", "ab") as log:
            self.process = subprocess.Popen(
                [*dies_with_us("INT", "postgres"), f"{self.bin}/postgres", "-D", self.data, "-k", self.sockets, *settings],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            ready = subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.sockets], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.1)
        raise SystemExit(f"bench: PostgreSQL does not start, see {self.folder}/postgresql.log (is another bench running?)")

    def halt(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(2)  # SIGINT: a fast shutdown
            self.process.wait(300)

    def stop(self):
        self.halt()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def url(self, user):
        return f"postgresql:///{DATABASE}?host={self.sockets}&user={user}"

    def sql(self, text, user=OWNER, database=DATABASE):
        """Runs a script in one session, without a transaction around it; gives what it selected."""
        done = subprocess.run([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.sockets,
                               "-U", user, "-d", database], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: psql: {done.stderr}")
        return done.stdout.strip()

    def psql(self, user=OWNER):
        """A session to write statements to."""
        return subprocess.Popen([*dies_with_us("TERM"), f"{self.bin}/psql", "-X", "-q", "-h", self.sockets, "-U", user,
                                 "-d", DATABASE], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
