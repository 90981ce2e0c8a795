#!/usr/bin/env bash
# ./dev test: every part in turn, timed; a part that fails shows its log and fails the whole at the end.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/build.sh
. scripts/build.sh

logs=build/logs
standard_parts=(format lint release unit asan unit-asan api openapi contract examples budget soak faults api-asan tsan fuzz)
full_parts=(analyze long-fuzz debian-12 debian-13)
short_fuzz=${STEWARD_FUZZ_SECONDS:-5}
long_fuzz=${STEWARD_LONG_FUZZ_SECONDS:-120}

# A part prints what it does and ends with a status; lines of ctest, pytest and fuzz are counted by count_tests.
part_format() {
    if ! command -v clang-format-14 >/dev/null; then
        echo "skipped: the style is written by clang-format-14, which this release does not have"
        return 0
    fi
    c_files | xargs clang-format-14 --dry-run -Werror
}
part_lint() {
    scripts/lint.sh
    scripts/analyze.sh cppcheck
}
part_analyze() { scripts/analyze.sh; }
part_release() { build_preset release; }
part_asan() { build_preset asan; }
part_unit() { run_ctest release; }
part_unit_asan() { run_ctest asan; }
part_api() { run_pytest release -m 'not contract and not examples'; }
part_api_asan() { run_pytest asan -m 'not contract and not examples'; }
part_contract() {
    node_environment
    run_pytest release -m contract
}
part_examples() { run_pytest release -m examples; }
part_budget() {
    build_preset release steward
    .venv/bin/python tests/budget/main.py
}
part_soak() {
    build_preset release steward
    STEWARD_BINARY=$PWD/build/release/steward .venv/bin/python tests/load/soak.py --warm-up 10000 --requests 20000 --pairs 1 --patience 4 6 8
}
part_faults() {
    local other status=0
    build_faults
    export STEWARD_BINARY=$PWD/build/release/steward
    # both halves wait most of their time
    .venv/bin/python tests/faults/main.py --short starving full stops handovers >"$logs/faults-more.log" 2>&1 &
    other=$!
    .venv/bin/python tests/faults/main.py --short kills doubt restarts failover injections || status=1
    wait "$other" || status=1
    cat "$logs/faults-more.log"
    return "$status"
}
part_openapi() {
    build/release/steward openapi >build/openapi.yaml
    diff -u openapi.yaml build/openapi.yaml
}
part_tsan() {
    build_preset tsan
    # what has threads or coroutines
    run_ctest tsan -R '^(db|server)_'
    run_pytest tsan -m subset
}
part_fuzz() {
    build_fuzz
    fuzz_planted
    run_fuzz "$short_fuzz"
}
part_long_fuzz() {
    build_fuzz
    run_fuzz "$long_fuzz"
    fuzz_coverage
    fuzz_api
}
part_debian_12() { scripts/debian-tree.sh bookworm run test service; }
part_debian_13() { scripts/debian-tree.sh trixie run test image service; }

# Sanitizers say everything and stop at the first finding.
export ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:exitcode=23

run_ctest() {
    local preset=$1
    shift
    ctest --test-dir "build/$preset" --output-on-failure --timeout 300 -j "$(nproc)" "$@"
}

run_pytest() {
    local preset=$1
    shift
    STEWARD_BINARY=$PWD/build/$preset/steward .venv/bin/python -m pytest -c tests/api/pytest.ini tests/api -q "$@"
}

# count_tests LOG: "passed failed" by what the runners' summary lines say.
count_tests() {
    awk '
        /tests? failed out of [0-9]+/ {
            for (i = 1; i < NF; i++) if ($i ~ /^tests?$/ && $(i + 1) == "failed") { bad += $(i - 1); good += $NF - $(i - 1) }
        }
        /(passed|failed|error).* in [0-9.]+s/ || /^fuzz: / {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) good += $(i - 1)
                if ($i ~ /^(failed|errors?)/) bad += $(i - 1)
            }
        }
        END { printf "%d %d\n", good, bad }' "$1"
}

minutes() { awk -v seconds="$1" 'BEGIN { printf "%.1f", seconds / 60 }'; }

chosen=("${standard_parts[@]}")
case "${1:-}" in
--full) chosen+=("${full_parts[@]}") ;;
--part)
    shift
    chosen=("$@")
    ;;
"") ;;
*)
    echo "dev test: unknown option $1" >&2
    exit 2
    ;;
esac

mkdir -p "$logs"
mapfile -t tools < <(tool_packages | tr ' ' '\n')
wanted=("${build_packages[@]}" "${test_packages[@]}" "${tools[@]}")
if [ "${1:-}" = --full ]; then
    mapfile -t analyzers < <(analysis_packages)
    wanted+=("${full_packages[@]}" "${analyzers[@]}")
fi
install_packages "${wanted[@]}"
python_environment

table=() failures=() passed=0 failed=0 began=$SECONDS
for part in "${chosen[@]}"; do
    log=$logs/$part.log
    printf '%-12s' "$part"
    start=$SECONDS
    set +e
    (
        set -e
        "part_${part//-/_}"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    took=$(minutes $((SECONDS - start)))
    read -r good bad < <(count_tests "$log")
    if [ "$status" -eq 0 ] && [ "$bad" -eq 0 ]; then
        verdict=ok
        [ "$good" -gt 0 ] || good=1
    else
        verdict=FAILED
        failures+=("$part")
        [ "$bad" -gt 0 ] || bad=1
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    note=
    if head -n 1 "$log" | grep -q '^skipped: '; then
        note="  $(head -n 1 "$log")"
    fi
    printf '%-7s %5s min  %5d passed %5d failed%s\n' "$verdict" "$took" "$good" "$bad" "$note"
    table+=("$(printf '%-12s %-7s %5s min' "$part" "$verdict" "$took")")
    if [ "$verdict" = FAILED ]; then
        printf -- '---- %s\n' "$log"
        tail -n 150 "$log"
        printf -- '----\n'
    fi
done

printf '\n'
printf '%s\n' "${table[@]}"
printf '%-20s %5s min\n\n' total "$(minutes $((SECONDS - began)))"
if [ "${#failures[@]}" -gt 0 ]; then
    printf 'failed: %s (logs in %s)\n' "${failures[*]}" "$logs"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "${#failures[@]}" -eq 0 ]
