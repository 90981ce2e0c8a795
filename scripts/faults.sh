#!/usr/bin/env bash
# ./dev faults: the long forms of what ./dev test shows in short. Without a name the scenarios of tests/faults/, in half an hour; by
# name also
#   mutants          every statement loses each of its predicates in turn, and the table of what came of it: 20 minutes
#   races [rounds]   fifty at once for all that is unique or counted, 200 rounds: an hour
#   life [accounts]  migrations of a million accounts under load, by this server and by an older one: 20 minutes
# STEWARD_BINARY names another server than the release's, with its altered forms beside it: build/asan/steward.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/build.sh
. scripts/build.sh

long_form() {
    build_preset release >&2
    exec .venv/bin/python -m pytest -c tests/api/pytest.ini "tests/api/$1" -q -s
}

install_packages "${build_packages[@]}" "${test_packages[@]}"
python_environment
export STEWARD_BINARY=${STEWARD_BINARY:-$PWD/build/release/steward}
case "${1:-}" in
mutants) STEWARD_MUTANTS=all long_form test_mutants.py ;;
races) STEWARD_RACE_ROUNDS=${2:-200} long_form test_races.py ;;
life) exec tests/life/long.sh "${@:2}" ;;
*)
    build_faults >&2
    exec .venv/bin/python tests/faults/main.py "$@"
    ;;
esac
