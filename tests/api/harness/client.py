"""The client of the suite. Every reply passes check_reply, whoever asked for it."""

import json as jsonlib
import re
import time

import httpx

CHINESE = re.compile(r"[\u4e00-\u9fff]")
# No answer tells what is behind the API.
LEAKS = re.compile(r"(\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\bpg_|libpq|PostgreSQL|_(fkey|pkey)\b|\.c:\d+|/home/|/build/)")
PROBLEM_MEMBERS = {"type": str, "title": str, "status": int, "detail": str, "code": str, "request_id": str}


def check_reply(method, status, headers, body):
    """`headers`: a mapping without regard to case. Raises AssertionError."""
    where = f"{method} -> {status}: {body[:2000]!r}"
    request_id = headers.get("x-request-id")
    assert request_id, f"no X-Request-Id: {where}"
    assert status != 500, f"internal error: {where}"
    if status in (204, 304):
        assert body == b"", f"a body: {where}"
        return
    if status < 400 or method == "HEAD":
        return
    kind = headers.get("content-type", "").split(";")[0].strip()
    assert kind == "application/problem+json", f"Content-Type {kind}: {where}"
    problem = jsonlib.loads(body)
    for name, expected in PROBLEM_MEMBERS.items():
        assert isinstance(problem.get(name), expected), f"problem without {name}: {where}"
    assert problem["status"] == status, f"another status in the problem: {where}"
    assert problem["request_id"] == request_id, f"another request_id in the problem: {where}"
    assert problem["type"].endswith(f"/problems/{problem['code']}"), f"type does not name the code: {where}"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", problem["code"]), where
    for violation in problem.get("errors") or []:
        places = [name for name in ("pointer", "parameter", "header") if name in violation]
        assert len(places) == 1, f"a violation has one place: {violation}"
        assert isinstance(violation.get("code"), str) and isinstance(violation.get("detail"), str), violation
        if "pointer" in violation:
            assert violation["pointer"].startswith("#"), violation
    assert not LEAKS.search(body.decode()), f"the inside shows: {where}"
    needed = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}.get(status)
    assert needed is None or headers.get(needed), f"no {needed}: {where}"


class Api:
    """One caller. `token` is a string, or a function that gives a fresh one."""

    def __init__(self, url, recorder=None, token=None, language=None):
        self.url = url
        self.recorder = recorder
        self.token = token
        self.language = language
        self.http = httpx.Client(base_url=url, timeout=60, follow_redirects=False, trust_env=False)

    def close(self):
        self.http.close()

    def request(self, method, path, expect=None, headers=None, **arguments):
        """`expect`: the status (or several) that the test needs; else any will do."""
        sent = httpx.Headers(headers or {})
        if self.token is not None and "authorization" not in sent:
            sent["Authorization"] = f"Bearer {self.token() if callable(self.token) else self.token}"
        if self.language and "accept-language" not in sent:
            sent["Accept-Language"] = self.language
        reply = self.http.request(method, path, headers=sent, **arguments)
        check_reply(method, reply.status_code, reply.headers, reply.content)
        if self.recorder is not None:
            self.recorder.add(method, reply.request.url.raw_path.decode(), reply.status_code,
                              reply.headers.get("content-type", ""), reply.content)
        if expect is not None:
            allowed = expect if isinstance(expect, (tuple, set, list)) else (expect,)
            assert reply.status_code in allowed, \
                f"{method} {path}: {reply.status_code}, not {expect}: {reply.text[:4000]}"
        return reply

    def get(self, path, expect=200, **arguments):
        return self.request("GET", path, expect, **arguments)

    def head(self, path, expect=200, **arguments):
        return self.request("HEAD", path, expect, **arguments)

    def post(self, path, json=None, expect=None, **arguments):
        return self.request("POST", path, expect, json=json, **arguments)

    def put(self, path, json=None, expect=None, **arguments):
        return self.request("PUT", path, expect, json=json, **arguments)

    def patch(self, path, json=None, expect=None, version="*", **arguments):
        """`version`: the If-Match; None leaves it out."""
        return self.request("PATCH", path, expect, json=json, **_matching(version, arguments))

    def delete(self, path, expect=None, version="*", **arguments):
        return self.request("DELETE", path, expect, **_matching(version, arguments))

    def create(self, path, **fields):
        """POST that must succeed; gives the record."""
        return self.post(path, json=fields, expect=201).json()

    def pages(self, path, params=None):
        """The pages of a list, by the cursor."""
        params = dict(params or {})
        while True:
            page = self.get(path, params=params).json()
            yield page["data"]
            if page["next_cursor"] is None:
                return
            params["cursor"] = page["next_cursor"]

    def all(self, path, params=None):
        return [row for page in self.pages(path, params) for row in page]

    def problem(self, reply, status, code, *places):
        """`places`: pointers, parameters or headers which the violations must name, exactly."""
        assert reply.status_code == status, f"{reply.status_code}, not {status}: {reply.text[:4000]}"
        problem = reply.json()
        assert problem["code"] == code, problem
        if places:
            found = [item.get("pointer") or item.get("parameter") or item.get("header") for item in problem["errors"]]
            assert sorted(found) == sorted(places), problem
        return problem


def _matching(version, arguments):
    if version is None:
        return arguments
    return {**arguments, "headers": {"If-Match": version, **(arguments.get("headers") or {})}}


class Session:
    """Signs in and keeps a token that is good for some more minutes."""

    def __init__(self, url, recorder, organization, email, password):
        self.api = Api(url, recorder)
        self.credentials = {"organization": organization, "email": email, "password": password}
        self.current = None
        self.renew_at = 0.0

    def token(self):
        if time.monotonic() >= self.renew_at:
            self.current = self.api.post("/v1/auth/login", json=self.credentials, expect=200).json()
            assert self.current["token_type"] == "Bearer", self.current
            self.renew_at = time.monotonic() + self.current["expires_in"] * 0.8
        return self.current["access_token"]

    def forget(self):
        self.renew_at = 0.0
