"""People: their passwords, a change of their role or team, their end."""

import pytest

from world import codes

PASSWORD = "a long enough word 海"


@pytest.fixture
def user(realm, request):
    return realm.hire(f"colleague-{abs(hash(request.node.name))}", realm.roles["account_manager"], realm.teams["north"])


def change(realm, user, expect=200, **fields):
    return realm.admin.patch(f"/v1/users/{user['id']}", json=fields, expect=expect)


def login(realm, user, password):
    return realm.admin.post("/v1/auth/login", json={"organization": "northwind", "email": user["email"], "password": password},
                            headers={"Authorization": ""})


def test_a_password_is_taken_and_never_shown(realm, user):
    assert login(realm, user, user["password"]).status_code == 200
    changed = change(realm, user, password=PASSWORD)
    assert "password" not in changed.json()
    assert login(realm, user, user["password"]).status_code == 401
    assert login(realm, {"email": user["email"].upper()}, PASSWORD).status_code == 200
    for path in (f"/v1/users/{user['id']}", f"/v1/users/{user['id']}/history"):
        assert "password" not in realm.admin.get(path).text
    events = realm.db.execute("select changes, after from events where record_id = %s", (user["id"],)).fetchall()
    assert events and "password" not in str(events)
    assert PASSWORD not in "\n".join(realm.server.log_lines())
    hashes = realm.db.execute("select password_hash from credentials where user_id = %s", (user["id"],)).fetchall()
    assert [row["password_hash"].startswith("$argon2id$") for row in hashes] == [True]


def test_a_new_password_ends_the_sessions(realm, user):
    user["api"].get("/v1/me")
    change(realm, user, password=PASSWORD)
    realm.until(lambda: user["api"].get("/v1/me", expect=None).status_code == 401)


@pytest.mark.parametrize("password, code", [("x" * 7, "too_short"), ("x" * 201, "too_long"), ("", "too_short"), (1, "invalid_type")])
def test_wrong_passwords(realm, user, password, code):
    assert codes(change(realm, user, 422, password=password)) == {"#/password": code}
    assert login(realm, user, user["password"]).status_code == 200


def test_an_email_in_another_case_is_the_same(realm, user):
    body = {"email": user["email"].upper(), "name": "x", "role_id": user["role_id"]}
    assert codes(realm.admin.post("/v1/users", json=body, expect=409)) == {"#/email": "duplicate"}
    realm.stranger.post("/v1/users?dry_run=true", expect=201, json={
        **body, "role_id": realm.stranger.get("/v1/roles?key=analyst").json()["data"][0]["id"]})


def test_another_role_takes_effect_within_a_second(realm, user):
    lead = realm.make("leads", owner_id=realm.people["elsewhere"].id)
    user["api"].get(f"/v1/leads/{lead['id']}", expect=404)
    change(realm, user, role_id=realm.roles["director"])
    realm.until(lambda: user["api"].get(f"/v1/leads/{lead['id']}", expect=None).status_code == 200, 1.5)
    change(realm, user, role_id=realm.roles["service_agent"])
    realm.until(lambda: user["api"].get(f"/v1/leads/{lead['id']}", expect=None).status_code == 403, 1.5)


def test_another_team_takes_effect_within_a_second(realm, user):
    change(realm, user, role_id=realm.roles["team_lead"])
    lead = realm.make("leads", owner_id=realm.people["elsewhere"].id)
    realm.until(lambda: user["api"].get(f"/v1/leads/{lead['id']}", expect=None).status_code == 404, 1.5)
    change(realm, user, team_id=realm.teams["south"])
    realm.until(lambda: user["api"].get(f"/v1/leads/{lead['id']}", expect=None).status_code == 200, 1.5)


def test_a_moved_team_takes_effect_within_a_second(realm):
    upper, lower = (realm.make("teams")["id"] for _ in range(2))
    lead_role = realm.hire("mover", realm.roles["team_lead"], upper)
    member = realm.hire("moved", realm.roles["account_manager"], lower)
    record = realm.make("leads", owner_id=member["id"])
    lead_role["api"].get(f"/v1/leads/{record['id']}", expect=404)
    realm.admin.patch(f"/v1/teams/{lower}", json={"parent_id": upper}, expect=200)
    realm.until(lambda: lead_role["api"].get(f"/v1/leads/{record['id']}", expect=None).status_code == 200, 1.5)


def test_disabled_people_are_out_within_a_second(realm, user):
    user["api"].get("/v1/me")
    change(realm, user, status="disabled")
    realm.until(lambda: user["api"].get("/v1/me", expect=None).status_code == 401, 1.5)
    assert login(realm, user, user["password"]).status_code == 401
    change(realm, user, status="active")
    assert login(realm, user, user["password"]).status_code == 200


def test_people_are_not_deleted(realm, user):
    assert realm.admin.delete(f"/v1/users/{user['id']}", expect=405).headers["allow"]


def test_without_a_role_that_lives_nobody_comes_in(realm):
    role = realm.make("roles")
    user = realm.hire("roleless", role["id"])
    assert realm.admin.delete(f"/v1/roles/{role['id']}", expect=409).json()["code"] == "in_use"
    user["api"].get("/v1/me")


def test_nobody_raises_themselves(realm, user):
    path = f"/v1/users/{user['id']}"
    assert user["api"].get(path).json()["id"] == user["id"]
    for body in ({"role_id": realm.roles["admin"]}, {"name": "x"}, {"password": PASSWORD}):
        assert user["api"].patch(path, json=body, expect=403).json()["rule"] == "users.update"
