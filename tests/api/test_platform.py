"""What holds for every route: health, metrics, unknown routes, languages, request ids, JSON that cannot be read."""

import json
import re
import uuid

import pytest

from harness.client import CHINESE
from harness.server import run_command

LOGIN = "/v1/auth/login"
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


@pytest.mark.subset
def test_livez_and_readyz(nobody):
    nobody.get("/livez")
    nobody.get("/readyz")
    nobody.head("/livez")


def parse_metrics(text):
    """{family: (type, [(name, labels, value)])}; a line out of the format fails."""
    families, current = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families, f"{name} is described twice"
            assert kind in ("counter", "gauge", "histogram", "summary")
            current = name
            families[name] = (kind, [])
            continue
        found = SAMPLE.match(line)
        assert found, f"not a sample: {line}"
        name, labels, value = found.groups()
        assert current and name.startswith(current), f"{name} stands outside of its family"
        float(value)
        families[current][1].append((name, dict(LABEL.findall(labels or "")), float(value)))
    return families


@pytest.mark.subset
def test_metrics_are_valid_and_labelled_by_route_template(nobody, admin):
    missing = uuid.uuid4()
    admin.get(f"/v1/accounts/{missing}", expect=404)
    nobody.get("/no/such/path/ever", expect=404)
    reply = nobody.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.text.endswith("\n")
    families = parse_metrics(reply.text)
    for name, (kind, samples) in families.items():
        assert samples, f"{name} has no sample"
        seen = [(sample, tuple(sorted(labels.items()))) for sample, labels, _ in samples]
        assert len(seen) == len(set(seen)), f"{name} has a sample twice"
        if kind == "counter":
            assert name.endswith("_total"), name
        if kind == "histogram":
            check_histogram(name, samples)
    assert str(missing) not in reply.text and "/no/such/path" not in reply.text
    routes = {labels["route"] for _, samples in families.values() for _, labels, _ in samples if "route" in labels}
    assert "/v1/accounts/{id}" in routes


def check_histogram(name, samples):
    series = {}
    for sample, labels, value in samples:
        key = tuple(sorted((label, text) for label, text in labels.items() if label != "le"))
        series.setdefault(key, []).append((sample, labels.get("le"), value))
    for rows in series.values():
        buckets = [(float(le), value) for sample, le, value in rows if sample == f"{name}_bucket"]
        assert buckets == sorted(buckets), "buckets ascend"
        assert [value for _, value in buckets] == sorted(value for _, value in buckets), "buckets are cumulative"
        count = [value for sample, _, value in rows if sample == f"{name}_count"]
        assert buckets[-1] == (float("inf"), count[0])
        assert any(sample == f"{name}_sum" for sample, _, _ in rows)


@pytest.mark.subset
@pytest.mark.parametrize("path", [
    "/", "/nothing", "/v1", "/v1/", "/v1/nothing", "/v2/accounts", "/v1/accounts/", "/v1//accounts",
    "/v1/accounts/%zz", "/v1/accounts%2Fx", "/livez/x", "/V1/accounts", "/v1/accounts/%00",
])
def test_unknown_routes(admin, path):
    reply = admin.request("GET", path)
    assert reply.status_code in (400, 404), reply.text
    if reply.status_code == 404:
        assert reply.json()["code"] in ("unknown_route", "not_found")


@pytest.mark.parametrize("method, path, allowed", [
    ("POST", "/livez", {"GET", "HEAD"}),
    ("GET", LOGIN, {"POST"}),
    ("DELETE", LOGIN, {"POST"}),
    ("PUT", "/v1/accounts", {"GET", "HEAD", "POST"}),
    ("DELETE", "/v1/accounts", {"GET", "HEAD", "POST"}),
])
def test_method_not_allowed(admin, method, path, allowed):
    reply = admin.request(method, path, expect=405)
    assert reply.json()["code"] == "method_not_allowed"
    named = {name.strip() for name in reply.headers["allow"].split(",")}
    assert named >= allowed - {"HEAD"} and method not in named


def test_chinese_and_english(nobody):
    english = nobody.get("/v1/nothing", expect=404).json()
    for language in ("zh", "zh-CN", "zh-Hans-CN,zh;q=0.9,en;q=0.8", "en;q=0.2, zh;q=0.9"):
        chinese = nobody.get("/v1/nothing", expect=404, headers={"Accept-Language": language}).json()
        assert CHINESE.search(chinese["title"]) and CHINESE.search(chinese["detail"]), language
        assert chinese["code"] == english["code"]
    for language in ("en", "fr", "*", "zh;q=0, en", "en;q=0.9, zh;q=0.1", "x" * 300, ";;q=,"):
        again = nobody.get("/v1/nothing", expect=404, headers={"Accept-Language": language}).json()
        assert (again["title"], again["detail"]) == (english["title"], english["detail"]), language
    reply = nobody.post(LOGIN, json={"organization": "acme", "email": 1}, expect=422,
                        headers={"Accept-Language": "zh"})
    assert all(CHINESE.search(item["detail"]) for item in reply.json()["errors"])


@pytest.mark.subset
def test_request_id_is_taken_over_or_made(nobody):
    sent = f"test-{uuid.uuid4()}"
    assert nobody.get("/livez", headers={"X-Request-Id": sent}).headers["x-request-id"] == sent
    problem = nobody.get("/v1/nothing", expect=404, headers={"X-Request-Id": sent}).json()
    assert problem["request_id"] == sent
    made = {nobody.get("/livez").headers["x-request-id"] for _ in range(20)}
    assert len(made) == 20
    for bad in ("with space", "x" * 500, 'quote"', "<script>", "a;b,c"):
        given = nobody.get("/livez", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert given != bad and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given)


