"""Secrets stay where they belong: after all sorts of use and misuse, none of them stands in anything that is kept,
shown or told."""

import base64
import hashlib
import json
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.client import Api
from harness.cluster import SERVING
from harness.server import run_command

PEOPLE = "/v1/users"
LOGIN, REFRESH, LOGOUT = "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"


@dataclass
class Told:
    """Who was told what: the secrets, and the words that show that a place was really looked through."""
    secrets: dict = field(default_factory=dict)  # name -> text
    witness: str = field(default_factory=lambda: f"witness-{secrets.token_hex(8)}")
    answers: list = field(default_factory=list)  # texts of answers that have no business with a secret
    url: str = ""

    def new(self, name):
        """A canary: a secret that nothing else contains."""
        self.secrets[name] = f"Canary{secrets.token_hex(12)}"
        return self.secrets[name]

    def shapes(self):
        """Each secret as it is, and in the shapes that are as good."""
        for name, text in self.secrets.items():
            data = text.encode()
            yield name, text
            yield f"{name} in hexadecimal", data.hex()
            yield f"{name} in base64", base64.b64encode(data).decode().rstrip("=")
            if name.endswith("password"):
                # what is quick to compute is quick to guess
                for kind in ("md5", "sha1", "sha256", "sha512"):
                    yield f"{kind} of {name}", hashlib.new(kind, data).hexdigest()

    def look_through(self, place, text, witness=None):
        assert (self.witness if witness is None else witness) in text, f"{place} has nothing of this run: it was not looked at"
        found = [name for name, shape in self.shapes() if shape in text]
        assert not found, f"{place} holds {found}"


class Listening(Api):
    """Its answers are looked through later, unless they hand a secret out."""

    def __init__(self, told, token=None):
        super().__init__(told.url, token=token)
        self.told = told

    def request(self, method, path, expect=None, headers=None, **arguments):
        reply = super().request(method, path, expect, {"X-Request-Id": self.told.witness, **(headers or {})}, **arguments)
        self.told.answers.append(f"{reply.headers}\n{reply.text}")
        return reply

    def hand_out(self, path, json, **names):
        """A POST that gives secrets, by member: their names here. It asks to be repeatable, which would keep its answer."""
        answer = self.post(path, json=json, expect=(200, 201), headers={"Idempotency-Key": f"{self.told.witness}-{path}"}).json()
        self.told.answers.pop()
        for member, name in names.items():
            self.told.secrets[name] = answer[member]
        return answer


def misuse_sign_in(told, email, password):
    nobody = Listening(told)
    nobody.post(LOGIN, {"organization": "acme", "email": email, "password": told.new("wrong password")}, 401)
    nobody.post(LOGIN, {"organization": "acme", "email": email, "password": [told.new("listed password")]}, 422)
    nobody.post(LOGIN, {"organization": "acme", "email": email, "passwort": told.new("misspelt password")}, 422)
    nobody.post(LOGIN, {"organization": "acme", "email": email, "password": told.new("long password") * 100}, (401, 422))
    nobody.post(f"{LOGIN}?password={told.new('password in the address')}", {}, 400)
    for body in ('{"password":"%s"', '["%s"]', '{"password":"%s","password":"x"}', '{"a":"%s\\ud800"}', "%s"):
        told.secrets[f"broken {body} password"] = canary = f"Canary{secrets.token_hex(12)}"
        nobody.request("POST", LOGIN, (400, 422), {"Content-Type": "application/json"}, content=body % canary)
    nobody.request("POST", LOGIN, 415, {"Content-Type": "application/x-www-form-urlencoded"},
                   content=f"password={told.new('form password')}")
    nobody.request("GET", f"/v1/{told.new('path password')}", 404)
    basic = base64.b64encode(f"{email}:{password}".encode()).decode()
    told.secrets["basic credentials"] = basic
    for value in (f"Basic {basic}", f"Bearer {told.new('bearer')}", f"Bearer stwk_{told.new('half a key')}", told.new("bare token")):
        nobody.get("/v1/accounts", 401, headers={"Authorization": value})


