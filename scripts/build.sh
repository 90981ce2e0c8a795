# shellcheck shell=bash
# Building, fuzzing and the Python environment of the suite. Sourced by ./dev and scripts/test.sh.

c_files() {
    find lib server tests/unit tests/fuzz tests/faults tests/life tests/service tests/walls -name '*.[ch]' | sort
}

# What /docs serves, as its lock says. Whoever cannot fetch it still gets a Steward, with a plainer page.
docs_assets() {
    scripts/docs-assets.sh || echo "dev: Swagger UI could not be fetched: /docs will be a plain list" >&2
}

# CMake configures again by itself when a file appears or a CMakeLists.txt changes.
build_preset() {
    docs_assets
    if [ ! -f "build/$1/build.ninja" ]; then
        cmake --preset "$1"
    fi
    cmake --build --preset "$1" ${2:+--target "${@:2}"}
}

# The server, the same with crash points and with calls that can fail, and a full disk.
build_faults() { build_preset release steward steward_with_crash_points steward_with_injections full_disk; }

clang_command() {
    command -v clang-14 || command -v clang
}

build_fuzz() {
    if [ ! -f build/fuzz/build.ninja ]; then
        cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$(clang_command)" \
            -DCMAKE_C_FLAGS='-O1 -fsanitize=fuzzer-no-link' -DSTEWARD_SANITIZE=address,undefined -DSTEWARD_FUZZ=ON
    fi
    cmake --build build/fuzz
}

fuzz_targets() { find tests/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/^fuzz_//; s/\.c$//' | sort; }

# run_fuzz [seconds [target...]]: new inputs grow a corpus under build/, findings stay in build/fuzz/findings/.
run_fuzz() {
    local seconds=${1:-60} target name failed=0
    shift || true
    if [ "$#" -eq 0 ]; then
        mapfile -t targets < <(fuzz_targets)
        set -- "${targets[@]}"
    fi
    mkdir -p build/fuzz/findings
    for name in "$@"; do
        target=build/fuzz/tests/fuzz_$name
        mkdir -p "build/fuzz/grown/$name"
        echo "fuzz $name: $seconds s"
        # shellcheck disable=SC2046
        "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
            -artifact_prefix="build/fuzz/findings/$name-" \
            $(find tests/fuzz/dictionaries -name "$name.dict" -printf '-dict=%p') "build/fuzz/grown/$name" \
            $(find tests/fuzz/corpus -mindepth 1 -maxdepth 1 -type d -name "$name") || failed=$((failed + 1))
    done
    echo "fuzz: $(($# - failed)) passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# fuzz_coverage [target...]: what kept and grown corpora reach of the parsers; fails below tests/fuzz/coverage.txt.
fuzz_coverage() {
    local clang
    clang=$(clang_command)
    if [ "$#" -eq 0 ]; then
        mapfile -t targets < <(fuzz_targets)
        set -- "${targets[@]}"
    fi
    if [ ! -f build/coverage/build.ninja ]; then
        cmake -S . -B build/coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$clang" \
            -DCMAKE_C_FLAGS='-O1 -fprofile-instr-generate -fcoverage-mapping' >&2
    fi
    cmake --build build/coverage --target "${@/#/fuzz_}" >&2
    # the tools of clang-14 are llvm-cov-14 and so on
    /usr/bin/python3 tests/fuzz/coverage.py build/coverage "${clang##*/clang}" "$@"
}

# fuzz_planted [target...]: whether each target finds the mistakes that tests/fuzz/planted.py puts into its parser.
fuzz_planted() { /usr/bin/python3 tests/fuzz/planted.py build/fuzz "$@"; }

# fuzz_api [requests [seed]]: Schemathesis with that many for each operation and role. The suite has a short form of it.
fuzz_api() {
    local requests=${1:-20} seed=${2:-$RANDOM}
    python_environment
    build_preset release steward >&2
    echo "schemathesis: $requests requests for each operation, seed $seed"
    STEWARD_TEST_SCHEMATHESIS="{\"examples\": $requests, \"seed\": $seed, \"phases\": \"examples,fuzzing,stateful\"}" \
        STEWARD_BINARY=$PWD/build/release/steward \
        .venv/bin/python -m pytest -c tests/api/pytest.ini tests/api/test_schemathesis.py -q
}

# .venv as tests/api/requirements.txt says; made again when that or the interpreter changes.
python_environment() {
    local stamp
    stamp=$(/usr/bin/python3 --version && sha256sum <tests/api/requirements.txt)
    if [ -x .venv/bin/python ] && [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    rm -rf .venv
    /usr/bin/python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/api/requirements.txt
    echo "$stamp" >.venv/stamp
}

# tests/contract/node_modules as the lock says.
node_environment() {
    local stamp
    stamp=$(node --version && sha256sum <tests/contract/package-lock.json)
    if [ "$(cat tests/contract/node_modules/.stamp 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    npm --prefix tests/contract ci --ignore-scripts --loglevel=error
    echo "$stamp" >tests/contract/node_modules/.stamp
}
