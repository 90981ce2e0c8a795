"""Requests of every sort, each made so that the database tells whether it was done: wholly, not at all, or in part."""

import json
import time
import uuid
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives import serialization

from importing import ENDED, LEADS
from place import until

TOWN = "Injected"  # where the accounts lie that are read
LINES = 4  # of an import


@dataclass
class Go:
    """One request. `effect`: a query with %(mark)s that gives how often each part of it is there; None: it only reads."""
    method: str
    path: str
    body: dict | str | None = None
    headers: dict = field(default_factory=dict)
    status: int = 200
    mark: str = ""
    effect: str | None = None
    jobs: bool = False  # it is a job that is looked at: the one that this request has begun
    varies: bool = False  # its answer is another each time

    @property
    def is_keyed(self):
        return "Idempotency-Key" in self.headers


class Scene:
    """What the requests are about."""

    def __init__(self, place, injector):
        self.boss, self.injector, self.token = place.boss, injector, place.token
        with open(place.settings["STEWARD_SIGNING_KEY_FILE"], "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)
        self.db, self.org = place.cluster.connect(), place.org
        self.accounts = [self.boss.create("/v1/accounts", name=f"Town {n}", city=TOWN)["id"] for n in range(60)]
        pipeline = self.boss.get("/v1/pipelines").json()["data"][0]["id"]
        self.stages = [row["id"] for row in self.boss.get(f"/v1/pipelines/{pipeline}/stages").json()["data"] if row["kind"] == "open"]
        for n in range(3):
            self.opportunity(f"Deal {n}", amount={"amount": f"{n}.50", "currency": "CNY"})

    def opportunity(self, name, **more):
        return self.boss.create("/v1/opportunities", account_id=self.accounts[0], name=name, stage_id=self.stages[0], **more)["id"]

    def parts(self, go):
        """How often each part of its effect is there."""
        return self.db.execute(go.effect, {"org": self.org, "mark": go.mark}).fetchone()

    def done(self, go):
        """1: all of it, 0: nothing, else something in between; None: there is nothing to do."""
        if go.effect is None:
            return None
        parts = self.parts(go)
        return parts[0] if len(set(parts)) == 1 and parts[0] in (0, 1) else 0.5

    def close(self):
        self.db.close()


def fresh():
    return f"injected {uuid.uuid4().hex}"


def keyed(mark):
    return {"Idempotency-Key": mark.replace(" ", "-")}


def event(resource, kind, member):
    return f"(select count(*) from events where org_id = %(org)s and resource = '{resource}' and type = '{kind}' and " \
           f"after ->> '{member}' = %(mark)s)"


KEY = "(select count(*) from idempotency_keys where org_id = %(org)s and key = replace(%(mark)s, ' ', '-'))"


def named(resource, more=""):
    return f"(select count(*) from {resource} where org_id = %(org)s and name = %(mark)s {more})"


def sign_in(scene):
    boss = scene.boss
    return Go("POST", "/v1/auth/login", {"organization": boss.slug, "email": boss.email, "password": boss.password},
              {"Authorization": ""}, varies=True)


def me(scene):
    """By a token that nobody has seen before."""
    claims = jwt.decode(scene.token, options={"verify_signature": False})
    token = jwt.encode({**claims, "jti": str(uuid.uuid4())}, scene.key, "RS256",
                       {"kid": jwt.get_unverified_header(scene.token)["kid"]})
    return Go("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})


def point_read(scene):
    return Go("GET", f"/v1/accounts/{scene.accounts[0]}")


def page(_):
    return Go("GET", f"/v1/accounts?city={TOWN}&expand=owner&sort=name&limit=50")


def search(_):
    return Go("POST", "/v1/accounts/search", {"q": "Town", "filter": {"city": TOWN}, "limit": 50, "count": "exact"})


def aggregate(_):
    return Go("POST", "/v1/opportunities/aggregate",
              {"by": ["stage_id"], "filter": {"name": {"in": ["Deal 0", "Deal 1", "Deal 2"]}},
               "measures": [{"op": "sum", "field": "amount", "as": "sum"}]})


def describe(_):
    return Go("GET", "/v1/describe/accounts")


def create(_):
    mark = fresh()
    return Go("POST", "/v1/accounts", {"name": mark, "external_ids": {"erp": mark}}, keyed(mark), 201, mark,
              f"select {named('accounts')}, {event('accounts', 'created', 'name')}, {KEY}")


def role(_):
    """With overrides, which are JSON within the record."""
    mark = fresh()
    return Go("POST", "/v1/roles", {"key": mark.replace(" ", "_"), "name": mark, "base": "account_manager", "permissions":
                                    {"accounts": {"read": "tree", "fields": {"phone": "hide"}}}}, keyed(mark), 201, mark,
              f"select {named('roles')}, {event('roles', 'created', 'name')}, {KEY}")


def patch(scene):
    mark, account = fresh(), scene.boss.create("/v1/accounts", name="To be changed")
    return Go("PATCH", f"/v1/accounts/{account['id']}", {"city": mark}, {"If-Match": '"1"'}, 200, mark,
              "select (select count(*) from accounts where org_id = %(org)s and city = %(mark)s and version = 2), " +
              event("accounts", "updated", "city"))


def delete(scene):
    mark = fresh()
    account = scene.boss.create("/v1/accounts", name=mark)
    return Go("DELETE", f"/v1/accounts/{account['id']}", None, {"If-Match": '"1"'}, 204, mark,
              f"select {named('accounts', 'and deleted_at is not null')}, {event('accounts', 'deleted', 'name')}")


def restore(scene):
    go = delete(scene)
    scene.boss.delete(go.path, 204)
    return Go("POST", f"{go.path}/restore", None, {}, 200, go.mark,
              f"select {named('accounts', 'and deleted_at is null')}, {event('accounts', 'restored', 'name')}")


def conversion(scene):
    mark = fresh()
    lead = scene.boss.create("/v1/leads", name=mark, company=mark)
    return Go("POST", f"/v1/leads/{lead['id']}/conversion",
              {"account_name": mark, "contact_name": mark, "opportunity_name": mark}, keyed(mark), 200, mark,
              "select " + ", ".join(part(path) for path in ("accounts", "contacts", "opportunities")
                                    for part in (named, lambda path: event(path, "created", "name"))) +
              f", {named('leads', '''and status = 'converted' ''')}, {event('leads', 'updated', 'name')}, {KEY}")


def stage_move(scene):
    mark = fresh()
    deal = scene.opportunity(mark)
    moved = f"and stage_id = '{scene.stages[1]}'"
    return Go("PATCH", f"/v1/opportunities/{deal}", {"stage_id": scene.stages[1]}, {"If-Match": '"1"'}, 200, mark,
              f"select {named('opportunities', moved)}, {event('opportunities', 'updated', 'name')}, "
              "(select count(*) from stage_changes c join opportunities o on o.org_id = c.org_id and o.id = c.opportunity_id "
              "where o.org_id = %(org)s and o.name = %(mark)s and c.from_stage_id is not null)")


def upload(scene):
    """No job is begun before it was looked at."""
    mark = fresh()
    made = scene.boss.create("/v1/imports", **LEADS)
    lines = "".join(f"{mark} {n},{mark},{n}\n" for n in range(LINES))
    scene.injector.hold_jobs(True)
    return Go("PUT", f"/v1/imports/{made['id']}/content", "key,name,score\n" + lines, {"Content-Type": "text/csv"}, 202, mark,
              f"select (select count(*) from imports where id = '{made['id']}' and state = 'queued'), "
              f"(select count(*) from jobs where id = '{made['id']}')")


def job(scene):
    go = upload(scene)
    imported = go.path.split("/")[3]
    go.jobs, go.effect = True, \
        f"select (select count(*) from imports where id = '{imported}' and state = 'done' and " \
        f"progress ->> 'created' = '{LINES}'), (select count(*) from jobs where id = '{imported}' and state = 'done'), " \
        f"{named('leads')}::real / {LINES}, {event('leads', 'created', 'name')}::real / {LINES}"
    return go


REQUESTS = (sign_in, me, point_read, page, search, aggregate, describe, create, role, patch, delete, restore, conversion, stage_move, upload, job)


# Who waits for another attempt, or for the end of a lease that nobody holds any more, has waited long enough.
SETTLE = ("update jobs set run_after = now() where state = 'queued' and run_after > now() and org_id = %s",
          "update jobs set lease_until = now() where state = 'running' and updated_at < now() - interval '1 second' and org_id = %s")


def finish_job(scene, go):
    """Waits for the end of the import."""
    path, states = go.path.removesuffix("/content"), []

    def ended():
        time.sleep(0.02)
        for settle in SETTLE:
            scene.db.execute(settle, (scene.org,))
        states.append(scene.boss.get(path).json())
        return states[-1]["state"] in ENDED
    until(ended, f"the end of {path}", 90)
    return json.dumps(states[-1])