def use_and_misuse_tokens(told, email, password):
    nobody = Listening(told)
    first = nobody.hand_out(LOGIN, {"organization": "acme", "email": email, "password": password},
                            access_token="access token", refresh_token="refresh token")
    told.secrets["signature"] = first["access_token"].rsplit(".", 1)[1]
    second = nobody.hand_out(REFRESH, {"refresh_token": first["refresh_token"]}, access_token="second access token",
                             refresh_token="second refresh token")
    nobody.post(REFRESH, {"refresh_token": first["refresh_token"] + "x"}, (401, 422))
    nobody.post(REFRESH, {"refresh_token": second["access_token"]}, (401, 422))
    me = Listening(told, second["access_token"])
    me.get("/v1/accounts?limit=1")
    me.get(f"/v1/accounts?access_token={second['access_token']}", 400)
    me.get("/v1/accounts", 401, headers={"Authorization": f"Bearer {second['access_token']}x"})
    told.secrets["third refresh token"] = third = nobody.hand_out(
        LOGIN, {"organization": "acme", "email": email, "password": password}, access_token="third access token")["refresh_token"]
    me.post(LOGOUT, {"refresh_token": third}, (200, 204))
    nobody.post(REFRESH, {"refresh_token": third}, 401)
    return me


def give_others_secrets(told, me):
    role = me.get("/v1/roles?key=analyst").json()["data"][0]["id"]
    body = {"email": f"{told.witness}@acme.example", "name": told.witness, "role_id": role}
    again = {"Idempotency-Key": told.witness}
    sent = {**body, "password": told.new("given password")}
    for _ in range(2):
        user = me.post(PEOPLE, sent, 201, headers=again).json()
    me.post(PEOPLE, {**body, "password": told.new("clashing password")}, 409)
    me.post(PEOPLE, {**body, "email": "x@acme.example", "password": told.new("password of nothing")}, 201, params={"dry_run": "true"})
    path = f"{PEOPLE}/{user['id']}"
    me.patch(path, {"password": told.new("changed password")}, 200, headers={"Idempotency-Key": told.witness})
    me.patch(path, {"password": {"text": told.new("wrapped password")}}, 422)
    me.patch(path, {"password": told.new("password for another version")}, 412, version='"7"')
    me.get(f"{PEOPLE}?password={told.new('filtered password')}", 400)
    me.get(path)
    me.get(f"{path}/history")

    key = me.create("/v1/api-keys", name=told.witness, source="canary", scopes=["leads:create", "leads:read"])
    for number in ("former", "present"):
        made = me.hand_out(f"/v1/api-keys/{key['id']}/secret", None, key=f"{number} key")
        told.secrets[f"{number} key's secret"] = made["key"].split("_", 2)[2]
    integration = Listening(told, made["key"])
    integration.create("/v1/leads", name=told.witness)
    integration.get("/v1/users", 403)
    me.get(f"/v1/api-keys/{key['id']}")
    me.get(f"/v1/api-keys/{key['id']}/history")


@pytest.fixture(scope="module")
def verbose(cluster, world):
    """PostgreSQL writes down every statement of new connections, with its parameters."""
    def let(value):
        with cluster.connect("postgres", "postgres") as connection:
            for name, text in (("log_statement", "all"), ("log_min_duration_statement", "0")):
                connection.execute(f"alter role {SERVING} {f'set {name} = {text!r}' if value else f'reset {name}'}")
    let(True)
    yield Path(cluster.folder, "log")
    let(False)


