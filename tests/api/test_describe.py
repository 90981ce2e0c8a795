"""The contract as it is served, and a resource as its caller meets it."""

import yaml

from harness.server import ROOT, run_command


def test_the_contract_is_one_document(nobody):
    served = nobody.get("/openapi.json")
    text = nobody.get("/openapi.yaml").text
    assert yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == served.json()
    assert run_command("openapi").stdout == text
    assert text == (ROOT / "openapi.yaml").read_text(encoding="utf-8"), "./dev openapi writes it anew"


def test_the_contract_is_fetched_once(nobody):
    for path in ("/openapi.json", "/openapi.yaml"):
        tag = nobody.get(path, expect=200).headers["etag"]
        again = nobody.get(path, expect=304, headers={"If-None-Match": tag})
        assert again.content == b"" and again.headers["etag"] == tag
        nobody.get(path, expect=200, headers={"If-None-Match": '"0000000000000000"'})
        nobody.get(path, expect=400, params={"page": "1"})


def test_what_an_admin_meets(admin):
    account = admin.get("/v1/describe/accounts", expect=200).json()
    assert account["operations"] == ["list", "get", "create", "update", "delete"]
    assert account["access"] == {"read": "all", "create": "all", "update": "all", "delete": "all", "assign": "all",
                                 "masked": False}
    fields = {field["name"]: field for field in account["fields"]}
    assert fields["id"]["access"] == "read" and fields["name"]["access"] == "write"
    assert admin.get("/v1/describe/api-keys", expect=200).json()["path"] == "api_keys"


def test_what_an_analyst_meets(sign_in):
    account = sign_in("analyst").get("/v1/describe/accounts", expect=200).json()
    assert account["operations"] == ["list", "get"]
    assert account["access"]["read"] == "all" and account["access"]["masked"] is True
    fields = {field["name"]: field for field in account["fields"]}
    assert {field["access"] for field in account["fields"]} == {"read", "mask"}
    assert fields["phone"]["access"] == "mask" and fields["phone"]["operators"] == ["eq", "in", "null"]


def test_what_an_integration_meets(integration):
    lead = integration.get("/v1/describe/leads", expect=200).json()
    assert lead["operations"] == ["list", "get", "create"]
    account = integration.get("/v1/describe/accounts", expect=200).json()
    assert account["operations"] == [] and account["fields"] == []


def test_nothing_to_describe(admin, nobody):
    assert admin.get("/v1/describe/nothing", expect=404).json()["code"] == "not_found"
    admin.get("/v1/describe/api_keys", expect=404)
    admin.get("/v1/describe/accounts", expect=400, params={"fields": "name"})
    nobody.get("/v1/describe/accounts", expect=401)
