"""What Schemathesis needs to know of Steward: a session that lasts, and which refusals a contract cannot foresee."""

import json
import os
import re

import requests
import schemathesis
from harness.client import Session

LONGEST_TARGET = 8192  # twice what Steward reads

# Codes of violations that depend on more than the request: what there is in the database, the whole of a filter, another field,
# tables of codes and zones. All others (required, unknown_field, invalid_type, too_long ...) can be read in the contract, so that
# a request which follows it must not meet them...
BEYOND = {
    "ambiguous_reference", "in_use", "invalid_cursor", "invalid_format", "not_allowed", "not_unique", "too_many", "unknown_reference",
    "idempotency_mismatch",  # a key is used by every test of an operation
    "malformed_request",  # %00, which is in no text of Steward
    "too_large", "too_small",  # decimals, whose schema is a pattern
}
# ...except where a schema would have to say in words of its own what the tables of resources say, or know the record.
EXCEPT = [
    # which fields a resource has, which of them an operation needs, and which were named before
    ("POST", "unknown_field|required|duplicate", r"#/(measures|by)/\d+(/field)?"),
    ("POST", "unknown_field", r"#/columns/\d+/field|(?s:#/defaults/.*)"),
    ("PATCH|POST|PUT", "unknown_field", r"(?s:#/permissions/.*)"),
    # several names in one text, separated by commas
    ("POST", "unknown_field", r"#/(fields|sort|expand)"),
    # fields of another resource: the contract knows them by a pattern, and this caller may not see all of them
    ("GET", "unknown_parameter", r"\w+\.\w+(\[\w+\])?"),
    ("POST", "unknown_field", r"#/filter/.*\..*"),
    ("GET|POST", "unknown_field", r"(#/)?expand(/\d+)?"),
    # the tests of a type are described once, and null is only for fields that can be empty
    ("POST", "invalid_operator", r"#/filter/.*/null"),
    # a new record needs what one that is there has, and may not change
    ("PUT", "required|read_only|immutable", r"#/\w+"),
    # one field asks for another; the stages of a pipeline say where a reason must be given
    ("POST", "required", r"#/(opportunity_name|key_column)"),
    ("PATCH", "required", r"#/account_id"),
    ("PATCH|POST", "required", r"#/reason"),
]


def is_foreseen(violation, method):
    """Whether the contract can say it."""
    code, place = violation["code"], violation.get("pointer") or violation.get("parameter", "")
    if code in BEYOND:
        # nothing but a name that is there twice
        return (code, place) == ("not_allowed", "expand")
    return not any(re.fullmatch(methods, method) and re.fullmatch(codes, code) and re.fullmatch(places, place)
                   for methods, codes, places in EXCEPT)


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    def get(self, case, context):
        session = Session(os.environ["STEWARD_URL"], None, *json.loads(os.environ["STEWARD_TEST_CALLER"]))
        return session.token()

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def has_whole_floats(value):
    """36.0 is an integer to JSON Schema and none to Steward, which takes no number with a point for a whole one."""
    if isinstance(value, dict):
        return any(map(has_whole_floats, value.values()))
    if isinstance(value, list):
        return any(map(has_whole_floats, value))
    return isinstance(value, float)


@schemathesis.hook
def filter_case(context, case):
    """Lists in a target can be longer than any, and what exceeds its buffer libmicrohttpd refuses by itself."""
    return len(requests.Request(**case.as_transport_kwargs(base_url=os.environ["STEWARD_URL"])).prepare().url) < LONGEST_TARGET


@schemathesis.check
def refusals_go_beyond_the_contract(context, response, case):
    """A request that follows the contract is refused only for what the contract cannot say."""
    generation = case.meta.generation if case.meta else None
    if generation is None or not generation.mode.is_positive or response.status_code not in (400, 422):
        return
    if has_whole_floats(case.body):
        return
    problem = response.json()
    violations = problem.get("errors") or [{"code": problem["code"]}]
    foreseen = [violation for violation in violations if is_foreseen(violation, case.method)]
    assert not foreseen, f"the contract allows what the server refuses: {foreseen}"
