"""A stored role that hides, masks and locks fields: the hidden ones do not exist for its people, by no way in."""

import json

import pytest

import importing

from world import codes

HIDDEN, MASKED, LOCKED = "annual_revenue", "phone", "tier"
PERMISSIONS = {"accounts": {"fields": {HIDDEN: "hide", MASKED: "mask", LOCKED: "read"}}}
REVENUE = {"amount": "987654321.12", "currency": "CNY"}
PHONE = "+8613877778888"


@pytest.fixture(scope="module")
def clerk(realm):
    role = realm.admin.create("/v1/roles", key="clerk", name="Clerk", base="director", permissions=PERMISSIONS)
    return realm.hire("clerk", role["id"], realm.teams["north"])["api"]


@pytest.fixture(scope="module")
def account(realm):
    record = realm.make("accounts", annual_revenue=REVENUE, phone=PHONE, tier="key")
    realm.make("contacts", account_id=record["id"])
    realm.admin.patch(f"/v1/accounts/{record['id']}", json={HIDDEN: {"amount": "987654321.13", "currency": "CNY"}}, expect=200)
    return record


def test_what_is_shown(clerk, account):
    path = f"/v1/accounts/{account['id']}"
    for reply in (clerk.get(path), clerk.get(f"/v1/accounts?id={account['id']}"), clerk.get(path + "/history"),
                  clerk.get(f"{path}/contacts?expand=account"), clerk.patch(path, json={"city": "上海"}, expect=200),
                  clerk.post("/v1/accounts/search", json={"filter": {"id": account["id"]}}, expect=200)):
        assert HIDDEN not in reply.text and "987654321" not in reply.text
        assert PHONE not in reply.text
    record = clerk.get(path).json()
    assert record[MASKED] == "+86138****8888" and record[LOCKED] == "key"
    assert clerk.post("/v1/accounts?dry_run=true", json={"name": "x"}, expect=201).json().keys() == record.keys()


@pytest.mark.parametrize("params", [
    {HIDDEN: "1"}, {HIDDEN + "[gt]": "1"}, {HIDDEN + "[null]": "true"}, {"sort": HIDDEN}, {"sort": "name,-" + HIDDEN}, {"fields": HIDDEN},
    {MASKED + "[starts]": "+8613"}, {MASKED + "[contains]": "777"}, {MASKED + "[ne]": PHONE}, {MASKED + "[nin]": PHONE},
])
def test_what_cannot_be_asked(clerk, account, params):
    reply = clerk.get("/v1/accounts", params=params, expect=400)
    assert set(codes(reply)) == set(params)
    filtered = {name: value for name, value in params.items() if name not in ("sort", "fields")}
    if filtered:
        hopped = {f"account.{name}": value for name, value in params.items()}
        assert set(codes(clerk.get("/v1/contacts", params=hopped, expect=400))) == set(hopped)


@pytest.mark.parametrize("body", [
    {"filter": {HIDDEN: {"gt": "1"}}}, {"filter": {"not": {HIDDEN: {"null": True}}}}, {"sort": HIDDEN}, {"fields": [HIDDEN]},
    {"filter": {MASKED: {"contains": "777"}}},
])
def test_what_cannot_be_searched(clerk, account, body):
    clerk.post("/v1/accounts/search", json=body, expect=422)


def test_the_masked_field_is_matched_whole(clerk, account):
    for params in ({MASKED: PHONE}, {MASKED + "[in]": PHONE}):
        assert [row["id"] for row in clerk.get("/v1/accounts", params=params).json()["data"]] == [account["id"]]
    assert clerk.get("/v1/accounts", params={MASKED: PHONE[:-1] + "9"}).json()["data"] == []