def test_the_log_names_request_and_route_but_no_secret(nobody, server, world):
    user = world.users["acme", "analyst"]
    sent = f"log-{uuid.uuid4()}"
    reply = nobody.post(LOGIN, expect=200, headers={"X-Request-Id": sent}, json={
        "organization": "acme", "email": user.email, "password": user.password})
    nobody.post(LOGIN, expect=401, json={"organization": "acme", "email": user.email, "password": "canary-4711-x"})
    lines = [entry for entry in server.log_entries() if sent in entry.values()]
    assert lines and any(LOGIN in entry.values() for entry in lines)
    text = "\n".join(server.log_lines())
    for secret in (user.password, "canary-4711-x", reply.json()["access_token"], reply.json()["refresh_token"]):
        assert secret not in text


@pytest.mark.subset
@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"text"', b"null", b"{}{}", b"{} x", b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b"\xff\xfe{}",
    b'{"organization":"\xc3\x28"}', b'{"organization":"\\ud800"}', b'{"organization":"a\\u0000b"}', b"{'a':1}",
    b'{"a":01}', b'{"a":NaN}', b'{"a":1e999}', b"[" * 1000, b'{"a":' * 65 + b"1" + b"}" * 65, b"\xef\xbb\xbf{}",
])
def test_json_that_cannot_be_read(nobody, body):
    reply = nobody.request("POST", LOGIN, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422), reply.text
    if body in (b"", b"{", b'{"a":1,"a":2}', b"{}{}", b"{'a':1}", b"\xff\xfe{}"):
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_json")


def test_all_violations_at_once(nobody):
    reply = nobody.post(LOGIN, json={"organisation": "acme", "email": 1})
    problem = nobody.problem(reply, 422, "validation_failed", "#/organisation", "#/organization", "#/email",
                             "#/password")
    codes = {item["pointer"]: item["code"] for item in problem["errors"]}
    assert codes == {"#/organisation": "unknown_field", "#/organization": "required", "#/email": "invalid_type",
                     "#/password": "required"}
    unknown = next(item for item in problem["errors"] if item["code"] == "unknown_field")
    assert "organization" in json.dumps(unknown)


@pytest.mark.parametrize("kind, status", [
    ("application/json", 422), ("application/json; charset=utf-8", 422), ("APPLICATION/JSON", 422),
    ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/jsonx", 415), (None, 415),
])
def test_content_type(nobody, kind, status):
    headers = {"Content-Type": kind} if kind else {}
    nobody.request("POST", LOGIN, content=b"{}", headers=headers, expect=status)


def test_unknown_query_parameter(admin):
    reply = admin.get("/v1/accounts?colour=red&limit=1", expect=400)
    assert admin.problem(reply, 400, "unknown_parameter")["errors"][0]["parameter"] == "colour"


@pytest.mark.subset
@pytest.mark.parametrize("header", [
    None, "", "Bearer", "Basic YTpi", "Bearer a.b.c", "Bearer " + "x" * 5000, "bearer x y",
    "Bearer stw_x_y", "Bearer eyJhbGciOiJub25lIn0.e30.",
])
def test_no_valid_token(nobody, header):
    reply = nobody.get("/v1/accounts", expect=401, headers={} if header is None else {"Authorization": header})
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.json()["code"] in ("unauthenticated", "invalid_token")


def test_published_problem_pages(nobody):
    problem = nobody.get("/v1/nothing", expect=404).json()
    page = nobody.get(re.sub(r"^https?://[^/]+", "", problem["type"]))
    assert problem["code"] in page.text


def test_openapi_is_served(nobody):
    contract = nobody.get("/openapi.json").json()
    assert contract["openapi"].startswith("3.1") and "/v1/accounts/{id}" in contract["paths"]
    assert nobody.get("/openapi.yaml").text.startswith("openapi: ")


def test_settings(settings):
    unknown = run_command("config", settings={**settings, "STEWARD_PROT": "1", "STEWARD_LOOPS": "many"}, check=False)
    assert unknown.returncode != 0
    assert "STEWARD_PROT" in unknown.stderr and "STEWARD_LOOPS" in unknown.stderr, "all errors at once"
    printed = run_command("config", settings=settings)
    assert settings["STEWARD_CURSOR_KEY"] not in printed.stdout
    with open(settings["STEWARD_SIGNING_KEY_FILE"], encoding="ascii") as file:
        assert file.read().splitlines()[1] not in printed.stdout
    refused = run_command("serve", settings={}, check=False)
    assert refused.returncode != 0 and "STEWARD_DATABASE_URL" in refused.stderr


def test_unknown_command_and_help():
    assert run_command("nothing", check=False).returncode != 0
    listed = run_command("routes")
    assert "/v1/accounts/{id}" in listed.stdout


def test_serve_refuses_a_role_that_reads_tables_directly(settings, cluster):
    refused = run_command("serve", settings={**settings, "STEWARD_DATABASE_URL": cluster.url("steward_owner"),
                                             "STEWARD_PORT": "0"}, check=False, timeout=30)
    assert refused.returncode != 0


def test_healthcheck(server):
    run_command("healthcheck", settings={"STEWARD_PORT": server.port})
    assert run_command("healthcheck", settings={"STEWARD_PORT": 1}, check=False).returncode != 0


def test_check_finds_the_database_sound(steward, world):
    steward("check")


def test_migrate_twice_changes_nothing(steward, world, db):
    # The migrations' own table is theirs; what they made must be the same.
    query = "select count(*), max(oid::bigint) from pg_class where relnamespace = 'steward'::regnamespace"
    before = db.execute(query).fetchone()
    steward("migrate")
    assert db.execute(query).fetchone() == before
