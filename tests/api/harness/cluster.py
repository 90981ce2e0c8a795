"""A throw-away PostgreSQL on a unix socket."""

import glob
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time

import psycopg

OWNER = "steward_owner"  # owns the database, may create roles, is no superuser
SERVING = "steward_app"  # what serve connects as; the migrations create it


def binary_folder():
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    folders = [folder for folder in folders if os.path.exists(f"{folder}/initdb")]
    if not folders:
        raise RuntimeError("no PostgreSQL server is installed")
    return max(folders, key=lambda folder: int(re.search(r"/(\d+)/", folder).group(1)))


def as_postgres(command):
    """PostgreSQL refuses to run as root."""
    if os.geteuid() == 0:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    return command


class Cluster:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="stw-", dir="/tmp")  # a socket's path has at most 107 bytes
        self.data = f"{self.folder}/data"
        self.bin = binary_folder()
        self.environment = {}  # of the server, besides ours
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        os.chmod(self.folder, 0o755)

    def _run(self, *command):
        done = subprocess.run(as_postgres(list(command)), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{self.log()}")

    def start(self, settings=None):
        self._run(f"{self.bin}/initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        self.configure({"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off",
                        "full_page_writes": "off", "max_connections": 200, "shared_buffers": "128MB", "max_wal_size": "4GB",
                        "wal_keep_size": "256MB",  # a standby that lags behind a base backup's checkpoint goes on
                        "log_line_prefix": "%m [%p] %a ", **(settings or {})})
        self.resume()
        with self.connect("postgres", "postgres") as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        self.create_database("steward")

    def configure(self, settings):
        """From the next start on."""
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def resume(self):
        # No pipe of ours may be the server's output: reading it would wait for the server's end.
        command = as_postgres([f"{self.bin}/pg_ctl", "-D", self.data, "-l", f"{self.folder}/log", "-w", "-s", "start"])
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False, env={**os.environ, **self.environment})
        if done.returncode != 0:
            raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")

    def is_running(self):
        return os.path.exists(f"{self.data}/postmaster.pid")

    def pause(self, mode="fast"):
        self._run(f"{self.bin}/pg_ctl", "-D", self.data, "-m", mode, "-w", "-s", "stop")

    def leap(self):
        """While stopped: its log goes on far beyond where any other stands."""
        self._run(f"{self.bin}/pg_resetwal", "-l", "000000010000100000000001", "-D", self.data)

    def create_database(self, name):
        with self.connect("postgres", "postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}")

    def drop_database(self, name):
        with self.connect("postgres", "postgres") as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def let_serve(self):
        """After migrate: the role that serve connects as is created without LOGIN."""
        with self.connect("postgres", "postgres") as connection:
            connection.execute(f"ALTER ROLE {SERVING} LOGIN")

    def stop(self):
        try:
            if self.is_running():
                self.pause("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, user, database="steward"):
        return f"postgresql:///{database}?host={self.folder}&user={user}"

    def connect(self, user=OWNER, database="steward"):
        return psycopg.connect(self.url(user, database), autocommit=True, options="-c search_path=steward,public")

    def log(self):
        try:
            with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
                return file.read()[-4000:]
        except OSError:
            return ""


class Standby(Cluster):
    """A hot standby of `primary`, with the same data from then on."""

    def __init__(self, primary):
        super().__init__()
        self.primary = primary

    def start(self, settings=None):
        self._run(f"{self.bin}/pg_basebackup", "-h", self.primary.folder, "-U", "postgres", "-D", self.data, "-R",
                  "--checkpoint=fast", "--no-sync")
        self.configure({"unix_socket_directories": self.folder, "hot_standby": "on", **(settings or {})})
        self.resume()

    def ask(self, query, *values):
        """As a superuser; the first value of the answer. What recovery cancels, even a question like these, is asked again."""
        while True:
            try:
                with self.connect("postgres") as connection:
                    return connection.execute(query, values).fetchone()[0]
            except psycopg.errors.SerializationFailure:
                continue

    def promote(self):
        self._run(f"{self.bin}/pg_ctl", "-D", self.data, "-w", "-s", "promote")

    def hold(self):
        """Takes in what the primary writes, but does not show it."""
        self.ask("select pg_wal_replay_pause()")
        self._until("select pg_get_wal_replay_pause_state() = 'paused'")

    def go_on(self):
        self.ask("select pg_wal_replay_resume()")

    def catch_up(self):
        with self.primary.connect("postgres") as connection:
            position = connection.execute("select pg_current_wal_flush_lsn()::text").fetchone()[0]
        self._until("select pg_last_wal_replay_lsn() >= %s::pg_lsn", position)

    def _until(self, query, *values, seconds=20):
        end = time.monotonic() + seconds
        while not self.ask(query, *values):
            if time.monotonic() > end:
                raise RuntimeError(f"the standby does not get there: {query}\n{self.log()}")
            time.sleep(0.02)
