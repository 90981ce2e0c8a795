#!/usr/bin/env bash
# Lists with filters, order, chosen fields and cursors; search by text and by a tree of conditions; sums by group.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"

say "Sign in as $DIRECTOR_EMAIL"
sign_in "$DIRECTOR_EMAIL" "$DIRECTOR_PASSWORD"

say "Companies with more than 100 people, the largest first"
api 200 GET '/v1/accounts?kind=company&employee_count[gt]=100&sort=-employee_count,name&fields=name,city,employee_count&limit=3'

say "One or two characters in the middle of a name are found by index"
page=$(api 200 GET "/v1/accounts?q=$(encoded 品)&fields=name&limit=3")
echo "$page"
[[ $page == *品* ]]

say "Decision makers of accounts in China: a condition on the related record, and that record along with each"
api 200 GET '/v1/contacts?account.country=CN&decision_role=decision_maker&expand=account&limit=1'

say "Walk all accounts by cursor"
pages=0 records=0 path='/v1/accounts?limit=50'
while :; do
    page=$(api 200 GET "$path")
    pages=$((pages + 1)) records=$((records + $(count_of "$page")))
    [[ $page =~ \"next_cursor\":\"([^\"]*)\" ]] || break
    path="/v1/accounts?limit=50&cursor=${BASH_REMATCH[1]}"
done
total=$(api 200 GET '/v1/accounts?limit=1&count=exact' | value total)
echo "$records accounts on $pages pages, of $total"
[ "$records" -ge 100 ]

say "A tree of conditions: key accounts, or large ones which nobody has had contact with this year"
api 200 POST /v1/accounts/search '{"filter":{"or":[{"tier":{"in":["strategic","key"]}},
    {"and":[{"employee_count":{"gte":500}},{"not":{"last_touch_at":{"gte":"'"$(date -u +%Y)"'-01-01T00:00:00Z"}}}]}]},
    "sort":"-last_touch_at","limit":3,"fields":"name,tier,last_touch_at"}'

say "How many activities of each kind and outcome, and how long they took"
api 200 POST /v1/activities/aggregate \
    '{"measures":[{"as":"minutes","op":"sum","field":"duration_minutes"}],"by":["kind","outcome"]}'

say "What is misspelt is refused, never ignored"
api 400 GET '/v1/accounts?industri=retail' | value detail
