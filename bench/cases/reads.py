"""Reads, each against the statements that it runs; one row a case."""

import json

import data
from cases.base import BUSY, READER, Bench, busy, reading

FILTERED = "/v1/accounts?tier=key&employee_count[gte]=5000&sort=-annual_revenue"
AGGREGATE = {"by": ["industry"], "measures": [{"as": "people", "op": "sum", "field": "employee_count"}]}

FEW = 8  # connections for what takes PostgreSQL milliseconds: more only wait

# name: request, wanted in the first version, goal, connections
ROWS = {
    "point_read": (reading("/v1/accounts/{account}"), 0.55, 1.0, BUSY),
    "page": (reading("/v1/accounts"), 0.6, 0.9, BUSY),
    "page_filtered": (reading(FILTERED), None, None, BUSY),
    "page_expanded": (reading("/v1/accounts?expand=owner,team"), None, None, BUSY),
    "search_rare": (reading(f"/v1/accounts?q={data.RARE}"), None, None, BUSY),
    "search_common": (reading(f"/v1/accounts?q={data.COMMON}"), None, None, FEW),
    "aggregate": (reading("/v1/accounts/aggregate", method="POST", body=json.dumps(AGGREGATE)), None, None,
                  FEW),
}


def read(bench: Bench, name):
    request, target, goal, connections = ROWS[name]
    return bench.against_limit(name, busy(request, connections), bench.script(request), target, goal)


def scopes(bench: Bench):
    """The page of somebody who reaches little of the organisation, against the page of who reaches all: of what has an owner
    and a team, and of what is reached through its account besides."""
    results = []
    for name, path, target in (("page", "/v1/accounts", 0.6), ("through", "/v1/opportunities", None)):
        sides = [bench.http(busy(reading(path, (READER,), user))) for user in (f"user{data.LEAD}", f"user{data.MANAGER}", "admin")]
        *few, admin = bench.rounds(f"scopes: {name}", *sides)
        results += [bench.against(f"{name}_{who}", runs, admin, "page as admin", target=target, goal=0.9)
                    for who, runs in zip(("team_lead", "account_manager"), few)]
    return results


CASES = {**{name: (lambda bench, name=name: read(bench, name)) for name in ROWS}, "scopes": scopes}
