"""Schemathesis against openapi.yaml, as an admin and as an account manager, each in an organisation of their own.
tests/contract/schemathesis.toml says what is asked, and with which reason what is not."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.server import ROOT

CONFIGURATION = ROOT / "tests" / "contract" / "schemathesis.toml"
# `./dev fuzz` asks for more: examples for each operation, phases, and another seed.
SHORT = {"examples": 2, "phases": "fuzzing,stateful", "seed": 1}
EFFORT = {**SHORT, **json.loads(os.environ.get("STEWARD_TEST_SCHEMATHESIS", "{}"))}


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    """As JSON, which Schemathesis reads ten times as fast."""
    path = tmp_path_factory.mktemp("contract") / "openapi.json"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path.write_text(json.dumps(yaml.load((ROOT / "openapi.yaml").read_text(encoding="utf-8"), Loader=loader)))
    return path


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", ["admin", "account_manager"])
def test_no_findings(contract, start_server, steward, world, tmp_path, role):
    organization = f"fuzzed-{role.replace('_', '-')}"
    steward("org", "create", "--slug", organization, "--name", organization)
    caller = [organization, f"{role}@{organization}.example", secrets.token_urlsafe(15)]
    steward("user", "create", "--org", organization, "--email", caller[1], "--name", role, "--role", role, password=caller[2])
    server = start_server()
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", CONFIGURATION, "run", contract, "--url",
         server.url, "--phases", EFFORT["phases"], "--max-examples", str(EFFORT["examples"]), "--seed", str(EFFORT["seed"])],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "api"), "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
             "STEWARD_URL": server.url, "STEWARD_TEST_CALLER": json.dumps(caller)})
    assert done.returncode == 0, done.stdout[-30000:]
    # Who is turned away everywhere has tested nothing.
    met = {(entry["method"], entry["route"]) for entry in server.log_entries() if 200 <= entry.get("status", 0) < 300}
    assert len(met) >= 30, met
