"""Starts deploy/steward.service and deploy/steward.socket, as they are shipped, under the systemd of a Debian release: in
a copy of a debootstrapped tree, booted in namespaces of its own, with that release's PostgreSQL as its own service.

    unshare --mount-proc --pid --fork .venv/bin/python scripts/service-tree.py BASE RELEASE FOLDER [CERTIFICATES]

BASE is the tree to copy, archives/ beside it keeps packages, FOLDER holds what is made. Called by
scripts/debian-tree.sh, step `service`, as root."""

import http.client
import json
import re
import secrets
import shutil
import socket
import sys
import threading
import time
import urllib.error
from pathlib import Path

from machine import Machine
from tree import PROJECT, Tree, build_image, command, fetch, lender, own_network, say, wait_until

# From the project's folder.
UNIT, SOCKET = "deploy/steward.service", "deploy/steward.socket"
ATTEMPTS = PROJECT / "tests/service/attempts.c"
URL = "http://127.0.0.1:8080"
STRANGER = "203.0.113.9"  # neither this machine nor a private network
PERSON = {"organization": "acme", "email": "a@acme.example", "password": "correct horse battery staple"}
DYNAMIC = range(61184, 65520)
# The settings that confine it, which a service must lack to have all that is looked for in it.
WEAK = r"^(DynamicUser|User|CapabilityBoundingSet|NoNewPrivileges|Restrict|Lock|MemoryDeny|SystemCall|Protect|Private|Proc|"\
       r"Inaccessible|IPAddress|DevicePolicy|RemoveIPC|LoadCredential|EnvironmentFile|Environment)\w*=.*\n"


def packages(release):
    """What SECURITY.md says that the binary links, which is all that it needs."""
    rows = re.findall(r"^\| lib\w+ \| [^|]+ \| (lib\S+) [^|]+ \| (lib\S+) [^|]+ \|",
                      (PROJECT / "SECURITY.md").read_text(encoding="utf-8"), re.M)
    assert len(rows) > 8, rows
    return [row[{"bookworm": 0, "trixie": 1}[release]] for row in rows]


def is_ready():
    try:
        return fetch(f"{URL}/readyz")
    except urllib.error.HTTPError:
        return None


