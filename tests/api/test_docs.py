"""/docs: Swagger UI out of the binary, which talks to nobody but this server."""

import re
import time

import pytest

from harness.browser import Browser
from harness.client import Api

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

POLICY = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
          "connect-src": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'none'"}
PACKED = {"swagger-ui-bundle.js": "text/javascript; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8",
          "swagger-ui-bundle.js.LICENSE.txt": "text/plain; charset=utf-8"}
SHOWN = """[...document.querySelectorAll(".opblock")].map(block =>
    block.querySelector(".opblock-summary-method").innerText.toLowerCase() + " " +
    block.querySelector("[data-path]").dataset.path)"""
PLAIN = {"init.js": "text/javascript; charset=utf-8", "favicon-32x32.png": "image/png"}


@pytest.fixture(scope="module")
def http(server):
    """Without a recorder: /docs is no operation of the contract."""
    api = Api(server.url)
    yield api
    api.close()


def fetch(http, path, coding, expect=200, **headers):
    return http.get(path, expect, headers={"Accept-Encoding": coding, **headers})


def test_the_page_allows_itself_little(http):
    page = http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"
    directives = page.headers["content-security-policy"].split("; ")
    assert dict(directive.split(" ", 1) for directive in directives) == POLICY
    assert not re.search(r"<style|<script>|\s(style|on\w+)=|//", page.text.replace("<!doctype", ""))
    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        http.get(link)


def test_nothing_is_sent_to_who_has_it(http):
    for path in ("/docs", *(f"/docs/{name}" for name in (*PACKED, *PLAIN))):
        for coding in ("gzip", "identity"):
            first = fetch(http, path, coding)
            again = fetch(http, path, coding, 304, **{"If-None-Match": first.headers["etag"]})
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["cache-control"] == first.headers["cache-control"]
            fetch(http, path, coding, 200, **{"If-None-Match": '"0123456789abcdef"'})


@pytest.mark.parametrize("name", PACKED)
def test_text_comes_packed_or_not(http, name):
    packed, plain = (fetch(http, f"/docs/{name}", coding) for coding in ("gzip", "identity"))
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) == len(plain.content)
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    for reply in (packed, plain):
        assert reply.headers["vary"] == "Accept-Encoding"
        assert reply.headers["cache-control"] == "public, max-age=3600"
        assert reply.headers["content-type"] == PACKED[name]
    assert http.head(f"/docs/{name}", headers={"Accept-Encoding": "gzip"}).headers["content-length"] == \
        packed.headers["content-length"]


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_small_comes_as_it_is(http, name):
    reply = fetch(http, f"/docs/{name}", "gzip")
    assert "content-encoding" not in reply.headers
    assert reply.headers["content-type"] == PLAIN[name]


@pytest.mark.parametrize("accepted, packed", [
    ("gzip", True), ("GZIP", True), ("br, gzip;q=0.1", True), ("*", True), ("deflate, *;q=0.5", True),
    ("", False), ("br", False), ("gzip;q=0", False), ("gzip;q=0, *", False), ("x-gzip-like", False),
])
def test_codings_are_negotiated(http, accepted, packed):
    reply = fetch(http, "/docs/swagger-ui.css", accepted)
    assert (reply.headers.get("content-encoding") == "gzip") == packed


def test_there_is_nothing_else(http):
    http.problem(http.get("/docs/index.css", 404), 404, "not_found")
    http.problem(http.get("/docs/..%2Finit.js", 404), 404, "not_found")
    http.problem(http.get("/docs?url=/x.json", 400), 400, "unknown_parameter", "url")
    http.problem(http.get("/docs/init.js?v=1", 400), 400, "unknown_parameter", "v")
    assert http.post("/docs", expect=405).headers["allow"] == "GET, HEAD, OPTIONS"
    assert not [path for path in http.get("/openapi.json").json()["paths"] if path.startswith("/docs")]


@pytest.fixture
def browser():
    with Browser() as made:
        yield made


def assert_quiet(browser, server):
    assert browser.run("refused") == []
    assert browser.complaints == []
    strangers = [url for url in browser.requests if not url.startswith((f"{server.url}/", "data:"))]
    assert strangers == []


def test_the_page_shows_every_operation(browser, http, server):
    browser.go(f"{server.url}/docs")
    browser.wait("!!document.querySelector('.opblock')")
    operations = {f"{method} {path}" for path, item in http.get("/openapi.json").json()["paths"].items()
                  for method in item if method in ("get", "post", "put", "patch", "delete")}
    shown, end = set(), time.monotonic() + 120
    # Only what is in sight is part of the page.
    while not operations <= shown and time.monotonic() < end:
        shown.update(browser.run(SHOWN))
        browser.run("scrollBy(0, innerHeight / 2)")
        time.sleep(0.05)
    assert shown == operations
    assert "get /v1/accounts" in shown
    assert browser.run("getComputedStyle(document.querySelector('.opblock')).borderRadius") == "4px"
    assert f"{server.url}/openapi.json" in browser.requests
    assert_quiet(browser, server)


def test_an_operation_is_tried_and_the_token_forgotten(browser, sign_in, server):
    operation = "#operations-teams-list_teams"
    token = sign_in("admin").session.token()
    browser.go(f"{server.url}/docs")
    browser.type(".operation-filter-input", "teams")
    browser.click(f"{operation} .opblock-summary-control")
    browser.click(f"{operation} .try-out button")
    browser.click("button.authorize")
    browser.type("#auth-bearer-value", token)
    browser.click(".auth-btn-wrapper button.authorize")
    browser.click(".auth-btn-wrapper button.btn-done")
    browser.click(f"{operation} button.execute")
    status = f"document.querySelector('{operation} .live-responses-table .response .response-col_status')"
    assert browser.wait(f"{status}?.innerText").startswith("200")
    assert any(url.startswith(f"{server.url}/v1/teams") for url in browser.requests)
    assert_quiet(browser, server)
    assert browser.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    browser.call("Page.reload")
    browser.wait("!!document.querySelector('button.authorize.unlocked')")


def test_the_policy_is_in_force(browser, server):
    """That the tests above see nothing is no blindness."""
    browser.go(f"{server.url}/docs")
    browser.wait("!!document.querySelector('.opblock')")
    browser.run("document.head.append(Object.assign(document.createElement('script'), {textContent: 'broken = 1'}))")
    browser.run("fetch('https://elsewhere.example/').catch(() => 0)")
    browser.wait("refused.length >= 2")
    assert browser.run("typeof broken") == "undefined"
    assert browser.complaints
