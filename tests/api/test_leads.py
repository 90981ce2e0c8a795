"""The states of a lead, and its conversion: all of it or nothing."""

import pytest

from world import codes

STATES = ["new", "working", "qualified", "disqualified"]
ALLOWED = {("new", "working"), ("working", "qualified"), ("new", "disqualified"), ("working", "disqualified"),
           ("qualified", "disqualified"), ("disqualified", "working")}
WAYS = {"new": [], "working": ["working"], "qualified": ["working", "qualified"], "disqualified": ["disqualified"]}
PERSON = {"name": "王芳", "phone": "+8613800138000", "email": "fang@example.com", "title": "采购经理", "source": "fair"}


def lead_in(realm, state, **given):
    lead = realm.make("leads", **given)
    for step in WAYS[state]:
        lead = move(realm.admin, lead, step, expect=200).json()
    return lead


def move(api, lead, state, **arguments):
    reason = {"disqualified_reason": "no budget"} if state == "disqualified" else {}
    return api.patch(f"/v1/leads/{lead['id']}", json={"status": state, **reason}, **arguments)


def convert(api, lead, **body):
    return api.post(f"/v1/leads/{lead['id']}/conversion", json=body)


def refused(reply, status, places):
    assert (reply.status_code, codes(reply)) == (status, places), reply.text


def untouched(realm, lead):
    assert realm.admin.get(f"/v1/leads/{lead['id']}").json() == lead
    assert not realm.rows("contacts", f"name = '{lead['name']}'") and not realm.rows("accounts", f"name = '{lead['company']}'")


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES + ["converted"])
def test_every_way_between_states(realm, before, after):
    lead = lead_in(realm, before)
    reply = move(realm.admin, lead, after)
    if before == after or (before, after) in ALLOWED:
        assert reply.json()["status"] == after
    else:
        refused(reply, 409, {"#/status": "invalid_transition"})
        assert sorted(reply.json()["errors"][0]["allowed"]) == sorted(to for origin, to in ALLOWED if origin == before)
        assert realm.admin.get(f"/v1/leads/{lead['id']}").json() == lead


@pytest.mark.parametrize("state", ["qualified", "converted"])
def test_no_lead_starts_there(realm, state):
    refused(realm.admin.post("/v1/leads", json={"name": "x", "status": state}), 409, {"#/status": "invalid_transition"})


def test_a_reason_is_needed(realm):
    lead = realm.make("leads")
    for body in ({"status": "disqualified"}, {"status": "disqualified", "disqualified_reason": None}):
        refused(realm.admin.patch(f"/v1/leads/{lead['id']}", json=body), 422, {"#/disqualified_reason": "required"})
    refused(realm.admin.post("/v1/leads", json={"name": "x", "status": "disqualified"}), 422, {"#/disqualified_reason": "required"})
    lost = move(realm.admin, lead, "disqualified", expect=200).json()
    refused(realm.admin.patch(f"/v1/leads/{lost['id']}", json={"disqualified_reason": None}), 422, {"#/disqualified_reason": "required"})


@pytest.mark.parametrize("state", ["new", "working", "qualified"])
def test_conversion_makes_account_and_contact(realm, state):
    lead = lead_in(realm, state, **PERSON, company=f"钢铁公司 {state}", owner_id=realm.people["peer"].id)
    done = convert(realm.admin, lead).json()
    assert set(done) == {"lead_id", "account_id", "contact_id", "opportunity_id"}
    assert done["lead_id"] == lead["id"] and done["opportunity_id"] is None
    account = realm.admin.get(f"/v1/accounts/{done['account_id']}").json()
    contact = realm.admin.get(f"/v1/contacts/{done['contact_id']}").json()
    assert {name: account[name] for name in ("name", "kind", "source", "owner_id", "team_id", "phone", "email")} == {
        "name": lead["company"], "kind": "company", "source": "fair", "owner_id": lead["owner_id"], "team_id": lead["team_id"],
        "phone": None, "email": None}
    assert {name: contact[name] for name in ("account_id", "name", "position", "phone", "email")} == {
        "account_id": account["id"], "name": PERSON["name"], "position": PERSON["title"], "phone": PERSON["phone"],
        "email": PERSON["email"]}
    after = realm.admin.get(f"/v1/leads/{lead['id']}").json()
    assert (after["status"], after["converted_account_id"], after["converted_contact_id"], after["version"]) == (
        "converted", account["id"], contact["id"], lead["version"] + 1)
    assert after["converted_at"] is not None
    refused(convert(realm.admin, lead), 409, {"#/status": "invalid_transition"})
    for back in STATES:
        assert move(realm.admin, lead, back).status_code == 409
    assert realm.admin.delete(f"/v1/accounts/{account['id']}").json()["code"] == "in_use"


