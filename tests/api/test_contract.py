"""The contract in the hands of other implementations: linters, a generated client, another JWT library."""

import os
import subprocess

import pytest

from harness.server import ROOT

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]
FOLDER = ROOT / "tests" / "contract"


def npm(script, settings=None):
    done = subprocess.run(["npm", "run", "--silent", script], cwd=FOLDER, env={**os.environ, **(settings or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert done.returncode == 0, f"npm run {script}:\n{done.stdout[-20000:]}"


@pytest.fixture(scope="module")
def live(server, world):
    user = world.users["acme", "admin"]
    return {"STEWARD_URL": server.url, "STEWARD_ORG": user.organization, "ADMIN_EMAIL": user.email,
            "ADMIN_PASSWORD": user.password}


@pytest.fixture(scope="module")
def compiled():
    npm("compile")


@pytest.mark.parametrize("linter", ["redocly", "spectral"])
def test_no_findings(linter):
    npm(linter)


def test_a_generated_client_runs_a_scenario(compiled, live):
    npm("scenario", live)


def test_our_tokens_hold_for_jose_and_its_forged_ones_do_not_for_us(compiled, live):
    npm("tokens", live)
