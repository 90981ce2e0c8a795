"""A PostgreSQL that speaks TLS, as Debian's does: what the TLS library holds back is read, by commands, jobs and requests."""

import os
import pwd
import subprocess
import threading
import time

import pytest

import importing
from harness.cluster import SERVING, Cluster
from harness.haproxy import free_port
from harness.waiting import until
from importing import LEADS, found, leads_file, progress, run

LONG = 20.0  # seconds; who misses an answer that is there waits until the deadline, which is a minute for commands and jobs
AT_ONCE = 32


class Encrypted(Cluster):
    """Reached by TCP with TLS alone, its certificate verified."""

    def __init__(self):
        super().__init__()
        self.port = free_port()
        self.certificate, self.key = f"{self.folder}/server.crt", f"{self.folder}/server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.certificate],
                       check=True, capture_output=True)
        os.chmod(self.certificate, 0o644)
        os.chmod(self.key, 0o600)
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.key, user.pw_uid, user.pw_gid)

    def start(self, settings=None):
        super().start({"listen_addresses": "localhost", "port": self.port, "ssl": "on", "ssl_cert_file": self.certificate,
                       "ssl_key_file": self.key, **(settings or {})})

    def url(self, user, database="steward"):
        return f"postgresql://{user}@localhost:{self.port}/{database}?sslmode=verify-full&sslrootcert={self.certificate}"


@pytest.fixture(scope="module")
def encrypted():
    made = Encrypted()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def admin_of_it(encrypted):
    """Settings of the commands. A minute's wait would be one for each of their statements."""
    settings = {"STEWARD_ADMIN_DATABASE_URL": encrypted.url("steward_owner")}
    began = time.monotonic()
    importing.run_command("migrate", settings=settings)
    importing.run_command("check", settings=settings)
    assert time.monotonic() - began < 3 * LONG
    encrypted.let_serve()
    return settings


@pytest.fixture
def boss(encrypted, admin_of_it, start_server, request):
    server = start_server(STEWARD_DATABASE_URL=encrypted.url(SERVING))
    began = time.monotonic()
    made = found(server, admin_of_it, request.node.name.removeprefix("test_").replace("_", "-"))
    assert time.monotonic() - began < LONG
    return made


def test_requests_and_jobs(boss, encrypted):
    began = time.monotonic()
    row = run(boss, LEADS, leads_file(1500))
    assert progress(row) == (1500, 0, 0, 0) and time.monotonic() - began < 3 * LONG
    took, wrong = [], []

    def look():
        for limit in (500, 1, 200):
            began = time.monotonic()
            reply = boss.request("GET", f"/v1/leads?limit={limit}")
            took.append(time.monotonic() - began)
            wrong.extend([reply.text[:200]] if reply.status_code != 200 or len(reply.json()["data"]) != limit else [])
    threads = [threading.Thread(target=look) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(took) == 3 * AT_ONCE and max(took) < LONG / 2, (wrong[:3], max(took))
    with encrypted.connect("postgres") as connection:
        seen = connection.execute("select application_name, bool_and(s.ssl) from pg_stat_activity a join pg_stat_ssl s using (pid) "
                                  "where application_name like 'steward%' group by 1").fetchall()
    assert dict(seen).items() >= {"steward": True, "steward-jobs": True}.items()


def test_the_database_comes_back(boss, encrypted):
    """Its certificates are read again by who can open no file to write and start nothing."""
    path = f"/v1/accounts/{boss.create('/v1/accounts', name='Before')['id']}"
    encrypted.pause("immediate")
    assert boss.request("GET", path).status_code == 503
    encrypted.resume()
    until(lambda: boss.request("GET", path).status_code == 200, LONG)
    assert boss.create("/v1/accounts", name="After")["name"] == "After"
