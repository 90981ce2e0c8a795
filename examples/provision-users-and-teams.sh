#!/usr/bin/env bash
# An admin makes a team below another one and a user in it, who signs in, becomes team lead and is disabled in the end.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"
tag=$(fresh)
password="examples $tag"

say "Sign in as $ADMIN_EMAIL"
sign_in "$ADMIN_EMAIL" "$ADMIN_PASSWORD"
admin=$TOKEN

say "Two teams, one below the other"
region=$(api 201 POST /v1/teams "{\"name\":\"Region $tag\"}" | value id)
team=$(api 201 POST /v1/teams "{\"name\":\"苏州团队 $tag\",\"parent_id\":\"$region\"}" | value id)
echo "Region $region, team $team"

say "Roles are data too"
seller=$(api 200 GET '/v1/roles?key=account_manager' | value id)
lead=$(api 200 GET '/v1/roles?key=team_lead' | value id)
echo "account_manager $seller, team_lead $lead"

say "A user in that team"
email="examples.$tag@example.com"
user=$(api 201 POST /v1/users "{\"email\":\"$email\",\"name\":\"方宁\",\"title\":\"客户经理\",\"role_id\":\"$seller\",
    \"team_id\":\"$team\",\"password\":\"$password\"}" | value id)
echo "User $user"

say "The new user signs in, and may not make users"
sign_in "$email" "$password"
api 200 GET /v1/me
api 403 POST /v1/users "{\"email\":\"other.$email\",\"name\":\"x\",\"role_id\":\"$seller\"}" | value rule

say "Promoted: changes of users name the version they are based on"
TOKEN=$admin
tag_of_user=$(header_of ETag "/v1/users/$user")
api 200 PATCH "/v1/users/$user" "{\"role_id\":\"$lead\"}" "If-Match: $tag_of_user" | value version

say "Disabled: the password is good no longer"
api 200 PATCH "/v1/users/$user" '{"status":"disabled"}' 'If-Match: *' | value status
TOKEN=
api 401 POST /v1/auth/login "{\"organization\":\"$STEWARD_ORG\",\"email\":\"$email\",\"password\":\"$password\"}" | value code
