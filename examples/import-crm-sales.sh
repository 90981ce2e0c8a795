#!/usr/bin/env bash
# Sets an organization up from the CSV files of a CRM sales export, by the API alone, and prints what the API then says
# about its sales. A second run changes nothing.
#
#   . .dev/demo.env && examples/import-crm-sales.sh DIR        (default: $STEWARD_SAMPLE_DATA)
#
# DIR holds accounts.csv, products.csv, sales_teams.csv and sales_pipeline.csv. Needs curl and jq, and in the environment
# STEWARD_URL, STEWARD_ORG, ADMIN_EMAIL, ADMIN_PASSWORD. EMAIL_DOMAIN (example.com) is where the people get their addresses.
set -euo pipefail

folder=${1:-${STEWARD_SAMPLE_DATA:-}}
if [ -z "$folder" ] || [ ! -r "$folder/sales_pipeline.csv" ]; then
    echo "usage: $0 DIR   (a folder with accounts.csv, products.csv, sales_teams.csv, sales_pipeline.csv)" >&2
    exit 2
fi
domain=${EMAIL_DOMAIN:-example.com}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The answer on the standard output; anything but a success ends the script with the problem.
call() {
    local method=$1 path=$2 status
    shift 2
    status=$(curl -sS -g -o "$scratch/answer" -w '%{http_code}' -X "$method" "$STEWARD_URL$path" "$@")
    if [ "$status" -ge 300 ]; then
        echo "$method $path: $status" >&2
        cat "$scratch/answer" >&2
        exit 1
    fi
    cat "$scratch/answer"
}

token=$(jq -n --arg o "$STEWARD_ORG" --arg e "$ADMIN_EMAIL" --arg p "$ADMIN_PASSWORD" \
    '{organization: $o, email: $e, password: $p}' |
    call POST /v1/auth/login -H 'Content-Type: application/json' --data-binary @- | jq -r .access_token)

api() {
    local method=$1 path=$2
    shift 2
    call "$method" "$path" -H "Authorization: Bearer $token" "$@"
}

post() {
    api POST "$1" -H 'Content-Type: application/json' --data-binary @-
}

# bring_in LABEL FILE < options: describes the import, uploads the file, waits for its end.
bring_in() {
    local label=$1 file=$2 id import state
    id=$(post /v1/imports | jq -r .id)
    api PUT "/v1/imports/$id/content" -H 'Content-Type: text/csv' -T "$file" >"$scratch/upload"
    while :; do
        import=$(api GET "/v1/imports/$id")
        state=$(jq -r .state <<<"$import")
        case $state in
        queued | running) sleep 0.2 ;;
        *) break ;;
        esac
    done
    jq -r --arg what "$label" '"\($what): \(.progress.created) created, \(.progress.updated) updated, " +
        "\(.progress.unchanged) unchanged, \(.progress.failed) failed"' <<<"$import"
    if [ "$state" != 'done' ] || [ "$(jq .progress.failed <<<"$import")" != 0 ]; then
        echo "$label: $state $(jq -r '.failure // ""' <<<"$import")" >&2
        api GET "/v1/imports/$id/errors.csv" >&2
        exit 1
    fi
}

# People's addresses are made of their names, so these two files are made here: name,email,team.
people() {
    awk -F, -v column="$1" -v domain="$domain" '
        { sub(/\r$/, "") }
        NR == 1 { sub(/^\357\273\277/, ""); print "name,email,team"; next }
        $column != "" && !seen[$column]++ {
            address = tolower($column)
            gsub(/[^a-z0-9]+/, ".", address)
            print $column "," address "@" domain "," $2
        }' "$folder/sales_teams.csv"
}
people 2 >"$scratch/managers.csv"
people 1 >"$scratch/agents.csv"

# ---- who sells: offices hold the managers' teams, teams hold the agents ----

bring_in 'regional offices' "$folder/sales_teams.csv" <<'JSON'
{"collection": "teams", "mode": "upsert", "source": "crm-office", "key_column": "regional_office",
 "columns": [{"column": "regional_office", "field": "name"}]}
JSON
bring_in 'teams' "$folder/sales_teams.csv" <<'JSON'
{"collection": "teams", "mode": "upsert", "source": "crm", "key_column": "manager",
 "columns": [{"column": "manager", "field": "name"},
             {"column": "regional_office", "field": "parent_id", "reference": {"by": "external_id", "source": "crm-office"}}]}
JSON
for role in team_lead account_manager; do
    role_id=$(api GET "/v1/roles?key=$role&fields=id" | jq -r '.data[0].id')
    [ "$role" = team_lead ] && file=managers || file=agents
    bring_in "$file" "$scratch/$file.csv" <<JSON
{"collection": "users", "mode": "upsert", "source": "crm", "key_column": "name", "defaults": {"role_id": "$role_id"},
 "columns": [{"column": "name", "field": "name"},
             {"column": "email", "field": "email"},
             {"column": "team", "field": "team_id", "reference": {"by": "external_id", "source": "crm"}}]}
JSON
done

# ---- what is sold, and to whom ----

bring_in 'products' "$folder/products.csv" <<'JSON'
{"collection": "products", "mode": "upsert", "source": "crm", "key_column": "product",
 "columns": [{"column": "product", "field": "name"},
             {"column": "series", "field": "family"},
             {"column": "sales_price", "field": "list_price", "currency": "USD"}]}
