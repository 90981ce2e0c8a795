#!/usr/bin/env bash
# scripts/analyze.sh [cppcheck|fanalyzer|tidy]...
#
# Static analysis of lib/ and server/, by all three tools unless some are named; each finding fails. Each release of a
# tool finds other things, so only those of Debian 12 are asked: cppcheck 2.10, gcc 12 -fanalyzer, clang-tidy 14. What
# they need not tell stands with its reason in scripts/cppcheck.suppressions and .clang-tidy; gcc is told nothing. The
# latter two look again only at what has changed (build/fanalyzer, build/tidy).
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/build.sh
. scripts/build.sh

if [ "$(release_of_debian)" != 12 ]; then
    echo "skipped: the analysis is by the tools of Debian 12"
    exit 0
fi

# It sees no system headers, and all sides of each #if.
analyze_cppcheck() {
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability,style \
        --library=posix --library=gnu --library=scripts/cppcheck.cfg --suppressions-list=scripts/cppcheck.suppressions \
        -D_GNU_SOURCE -Ilib -I. -j "$(nproc)" lib server
}
analyze_fanalyzer() { build_preset fanalyzer steward -- -k 0; }
analyze_tidy() {
    # its rules are nothing that ninja looks at
    if [ .clang-tidy -nt build/tidy/build.ninja ]; then
        rm -rf build/tidy
    fi
    build_preset tidy steward -- -k 0
}

[ "$#" -gt 0 ] || set -- cppcheck fanalyzer tidy
failed=()
for tool in "$@"; do
    echo "analyze: $tool"
    "analyze_$tool" || failed+=("$tool")
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "analyze: findings of ${failed[*]}"
    exit 1
fi
echo "analyze: no findings ($*)"
