"""The server under test: `steward serve` as a process of its own, and what it uses."""

import json
import os
import re
import secrets
import subprocess
import threading
import time
import urllib.request

from cluster import dies_with_us

LISTENING = re.compile(r"listening on (http://\S+:(\d+))")
TICK = os.sysconf("SC_CLK_TCK")


def environment(settings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEWARD_")}
    return {**kept, **settings}


def command(binary, settings, *arguments, password=None):
    """Runs a command of the binary; gives its JSON answer, None when it printed none."""
    more = {"STEWARD_PASSWORD": password} if password else {}
    done = subprocess.run([binary, *arguments], env=environment({**settings, **more}), capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: steward {' '.join(arguments)}: {done.stderr or done.stdout}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None


class Server:
    def __init__(self, binary, database_url, folder, more=None):
        key = f"{folder}/signing.pem"
        if not os.path.exists(key):
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                           check=True, capture_output=True)
            os.chmod(key, 0o600)
        self.binary = binary
        # A token outlives the run, and sixteen may sign in at once from one address; everything else is as shipped, the
        # log of requests too.
        self.settings = {"STEWARD_DATABASE_URL": database_url, "STEWARD_SIGNING_KEY_FILE": key, "STEWARD_PORT": "0",
                         "STEWARD_CURSOR_KEY": secrets.token_hex(32), "STEWARD_ACCESS_TOKEN_SECONDS": "86400",
                         "STEWARD_FAILED_SIGN_INS": "60000",
                         **(more or {})}
        self.log_path = f"{folder}/server.log"
        self.process = self.url = None
        self.seconds_to_ready = 0.0

    def start(self):
        began = time.monotonic()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*dies_with_us("KILL"), self.binary, "serve"], stdin=subprocess.DEVNULL,
                                            env=environment(self.settings), stdout=subprocess.PIPE, stderr=log)
        threading.Thread(target=self._read_output, daemon=True).start()
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > began + 60:
                raise SystemExit(f"bench: the server does not start, see {self.log_path}")
            time.sleep(0.01)
        self.seconds_to_ready = time.monotonic() - began
        return self

    def _read_output(self):
        for line in self.process.stdout:
            found = LISTENING.search(line.decode(errors="replace"))
            if found:
                self.url = found.group(1)

    def _is_ready(self):
        if not self.url:
            return False
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, token=None, headers=None):
        """`body`: text as it is, anything else as JSON. Gives the status and what was answered."""
        headers = {**(headers or {}), **({"Content-Type": "application/json"} if body is not None else {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        sent = urllib.request.Request(self.url + path, method=method, headers=headers, data=data and data.encode())
        try:
            with urllib.request.urlopen(sent, timeout=60) as reply:
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def expect(self, wanted, *request):
        status, answer = self.request(*request)
        if status != wanted:
            raise SystemExit(f"bench: {request[0]} {request[1]}: {status} {answer}")
        return answer

    def login(self, organization, email, password):
        return self.expect(200, "POST", "/v1/auth/login", {
            "organization": organization, "email": email, "password": password})["access_token"]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def memory(self):
        """(RSS, PSS) in MB."""
        values = {}
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                word = line.split()
                if word[0] in ("Rss:", "Pss:"):
                    values[word[0]] = int(word[1]) / 1024
        return values["Rss:"], values["Pss:"]


def cpu_seconds(pid, with_children=False):
    """User and system time of a process; with those of its children, ended ones included."""
    def fields(number):
        with open(f"/proc/{number}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()

    own = fields(pid)
    total = int(own[11]) + int(own[12])
    if not with_children:
        return total / TICK
    total += int(own[13]) + int(own[14])
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            child = fields(name)
        except OSError:
            continue
        if child[1] == str(pid):
            total += int(child[11]) + int(child[12])
    return total / TICK
