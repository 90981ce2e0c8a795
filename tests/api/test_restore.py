"""What a restored record refers to must still be there."""


def test_a_dead_reference_keeps_it_deleted(admin):
    group = admin.post("/v1/accounts", json={"name": "Restored group"}, expect=201).json()
    member = admin.post("/v1/accounts", json={"name": "Restored member", "parent_id": group["id"]}, expect=201).json()
    member_url, group_url = (f"/v1/accounts/{record['id']}" for record in (member, group))

    admin.delete(member_url, expect=204)
    admin.delete(group_url, expect=204)
    refused = admin.post(member_url + "/restore", expect=409).json()
    assert [(error["pointer"], error["code"]) for error in refused["errors"]] == [("#/parent_id", "unknown_reference")]
    admin.get(member_url, expect=404)

    admin.post(group_url + "/restore", expect=200)
    restored = admin.post(member_url + "/restore", expect=200).json()
    assert restored["deleted_at"] is None and restored["parent_id"] == group["id"]


def test_a_part_needs_its_parent(admin):
    account = admin.post("/v1/accounts", json={"name": "Restored whole"}, expect=201).json()
    contact = admin.post("/v1/contacts", json={"name": "Part", "account_id": account["id"]}, expect=201).json()
    contact_url = f"/v1/contacts/{contact['id']}"

    admin.delete(contact_url, expect=204)
    admin.delete(f"/v1/accounts/{account['id']}", expect=204)
    refused = admin.post(contact_url + "/restore", expect=409).json()
    assert [error["pointer"] for error in refused["errors"]] == ["#/account_id"]

    # the account takes back what went with it, not what was deleted before
    admin.post(f"/v1/accounts/{account['id']}/restore", expect=200)
    admin.get(contact_url, expect=404)
    admin.post(contact_url + "/restore", expect=200)
    admin.get(contact_url, expect=200)
