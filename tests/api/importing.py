"""What the tests of imports and jobs share: an organization of their own, uploads, waiting."""

import secrets
import time

from harness.client import Api, Session
from harness.server import run_command

ENDED = ("done", "failed", "cancelled")
LEADS = {"collection": "leads", "mode": "upsert", "source": "sheet", "key_column": "key",
         "columns": [{"column": "name", "field": "name"}, {"column": "score", "field": "score"}]}


def found(server, admin_settings, slug, recorder=None):
    """A new organization; gives an Api of its admin."""
    password = secrets.token_urlsafe(15)
    run_command("org", "create", "--slug", slug, "--name", slug.title(), settings=admin_settings)
    run_command("user", "create", "--org", slug, "--email", f"founder@{slug}.example", "--name", "Founder", "--role", "admin",
                settings={**admin_settings, "STEWARD_PASSWORD": password})
    return signed_in(server, slug, f"founder@{slug}.example", password, recorder)


def signed_in(server, slug, email, password, recorder=None):
    session = Session(server.url, recorder, slug, email, password)
    api = Api(server.url, recorder, session.token)
    api.slug, api.email, api.password = slug, email, password
    return api


def hire(admin, role, name, team_id=None):
    """An Api of a new user."""
    role_id = admin.get(f"/v1/roles?key={role}").json()["data"][0]["id"]
    email, password = f"{name}@{admin.slug}.example", secrets.token_urlsafe(15)
    user = admin.create("/v1/users", email=email, name=name, role_id=role_id, team_id=team_id, password=password)
    api = Api(admin.url, admin.recorder, Session(admin.url, admin.recorder, admin.slug, email, password).token)
    api.user = user
    return api


def leads_file(count, first=0):
    return "key,name,score\n" + "".join(f"K{n:06},Person {n},{n % 101}\n" for n in range(first, first + count))


def start(api, options, content):
    """Describes and uploads; gives the id."""
    made = api.post("/v1/imports", json=options, expect=201)
    assert made.json()["state"] == "waiting_for_content"
    assert made.headers["location"] == f"/v1/imports/{made.json()['id']}"
    reply = upload(api, made.json()["id"], content, expect=202)
    assert reply.headers["location"] == f"/v1/imports/{made.json()['id']}" and reply.json()["state"] == "queued"
    return made.json()["id"]


def upload(api, import_id, content, expect=None, kind="text/csv"):
    content = content.encode() if isinstance(content, str) else content
    return api.request("PUT", f"/v1/imports/{import_id}/content", expect, content=content, headers={"Content-Type": kind})


def wait(api, import_id, until=lambda row: row["state"] in ENDED, seconds=90):
    """`seconds`: how long it may stand still; a busy machine is slow, not wrong."""
    seen, end = None, 0
    while True:
        row = api.get(f"/v1/imports/{import_id}").json()
        if until(row):
            return row
        if (row["state"], row["progress"]) != seen:
            seen, end = (row["state"], row["progress"]), time.monotonic() + seconds
        assert time.monotonic() < end, row
        time.sleep(0.05)


def run(api, options, content):
    return wait(api, start(api, options, content))


def progress(row):
    return tuple(row["progress"][name] for name in ("created", "updated", "unchanged", "failed"))


def errors(api, import_id):
    """[(line, column, code)]"""
    import csv
    import io
    reply = api.get(f"/v1/imports/{import_id}/errors.csv")
    assert reply.headers["content-type"].startswith("text/csv") and reply.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"), newline="")))
    return [(int(row["line"]), row["column"], row["code"]) for row in rows]
