#!/usr/bin/env bash
# The long form of tests/api/test_life.py: migrations of a million accounts (or as many as the first argument says) while they
# are used, by the server of this tree and by the oldest one in its history whose database it can upgrade. 20 minutes.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/build.sh
. scripts/build.sh

# The last commit at the lowest version whose migrations are still what they were.
oldest_commit() {
    local commit count best= least=1000
    for commit in $(git log --format=%H -- migrations); do
        for commit in "$commit" $(git rev-parse --verify -q "$commit^"); do
            git diff --quiet --diff-filter=MD "$commit" HEAD -- migrations || continue
            count=$(git ls-tree --name-only "$commit" migrations/ | wc -l)
            if [ "$count" -gt 0 ] && [ "$count" -lt "$least" ]; then
                least=$count best=$commit
            fi
        done
    done
    echo "$best"
}

# Not every commit builds by itself: its program, or that of the last before it with the same migrations.
build_older() {
    local commit folder
    for commit in $(git rev-list "$1"); do
        git diff --quiet "$commit" "$1" -- migrations || break
        folder=build/life/$commit
        mkdir -p "$folder"
        git archive "$commit" | tar -x -C "$folder"
        if (cd "$folder" && cmake --preset release && cmake --build --preset release --target steward) >"$folder/log" 2>&1; then
            echo "the older server: $(git log -1 --format='%h of %as' "$commit")" >&2
            echo "$PWD/$folder/build/release/steward"
            return
        fi
        rm -rf "$folder"
    done
    echo "no older server builds" >&2
    return 1
}

install_packages "${build_packages[@]}" "${test_packages[@]}"
python_environment
build_preset release
older=$(build_older "$(oldest_commit)")
STEWARD_BINARY=$PWD/build/release/steward STEWARD_LIFE_ACCOUNTS=${1:-1000000} STEWARD_LIFE_OLDER=$older \
    exec .venv/bin/python -m pytest -c tests/api/pytest.ini tests/api/test_life.py -q -s -k 'under_load or older'
