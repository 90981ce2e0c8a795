"""Activities: the last touch of an account, the account behind a contact or a deal, who sees them, checking in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.client import Api
from world import HERE, codes

ACTIVITIES = "/v1/activities"


def at(day, hour=9):
    return f"2025-03-{day:02}T{hour:02}:00:00.000000Z"


@pytest.fixture
def account(realm):
    return realm.make("accounts")["id"]


def log(api, **given):
    return api.create(ACTIVITIES, **{"kind": "call", "subject": "电话", **given})


def touched(realm, account_id):
    return realm.admin.get(f"/v1/accounts/{account_id}").json()["last_touch_at"]


def contact_of(realm, account_id):
    return realm.make("contacts", account_id=account_id)["id"]


def deal_of(realm, account_id, **given):
    return realm.make("opportunities", account_id=account_id, **given)["id"]


# The last touch

def test_the_last_touch_is_that_of_the_latest_live_activity(realm, account):
    assert touched(realm, account) is None
    second = log(realm.admin, account_id=account, happened_at=at(2))
    assert touched(realm, account) == at(2)
    log(realm.admin, account_id=account, happened_at=at(1))
    assert touched(realm, account) == at(2), "an earlier one moves nothing"
    third = log(realm.admin, account_id=account, happened_at=at(3))
    path = f"{ACTIVITIES}/{third['id']}"
    realm.admin.patch(path, json={"happened_at": at(4)}, expect=200)
    assert touched(realm, account) == at(4)
    realm.admin.patch(path, json={"subject": "改名"}, expect=200)
    assert touched(realm, account) == at(4)
    realm.admin.delete(path, expect=204)
    assert touched(realm, account) == at(2)
    realm.admin.post(path + "/restore", expect=200)
    assert touched(realm, account) == at(4)
    realm.admin.patch(path, json={"happened_at": at(1, 8)}, expect=200)
    assert touched(realm, account) == at(2)
    for record in realm.rows("activities", f"account_id = '{account}' and deleted_at is null"):
        realm.admin.delete(f"{ACTIVITIES}/{record['id']}", expect=204)
    assert touched(realm, account) is None
    assert second["version"] == 1


def test_moving_an_activity_touches_both_accounts(realm, account):
    other = realm.make("accounts")["id"]
    log(realm.admin, account_id=account, happened_at=at(1))
    moved = log(realm.admin, account_id=account, happened_at=at(5))
    realm.admin.patch(f"{ACTIVITIES}/{moved['id']}", json={"account_id": other}, expect=200)
    assert (touched(realm, account), touched(realm, other)) == (at(1), at(5))
    realm.admin.patch(f"{ACTIVITIES}/{moved['id']}", json={"account_id": None}, expect=200)
    assert (touched(realm, account), touched(realm, other)) == (at(1), None)


def test_the_last_touch_is_no_change_of_the_account(realm, account):
    before, history = realm.admin.get(f"/v1/accounts/{account}"), realm.events("accounts", account)
    log(realm.admin, account_id=account)
    after = realm.admin.get(f"/v1/accounts/{account}")
    assert {**after.json(), "last_touch_at": None} == before.json()
    assert realm.events("accounts", account) == history
    assert after.headers["etag"] != before.headers["etag"], "what is shown differs"
    realm.admin.patch(f"/v1/accounts/{account}", json={"city": "苏州"}, version=before.headers["etag"], expect=200)


def test_nothing_is_touched_by_a_dry_run_or_a_refusal(realm, account):
    realm.admin.post(ACTIVITIES + "?dry_run=true", json={"kind": "call", "subject": "x", "account_id": account}, expect=201)
    realm.admin.post(ACTIVITIES, json={"kind": "call", "subject": "x", "account_id": account, "lead_id": account}, expect=422)
    assert touched(realm, account) is None


def test_left_out_it_happened_now(realm, account):
    record = log(realm.admin, account_id=account)
    assert record["happened_at"] == record["created_at"] == touched(realm, account)


def test_the_last_touch_under_many_writers(realm, account):
    """Twenty at once: some add, some delete, some move to another account and back."""
    other = realm.make("accounts")["id"]
    made = [log(realm.admin, account_id=account, happened_at=at(n + 1))["id"] for n in range(20)]
    session = realm.admin.session

    def work(n):
        api = Api(realm.server.url, realm.recorder, session.token)
        try:
            log(api, account_id=(account, other)[n % 2], happened_at=at(n + 1, 12))
            path = f"{ACTIVITIES}/{made[n]}"
            if n % 3 == 0:
                api.delete(path, expect=204)
            elif n % 3 == 1:
                api.patch(path, json={"account_id": other}, expect=200)
                api.patch(path, json={"account_id": account, "happened_at": at(n + 1, 10)}, expect=200)
            else:
                api.patch(path, json={"account_id": other, "happened_at": at(1, n)}, expect=200)
                log(api, account_id=account, happened_at=at(n + 1, 11))
                api.delete(path, expect=204)
                api.post(path + "/restore", expect=200)
        finally:
            api.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    for one in (account, other):
        latest = realm.db.execute("select max(happened_at) as at from activities where account_id = %s and deleted_at is null",
                                  (one,)).fetchone()["at"]
        assert realm.row("accounts", one)["last_touch_at"] == latest
    assert realm.row("accounts", account)["version"] == 1


# The account behind a contact or an opportunity

@pytest.mark.parametrize("path", [ACTIVITIES, "/v1/tasks"])
def test_the_account_is_taken_from_the_contact_or_the_opportunity(realm, account, path):
    body = {"kind": "mail", "subject": "报价"} if path == ACTIVITIES else {"subject": "报价"}
    contact, deal = contact_of(realm, account), deal_of(realm, account)
    for given in ({"contact_id": contact}, {"opportunity_id": deal}, {"contact_id": contact, "opportunity_id": deal},
                  {"contact_id": contact, "account_id": None}):
        assert realm.admin.create(path, **body, **given)["account_id"] == account
    homeless = realm.make("opportunities")["id"]
    record = realm.admin.create(path, **body, opportunity_id=homeless)
    assert record["account_id"] is None
    changed = realm.admin.patch(f"{path}/{record['id']}", json={"contact_id": contact}, expect=200).json()
    assert (changed["account_id"], changed["opportunity_id"], changed["version"]) == (account, homeless, 2)
    created, updated = realm.events(path.removeprefix("/v1/"), record["id"])
    assert (created["after"]["account_id"], updated["changes"]["account_id"]) == (None, None)
    assert updated["after"]["account_id"] == account


@pytest.mark.parametrize("path", [ACTIVITIES, "/v1/tasks"])
def test_who_belongs_to_another_account_is_refused(realm, account, path):
    body = {"kind": "mail", "subject": "报价"} if path == ACTIVITIES else {"subject": "报价"}
    other = realm.make("accounts")["id"]
    contact, deal = contact_of(realm, account), deal_of(realm, account)

    def refused(reply, *places):
        assert (reply.status_code, codes(reply)) == (422, dict.fromkeys(places, "not_allowed")), reply.text

    refused(realm.admin.post(path, json={**body, "account_id": other, "contact_id": contact}), "#/contact_id")
    refused(realm.admin.post(path, json={**body, "account_id": other, "opportunity_id": deal}), "#/opportunity_id")
    refused(realm.admin.post(path, json={**body, "contact_id": contact_of(realm, other), "opportunity_id": deal}), "#/opportunity_id")
    record = realm.admin.create(path, **body, contact_id=contact)
    one = f"{path}/{record['id']}"
    refused(realm.admin.patch(one, json={"account_id": other}), "#/account_id")
    refused(realm.admin.patch(one, json={"contact_id": contact_of(realm, other)}), "#/contact_id")
    reply = realm.admin.patch(one, json={"account_id": None}, expect=422)
    assert codes(reply) == {"#/account_id": "required"}, "it would come back from the contact"
    realm.admin.patch(one, json={"account_id": other, "contact_id": contact_of(realm, other)}, expect=200)
    cleared = realm.admin.patch(one, json={"account_id": None, "contact_id": None}, expect=200).json()
    assert (cleared["account_id"], cleared["contact_id"]) == (None, None)


def test_nothing_is_told_about_what_the_caller_does_not_see(realm, account):
    """A contact out of reach is an unknown one, whether or not it is at the account named."""
    manager = realm.callers["account_manager"]
    own = realm.make("accounts", owner_id=manager.id)["id"]
    hidden = contact_of(realm, account)
    for given in ({"contact_id": hidden}, {"contact_id": hidden, "account_id": own}):
        reply = manager.api.post(ACTIVITIES, json={"kind": "call", "subject": "x", **given}, expect=422)
        assert codes(reply) == {"#/contact_id": "unknown_reference"}


def test_work_on_an_own_deal_at_a_foreign_account(realm, account):
    """The account follows from the deal, although its seller does not see it; naming it is another matter."""
    manager = realm.callers["account_manager"]
    deal = deal_of(realm, account, owner_id=manager.id)
    record = log(manager.api, opportunity_id=deal, happened_at=at(7))
    assert (record["account_id"], touched(realm, account)) == (account, at(7))
    reply = manager.api.post(ACTIVITIES, json={"kind": "call", "subject": "x", "account_id": account}, expect=422)
    assert codes(reply) == {"#/account_id": "unknown_reference"}
    reply = manager.api.post(ACTIVITIES, json={"kind": "call", "subject": "x", "account_id": account, "opportunity_id": deal}, expect=422)
    assert codes(reply) == {"#/account_id": "unknown_reference"}
    manager.api.get(f"/v1/accounts/{account}", expect=404)


# Who sees them

def test_whoever_owns_the_account_reads_its_activities(realm):
    owner, other = realm.callers["account_manager"], realm.people["elsewhere"]
    account = realm.make("accounts", owner_id=owner.id)["id"]
    record = log(realm.admin, account_id=account, owner_id=other.id)
    one = f"{ACTIVITIES}/{record['id']}"
    for reader in (owner, other, realm.callers["team_lead"], realm.callers["director"], realm.callers["analyst"]):
        reader.api.get(one)
        assert [row["id"] for row in reader.api.all(ACTIVITIES, {"account_id": account})] == [record["id"]]
    realm.callers["service_agent"].api.get(one, expect=404)
    realm.callers["key_account_manager"].api.get(one, expect=404)
    for reader, status in ((owner, 403), (realm.callers["team_lead"], 403), (realm.callers["director"], 403),
                           (realm.callers["analyst"], 403), (realm.callers["service_agent"], 404), (other, 200)):
        reader.api.patch(one, json={"subject": f"by {reader.role}"}, expect=status)


def test_who_logs_it_owns_it(realm):
    for role in ("account_manager", "key_account_manager", "team_lead", "director", "service_agent"):
        person = realm.callers[role]
        record = log(person.api)
        assert (record["owner_id"], record["team_id"]) == (person.id, person.team)
        reply = person.api.post(ACTIVITIES, json={"kind": "note", "subject": "x", "owner_id": realm.people["peer"].id}, expect=403)
        assert reply.json()["rule"] == "activities.assign"
    assert log(realm.admin)["owner_id"] is None


def test_a_telephone_system_logs_calls(realm, account):
    key = realm.steward("key", "create", "--org", HERE, "--name", "telephone", "--source", "telephone", "--scopes",
                        "activities:create,activities:read,contacts:read:all,accounts:read:all")["key"]
    api = Api(realm.server.url, realm.recorder, key)
    record = log(api, contact_id=contact_of(realm, account), happened_at=at(6))
    assert (record["source"], record["owner_id"], record["account_id"]) == ("telephone", None, account)
    assert touched(realm, account) == at(6)
    assert [row["id"] for row in api.all(ACTIVITIES)] == [record["id"]], "nothing but its own"
    api.patch(f"{ACTIVITIES}/{record['id']}", json={"subject": "x"}, expect=403)
    api.close()


# Checking in

def test_a_visit_is_checked_in_once(realm):
    person = realm.callers["account_manager"]
    visit = log(person.api, kind="visit")
    path = f"{ACTIVITIES}/{visit['id']}/check-in"
    assert codes(person.api.post(path, json={"latitude": "90.0001"}, expect=422)) == {
        "#/latitude": "too_large", "#/longitude": "required"}
    done = person.api.post(path, json={"latitude": "31.2304", "longitude": "-121.4737"}, expect=200).json()
    record = person.api.get(f"{ACTIVITIES}/{visit['id']}").json()
    shown = {name: record[name] for name in ("checked_in_at", "latitude", "longitude")}
    assert done == {"activity_id": visit["id"], **shown} and record["version"] == 2
    assert (record["latitude"], record["longitude"], record["checked_in_at"]) == ("31.2304", "-121.4737", record["updated_at"])
    again = person.api.post(path, json={"latitude": "1", "longitude": "1"}, expect=409)
    assert again.json()["code"] == "conflict" and codes(again) == {"#/checked_in_at": "immutable"}
    reply = person.api.patch(f"{ACTIVITIES}/{visit['id']}", json={"latitude": "1"}, expect=422)
    assert codes(reply) == {"#/latitude": "read_only"}


def test_only_an_own_visit_is_checked_in(realm):
    person, lead = realm.callers["account_manager"], realm.callers["team_lead"]
    place = {"latitude": "0", "longitude": "0"}
    call, visit = log(person.api), log(person.api, kind="visit")
    reply = person.api.post(f"{ACTIVITIES}/{call['id']}/check-in", json=place, expect=409)
    assert codes(reply) == {"#/kind": "not_allowed"}
    lead.api.post(f"{ACTIVITIES}/{visit['id']}/check-in", json=place, expect=403)
    realm.people["elsewhere"].api.post(f"{ACTIVITIES}/{visit['id']}/check-in", json=place, expect=404)