def test_what_cannot_be_written(clerk, account):
    for method, path, body in (("POST", "/v1/accounts", {"name": "x"}), ("PATCH", f"/v1/accounts/{account['id']}", {})):
        reply = clerk.request(method, path, 422, json={**body, HIDDEN: REVENUE, LOCKED: "basic"}, headers={"If-Match": "*"})
        assert codes(reply) == {f"#/{HIDDEN}": "unknown_field", f"#/{LOCKED}": "read_only"}
    near = clerk.post("/v1/accounts", json={"name": "x", HIDDEN[:-1]: 1}, expect=422)
    assert HIDDEN not in near.text, "the nearest name is not that of a hidden field"
    options = {"collection": "accounts", "mode": "create", "columns": [{"column": "r", "field": HIDDEN}], "defaults": {"name": "x"}}
    near = clerk.post("/v1/imports?dry_run=true", json=options, expect=422)
    assert codes(near) == {"#/columns/0/field": "unknown_field"} and HIDDEN not in near.text


def test_the_hidden_field_is_in_no_aggregate(clerk, account):
    for measure in ({"as": "sum", "op": "sum", "field": HIDDEN}, {"as": "most", "op": "max", "field": HIDDEN}):
        clerk.post("/v1/accounts/aggregate", json={"measures": [measure]}, expect=422)
    clerk.post("/v1/accounts/aggregate", json={"measures": [{"as": "n", "op": "count"}], "by": [MASKED]}, expect=422)


def test_scopes_are_overridden_and_parts_follow(realm, account):
    role = realm.admin.create("/v1/roles", key="narrow", name="Narrow", base="director",
                              permissions={"accounts": {"read": "team", "update": "own", "delete": "none"}, "leads": {"read": "none"}})
    api = realm.hire("narrow", role["id"], realm.teams["north"])["api"]
    north = realm.make("accounts", owner_id=realm.people["peer"].id)
    south = realm.make("accounts", owner_id=realm.people["elsewhere"].id)
    part = realm.make("contacts", account_id=north["id"])
    api.get(f"/v1/accounts/{north['id']}")
    api.get(f"/v1/contacts/{part['id']}")
    api.get(f"/v1/accounts/{south['id']}", expect=404)
    assert api.patch(f"/v1/accounts/{north['id']}", json={}, expect=403).json()["rule"] == "accounts.update"
    assert api.patch(f"/v1/contacts/{part['id']}", json={}, expect=403).json()["rule"] == "contacts.update"
    assert api.delete(f"/v1/accounts/{north['id']}", expect=403).json()["rule"] == "accounts.delete"
    api.get("/v1/leads", expect=403)


@pytest.mark.parametrize("permissions, places", [
    ({"acounts": {}}, {"#/permissions/acounts": "unknown_field"}),
    ({"accounts": {"read": "some"}}, {"#/permissions/accounts/read": "not_allowed"}),
    ({"accounts": {"reed": "all"}}, {"#/permissions/accounts/reed": "unknown_field"}),
    ({"accounts": {"read": 1}}, {"#/permissions/accounts/read": "invalid_type"}),
    ({"accounts": []}, {"#/permissions/accounts": "invalid_type"}),
    ({"accounts": {"fields": {"nothing": "hide"}}}, {"#/permissions/accounts/fields/nothing": "unknown_field"}),
    ({"accounts": {"fields": {"phone": "cover"}}}, {"#/permissions/accounts/fields/phone": "not_allowed"}),
    ({"accounts": {"fields": {"version": "hide"}}}, {"#/permissions/accounts/fields/version": "read_only"}),
])
def test_wrong_permissions(realm, permissions, places):
    body = {"key": "wrong", "name": "Wrong", "base": "analyst", "permissions": permissions}
    assert codes(realm.admin.post("/v1/roles", json=body, expect=422)) == places


