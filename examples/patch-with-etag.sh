#!/usr/bin/env bash
# Two people change the same account: the second is told instead of overwriting the first.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"

say "Sign in as $DIRECTOR_EMAIL, and make an account"
sign_in "$DIRECTOR_EMAIL" "$DIRECTOR_PASSWORD"
account=$(api 201 POST /v1/accounts "{\"name\":\"ETag $(fresh)\",\"city\":\"杭州\",\"description\":\"First words.\"}" | value id)
path=/v1/accounts/$account

say "Both read it"
tag=$(header_of ETag "$path")
echo "ETag: $tag"
api 304 GET "$path" '' "If-None-Match: $tag"

say "Without saying on what it is based no change is taken"
api 428 PATCH "$path" '{"city":"宁波"}' | value code

say "The first change; null clears, what is not named stays"
api 200 PATCH "$path" '{"city":"宁波","description":null}' "If-Match: $tag"

say "The second, based on what stands no longer"
api 412 PATCH "$path" '{"city":"苏州"}' "If-Match: $tag" | value code

say "Read again, then change"
tag=$(header_of ETag "$path")
echo "ETag: $tag"
api 200 PATCH "$path" '{"city":"苏州"}' "If-Match: $tag" | value city

say "What it went through"
api 200 GET "$path/history"

say "Deleted, and brought back"
api 204 DELETE "$path" '' 'If-Match: *'
api 404 GET "$path" | value code
api 200 POST "$path/restore" | value version
