"""The scripts of examples/ do what they say, against `steward dev` as a new user starts it."""

import os
import shlex
import subprocess

import pytest

from harness.demo import demo_organization
from harness.server import ROOT

pytestmark = [pytest.mark.examples, pytest.mark.timeout(900)]
# The import has arguments and tests of its own; lib.sh is what they share.
SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("*.sh") if not path.name.startswith(("import-", "lib")))
NEEDED = ["STEWARD_URL", "STEWARD_ORG", "INTEGRATION_KEY"] + [
    f"{role}_{part}" for part in ("EMAIL", "PASSWORD")
    for role in ("ACCOUNT_MANAGER", "KEY_ACCOUNT_MANAGER", "TEAM_LEAD", "DIRECTOR", "SERVICE_AGENT", "ANALYST", "ADMIN")]


@pytest.fixture(scope="module")
def demo(run_folder):
    """The variables of demo.env, while `steward dev` runs."""
    with demo_organization(run_folder / "dev.log") as folder:
        yield read_variables(f"{folder}/demo.env")


def read_variables(path):
    """NAME=value lines as a shell reads them."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for word in shlex.split(file.read(), comments=True):
            if "=" in word:
                name, _, value = word.partition("=")
                found[name] = value
    return found


def test_demo_env_names_what_scripts_need(demo):
    assert [name for name in NEEDED if not demo.get(name)] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(demo, script):
    done = subprocess.run([str(ROOT / "examples" / script)], cwd=ROOT, env={**os.environ, **demo}, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-8000:]
