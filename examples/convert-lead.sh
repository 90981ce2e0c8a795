#!/usr/bin/env bash
# An account manager takes a lead from the first call to an account, a contact and an opportunity.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"
tag=$(fresh)

say "Sign in as $ACCOUNT_MANAGER_EMAIL"
sign_in "$ACCOUNT_MANAGER_EMAIL" "$ACCOUNT_MANAGER_PASSWORD"

say "A lead"
lead=$(api 201 POST /v1/leads "{\"name\":\"温知远\",\"company\":\"远帆科技 $tag\",\"title\":\"采购经理\",\"phone\":\"+8610012345678\"}" | value id)
echo "Lead $lead"

say "Call, work on it, qualify it"
api 201 POST /v1/activities "{\"kind\":\"call\",\"subject\":\"首次电话\",\"lead_id\":\"$lead\",\"outcome\":\"positive\",\"duration_minutes\":12}" |
    value happened_at
for status in working qualified; do
    api 200 PATCH "/v1/leads/$lead" "{\"status\":\"$status\"}" | value status
done

say "What conversion would do, without doing it"
body="{\"opportunity_name\":\"首单 $tag\",\"opportunity_amount\":{\"amount\":\"48000.00\",\"currency\":\"CNY\"}}"
api 200 POST "/v1/leads/$lead/conversion?dry_run=true" "$body"
api 200 GET "/v1/leads/$lead" | value status

say "Convert it: account, contact and opportunity, all or nothing"
made=$(api 200 POST "/v1/leads/$lead/conversion" "$body")
account=$(value account_id "$made")
contact=$(value contact_id "$made")
opportunity=$(value opportunity_id "$made")
echo "Account $account, contact $contact, opportunity $opportunity"

say "It cannot be converted twice"
api 409 POST "/v1/leads/$lead/conversion" '{}' | value code

say "A visit to the contact: the account is known from there, and remembers its last touch"
visit=$(api 201 POST /v1/activities "{\"kind\":\"visit\",\"subject\":\"上门拜访\",\"contact_id\":\"$contact\",
    \"opportunity_id\":\"$opportunity\",\"outcome\":\"follow_up\",\"next_action\":\"发送报价\"}")
[ "$(value account_id "$visit")" = "$account" ]
api 200 POST "/v1/activities/$(value id "$visit")/check-in" '{"latitude":"31.2304","longitude":"121.4737"}'
[ "$(api 200 GET "/v1/accounts/$account" | value last_touch_at)" = "$(value happened_at "$visit")" ]

say "And a task for what was promised, done at once"
task=$(api 201 POST /v1/tasks "{\"subject\":\"发送报价\",\"opportunity_id\":\"$opportunity\",\"priority\":\"high\"}" | value id)
api 200 PATCH "/v1/tasks/$task" '{"status":"done"}' | value completed_at