class Site:
    """The machine with all that the comment in the unit asks for, and what its admin knows."""

    def __init__(self, machine):
        self.machine, self.token, self.since = machine, None, "@0"
        self.owner, self.app = secrets.token_hex(24), secrets.token_hex(24)

    def prepare(self):
        """Before the first boot."""
        (version,) = (self.machine.path / "etc/postgresql").iterdir()
        mapped, rules = version / "main/pg_ident.conf", version / "main/pg_hba.conf"
        mapped.write_text(mapped.read_text(encoding="utf-8") + "steward steward steward_app\n", encoding="utf-8")
        rules.write_text("local steward steward_app peer map=steward\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
        self.database_url("postgresql:///steward?host=/run/postgresql&user=steward_app")
        self.machine.write("etc/steward/signing.pem", self.new_key(), 0o600)
        self.machine.write("etc/steward/cursor.hex", secrets.token_hex(32) + "\n", 0o600)
        for name in (UNIT, SOCKET):
            shutil.copyfile(PROJECT / name, self.machine.path / "etc/systemd/system" / Path(name).name)

    @staticmethod
    def new_key():
        return command("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                       capture_output=True, text=True).stdout

    def database_url(self, url):
        self.machine.write("etc/steward/database-url", url + "\n", 0o600)

    def by_password(self):
        return f"postgresql://steward_app:{self.app}@127.0.0.1/steward"

    def secret(self, name):
        return (self.machine.path / "etc/steward" / name).read_text(encoding="utf-8").strip()

    def secrets(self):
        """Whatever nobody may read, line by line."""
        lines = [line for name in ("signing.pem", "cursor.hex") for line in self.secret(name).splitlines()]
        return [self.app, *(line for line in lines if "-----" not in line)]

    def fill(self):
        """README.md's "Running it for real". The first migration makes the serving role, or asks whether it may."""
        sql = f"""create role steward_owner login createrole password '{self.owner}';
                  create role steward_app login password '{self.app}';
                  create database steward owner steward_owner"""
        for statement in sql.split(";"):
            self.machine.run("runuser", "-u", "postgres", "--", "psql", "-qXv", "ON_ERROR_STOP=1", "-c", statement)
        settings = {"STEWARD_ADMIN_DATABASE_URL": f"postgresql://steward_owner:{self.owner}@127.0.0.1/steward"}
        for words in ("migrate", "org create --slug acme --name Acme",
                      f"user create --org acme --email {PERSON['email']} --name Ada --role admin"):
            self.machine.run("steward", *words.split(), settings=settings, given=PERSON["password"] + "\n")

    def sign_in(self):
        self.token = json.loads(fetch(f"{URL}/v1/auth/login", PERSON))["access_token"]

    def works(self):
        """Whatever a client does: it is ready, signs in, makes a record and finds it."""
        wait_until("a 2xx of /readyz", is_ready)  # it listens before its connections to the database are up
        self.sign_in()
        made = json.loads(fetch(f"{URL}/v1/accounts", {"name": "远山科技"}, self.token))
        assert json.loads(fetch(f"{URL}/v1/accounts/{made['id']}", token=self.token)) == made

    def unit(self, name, text):
        self.machine.write(f"etc/systemd/system/{name}", text)
        self.machine.systemctl("daemon-reload")

    def main_pid(self, unit="steward.service"):
        return int(self.machine.show(unit, "MainPID"))

    def active(self, unit):
        return self.machine.up("is-active", unit)


class Traffic:
    """Clients that make records and read them without a pause, half of them by a new connection each time."""

    def __init__(self, token, clients=6):
        self.token, self.ending = token, threading.Event()
        self.done, self.slowest, self.failures = 0, 0.0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client, args=(number % 2 == 0,), daemon=True) for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def more(self):
        """Until some more were answered, whatever happened meanwhile."""
        want = self.done + 50
        wait_until("an answer", lambda: self.done >= want or self.failures)
        assert not self.failures, self.failures[:5]

    def client(self, keeps):
        connection = None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        while not self.ending.is_set():
            begun = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
                connection.request("POST", "/v1/accounts", json.dumps({"name": f"{begun}"}), headers)
                reply = connection.getresponse()
                made = json.loads(reply.read())
                assert reply.status == 201, (reply.status, made)
                if not keeps or reply.will_close:
                    connection.close()
                connection.request("GET", f"/v1/accounts/{made['id']}", None, headers)
                reply = connection.getresponse()
                found = json.loads(reply.read())
                assert reply.status == 200 and found == made, (reply.status, found)
                if not keeps or reply.will_close:
                    connection.close()
            except Exception as error:  # whatever it is, a client of ours did not get what it asked for
                self.failures.append(repr(error))
                return
            with self.lock:
                self.done += 2
                self.slowest = max(self.slowest, time.monotonic() - begun)

    def told(self):
        return f"{self.done} requests, none failed, the slowest pair took {self.slowest:.2f} s"


def shows_start(site):
    machine = site.machine
    machine.systemctl("start", "steward.socket", "steward.service")
    assert machine.show("steward.service", "Type") == "notify" and site.active("steward.service") == "active"
    assert "listening on http://127.0.0.1:8080" in machine.journal("--unit=steward.service")
    site.works()
    for name in (UNIT, SOCKET):
        loaded = machine.show(Path(name).name, "FragmentPath")
        assert (machine.path / loaded[1:]).read_text() == (PROJECT / name).read_text(), f"{loaded} is not {name}"
        assert machine.show(Path(name).name, "DropInPaths") == ""
    say(f"systemd {machine.run('systemctl', '--version').stdout.split()[1]} starts it; a sign-in and a record work")


def lets_in(address, port):
    with socket.socket() as client:
        client.settimeout(2)
        client.bind((address, 0))
        try:
            client.connect(("127.0.0.1", port))
        except TimeoutError:
            return False
        return True


def attempts(site, text):
    """Settings of this unit that refuse nothing (tests/service/attempts.c)."""
    text = re.sub(r"^(Restart|Sockets)=.*\n", "", text, flags=re.M)
    text = re.sub(r"^Type=.*", "Type=oneshot", text, flags=re.M)
    start = "ExecStart=/usr/local/bin/attempts\nStandardOutput=truncate:/var/log/attempts"
    text, found = re.subn(r"^ExecStart=.*", start, text, flags=re.M)
    assert found == 1
    site.unit("attempts.service", text)
    site.machine.systemctl("start", "attempts.service")
    *refusing_nothing, last = (site.machine.path / "var/log/attempts").read_text(encoding="utf-8").splitlines()
    assert last == "all tried", last
    return refusing_nothing


def findings(site, unit, port):
    """{what: the evidence that the service's process has more than it should, if any}."""
    machine, pid = site.machine, site.main_pid(unit)
    text = machine.run("cat", f"/proc/{pid}/status").stdout
    status = dict(line.split(":", 1) for line in text.splitlines())
    uids, gids = ({int(one) for one in status[name].split()} for name in ("Uid", "Gid"))
    uid, gid = min(uids), min(gids)
    capabilities = {name: status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    seen = "".join(machine.run("cat", f"/proc/{pid}/{name}").stdout for name in ("environ", "cmdline"))
    assert "/usr/local/bin/steward" in seen, "nothing is seen of it"
    name = machine.run("getent", "passwd", str(uid), check=False).stdout.split(":")[0]
    as_user = ["nsenter", "-t", pid, "-m", "-r", "-w", "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    # Files and folders, whatever filter of system calls stands before them.
    writable = machine.run(*as_user, "find", "/", "-path", "/proc", "-prune", "-o", "(", "-type", "f", "-o", "-type", "d", ")",
                           "-writable", "-print", check=False)
    assert "Permission denied" in writable.stderr or uid == 0, "find does not look about"
    assert lets_in("127.0.0.1", port)
    return {
        "user": len(uids) != 1 or len(gids) != 1 or not uids | gids <= set(DYNAMIC) or name != "steward",
        "groups": set(status["Groups"].split()) - {str(gid)},
        "capabilities": {name: held for name, held in capabilities.items() if int(held, 16)},
        "privileges": status["NoNewPrivs"].strip() != "1",
        "system calls": status["Seccomp"].strip() != "2",
        "files to write": writable.stdout.splitlines(),
        "secrets": [secret for secret in site.secrets() if secret in seen],
        "processes of others": "1" in machine.run(*as_user, "ls", "/proc").stdout.split(),
        "clients from anywhere": lets_in(STRANGER, port),
    }


def shows_confinement(site):
    site.database_url(site.by_password())
    site.machine.systemctl("restart", "steward.service")
    site.works()
    shipped = (PROJECT / UNIT).read_text(encoding="utf-8")
    found = {what: evidence for what, evidence in findings(site, "steward.service", 8080).items() if evidence}
    assert not found, found
    refusing_nothing = attempts(site, shipped)
    assert not refusing_nothing, refusing_nothing
    # A service with none of it has everything that is looked for.
    given = {"STEWARD_DATABASE_URL": site.by_password(), "STEWARD_SIGNING_KEY_FILE": "/etc/steward/signing.pem",
             "STEWARD_CURSOR_KEY": site.secret("cursor.hex"), "STEWARD_PORT": "8081", "STEWARD_SECCOMP": "off"}
    lines = "".join(f"Environment={name}={value}\n" for name, value in given.items())
    weak = re.sub(WEAK, "", shipped, flags=re.M).replace("[Service]\n", f"[Service]\nSupplementaryGroups=adm\n{lines}")
    site.unit("weak.service", weak)
    site.machine.systemctl("start", "weak.service")
    found = findings(site, "weak.service", 8081)
    assert all(found.values()), found
    site.machine.systemctl("stop", "weak.service")
    refused = set(re.findall(r'tried\("([^"]+)"', ATTEMPTS.read_text(encoding="utf-8"))) - set(attempts(site, weak))
    assert not refused, f"refused without the setting: {refused}"
    say(f"nothing of this is left to it, and all of it to another: {', '.join(found)}")


def shows_restart(site):
    """A new key comes with one of them: credentials are read when a process starts."""
    with Traffic(site.token) as traffic:
        for turn in range(3):
            before = site.main_pid()
            if turn == 1:
                site.machine.write("etc/steward/signing.pem", f"{site.secret('signing.pem')}\n{site.new_key()}", 0o600)
            site.machine.systemctl("restart", "steward.service")
            assert site.main_pid() not in (0, before)
            traffic.more()
    assert not traffic.failures, traffic.failures[:5]
    assert len(json.loads(fetch(f"{URL}/.well-known/jwks.json"))["keys"]) == 2
    say(f"three restarts: {traffic.told()}")


def shows_crash(site):
    machine = site.machine
    machine.systemctl("reset-failed", "steward.service")
    for waits in (True, False):
        before = site.main_pid()
        machine.run("sh", "-c", f"kill -9 {before}")
        if waits:
            wait_until("a new process", lambda: site.main_pid() not in (0, before) and site.active("steward.service") == "active")
            assert machine.show("steward.service", "NRestarts") == "1"
        begun = time.monotonic()
        site.works()
        assert site.main_pid() not in (0, before)
    say(f"killed, it comes back; who asks at once is answered after {time.monotonic() - begun:.2f} s")


def shows_patience(site):
    """The database comes later than it, by more tries than the five that systemd allows by default."""
    machine = site.machine
    machine.systemctl("stop", "postgresql.service")
    machine.run("systemctl", "restart", "steward.service", check=False)
    wait_until("the seventh try", lambda: int(machine.show("steward.service", "NRestarts")) >= 7)
    machine.systemctl("start", "postgresql.service")
    wait_until("the server behind its database", lambda: site.active("steward.service") == "active")
    site.works()
    say(f"it comes up once the database does, after {machine.show('steward.service', 'NRestarts')} tries")


def shows_stop(site):
    machine = site.machine
    machine.systemctl("stop", "steward.service")
    ended = {name: machine.show("steward.service", name) for name in ("ActiveState", "Result", "ExecMainCode", "ExecMainStatus")}
    # 1 is CLD_EXITED: by itself, not by a signal.
    assert ended == {"ActiveState": "inactive", "Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}, ended
    assert site.active("steward.socket") == "active"
    site.works()
    assert site.active("steward.service") == "active", "the socket does not start it"
    machine.systemctl("stop", "steward.socket", "steward.service")
    try:
        fetch(f"{URL}/livez")
    except OSError:
        pass
    else:
        raise AssertionError("somebody answers after the stop")
    say("it stops with success, the socket starts it, and both stop")


def shows_quiet(site):
    """No line of priority err or above about it, nor one of its own with that level, since the machine was booted."""
    machine = site.machine
    machine.run("logger", "-t", "shows", "-p", "daemon.err", "an error")
    lines = [json.loads(line) for line in machine.journal("--since", site.since, "--output=json", "--all").splitlines()]
    grave = [line for line in lines if int(line.get("PRIORITY", 6)) <= 3]
    assert any(line["MESSAGE"] == "an error" for line in grave), "the journal keeps no errors"
    units = [line for line in lines if re.match(r"steward(@\d)?\.", line.get("UNIT", line.get("_SYSTEMD_UNIT", "")))]
    own = [line["MESSAGE"] for line in units if '"level":' in line["MESSAGE"]]
    assert own and len(units) > len(own), "nothing of it in the journal"
    bad = [line["MESSAGE"] for line in units if line in grave] + [text for text in own if '"level":"error"' in text]
    assert not bad, bad
    say(f"{len(units)} lines in the journal, none an error")


def shows_handover(site):
    """docs/operations.md, "Stop, restart, hand over": the templated form, there and back."""
    machine, folder = site.machine, site.machine.path / "etc/systemd/system"
    texts = {"steward@.service": (UNIT, "[Service]", "Sockets=steward.socket"),
             "steward.socket": (SOCKET, "[Socket]", "Service=steward@1.service")}
    (folder / "steward.service").unlink()
    for name, (source, section, line) in texts.items():
        site.unit(name, (PROJECT / source).read_text(encoding="utf-8").replace(f"{section}\n", f"{section}\n{line}\n"))
    machine.systemctl("start", "steward.socket", "steward@1.service")
    site.works()
    with Traffic(site.token) as traffic:
        for old, new in ((1, 2), (2, 1), (1, 2)):
            machine.systemctl("start", f"steward@{new}")
            machine.systemctl("stop", f"steward@{old}")
            traffic.more()
            assert machine.show(f"steward@{old}", "Result") == "success"
            assert site.active(f"steward@{old}") == "inactive", "the socket starts the old one again"
            assert site.active(f"steward@{new}") == site.active("steward.socket") == "active"
    assert not traffic.failures, traffic.failures[:5]
    say(f"three handovers between two instances: {traffic.told()}")


def shows_boot(site):
    """Enabled, both come with the machine and behind its PostgreSQL."""
    machine = site.machine
    machine.systemctl("enable", "steward.socket", "steward.service")
    machine.run("sync")
    machine.halt()
    site.since = f"@{time.time():.6f}"  # to the journal it is the same boot: of the same kernel
    machine.boot()
    wait_until("the server after a boot", lambda: site.active("steward.service") == "active")
    assert machine.show("steward.service", "NRestarts") == "0", "it was started before its database"
    site.works()
    say("enabled, it comes with the machine")


def main(base, release, folder, certificates=""):
    base, folder = Path(base).resolve(), Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    built = build_image(base, folder, lender(certificates), stop="build")
    tree = Tree(base, folder / "machine")
    tree.install("systemd", "libnss-systemd", "postgresql", "ca-certificates", "tzdata", *packages(release))
    command("cp", built.path / "src/build/release/steward", tree.path / "usr/local/bin/steward")
    shutil.copy(ATTEMPTS, built.path / "src")
    command(*built.inside("gcc", "-D_GNU_SOURCE", "-o", "attempts", ATTEMPTS.name))
    command("cp", built.path / "src/attempts", tree.path / "usr/local/bin")
    own_network(STRANGER)
    machine = Machine(tree.path, folder)
    site = Site(machine)
    site.prepare()
    try:
        machine.boot()
        site.fill()
        for shows in (shows_start, shows_confinement, shows_restart, shows_crash, shows_stop, shows_quiet, shows_patience,
                      shows_boot, shows_stop, shows_handover, shows_quiet):
            shows(site)
    except BaseException:
        print(machine.told(), flush=True)
        raise
    finally:
        machine.halt()
    say("every step passed")


main(*sys.argv[1:])
