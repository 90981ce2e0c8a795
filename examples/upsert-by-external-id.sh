#!/usr/bin/env bash
# Keeps accounts in step with another system, by that system's keys: send what it knows, as often as you like.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"
tag=$(fresh)
path="/v1/accounts/by-external-id/erp/C-$tag"

say "Sign in as $DIRECTOR_EMAIL"
sign_in "$DIRECTOR_EMAIL" "$DIRECTOR_PASSWORD"

say "The first time it is created, the second time nothing changes, the third time it is updated"
body="{\"name\":\"Harbor Trading $tag\",\"country\":\"NL\",\"city\":\"Rotterdam\",\"employee_count\":120}"
created=$(api 201 PUT "$path" "$body")
account=$(value id "$created")
value result "$created"
[ "$(value result "$created")" = created ]
again=$(api 200 PUT "$path" "$body")
value result "$again"
[ "$(value result "$again")" = unchanged ]
[ "$(value id "$again")" = "$account" ]
updated=$(api 200 PUT "$path" "${body/120/140}")
value result "$updated"
[ "$(value result "$updated")" = updated ]

say "Another system knows the same account by a key of its own"
api 200 PATCH "/v1/accounts/$account" "{\"external_ids\":{\"shop\":\"S-$tag\"}}" 'If-Match: *' | value version
[ "$(api 200 PUT "/v1/accounts/by-external-id/shop/S-$tag" '{"name":"Harbor Trading","city":"Delft"}' | value id)" = "$account" ]
api 200 GET "/v1/accounts/$account?fields=name,city,external_ids"

say "A key stands for one record"
api 409 POST /v1/accounts "{\"name\":\"Somebody else\",\"external_ids\":{\"erp\":\"C-$tag\"}}" | value code
