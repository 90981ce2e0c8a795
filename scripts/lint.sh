#!/usr/bin/env bash
# The rules of the house that no compiler knows. Prints each breach as file:line; exit status 1 when there is one.
set -uo pipefail
shopt -s lastpipe
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
breaches=0

# report RULE: prints the lines on stdin below the rule's text, and counts them.
report() {
    local lines
    lines=$(cat)
    [ -n "$lines" ] || return 0
    printf '%s:\n  %s\n\n' "$1" "${lines//$'\n'/$'\n  '}"
    breaches=$((breaches + $(wc -l <<<"$lines")))
}

# matches PATTERN ROOM...: the lines of C files in those rooms that match.
matches() {
    local pattern=$1
    shift
    grep -rnEH --include='*.[ch]' -e "$pattern" "$@" 2>/dev/null
}

mapfile -t sources < <(find lib server -name '*.[ch]' | sort)
mapfile -t headers < <(find lib server tests/unit -name '*.h' | sort)
mapfile -t shells < <({
    echo dev
    find .ci bench examples scripts tests -type f \( -name '*.sh' -o -path '.ci/run' -o -path 'bench/run' \) \
        -not -path '*/node_modules/*' 2>/dev/null
} | sort)

includes='^[[:space:]]*#[[:space:]]*include[[:space:]]*'
matches "${includes}\"\\.\\./" lib server | report 'an include goes by room and file, never by ../'
matches "${includes}[<\"]libpq" lib/core lib/resource lib/domain server | report 'only lib/db knows libpq'
matches "${includes}[<\"](microhttpd|jwt)\\.h" lib | report 'only server/ knows libmicrohttpd and libjwt'
matches "${includes}[<\"]jansson\\.h" lib/core lib/db | report 'lib/core and lib/db do not know JSON'
matches "${includes}[<\"]server/" lib | report 'lib/ does not know server/'
matches '"[[:space:]]*(SELECT|INSERT INTO|DELETE FROM|WITH [A-Za-z_]+ AS|CREATE|ALTER|UPDATE [A-Za-z_.]+ SET)[[:space:]]' \
    server | report 'no SQL in server/'
matches '"[[:space:]]*(select .*[[:space:]](from|into)|insert into|delete from|with [a-z_]+ as|update [a-z_.]+ set)[[:space:]]' \
    server | report 'no SQL in server/'
mapfile -t quiet < <(grep -rL --include='*.[ch]' 'abort()' lib)
matches '(^|[^A-Za-z_])(printf|fprintf|puts|fputs|perror|syslog)[[:space:]]*\(' "${quiet[@]}" |
    report 'lib/ never prints, unless it stops the process and says why'
matches '(^|[^A-Za-z_])(strcpy|strcat|sprintf|vsprintf|gets|strtok|json_real|alloca)[[:space:]]*\(' \
    lib server | report 'banned function'
grep -rnEIH --exclude-dir=node_modules --exclude-dir=generated --exclude=package-lock.json --exclude=lint.sh \
    -e '(^|[^A-Za-z_])(TO''DO|FIX''ME|XX''X|HA''CK)([^A-Za-z_]|$)' lib server migrations tests scripts dev CMakeLists.txt cmake |
    report 'unfinished by its own words'

for file in "${sources[@]}"; do
    awk -v file="$file" 'END { if (NR > 500) printf "%s: %d lines\n", file, NR }' "$file"
done | report 'a file has at most 500 lines'
for file in "${sources[@]}"; do
    awk -v file="$file" '
        /^\{/ { start = NR; name = before }
        /^\}/ { if (start && NR - start > 80) printf "%s:%d: %d lines: %s\n", file, start, NR - start, name; start = 0 }
        !/^[ \t{}#\/*]/ && /\(/ { before = $0 }' "$file"
done | report 'a function has at most 80 lines'
for file in "${headers[@]}"; do
    [[ $file == tests/* || $file == */internal.h ]] || awk -v file="$file" 'END { if (NR > 150) printf "%s: %d lines\n", file, NR }' "$file"
done | report 'a header has at most 150 lines'

if flags=$(pkg-config --cflags libmicrohttpd libjwt jansson libpq libsodium libcrypto libutf8proc cmocka 2>/dev/null); then
    for file in "${headers[@]}"; do
        # shellcheck disable=SC2086
        gcc -std=gnu17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Ilib -I. -Itests/unit $flags -include "$file" \
            -x c /dev/null >/dev/null 2>&1 || echo "$file"
    done | report 'a header compiles alone'
fi

for file in "${shells[@]}"; do
    bash -n "$file" 2>&1
done | report 'a script parses'
if command -v shellcheck >/dev/null; then
    shellcheck -x -f gcc "${shells[@]}" | report 'shellcheck'
fi

if [ "$breaches" -gt 0 ]; then
    echo "$breaches breaches of the house rules"
    exit 1
fi
echo "house rules hold: ${#sources[@]} C files, ${#headers[@]} headers, ${#shells[@]} scripts"
