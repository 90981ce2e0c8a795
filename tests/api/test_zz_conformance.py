"""Runs last: every reply of the session against openapi.yaml, and every operation of it was exercised."""

import json
import re
from collections import Counter
from functools import lru_cache

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from harness.server import ROOT

METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
BASE = "urn:steward:openapi"


class Contract:
    def __init__(self, document):
        self.document = document
        self.registry = Registry().with_resource(BASE, Resource.from_contents(document, DRAFT202012))
        self.paths = [(re.compile("^" + re.sub(r"\\\{[^}/]+\\\}", "[^/]+", re.escape(path)) + "$"), path)
                      for path in document["paths"]]
        # A literal segment wins over a parameter, as in the router.
        self.paths.sort(key=lambda row: [part.startswith("{") for part in row[1].split("/")])
        self.validator = lru_cache(maxsize=None)(self.validator)

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def operations(self):
        return {(method.upper(), path) for path, item in self.document["paths"].items()
                for method in METHODS if method in item}

    def find(self, method, path):
        for pattern, template in self.paths:
            if pattern.match(path):
                item = self.document["paths"][template]
                if method.lower() in item:
                    return template, item[method.lower()]
        return None

    def validator(self, template, method, status, content_type):
        """The validator of that reply's body; a text when the contract does not know such a reply."""
        responses = self.document["paths"][template][method.lower()]["responses"]
        found = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default")
        if found is None:
            return f"no response {status}"
        content = self.resolve(found).get("content")
        if not content:
            return None
        if content_type not in content:
            return f"no content {content_type} for {status}"
        if "schema" not in content[content_type] or not content_type.endswith("json"):
            return None
        return Draft202012Validator(self._absolute(content[content_type]["schema"]), registry=self.registry,
                                    format_checker=FormatChecker())

    def _absolute(self, node):
        """References of a piece taken out of the document, made to point into it."""
        if isinstance(node, dict):
            return {key: BASE + value if key == "$ref" and isinstance(value, str) and value.startswith("#")
                    else self._absolute(value) for key, value in node.items()}
        return [self._absolute(item) for item in node] if isinstance(node, list) else node

    def fault(self, reply):
        found = self.find(reply.method, reply.path)
        if found is None:
            # Unknown routes and methods are not operations, but problems all the same.
            return None if reply.status >= 400 else "no such operation"
        template, _ = found
        kind = reply.content_type.split(";")[0].strip()
        validator = self.validator(template, reply.method, reply.status, kind)
        if isinstance(validator, str):
            return f"{template}: {validator}"
        if validator is None:
            return None
        errors = sorted(validator.iter_errors(json.loads(reply.body)), key=lambda error: list(map(str, error.path)))
        if not errors:
            return None
        return f"{template}: " + "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors[:3])


@pytest.fixture(scope="module")
def contract():
    path = ROOT / "openapi.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Contract(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))


@pytest.fixture(scope="module")
def whole_suite(request):
    """These look back on a run of everything; after a few chosen tests they have nothing to say."""
    chosen = request.config.option.keyword or "subset" in request.config.option.markexpr
    files = {item.path.name for item in request.session.items}
    if chosen or len(files) < 3:
        pytest.skip("only after the whole suite")


def test_every_reply_conforms(contract, recorder):
    faults = Counter()
    for reply in recorder.replies:
        if reply.method == "HEAD":
            continue
        fault = contract.fault(reply)
        if fault:
            faults[f"{reply.method} {reply.status} {fault}"] += 1
    lines = [f"{count} × {text}" for text, count in faults.most_common(40)]
    assert not faults, f"{sum(faults.values())} of {len(recorder.replies)} replies:\n" + "\n".join(lines)


def test_every_operation_was_exercised(contract, recorder, whole_suite):
    met = {(reply.method, found[0]) for reply in recorder.replies
           if reply.status < 400 and (found := contract.find(reply.method, reply.path))}
    missing = sorted(f"{method} {path}" for method, path in contract.operations() - met)
    assert not missing, f"{len(missing)} operations without an answer below 400:\n" + "\n".join(missing)


def test_every_published_problem_code_is_listed(contract, recorder):
    schema = contract.resolve(contract.document["components"]["schemas"]["Problem"])
    listed = schema["properties"]["code"].get("enum")
    if listed is None:
        pytest.skip("the contract lists no codes")
    met = {json.loads(reply.body)["code"] for reply in recorder.replies if reply.status >= 400 and reply.body}
    assert met <= set(listed)
