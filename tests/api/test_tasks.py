"""Tasks: their states, the time of completion, who gives them to whom, who sees them."""

import pytest

from registry import RESOURCES
from world import codes

TASKS = "/v1/tasks"
STATES = ("open", "in_progress", "done", "cancelled")
STEPS = {"open": {"in_progress", "done", "cancelled"}, "in_progress": {"done", "cancelled"}, "done": {"open"}, "cancelled": {"open"}}
ROADS = {"open": [], "in_progress": ["in_progress"], "done": ["in_progress", "done"], "cancelled": ["cancelled"]}


def task(api, **given):
    return api.create(TASKS, **{"subject": "回电", **given})


def move(api, record, status, expect=200):
    return api.patch(f"{TASKS}/{record['id']}", json={"status": status}, expect=expect)


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_states(realm, before, after):
    record = task(realm.admin)
    assert (record["status"], record["priority"], record["completed_at"]) == ("open", "normal", None)
    for step in ROADS[before]:
        record = move(realm.admin, record, step).json()
    assert record["status"] == before
    if after == before:
        assert move(realm.admin, record, after).json() == record
    elif after in STEPS[before]:
        changed = move(realm.admin, record, after).json()
        assert changed["status"] == after
        assert changed["completed_at"] == (changed["updated_at"] if after == "done" else None)
    else:
        problem = move(realm.admin, record, after, expect=409).json()
        assert problem["code"] == "invalid_transition" and problem["errors"][0]["pointer"] == "#/status"
        assert set(problem["errors"][0]["allowed"]) == STEPS[before]
        assert realm.admin.get(f"{TASKS}/{record['id']}").json() == record


def test_the_time_of_completion_is_the_servers(realm):
    record = task(realm.admin, status="done")
    assert record["completed_at"] == record["created_at"]
    renamed = realm.admin.patch(f"{TASKS}/{record['id']}", json={"subject": "已回电", "status": "done"}, expect=200).json()
    assert renamed["completed_at"] == record["completed_at"], "done is done"
    for method, path in (("POST", TASKS), ("PATCH", f"{TASKS}/{record['id']}")):
        reply = realm.admin.request(method, path, 422, json={"subject": "x", "completed_at": "2025-01-01T00:00:00Z"})
        assert codes(reply) == {"#/completed_at": "read_only"}
    assert [row["id"] for row in realm.admin.all(TASKS, {"completed_at[null]": "false", "id": record["id"]})] == [record["id"]]
    move(realm.admin, record, "open")
    assert realm.admin.get(f"{TASKS}/{record['id']}").json()["completed_at"] is None


def test_the_assignee_owns_the_task(realm):
    """No field is called owner_id here: the flag alone says whose record it is."""
    manager, lead = realm.callers["account_manager"], realm.callers["team_lead"]
    assert "owner_id" not in RESOURCES["tasks"].by_name and RESOURCES["tasks"].flagged("owner").name == "assignee_id"
    own = task(manager.api)
    assert (own["assignee_id"], own["team_id"]) == (manager.id, manager.team)
    given = task(lead.api, assignee_id=manager.id)
    assert given["team_id"] == manager.team, "the team follows the assignee"
    shown = manager.api.get(f"{TASKS}/{given['id']}?expand=assignee").json()
    assert shown["assignee"]["id"] == manager.id
    assert [row["id"] for row in manager.api.all(TASKS, {"assignee_id": manager.id, "id[in]": f"{own['id']},{given['id']}"})] == [
        given["id"], own["id"]]
    move(manager.api, given, "done")
    reply = manager.api.patch(f"{TASKS}/{own['id']}", json={"assignee_id": realm.people["peer"].id}, expect=403)
    assert reply.json()["rule"] == "tasks.assign"


def test_who_gives_tasks_to_whom(realm):
    lead, director = realm.callers["team_lead"], realm.callers["director"]
    for name, status in (("peer", 201), ("below", 201), ("above", 422), ("elsewhere", 422)):
        lead.api.post(TASKS, json={"subject": "x", "assignee_id": realm.people[name].id}, expect=status)
        director.api.post(TASKS, json={"subject": "x", "assignee_id": realm.people[name].id}, expect=201)
    for role in ("account_manager", "key_account_manager", "service_agent"):
        realm.callers[role].api.post(TASKS, json={"subject": "x", "assignee_id": lead.id}, expect=403)
    realm.callers["analyst"].api.post(TASKS, json={"subject": "x"}, expect=403)


def test_whoever_owns_the_account_reads_its_tasks(realm):
    owner, other = realm.callers["key_account_manager"], realm.people["elsewhere"]
    account = realm.make("accounts", owner_id=owner.id)["id"]
    record = task(realm.admin, account_id=account, assignee_id=other.id)
    one = f"{TASKS}/{record['id']}"
    for reader in (owner, other, realm.callers["team_lead"], realm.callers["director"], realm.callers["analyst"]):
        reader.api.get(one)
    for reader in (realm.callers["account_manager"], realm.callers["service_agent"]):
        reader.api.get(one, expect=404)
    owner.api.patch(one, json={"status": "done"}, expect=403)
    realm.callers["team_lead"].api.patch(one, json={"status": "done"}, expect=403)
    realm.callers["director"].api.patch(one, json={"status": "done"}, expect=200)


def test_what_is_due(realm):
    person = realm.callers["service_agent"]
    made = [task(person.api, due_at=f"2025-05-0{day}T10:00:00+08:00", priority=priority)["id"]
            for day, priority in ((3, "high"), (1, "low"), (2, "urgent"))]
    undated = task(person.api)["id"]
    found = person.api.all(TASKS, {"id[in]": ",".join([*made, undated]), "sort": "due_at"})
    assert [row["id"] for row in found] == [made[1], made[2], made[0], undated]
    late = person.api.all(TASKS, {"due_at[lt]": "2025-05-02T02:00:01Z", "status[in]": "open,in_progress", "id[in]": ",".join(made)})
    assert {row["id"] for row in late} == {made[1], made[2]}