def test_conversion_of_a_person(realm):
    lead = realm.make("leads", **PERSON)
    account = realm.admin.get(f"/v1/accounts/{convert(realm.admin, lead).json()['account_id']}").json()
    assert (account["name"], account["kind"], account["phone"], account["email"]) == (
        PERSON["name"], "person", PERSON["phone"], PERSON["email"])


def test_conversion_with_names(realm):
    done = convert(realm.admin, realm.make("leads", **PERSON), account_name="别名公司", contact_name="别名").json()
    assert realm.admin.get(f"/v1/accounts/{done['account_id']}").json()["name"] == "别名公司"
    assert realm.admin.get(f"/v1/contacts/{done['contact_id']}").json()["name"] == "别名"


def test_conversion_into_an_existing_account(realm):
    account = realm.make("accounts")
    done = convert(realm.admin, realm.make("leads", **PERSON, company="not made"), account_id=account["id"]).json()
    assert done["account_id"] == account["id"] and not realm.rows("accounts", "name = 'not made'")
    assert realm.admin.get(f"/v1/accounts/{account['id']}").json() == account
    assert [row["id"] for row in realm.admin.all(f"/v1/accounts/{account['id']}/contacts")] == [done["contact_id"]]


def test_conversion_is_all_or_nothing(realm):
    caller = realm.callers["account_manager"]
    lead = realm.make("leads", name="Nobody else", company="Nowhere Ltd", owner_id=caller.id)
    foreign = realm.make("accounts", owner_id=realm.people["peer"].id)
    deleted = realm.make("accounts")
    realm.admin.delete(f"/v1/accounts/{deleted['id']}", expect=204)
    for account in (foreign["id"], deleted["id"], realm.strange["accounts"]):
        refused(convert(caller.api, lead, account_id=account), 422, {"#/account_id": "unknown_reference"})
        untouched(realm, lead)
    for body, places in (({"account_id": foreign["id"], "account_name": "x"}, {"#/account_name": "not_allowed"}),
                         ({"contact_name": ""}, {"#/contact_name": "too_short"}), ({"nothing": 1}, {"#/nothing": "unknown_field"})):
        refused(convert(caller.api, lead, **body), 422, places)
        untouched(realm, lead)
    assert convert(realm.callers["director"].api, lead, account_name="x" * 201).status_code == 422
    realm.admin.post(f"/v1/leads/{lead['id']}/conversion?dry_run=true", json={}, expect=200)
    untouched(realm, lead)


def test_conversion_needs_the_right_to_make_accounts(realm):
    role = realm.admin.create("/v1/roles", key="no_accounts", name="Leads only", base="account_manager",
                              permissions={"accounts": {"create": "none"}})
    user = realm.hire("leads-only", role["id"], realm.teams["north"])
    lead = realm.make("leads", name="Stays a lead", company="Never made Ltd", owner_id=user["id"])
    reply = convert(user["api"], lead)
    assert reply.status_code == 403 and reply.json()["rule"] == "accounts.create"
    untouched(realm, lead)


def test_who_may_convert(realm):
    lead = realm.make("leads", name="Not yours", company="Not yours Ltd", owner_id=realm.people["peer"].id)
    assert convert(realm.callers["account_manager"].api, lead).status_code == 404
    assert convert(realm.callers["analyst"].api, lead).json()["rule"] == "leads.update"
    assert convert(realm.callers["service_agent"].api, lead).status_code == 403
    assert convert(realm.stranger, lead).status_code == 404
    untouched(realm, lead)
    assert convert(realm.callers["team_lead"].api, lead).status_code == 200


def test_conversion_can_be_repeated_with_a_key(realm):
    lead = realm.make("leads", name="Once", company="Once Ltd")
    replies = [realm.admin.post(f"/v1/leads/{lead['id']}/conversion", json={}, headers={"Idempotency-Key": "convert-once"}, expect=200)
               for _ in range(2)]
    assert replies[0].content == replies[1].content and replies[1].headers["idempotency-replayed"] == "true"
    assert len(realm.rows("accounts", "name = 'Once Ltd'")) == 1