def test_permissions_are_a_merge_patch(realm):
    role = realm.admin.create("/v1/roles", key="merging", name="Merging", base="analyst", permissions=PERMISSIONS)
    path = f"/v1/roles/{role['id']}"
    patch = {"permissions": {"accounts": {"read": "team", "fields": {HIDDEN: None}}, "leads": {"read": "none"}}}
    changed = realm.admin.patch(path, json=patch, expect=200).json()
    assert changed["permissions"] == {"accounts": {"read": "team", "fields": {MASKED: "mask", LOCKED: "read"}},
                                      "leads": {"read": "none"}}, json.dumps(changed)


# Keys of other systems: whoever may not see them cannot look for them, whoever may not write them brings none in a file.

@pytest.fixture(scope="module")
def keyless(realm):
    """By what a role says of the keys of accounts: an Api."""
    def hire(word):
        role = realm.admin.create("/v1/roles", key=f"keys_{word}", name=f"Keys {word}", base="director",
                                  permissions={"accounts": {"fields": {"external_ids": word}}})
        return realm.hire(f"keys-{word}", role["id"], realm.teams["north"])["api"]
    return {word: hire(word) for word in ("hide", "read")}


@pytest.fixture(scope="module")
def keyed(realm):
    return realm.make("accounts", external_ids={"erp": "kept-secret"})


ACCOUNTS = {"collection": "accounts", "source": "erp", "key_column": "k", "columns": [{"column": "n", "field": "name"}]}
OF_ACCOUNTS = {"collection": "contacts", "mode": "create", "columns": [
    {"column": "n", "field": "name"},
    {"column": "a", "field": "account_id", "reference": {"by": "external_id", "source": "erp"}}]}


def test_a_hidden_key_finds_nothing(keyless, keyed):
    for key in ("kept-secret", "nobody's"):
        url = f"/v1/accounts/by-external-id/erp/{key}"
        assert keyless["hide"].get(url, expect=404).json()["code"] == "not_found"
        assert keyless["hide"].put(url, json={"name": "x"}, expect=404).json()["code"] == "not_found"
    assert keyless["read"].get("/v1/accounts/by-external-id/erp/kept-secret").json()["id"] == keyed["id"]
    assert codes(keyless["read"].put("/v1/accounts/by-external-id/erp/kept-secret", json={"name": "x"}, expect=422)) == \
        {"#/external_ids": "read_only"}


@pytest.mark.parametrize("word, mode, taken", [
    ("hide", "create", False), ("hide", "update", False), ("hide", "upsert", False),
    ("read", "create", False), ("read", "update", True), ("read", "upsert", False),
])
def test_a_file_brings_no_key_that_its_caller_may_not_write(keyless, word, mode, taken):
    reply = keyless[word].post("/v1/imports?dry_run=true", json={**ACCOUNTS, "mode": mode}, expect=201 if taken else 422)
    assert taken or codes(reply) == {"#/key_column": "not_allowed"}


def test_a_file_looks_for_no_hidden_key(keyless):
    reply = keyless["hide"].post("/v1/imports?dry_run=true", json=OF_ACCOUNTS, expect=422)
    assert codes(reply) == {"#/columns/1/reference/by": "not_allowed"}
    keyless["read"].post("/v1/imports?dry_run=true", json=OF_ACCOUNTS, expect=201)


def test_a_file_is_not_read_when_the_key_was_taken_meanwhile(realm):
    role = realm.admin.create("/v1/roles", key="keys_lost", name="Keys lost", base="director")
    api = realm.hire("keys-lost", role["id"], realm.teams["north"])["api"]
    made = api.post("/v1/imports", json={**ACCOUNTS, "mode": "upsert"}, expect=201).json()["id"]
    realm.admin.patch(f"/v1/roles/{role['id']}", json={"permissions": {"accounts": {"fields": {"external_ids": "read"}}}}, expect=200)
    importing.upload(api, made, "k,n\nkept-secret,Taken\n", expect=202)
    row = importing.wait(realm.admin, made)
    assert (row["state"], row["failure"]) == ("failed", "access_lost")
    assert not realm.rows("accounts", "name = 'Taken'")
