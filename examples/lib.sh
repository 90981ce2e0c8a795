# shellcheck shell=bash disable=SC2153
# What the examples share: where the server is, one call of it, a value out of an answer. Sourced by each of them.
set -euo pipefail

# Whom to sign in as: the variables of the environment, or those in the file that `./dev run` leaves.
if [ -n "${STEWARD_ENV:-}" ] || [ -z "${STEWARD_URL:-}" ]; then
    STEWARD_ENV=${STEWARD_ENV:-$(dirname "${BASH_SOURCE[0]}")/../.dev/demo.env}
    if [ ! -r "$STEWARD_ENV" ]; then
        echo "$0: $STEWARD_ENV is not there: start ./dev run, or name another file in STEWARD_ENV" >&2
        exit 1
    fi
    # shellcheck disable=SC1090
    . "$STEWARD_ENV"
fi

TOKEN=

say() { printf '\n== %s\n' "$*"; }

# api STATUS METHOD PATH [BODY [HEADER...]]: one call with $TOKEN. Prints the answer; fails when its status is another.
api() {
    local expected=$1 method=$2 path=$3 body=${4:-} answer status header
    shift $(($# < 4 ? $# : 4))
    local call=(--silent --show-error --globoff --max-time 60 --request "$method" --write-out '\n%{http_code}')
    [ -z "$TOKEN" ] || call+=(--header "Authorization: Bearer $TOKEN")
    [ -z "$body" ] || call+=(--header 'Content-Type: application/json' --data-binary "$body")
    for header in "$@"; do
        call+=(--header "$header")
    done
    answer=$(curl "${call[@]}" "$STEWARD_URL$path")
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    if [ "$status" != "$expected" ]; then
        echo "$method $path: status $status instead of $expected: $answer" >&2
        return 1
    fi
    [ -z "$answer" ] || printf '%s\n' "$answer"
}

# value NAME [JSON]: the first member of that name, a string or a number; JSON from the arguments or from stdin.
value() {
    local json=${2:-} member
    [ "$#" -gt 1 ] || json=$(cat)
    member="\"$1\":(\"([^\"]*)\"|[^],}]+)"
    if ! [[ $json =~ $member ]]; then
        echo "no $1 in: $json" >&2
        return 1
    fi
    printf '%s\n' "${BASH_REMATCH[2]:-${BASH_REMATCH[1]}}"
}

# count_of JSON: how many records a page has.
count_of() { { grep -o '"created_at":' <<<"$1" || true; } | wc -l; }

# encoded TEXT: as a value in a query string.
encoded() {
    local LC_ALL=C text=$1 at
    for ((at = 0; at < ${#text}; at++)); do
        case ${text:at:1} in
        [a-zA-Z0-9._~-]) printf '%s' "${text:at:1}" ;;
        *) printf '%%%02X' "'${text:at:1}" ;;
        esac
    done
}

# header_of NAME PATH: a header of the answer to a GET.
header_of() {
    curl --silent --show-error --fail-with-body --max-time 60 --header "Authorization: Bearer $TOKEN" --dump-header - \
        --output /dev/null "$STEWARD_URL$2" | tr -d '\r' | sed -n "s/^$1: //Ip"
}

# sign_in EMAIL PASSWORD: sets TOKEN.
sign_in() {
    local answer
    TOKEN=
    answer=$(api 200 POST /v1/auth/login "{\"organization\":\"$STEWARD_ORG\",\"email\":\"$1\",\"password\":\"$2\"}")
    TOKEN=$(value access_token "$answer")
}

# Something that no earlier run has used, for values that must be unique.
fresh() { printf '%s-%s\n' "$(date +%s)" "$$"; }
