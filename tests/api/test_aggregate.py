"""Groups of a collection against sums made here from the rows of the database."""

from collections import defaultdict
from decimal import Decimal

import pytest

from registry import MISSING, RESOURCES, name_of, resources
from world import codes

LISTED = resources("list")
NUMBERS = ("int", "decimal", "percent", "money")
GROUPED = ("text", "name", "bool", "int", "enum", "country", "date", "ref", "email", "phone")


def aggregate(api, resource, expect=200, **body):
    return api.post(f"{resource.url}/aggregate", json=body, expect=expect)


def plain(value):
    """As the API writes a key of a group."""
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


@pytest.mark.parametrize("resource", [resource for resource in RESOURCES.values() if resource.can("list")], ids=name_of)
def test_a_count_alone(realm, resource):
    total = aggregate(realm.admin, resource).json()
    assert total == {"data": [{"key": {}, "count": len(realm.rows(resource.path))}], "next_cursor": None}
    found = realm.admin.post(f"{resource.url}/search", json={"limit": 1, "count": "exact"}, expect=200).json()
    assert found["total"] == total["data"][0]["count"]


@pytest.mark.parametrize("field", [field for resource in LISTED for field in resource.shown if field.type in GROUPED],
                         ids=name_of)
def test_groups_by_each_field(realm, field):
    counts = defaultdict(int)
    for row in realm.rows(field.resource.path):
        counts[plain(row[field.name])] += 1
    groups = aggregate(realm.admin, field.resource, by=[field.name]).json()["data"]
    assert {group["key"][field.name]: group["count"] for group in groups} == counts
    assert len(groups) == len(counts)


@pytest.mark.parametrize("field", [field for resource in LISTED for field in resource.shown
                                   if field.type in NUMBERS and not field.system], ids=name_of)
def test_measures_of_each_number(realm, field):
    rows = [row for row in realm.rows(field.resource.path) if row[field.name] is not None]
    measures = [{"as": op, "op": op, "field": field.name} for op in ("sum", "min", "max", "avg")]
    measures.append({"as": "given", "op": "count", "field": field.name})
    groups = aggregate(realm.admin, field.resource, measures=measures).json()["data"]
    if field.type != "money":
        [group] = groups
        assert group["given"] == len(rows)
        if rows:
            values = [Decimal(row[field.name]) for row in rows]
            assert Decimal(group["sum"]) == sum(values)
            assert (Decimal(group["min"]), Decimal(group["max"])) == (min(values), max(values))
            assert abs(Decimal(group["avg"]) - sum(values) / len(values)) <= Decimal("0.0001")
        return
    sums = defaultdict(Decimal)
    for row in rows:
        sums[row[f"{field.name}_currency"]] += row[field.name]
    found = {group["sum"]["currency"]: Decimal(group["sum"]["amount"]) for group in groups if group["given"]}
    assert found == sums, "each currency for itself"


def test_dates_truncate_and_moments_do_so_in_the_organizations_zone(realm):
    tasks = next(resource for resource in LISTED if resource.path == "tasks")
    record = realm.make("tasks", due_at="2023-12-31T17:30:00Z")
    groups = aggregate(realm.admin, tasks, filter={"id": record["id"]}, by=[{"field": "due_at", "unit": "quarter"}]).json()["data"]
    assert groups == [{"key": {"due_at": "2024-01-01"}, "count": 1}], "half past one on New Year's Day in Shanghai"

    opportunity = next(resource for resource in LISTED if resource.path == "opportunities")
    deal = realm.make("opportunities", engaged_on="2024-03-31")
    groups = aggregate(realm.admin, opportunity, filter={"id": deal["id"]},
                       by=[{"field": "engaged_on", "unit": "quarter"}]).json()["data"]
    assert groups == [{"key": {"engaged_on": "2024-01-01"}, "count": 1}]


def test_two_dimensions_and_a_filter(realm):
    accounts = next(resource for resource in LISTED if resource.path == "accounts")
    for kind, tier in (("company", "key"), ("company", "key"), ("person", "key"), ("company", "basic")):
        realm.make("accounts", industry="aggregated", kind=kind, tier=tier)
    groups = aggregate(realm.admin, accounts, filter={"industry": "aggregated"}, by=["kind", "tier"]).json()["data"]
    assert {(group["key"]["kind"], group["key"]["tier"]): group["count"] for group in groups} == {
        ("company", "key"): 2, ("company", "basic"): 1, ("person", "key"): 1}


def test_everyone_counts_what_they_reach(realm):
    accounts = next(resource for resource in LISTED if resource.path == "accounts")
    for person in realm.callers.values():
        listed = person.api.get("/v1/accounts", params={"count": "exact", "limit": 1}).json()["total"]
        assert aggregate(person.api, accounts).json()["data"] == [{"key": {}, "count": listed}]


@pytest.mark.parametrize("body, places", [
    ({"by": ["nam"]}, {"#/by/0": "unknown_field"}),
    ({"by": ["name", "city", "country"]}, {"#/by": "too_many"}),
    ({"by": "name"}, {"#/by": "invalid_type"}),
    ({"by": [{"field": "name", "unit": "year"}]}, {"#/by/0/unit": "not_allowed"}),
    ({"by": [{"field": "created_at", "unit": "century"}]}, {"#/by/0/unit": "not_allowed"}),
    ({"by": ["created_at"]}, {"#/by/0": "not_allowed"}),
    ({"by": ["tags"]}, {"#/by/0": "not_allowed"}),
    ({"by": ["city", "city"]}, {"#/by/1": "duplicate"}),
    ({"by": [{"field": "created_at", "unit": unit} for unit in ("year", "month")]}, {"#/by/1/field": "duplicate"}),
    ({"measures": [{"as": "x", "op": "sum", "field": "name"}]}, {"#/measures/0/op": "invalid_operator"}),
    ({"measures": [{"as": "x", "op": "median", "field": "employee_count"}]}, {"#/measures/0/op": "not_allowed"}),
    ({"measures": [{"as": "X y", "op": "count"}]}, {"#/measures/0/as": "invalid_format"}),
    ({"measures": [{"as": "x", "op": "count"}, {"as": "x", "op": "count"}]}, {"#/measures/1/as": "duplicate"}),
    ({"measures": [{"as": "x", "op": "count", "of": 1}]}, {"#/measures/0/of": "unknown_field"}),
    ({"measure": []}, {"#/measure": "unknown_field"}),
    ({"filter": {"name": {"like": "x"}}}, {"#/filter/name/like": "invalid_operator"}),
])
def test_faults_are_named(realm, body, places):
    reply = realm.admin.post("/v1/accounts/aggregate", json=body, expect=422)
    assert codes(reply) == places


def test_masked_fields_are_not_counted_out(realm):
    agent = realm.people["service_agent"].api
    reply = agent.post("/v1/accounts/aggregate", json={"by": ["phone"]}, expect=422)
    assert codes(reply) == {"#/by/0": "unknown_field"}
    assert agent.post("/v1/leads/aggregate", json={}, expect=403).json()["rule"] == "leads.read"
    assert realm.admin.post("/v1/accounts/aggregate", json={"filter": {"id": MISSING}}).json()["data"][0]["count"] == 0
