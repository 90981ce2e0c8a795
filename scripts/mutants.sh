#!/usr/bin/env bash
# The long mutation run: every statement loses each of its predicates in turn, and the table of what came of it. Some of them in
# every ./dev test; see tests/api/test_mutants.py.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/build.sh
. scripts/build.sh

install_packages "${build_packages[@]}" "${test_packages[@]}"
python_environment
build_preset release >&2
STEWARD_MUTANTS=all STEWARD_BINARY=$PWD/build/release/steward \
    exec .venv/bin/python -m pytest -c tests/api/pytest.ini tests/api/test_mutants.py -q -s "$@"
