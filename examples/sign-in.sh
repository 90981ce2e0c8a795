#!/usr/bin/env bash
# Signs in, asks who one is, renews the tokens and signs out. Everything with plain curl.
# shellcheck source=examples/lib.sh
. "$(dirname "$0")/lib.sh"

say "Sign in as $ACCOUNT_MANAGER_EMAIL"
answer=$(curl --silent --show-error --fail-with-body "$STEWARD_URL/v1/auth/login" \
    --header 'Content-Type: application/json' \
    --data "{\"organization\":\"$STEWARD_ORG\",\"email\":\"$ACCOUNT_MANAGER_EMAIL\",\"password\":\"$ACCOUNT_MANAGER_PASSWORD\"}")
TOKEN=$(value access_token "$answer")
refresh=$(value refresh_token "$answer")
echo "The access token is good for $(value expires_in "$answer") seconds."

say "Who am I"
curl --silent --show-error --fail-with-body "$STEWARD_URL/v1/me" --header "Authorization: Bearer $TOKEN"
echo

say "What may I do with activities"
access=$(api 200 GET /v1/me/access)
[[ $access == *'"activities"'* ]]
echo "The answer of /v1/me/access has ${#access} characters."

say "New tokens for the refresh token, which is good for one use"
answer=$(api 200 POST /v1/auth/refresh "{\"refresh_token\":\"$refresh\"}")
TOKEN=$(value access_token "$answer")
refresh=$(value refresh_token "$answer")
api 200 GET /v1/me >/dev/null
echo "Renewed."

say "Sign out"
api 204 POST /v1/auth/logout "{\"refresh_token\":\"$refresh\"}"
api 401 POST /v1/auth/refresh "{\"refresh_token\":\"$refresh\"}" | value code

say "A wrong password is refused, and so is a call without a token"
TOKEN=
api 401 POST /v1/auth/login \
    "{\"organization\":\"$STEWARD_ORG\",\"email\":\"$ACCOUNT_MANAGER_EMAIL\",\"password\":\"not the password\"}" | value code
api 401 GET /v1/accounts | value code
