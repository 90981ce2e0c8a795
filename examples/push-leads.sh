#!/usr/bin/env bash
# A web form pushes leads with its integration key. The idempotency key makes it safe to send one again after a time-out.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"
TOKEN=$INTEGRATION_KEY
tag=$(fresh)

say "Push a lead"
body="{\"name\":\"叶晨\",\"company\":\"晨光 $tag\",\"phone\":\"+86 (100) 1234-5678\",\"email\":\"ye.chen@example.com\",\"notes\":\"想了解报价\"}"
first=$(api 201 POST /v1/leads "$body" "Idempotency-Key: form-$tag")
echo "$first"

say "The same request again gets the same answer, and makes no second lead"
second=$(api 201 POST /v1/leads "$body" "Idempotency-Key: form-$tag")
[ "$first" = "$second" ]
echo "Lead $(value id "$second")"

say "Another body under that key is refused"
api 422 POST /v1/leads '{"name":"Somebody else"}' "Idempotency-Key: form-$tag" | value code

say "Ten more, each under a key of its own"
for number in 1 2 3 4 5 6 7 8 9 10; do
    api 201 POST /v1/leads "{\"name\":\"Visitor $number\",\"company\":\"Batch $tag\",\"score\":$((number * 10))}" \
        "Idempotency-Key: form-$tag-$number" | value id
done

say "The key sees what it pushed, and nothing else"
page=$(api 200 GET "/v1/leads?company=$(encoded "Batch $tag")&sort=-score&count=exact")
[ "$(value total "$page")" = 10 ]
[ "$(count_of "$page")" = 10 ]
echo "Ten leads, all with the source $(value source "$page")."
api 403 GET /v1/accounts | value code
api 422 POST /v1/leads '{"name":"x","source":"elsewhere"}' | value pointer
