"""Sign-in: tokens, their rotation and end, and how fast a change of rights bites."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import secrets
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from harness.client import Api
from harness.server import sanitized

PROMPT = 3.0 if sanitized() else 1.0  # seconds in which a change of rights must be felt


@pytest.fixture
def person(world, steward):
    """A user of this test alone."""
    email, password = f"{secrets.token_hex(6)}@acme.example", secrets.token_urlsafe(15)
    made = steward("user", "create", "--org", "acme", "--email", email, "--name", "Test Person",
                   "--role", "account_manager", password=password)
    return {"id": made["id"], "organization": "acme", "email": email, "password": password}


def credentials(person, **changes):
    return {name: {**person, **changes}[name] for name in ("organization", "email", "password")}


def login(api, person, expect=200, **changes):
    return api.post("/v1/auth/login", json=credentials(person, **changes), expect=expect).json()


def refresh(api, token, expect=200):
    return api.post("/v1/auth/refresh", json={"refresh_token": token}, expect=expect).json()


def me(api, token, expect=200):
    return api.get("/v1/me", expect=expect, headers={"Authorization": f"Bearer {token}"})


def soon(check):
    """The check must hold within the promised time."""
    end = time.monotonic() + PROMPT
    while not check():
        assert time.monotonic() < end, f"not within {PROMPT} s"
        time.sleep(0.02)


def refused(api, token):
    reply = me(api, token, expect=(200, 401))
    return reply.status_code == 401 and reply.json()["code"] == "invalid_token"


def age(db, token, seconds):
    """Moves the use of a refresh token into the past."""
    digest = hashlib.sha256(token[38:].encode())
    done = db.execute("update steward.refresh_tokens set used_at = used_at - make_interval(secs => %s) where hash = %s",
                      (seconds, digest.hexdigest()))
    assert done.rowcount == 1


def public_key(api):
    found = api.get("/.well-known/jwks.json").json()["keys"]
    assert len(found) == 1
    return found[0], jwt.PyJWK(found[0]).key


# ---- signing in ----

def test_tokens_are_given_for_the_password(nobody, person, world):
    tokens = login(nobody, person)
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 600
    organization = world.organizations["acme"].replace("-", "")
    assert tokens["refresh_token"].startswith(f"stwr_{organization}_")
    answer = me(nobody, tokens["access_token"]).json()
    assert answer["user"]["id"] == person["id"] and answer["user"]["email"] == person["email"]
    assert answer["role"]["key"] == "account_manager" and answer["api_key"] is None and answer["team"] is None
    assert answer["organization"]["slug"] == "acme" and answer["organization"]["zone"] == "Asia/Shanghai"


def test_tokens_are_never_cached(nobody, person):
    reply = nobody.post("/v1/auth/login", json=credentials(person), expect=200)
    assert reply.headers["cache-control"] == "no-store"


def test_the_address_is_read_without_regard_to_case(nobody, person):
    login(nobody, person, email=person["email"].upper())


def test_wrong_answers_are_all_the_same(nobody, person):
    wrong = [
        {"password": "not the password"},
        {"email": "nobody@acme.example"},
        {"organization": "no-such-organization"},
        {"organization": "globex"},
        {"password": person["password"] + " "},
        {"password": person["password"].swapcase()},
    ]
    answers = []
    for change in wrong:
        problem = login(nobody, person, expect=401, **change)
        problem.pop("request_id")
        answers.append(problem)
    assert answers[0]["code"] == "invalid_credentials"
    assert all(answer == answers[0] for answer in answers)


def test_a_disabled_user_is_told_nothing_else(nobody, person, db):
    db.execute("update steward.users set status = 'disabled' where id = %s", (person["id"],))
    assert login(nobody, person, expect=401)["code"] == "invalid_credentials"


def test_a_deleted_user_is_told_nothing_else(nobody, person, db):
    db.execute("update steward.users set deleted_at = now() where id = %s", (person["id"],))
    assert login(nobody, person, expect=401)["code"] == "invalid_credentials"


@pytest.mark.parametrize("body, code, places", [
    ({}, "validation_failed", ("#/organization", "#/email", "#/password")),
    ({"organization": "acme", "email": "a@b.example", "password": None}, "validation_failed", ("#/password",)),
    ({"organization": "acme", "email": 1, "password": ["x"]}, "validation_failed", ("#/email", "#/password")),
    ({"organization": "acme", "email": "a@b.example", "password": "x" * 201}, "validation_failed", ("#/password",)),
    ({"organization": "acme", "email": "a@b.example", "password": "x", "otp/~": 1}, "validation_failed", ("#/otp~1~0",)),
])
def test_the_body_is_read_strictly(nobody, body, code, places):
    nobody.problem(nobody.post("/v1/auth/login", json=body), 422, code, *places)


def test_an_unknown_member_gets_a_hint(nobody, person):
    reply = nobody.post("/v1/auth/login", json={**credentials(person), "emial": "x"}, expect=422)
    violation, = reply.json()["errors"]
    assert violation["code"] == "unknown_field" and "email" in violation["detail"]


def test_a_duplicate_member_is_no_json(nobody):
    reply = nobody.request("POST", "/v1/auth/login", content=b'{"email":"a","email":"b"}',
                           headers={"Content-Type": "application/json"})
    nobody.problem(reply, 400, "invalid_json")


# ---- access tokens ----

def test_another_implementation_accepts_the_token(nobody, person, world):
    tokens = login(nobody, person)
    described, key = public_key(nobody)
    assert set(described) == {"kty", "use", "alg", "kid", "n", "e"}
    header = jwt.get_unverified_header(tokens["access_token"])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": described["kid"]}
    members = json.dumps({name: described[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
    assert described["kid"] == thumbprint
    claims = jwt.decode(tokens["access_token"], key, algorithms=["RS256"], audience="steward", issuer="steward",
                        options={"require": ["exp", "iat", "jti", "sub"]})
    assert claims["sub"] == person["id"] and claims["org"] == world.organizations["acme"]
    assert claims["role"] == "account_manager" and claims["sv"] == 1 and claims["exp"] - claims["iat"] == 600
    assert uuid.UUID(claims["jti"]).version == 7


def text64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def test_forged_tokens_are_refused(nobody, person):
    token = login(nobody, person)["access_token"]
    described, key = public_key(nobody)
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    by_hmac = f"{text64({'alg': 'HS256', 'typ': 'JWT', 'kid': described['kid']})}.{payload}"
    mac = text64(hmac.new(pem, by_hmac.encode(), hashlib.sha256).digest())
    richer = text64({**claims, "role": "admin"})
    forged = [
        f"{text64({'alg': 'none'})}.{payload}.",
        f"{text64({'alg': 'none', 'kid': described['kid']})}.{payload}.{signature}",
        f"{by_hmac}.{mac}",
        f"{head}.{richer}.{signature}",
        f"{head}.{payload}",
        f"{head}.{payload}.",
        f"{token}=",
        f"{token}.{signature}",
        text64(b"[" * 2500) + f".{payload}.{signature}",
        "x" * 4097,
    ]
    for one in forged:
        problem = me(nobody, one, expect=401).json()
        assert problem["code"] == "invalid_token", one
    me(nobody, token)


@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer"])
def test_without_a_bearer_there_is_no_actor(nobody, header):
    reply = nobody.get("/v1/me", expect=401, headers={"Authorization": header} if header else {})
    nobody.problem(reply, 401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


# ---- refresh tokens ----

def test_a_refresh_token_is_good_for_one_use(nobody, person, db):
    first = login(nobody, person)
    second = refresh(nobody, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    me(nobody, second["access_token"])
    age(db, first["refresh_token"], 11)
    assert refresh(nobody, first["refresh_token"], expect=401)["code"] == "invalid_token"
    # Whoever had the first one may have stolen it: what came of it ends too.
    assert refresh(nobody, second["refresh_token"], expect=401)["code"] == "invalid_token"


def test_reuse_ends_one_session_only(nobody, person, db):
    first, other = login(nobody, person), login(nobody, person)
    refresh(nobody, first["refresh_token"])
    age(db, first["refresh_token"], 11)
    refresh(nobody, first["refresh_token"], expect=401)
    refresh(nobody, other["refresh_token"])


def test_parallel_retries_get_tokens_too(server, person, nobody):
    token = login(nobody, person)["refresh_token"]

    def one(_):
        api = Api(server.url)
        try:
            return refresh(api, token)
        finally:
            api.close()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert len({answer["refresh_token"] for answer in answers}) == 8
    for answer in answers[:3]:
        refresh(nobody, answer["refresh_token"])


def test_an_expired_refresh_token_says_so(nobody, person, db):
    token = login(nobody, person)["refresh_token"]
    db.execute("update steward.refresh_tokens set expires_at = now() where user_id = %s", (person["id"],))
    assert refresh(nobody, token, expect=401)["code"] == "token_expired"


def test_what_is_no_refresh_token_is_refused(nobody, person, world):
    tokens = login(nobody, person)
    token = tokens["refresh_token"]
    for other in (tokens["access_token"][:200], "stwk" + token[4:], token[:-1], token + "A", world.keys["acme"],
                  token[:5] + "0" * 32 + token[37:]):
        assert refresh(nobody, other, expect=401)["code"] == "invalid_token"
    assert me(nobody, token, expect=401).json()["code"] == "invalid_token"
    refresh(nobody, token)


def test_only_hashes_are_stored(nobody, person, db):
    token = login(nobody, person)["refresh_token"]
    stored = db.execute("select hash from steward.refresh_tokens where user_id = %s", (person["id"],)).fetchall()
    assert [row[0] for row in stored] == [hashlib.sha256(token[38:].encode()).hexdigest()]
    password, = db.execute("select password_hash from steward.credentials where user_id = %s", (person["id"],)).fetchone()
    assert password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


# ---- ends ----

def test_logout_ends_the_session(nobody, person):
    first, other = login(nobody, person), login(nobody, person)
    second = refresh(nobody, first["refresh_token"])
    for token in (first["refresh_token"], second["refresh_token"], "nonsense"):
        nobody.post("/v1/auth/logout", json={"refresh_token": token}, expect=204)
    assert refresh(nobody, second["refresh_token"], expect=401)["code"] == "invalid_token"
    refresh(nobody, other["refresh_token"])


def test_logout_all_ends_all_within_a_second(nobody, person):
    sessions = [login(nobody, person) for _ in range(3)]
    for session in sessions:
        for _ in range(4):  # into the caches of several loops
            me(nobody, session["access_token"])
    nobody.post("/v1/auth/logout-all", expect=204, headers={"Authorization": f"Bearer {sessions[0]['access_token']}"})
    for session in sessions:
        soon(lambda token=session["access_token"]: refused(nobody, token))
    for session in sessions:
        assert refresh(nobody, session["refresh_token"], expect=401)["code"] == "invalid_token"
    me(nobody, login(nobody, person)["access_token"])


def test_a_disabled_user_is_out_within_a_second(nobody, person, db):
    session = login(nobody, person)
    me(nobody, session["access_token"])
    db.execute("update steward.users set status = 'disabled' where id = %s", (person["id"],))
    soon(lambda: refused(nobody, session["access_token"]))
    assert refresh(nobody, session["refresh_token"], expect=401)["code"] == "invalid_token"
    db.execute("update steward.users set status = 'active' where id = %s", (person["id"],))
    soon(lambda: not refused(nobody, session["access_token"]))


def test_a_change_of_role_bites_within_a_second(nobody, person, db, world):
    token = login(nobody, person)["access_token"]

    def access(expect=200):
        return nobody.get("/v1/me/access", expect=expect, headers={"Authorization": f"Bearer {token}"}).json()["resources"]
    before = access()["users"]
    db.execute("update steward.users set role_id = (select id from steward.roles where org_id = %s and key = 'admin' "
               "and deleted_at is null) where id = %s", (world.organizations["acme"], person["id"]))
    soon(lambda: access()["users"]["create"] == "all")
    assert before["create"] != "all"
    assert me(nobody, token).json()["role"]["key"] == "admin"


def test_a_change_of_permissions_bites_within_a_second(nobody, admin, person, db):
    role = admin.create("/v1/roles", key="r" + secrets.token_hex(6), name="Own", base="account_manager")["id"]
    db.execute("update steward.users set role_id = %s where id = %s", (role, person["id"]))
    token = login(nobody, person)["access_token"]

    def accounts():
        reply = nobody.get("/v1/me/access", headers={"Authorization": f"Bearer {token}"})
        return reply.json()["resources"]["accounts"]
    assert accounts()["read"] != "none"
    admin.patch(f"/v1/roles/{role}", json={"permissions": {"accounts": {"read": "none", "fields": {"name": "read"}}}},
                expect=200)
    soon(lambda: accounts()["read"] == "none")
    assert accounts()["fields"]["locked"] == ["name"]


# ---- API keys ----

def test_a_key_knows_what_it_is(integration):
    answer = integration.get("/v1/me").json()
    assert answer["user"] is None and answer["role"] is None and answer["team"] is None
    assert answer["api_key"]["source"] == "web" and answer["organization"]["slug"] == "acme"
    resources = integration.get("/v1/me/access").json()["resources"]
    leads = resources.pop("leads")
    assert (leads["create"], leads["read"], leads["update"], leads["delete"], leads["assign"]) == \
        ("all", "all", "none", "none", "none")
    assert leads["source_bound"] is True
    assert all(one["read"] == one["create"] == "none" for one in resources.values())


def test_a_key_has_neither_sessions_nor_a_password(integration):
    integration.problem(integration.post("/v1/auth/logout-all"), 403, "forbidden")
    body = {"current_password": "x", "password": "long enough"}
    integration.problem(integration.post("/v1/me/password", json=body), 403, "forbidden")


def test_a_deleted_key_is_out_within_a_second(server, steward, db, world):
    key = steward("key", "create", "--org", "acme", "--name", secrets.token_hex(6), "--source", "web",
                  "--scopes", "leads:read")["key"]
    api = Api(server.url)
    name = me(api, key).json()["api_key"]["name"]
    db.execute("update steward.api_keys set deleted_at = now() where name = %s", (name,))
    soon(lambda: refused(api, key))


def test_the_use_of_a_key_is_noted(integration, db, world):
    integration.get("/v1/me")
    used, = db.execute("select max(last_used_at) from steward.api_key_secrets where org_id = %s",
                       (world.organizations["acme"],)).fetchone()
    assert used is not None


# ---- one's own password ----

def test_a_new_password_ends_the_other_sessions(nobody, person):
    session, other = login(nobody, person), login(nobody, person)
    me(nobody, other["access_token"])
    authorization = {"Authorization": f"Bearer {session['access_token']}"}
    fresh = secrets.token_urlsafe(15)
    tokens = nobody.post("/v1/me/password", expect=200, headers=authorization,
                         json={"current_password": person["password"], "password": fresh}).json()
    me(nobody, tokens["access_token"])
    refresh(nobody, tokens["refresh_token"])
    soon(lambda: refused(nobody, other["access_token"]))
    soon(lambda: refused(nobody, session["access_token"]))
    assert refresh(nobody, other["refresh_token"], expect=401)["code"] == "invalid_token"
    login(nobody, person, expect=401)
    login(nobody, person, password=fresh)


def test_the_current_password_is_needed(nobody, person):
    session = login(nobody, person)
    authorization = {"Authorization": f"Bearer {session['access_token']}"}

    def change(**body):
        return nobody.post("/v1/me/password", json=body, headers=authorization)
    nobody.problem(change(current_password="wrong", password="long enough"), 422, "validation_failed",
                   "#/current_password")
    nobody.problem(change(current_password=person["password"], password="seven77"), 422, "validation_failed",
                   "#/password")
    nobody.problem(change(current_password=person["password"], password="x" * 201), 422, "validation_failed",
                   "#/password")
    nobody.problem(change(password="long enough"), 422, "validation_failed", "#/current_password")
    me(nobody, session["access_token"])


# ---- guessing ----

@pytest.fixture
def own_server(start_server, db):
    """With a limit; what others of the suite have failed in does not count."""
    db.execute("delete from steward.sign_in_attempts")
    server = start_server(STEWARD_LOOPS="1", STEWARD_FAILED_SIGN_INS="20")
    api = Api(server.url)
    yield api
    api.close()


def wait_for_window():
    """Windows are 10 seconds by the clock; a test must not straddle two."""
    left = 10 - time.time() % 10
    if left < 6:
        time.sleep(left + 0.05)


def test_guessing_tokens_is_slowed_down(own_server, person):
    known = login(own_server, person)["access_token"]
    me(own_server, known)
    wait_for_window()
    codes = [me(own_server, f"guess{i}", expect=(401, 429)).status_code for i in range(30)]
    assert codes[:21] == [401] * 21 and codes[22:] == [429] * 8
    reply = me(own_server, "guess", expect=429)
    assert 1 <= int(reply.headers["retry-after"]) <= 10
    # Signing in is counted by itself.
    me(own_server, known)  # known to this loop: nothing to guess
    login(own_server, person)


def test_guessing_passwords_is_slowed_down(own_server, person):
    wait_for_window()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda i: own_server.post("/v1/auth/login", expect=(401, 429, 503),
                                                        json=credentials(person, password=f"guess{i}")).status_code,
                              range(40)))
    assert 1 <= codes.count(401) <= 21 and codes.count(429) >= 10
    # The right one does not help now.
    assert login(own_server, person, expect=429)["code"] == "too_many_requests"


def test_success_is_never_counted(own_server, person):
    for _ in range(30):
        login(own_server, person)


def test_nothing_secret_is_logged(start_server, person):
    server = start_server(STEWARD_LOG_LEVEL="debug")
    api = Api(server.url)
    tokens = login(api, person)
    login(api, person, expect=401, password="canary-password-1")
    more = refresh(api, tokens["refresh_token"])
    me(api, more["access_token"])
    me(api, "canary-token-1", expect=401)
    api.post("/v1/auth/logout", json={"refresh_token": more["refresh_token"]}, expect=204)
    log = "\n".join(server.log_lines())
    for secret in (person["password"], "canary-password-1", "canary-token-1", tokens["access_token"],
                   tokens["refresh_token"], more["access_token"], more["refresh_token"]):
        assert secret not in log