JSON
bring_in 'accounts' "$folder/accounts.csv" <<'JSON'
{"collection": "accounts", "mode": "upsert", "source": "crm", "key_column": "account",
 "columns": [{"column": "account", "field": "name"},
             {"column": "sector", "field": "industry", "aliases": {"technolgy": "technology"}},
             {"column": "year_established", "field": "founded_year"},
             {"column": "revenue", "field": "annual_revenue", "currency": "USD", "unit": 1000000},
             {"column": "employees", "field": "employee_count"},
             {"column": "office_location", "field": "tags"}]}
JSON
# a second pass, since a group may stand behind its subsidiaries in the file
bring_in 'subsidiaries' "$folder/accounts.csv" <<'JSON'
{"collection": "accounts", "mode": "update", "source": "crm", "key_column": "account",
 "columns": [{"column": "subsidiary_of", "field": "parent_id", "reference": {"by": "external_id", "source": "crm"}}]}
JSON

# ---- the sales ----

printf '%s\n' name 'CRM sales' >"$scratch/pipelines.csv"
bring_in 'pipelines' "$scratch/pipelines.csv" <<'JSON'
{"collection": "pipelines", "mode": "upsert", "source": "crm", "key_column": "name",
 "columns": [{"column": "name", "field": "name"}]}
JSON
pipeline=$(api GET '/v1/pipelines/by-external-id/crm/CRM%20sales' | jq -r .id)
cat >"$scratch/stages.csv" <<'CSV'
name,kind,probability,position
Prospecting,open,10,1
Engaging,open,40,2
Won,won,100,3
Lost,lost,0,4
CSV
bring_in 'stages' "$scratch/stages.csv" <<JSON
{"collection": "stages", "mode": "upsert", "source": "crm", "key_column": "name", "defaults": {"pipeline_id": "$pipeline"},
 "columns": [{"column": "name", "field": "name"},
             {"column": "kind", "field": "kind"},
             {"column": "probability", "field": "probability"},
             {"column": "position", "field": "position"}]}
JSON
# a lost sale needs a reason, and the export knows none
bring_in 'opportunities' "$folder/sales_pipeline.csv" <<'JSON'
{"collection": "opportunities", "mode": "upsert", "source": "crm", "key_column": "opportunity_id",
 "columns": [{"column": "opportunity_id", "field": "name"},
             {"column": "sales_agent", "field": "owner_id", "reference": {"by": "external_id", "source": "crm"}},
             {"column": "product", "field": "product_id", "aliases": {"GTXPro": "GTX Pro"},
              "reference": {"by": "external_id", "source": "crm"}},
             {"column": "account", "field": "account_id", "reference": {"by": "external_id", "source": "crm"}},
             {"column": "deal_stage", "field": "stage_id", "reference": {"by": "external_id", "source": "crm"}},
             {"column": "deal_stage", "field": "reason",
              "aliases": {"Lost": "unknown", "Won": null, "Prospecting": null, "Engaging": null}},
             {"column": "engage_date", "field": "engaged_on", "date_format": "M/D/YYYY"},
             {"column": "close_date", "field": "closed_on", "date_format": "M/D/YYYY"},
             {"column": "close_value", "field": "amount", "currency": "USD"}]}
JSON

# ---- what the API says ----

# aggregate FILTER BY: the groups, with their count and the sum of their amounts
aggregate() {
    jq -n --argjson filter "$1" --argjson by "$2" \
        '{filter: $filter, measures: [{as: "amount", op: "sum", field: "amount"}], by: $by}' |
        post /v1/opportunities/aggregate | jq .data
}
ours="{\"stage.pipeline_id\": \"$pipeline\"}"
won="{\"and\": [$ours, {\"status\": \"won\"}]}"
by_status=$(aggregate "$ours" '["status"]')
by_team=$(aggregate "$won" '["team_id"]')
by_quarter=$(aggregate "$won" '[{"field": "closed_on", "unit": "quarter"}]')
teams=$(api GET '/v1/teams?limit=500&fields=id,name' | jq '[.data[] | {key: .id, value: .name}] | from_entries')

echo
jq -r '
    def deals(f): [.[] | select(f) | .count] | add // 0;
    deals(true) as $all | deals(.key.status == "won") as $won | deals(.key.status == "lost") as $lost |
    "opportunities: \($all)",
    "won: \($won)",
    "won amount: \([.[] | select(.key.status == "won" and .amount != null) | .amount.amount] | first // "0.00") USD",
    "win rate: \(if $won + $lost > 0 then ($won * 1000 / ($won + $lost) | round) / 10 else 0 end) %"' <<<"$by_status"
echo "won by manager:"
jq -r --argjson teams "$teams" \
    'sort_by(-(.amount.amount | tonumber))[] | "  \($teams[.key.team_id])\t\(.count)\t\(.amount.amount) USD"' <<<"$by_team"
echo "won by quarter:"
jq -r 'sort_by(.key.closed_on)[] |
    "  \(.key.closed_on[0:4])-Q\(((.key.closed_on[5:7] | tonumber) + 2) / 3 | floor)\t\(.count)\t\(.amount.amount) USD"' \
    <<<"$by_quarter"
