"""Access tokens against what is known to be tried on them, over HTTP, and the keys that sign them."""

import contextlib
import json
import secrets
import signal
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from harness.client import Api
from harness.server import new_signing_key
from harness.waiting import until
from harness.wire import Wire, request
from importing import found
from loads import Load, loaded
from token_attacks import Attacks

@pytest.fixture(scope="module")
def key(settings):
    return serialization.load_pem_private_key(Path(settings["STEWARD_SIGNING_KEY_FILE"]).read_bytes(), None)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_forged_tokens_are_refused_and_do_nothing(server, manager, world, key, db):
    """By a read and by a write; whoever tries has no connection less than others."""
    token = manager.token()
    attacks = Attacks(token, key, world.users["acme", "admin"].id)
    name, tokens = f"forged {secrets.token_hex(6)}", attacks.all()
    body, wrong = json.dumps({"name": name}), []
    with contextlib.ExitStack() as open_wires:
        wire = open_wires.enter_context(Wire(server))
        for what, one in tokens:
            for sent in (request("GET", "/v1/me", [f"Authorization: Bearer {one}"]),
                         request("POST", "/v1/accounts", [f"Authorization: Bearer {one}", "Content-Type: application/json",
                                                          f"Content-Length: {len(body)}"], body)):
                wire.send(sent)
                reply = wire.reply()
                if reply is None or reply.status != 401 or json.loads(reply.body)["code"] not in ("invalid_token", "token_expired"):
                    wrong.append((what, reply))
                if reply is None or reply.closed:
                    wire = open_wires.enter_context(Wire(server))
    assert wrong == [] and len(tokens) > 450
    assert db.execute("select count(*) from steward.accounts where name = %s", (name,)).fetchone()[0] == 0
    assert manager.get("/v1/me", headers=bearer(token)).status_code == 200
    # that what was signed well was refused for what it said
    assert manager.get("/v1/me", headers=bearer(attacks.signed(attacks.payload))).status_code == 200


# ---- the keys ----

class Keyring:
    """Two servers and the file that both have their signing keys from."""

    def __init__(self, start_server, folder):
        self.file, self.old, self.new = folder / "signing.pem", new_signing_key(), new_signing_key()
        self.write(self.old)
        self.servers = [start_server(STEWARD_SIGNING_KEY_FILE=self.file, STEWARD_LOOPS="1") for _ in range(2)]
        self.apis = [Api(server.url) for server in self.servers]

    def write(self, *keys):
        self.file.write_text("".join(keys))
        self.file.chmod(0o600)

    def kids(self):
        """What each says it takes, the first signs."""
        return [[one["kid"] for one in api.get("/.well-known/jwks.json").json()["keys"]] for api in self.apis]

    def give(self, *keys):
        """To one server after the other, a moment between; gives the ids that both have then."""
        self.write(*keys)
        for server in self.servers:
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
        until(lambda: all(len(kids) == len(keys) for kids in self.kids()))
        first, second = self.kids()
        assert first == second
        return first


@pytest.fixture
def keyring(start_server, tmp_path):
    made = Keyring(start_server, tmp_path)
    yield made
    for api in made.apis:
        api.close()


class Visitor(Load):
    """Signs in at one server and works at the other with what it got there."""
    steps = ("visit", "read", "create", "change")

    def __init__(self, keyring, boss):
        super().__init__(keyring.servers[0], boss)
        self.keyring, self.good = keyring, {"organization": boss.slug, "email": boss.email, "password": boss.password}

    def visit(self):
        here, there = [Api(server.url) for server in self.keyring.servers][::-1 if self.counts["visit"] % 2 else 1]
        token = here.post("/v1/auth/login", json=self.good, expect=200).json()["access_token"]
        there.get("/v1/me", headers=bearer(token), expect=200)
        self.api.token = token
        here.close()
        there.close()


@pytest.mark.subset
def test_keys_are_rotated_while_they_are_used(keyring, admin_settings):
    """Added behind, then moved to the front: at no moment does a server meet a token that it does not know, and tokens of the
    old key are good until it is taken away."""
    boss = found(keyring.servers[0], admin_settings, "rotating" + secrets.token_hex(4))
    (old,), _ = keyring.kids()
    with loaded(keyring, boss, Visitor) as loads:
        before = boss.token()
        both = keyring.give(keyring.old, keyring.new)
        assert both[0] == old
        turned = keyring.give(keyring.new, keyring.old)
        assert turned == both[::-1]
        after = keyring.apis[1].post("/v1/auth/login", expect=200, json={
            "organization": boss.slug, "email": boss.email, "password": boss.password}).json()["access_token"]
        assert [jwt.get_unverified_header(token)["kid"] for token in (before, after)] == both
        for api in keyring.apis:
            for token in (before, after):
                api.get("/v1/me", headers=bearer(token), expect=200)
        until(lambda seen=[one.counts["visit"] for one in loads]: all(
            one.counts["visit"] > count + 1 for one, count in zip(loads, seen)))  # nobody has one of the old key any more
        assert keyring.give(keyring.new) == turned[:1]
    for api in keyring.apis:
        until(lambda api=api: api.get("/v1/me", headers=bearer(before), expect=(200, 401)).status_code == 401)
        api.get("/v1/me", headers=bearer(after), expect=200)


@pytest.mark.parametrize("wrong", ["", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n", None])
def test_wrong_keys_change_nothing(keyring, wrong):
    before = keyring.kids()
    keyring.write(wrong) if wrong is not None else keyring.file.unlink()
    for server in keyring.servers:
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGHUP)
    until(lambda: all(any("stay what they were" in line for line in server.log_lines()) for server in keyring.servers))
    assert keyring.kids() == before
