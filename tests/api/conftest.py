import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.client import Api, Session
from harness.cluster import SERVING, Cluster
from harness.recorder import Recorder
from harness.server import ROOT, Server, new_signing_key, run_command, variant

ROLES = ("account_manager", "key_account_manager", "team_lead", "director", "service_agent", "analyst", "admin")
ORGANIZATIONS = {
    "acme": ("Acme", "Asia/Shanghai", "CNY", ROLES),
    "globex": ("Globex 环球", "Europe/Berlin", "EUR", ("account_manager", "admin")),
}
KEY_SCOPES = "leads:create,leads:read"


@dataclass
class User:
    id: str
    organization: str
    email: str
    password: str
    role: str


@dataclass
class World:
    """What stands before the first test: two organisations, a user for each role, an integration key."""
    organizations: dict = field(default_factory=dict)  # slug -> id
    users: dict = field(default_factory=dict)  # (slug, role) -> User
    keys: dict = field(default_factory=dict)  # slug -> the key's text


@pytest.fixture(scope="session")
def run_folder():
    """Where logs go: kept after the run, one folder for each build."""
    folder = ROOT / "build" / "logs" / f"server-{variant()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def cluster():
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def admin_settings(cluster):
    """For the commands that an operator runs."""
    return {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner")}


@pytest.fixture(scope="session")
def settings(cluster, tmp_path_factory):
    """For serve."""
    key = tmp_path_factory.mktemp("keys") / "signing.pem"
    key.write_text(new_signing_key())
    key.chmod(0o600)
    return {
        "STEWARD_DATABASE_URL": cluster.url(SERVING),
        "STEWARD_SIGNING_KEY_FILE": str(key),
        "STEWARD_CURSOR_KEY": secrets.token_hex(32),
        # everybody comes from one address here
        "STEWARD_FAILED_SIGN_INS": "60000",
        # whatever the server needs and its filter does not know shows as its death
        "STEWARD_SECCOMP": "kill",
    }


@pytest.fixture(scope="session")
def steward(admin_settings):
    """Runs a command of the binary as the operator; gives its JSON answer, if it printed one."""
    def run(*arguments, password=None, check=True):
        extra = {"STEWARD_PASSWORD": password} if password is not None else {}
        done = run_command(*arguments, settings={**admin_settings, **extra}, check=check)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done
    return run


@pytest.fixture(scope="session")
def world(cluster, steward):
    steward("migrate")
    cluster.let_serve()
    made = World()
    for slug, (name, zone, currency, roles) in ORGANIZATIONS.items():
        made.organizations[slug] = steward("org", "create", "--slug", slug, "--name", name, "--zone", zone,
                                           "--currency", currency)["id"]
        for role in roles:
            email, password = f"{role}@{slug}.example", secrets.token_urlsafe(15)
            user = steward("user", "create", "--org", slug, "--email", email, "--name", role.replace("_", " ").title(),
                           "--role", role, password=password)
            made.users[slug, role] = User(user["id"], slug, email, password, role)
        made.keys[slug] = steward("key", "create", "--org", slug, "--name", "web form", "--source", "web",
                                  "--scopes", KEY_SCOPES)["key"]
    return made


@pytest.fixture(scope="session")
def recorder():
    return Recorder()


@pytest.fixture(scope="session")
def server(world, settings, run_folder):
    """The server of the session. At its end it must stop with 0 and leave a clean log."""
    started = Server(settings, run_folder / "serve.log")
    try:
        yield started.start()
        started.stop()
    finally:
        started.kill()


@pytest.fixture
def start_server(world, settings, run_folder, request):
    """Starts further servers over the same database, with settings of their own."""
    started = []

    def start(**more):
        name = f"{request.node.name}-{len(started)}".replace("/", "_")[:100]
        other = Server({**settings, **more}, run_folder / f"{name}.log")
        started.append(other)
        return other.start()
    yield start
    try:
        for other in started:
            other.stop()
    finally:
        for other in started:
            other.kill()


@pytest.fixture
def db(cluster, world):
    """psycopg as the schema's owner, autocommit: what really stands in the tables, of all organisations."""
    with cluster.connect() as connection:
        yield connection


@pytest.fixture
def nobody(server, recorder):
    """A caller without a token."""
    api = Api(server.url, recorder)
    yield api
    api.close()


@pytest.fixture(scope="session")
def sign_in(server, recorder, world):
    """sign_in(role[, organisation]) gives an Api; the same caller is signed in once. sign_in.fresh makes a new session."""
    made = {}

    def fresh(role, organization="acme", language=None):
        user = world.users[organization, role]
        session = Session(server.url, recorder, organization, user.email, user.password)
        api = Api(server.url, recorder, session.token, language)
        api.session, api.user = session, user
        return api

    def known(role, organization="acme"):
        if (role, organization) not in made:
            made[role, organization] = fresh(role, organization)
        return made[role, organization]

    known.fresh = fresh
    return known


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


@pytest.fixture
def manager(sign_in):
    return sign_in("account_manager")


@pytest.fixture
def stranger(sign_in):
    """An admin of the other organisation."""
    return sign_in("admin", "globex")


@pytest.fixture
def integration(server, recorder, world):
    api = Api(server.url, recorder, world.keys["acme"])
    yield api
    api.close()


@pytest.fixture(scope="session")
def sample_data():
    """The folder of a real sales export, when STEWARD_SAMPLE_DATA names one."""
    folder = os.environ.get("STEWARD_SAMPLE_DATA")
    if not folder:
        pytest.skip("STEWARD_SAMPLE_DATA is not set")
    return Path(folder)

pytest_plugins = ["world"]
