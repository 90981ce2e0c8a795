"""Keys of integrations: their secret, their source and their bounds."""

from harness.client import Api
from registry import serial


def new_key(realm, source, *scopes):
    key = realm.admin.post("/v1/api-keys", json={"name": f"Key {next(serial)}", "source": source, "scopes": list(scopes)},
                           expect=201).json()
    answer = realm.admin.post(f"/v1/api-keys/{key['id']}/secret", expect=201).json()
    return key, Api(realm.server.url, realm.recorder, answer["key"])


def test_a_secret_is_shown_once_and_replaced(realm):
    key, api = new_key(realm, "form", "leads:create", "leads:read")
    lead = api.post("/v1/leads", json={"name": "From a form"}, expect=201).json()
    assert (lead["source"], lead["owner_id"]) == ("form", None)

    second = realm.admin.post(f"/v1/api-keys/{key['id']}/secret", expect=201).json()["key"]
    assert set(realm.admin.get(f"/v1/api-keys/{key['id']}").json()) >= {"name", "source", "scopes", "prefix"}
    assert second not in realm.admin.get(f"/v1/api-keys/{key['id']}/history").text
    realm.until(lambda: api.get("/v1/leads", expect=None).status_code == 401)
    Api(realm.server.url, realm.recorder, second).get("/v1/leads", expect=200)
    stored = realm.db.execute("select hash from api_key_secrets where api_key_id = %s", (key["id"],)).fetchall()
    assert len(stored) == 1 and stored[0]["hash"] not in second


def test_a_key_reaches_what_bears_its_source(realm):
    _, mine = new_key(realm, "shop", "leads:create", "leads:read", "leads:update")
    _, other = new_key(realm, "fair", "leads:create", "leads:read", "leads:update")
    _, every = new_key(realm, "report", "leads:read:all")
    lead = mine.post("/v1/leads", json={"name": "From the shop"}, expect=201).json()

    assert [row["id"] for row in mine.get("/v1/leads").json()["data"]] == [lead["id"]]
    other.get(f"/v1/leads/{lead['id']}", expect=404)
    other.patch(f"/v1/leads/{lead['id']}", json={"score": 1}, expect=404)
    assert every.get(f"/v1/leads/{lead['id']}").json()["name"] == "From the shop"
    every.patch(f"/v1/leads/{lead['id']}", json={"score": 1}, expect=403)
    assert mine.patch(f"/v1/leads/{lead['id']}", json={"score": 9}, expect=200).json()["score"] == 9


def test_a_key_never_sets_owner_team_or_source(realm):
    _, api = new_key(realm, "import", "leads:create")
    for body in ({"owner_id": realm.people["peer"].id}, {"team_id": realm.teams["north"]}):
        assert api.post("/v1/leads", json={"name": "x", **body}, expect=403).json()["rule"] == "leads.assign"
    api.post("/v1/leads", json={"name": "x", "source": "else"}, expect=422)
    api.get("/v1/accounts", expect=403)
    api.delete(f"/v1/leads/{realm.make('leads')['id']}", expect=403)


def test_a_deleted_or_expired_key_stops(realm):
    key, api = new_key(realm, "brief", "leads:read")
    api.get("/v1/leads", expect=200)
    realm.admin.delete(f"/v1/api-keys/{key['id']}", expect=204)
    realm.until(lambda: api.get("/v1/leads", expect=None).status_code == 401)

    key, api = new_key(realm, "timed", "leads:read")
    api.get("/v1/leads", expect=200)
    realm.admin.patch(f"/v1/api-keys/{key['id']}", json={"expires_at": "2024-01-01T00:00:00Z"}, expect=200)
    realm.until(lambda: api.get("/v1/leads", expect=None).status_code == 401)


def test_problem_pages(nobody):
    listed = nobody.get("/problems").json()
    assert listed
    assert nobody.get("/problems/validation_failed").json()["code"] == "validation_failed"
    nobody.get("/problems/nothing_such", expect=404)