@pytest.fixture
def told(start_server, cluster, settings, world, verbose):
    """After everything; the server still runs."""
    made = Told()
    user = world.users["acme", "admin"]
    made.secrets["admin's password"] = user.password
    made.secrets["cursor key"] = settings["STEWARD_CURSOR_KEY"]
    lines = Path(settings["STEWARD_SIGNING_KEY_FILE"]).read_text(encoding="ascii").splitlines()
    made.secrets |= {f"signing key, line {number}": line for number, line in enumerate(lines) if 0 < number < len(lines) - 1}
    database = Path(settings["STEWARD_SIGNING_KEY_FILE"]).with_name(f"{made.witness}-url")
    database.write_text(cluster.url(SERVING) + f"&password={made.new('password to the database')}")
    made.settings = {**settings, "STEWARD_LOG_LEVEL": "debug", "STEWARD_DATABASE_URL": "",
                     "STEWARD_DATABASE_URL_FILE": str(database)}
    made.server = start_server(**made.settings)
    made.url = made.server.url
    misuse_sign_in(made, user.email, user.password)
    me = use_and_misuse_tokens(made, user.email, user.password)
    give_others_secrets(made, me)
    return made


def test_no_secret_shows_anywhere(told, cluster, verbose, world):
    for number, answer in enumerate(told.answers):
        told.look_through(f"answer {number} ({answer[:200]})", answer)
    told.look_through("the log", told.server.log_path.read_text(encoding="utf-8"))
    told.look_through("the metrics", Api(told.url).get("/metrics").text, witness="/v1/api-keys/{id}/secret")
    process = Path(f"/proc/{told.server.process.pid}")
    told.look_through("the arguments", (process / "cmdline").read_text(), witness="serve")
    with cluster.connect("postgres", "postgres") as connection:
        running = connection.execute("select string_agg(query || application_name, ' ') from pg_stat_activity").fetchone()[0]
    told.look_through("what PostgreSQL shows of its connections", running, witness="steward")
    told.look_through("the settings shown", run_command("config", settings=told.settings).stdout, witness="STEWARD_CURSOR_KEY=***")
    told.look_through("PostgreSQL's log", verbose.read_text(encoding="utf-8", errors="replace"))
    dump = subprocess.run([f"{cluster.bin}/pg_dump", "-h", cluster.folder, "-U", "postgres", "steward"], check=True,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    told.look_through("the database", dump)
    # ...and these are the places where its owner looks for what somebody did.
    history = {"events": "select * from steward.events", "stored answers": "select * from steward.idempotency_keys",
               "sign-ins": "select * from steward.sign_in_attempts"}
    for name, query in history.items():
        with cluster.connect("postgres") as connection:
            rows = json.dumps(connection.execute(query).fetchall(), default=str)
        told.look_through(name, rows, witness="" if name == "sign-ins" else None)


READABLE = ("postgresql://steward_app:{}@127.0.0.1:1/steward", "postgresql://steward_app:x?{}@127.0.0.1:1/steward",
            "postgresql://steward_app:x#{}@127.0.0.1:1/steward", "host=127.0.0.1 port=1 password={}",
            "postgresql://127.0.0.1:1,127.0.0.1:2/steward?password={}")
UNREADABLE = ("postgresql://steward_app:{}/x@127.0.0.1:1/steward", "postgresql://steward_app:%zz{}@127.0.0.1:1/steward",
              "postgresql://steward_app:{}@[::1/steward", "postgresql://127.0.0.1:1/steward?passwort={}",
              "postgresql://127.0.0.1:1/steward?password={}&nosuch=1", "host=127.0.0.1 port=1 passwort={}",
              "host=127.0.0.1 port=1 password='{} user=steward_app", "host=127.0.0.1 port=1 password=a {}")


@pytest.mark.parametrize("url", READABLE + UNREADABLE)
@pytest.mark.parametrize("command, setting", [("serve", "STEWARD_DATABASE_URL"), ("migrate", "STEWARD_ADMIN_DATABASE_URL"),
                                              ("config", "STEWARD_DATABASE_URL")])
def test_a_url_that_does_not_work_keeps_its_password(settings, command, setting, url):
    canary = f"Canary{secrets.token_hex(12)}"
    done = run_command(command, settings={**settings, "STEWARD_PORT": "0", setting: url.format(canary)}, check=False)
    assert canary not in done.stdout + done.stderr
    if url in UNREADABLE:
        assert done.returncode != 0 and f"{setting}: " in done.stderr, "refused before anything is done with it"
    else:
        assert (done.returncode == 0) == (command == "config"), done.stderr
