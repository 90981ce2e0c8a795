"""What people of one organisation can ask and do, said so that whatever came from another one shows.

Looks change nothing: each is asked once with both walls standing and again with one of them away, and must be answered alike.
Deeds are done with one wall away and must have done nothing to anybody else's rows. Both meet twins: see twins.py."""

import re
from dataclasses import dataclass

import importing
from harness.client import Session
from registry import EACH, MISSING, RESOURCES, serial, valid_body
from world import CANARY, HERE, Watched, matching

DRY = {"dry_run": "true"}
REQUEST = re.compile(rb'"request_id":"[^"]*"')
COMMON = {"users": "e", "teams": "o", "roles": "a"}  # what many of their names contain; of the others it is 海
LOOKED_AT = ("admin", "team_lead", "account_manager")  # scopes all, tree and own


@dataclass(frozen=True)
class Look:
    method: str
    path: str
    params: tuple = ()
    json: object = None
    headers: tuple = ()
    only_status: bool = False

    def ask(self, api):
        more = {} if self.json is None else {"json": self.json}
        reply = api.request(self.method, self.path, params=dict(self.params), headers=dict(self.headers), **more)
        if self.only_status:
            problem = reply.json() if reply.status_code >= 400 else {}
            return reply.status_code, problem.get("code"), str(problem.get("errors")), reply.content
        return reply.status_code, REQUEST.sub(b"", reply.content)


def look(method, path, json=None, headers=None, only_status=False, **params):
    return Look(method, path, tuple(params.items()), json, tuple((headers or {}).items()), only_status)


class Leaks:
    """`realm`: with a few records of each resource in it, and a strange organisation."""

    def __init__(self, realm, known):
        self.realm, self.known = realm, known

    # ---- looks ----

    def looks(self):
        yield look("GET", "/v1/me")
        yield look("GET", "/v1/me/access")
        for resource in RESOURCES.values():
            yield from self.lists(resource)
            for record in [*self.known[resource.path], self.realm.strange.get(resource.path), MISSING]:
                if record:
                    yield from self.record(resource, record)
        for resource in EACH:
            yield from self.references(resource)
            yield from self.keys(resource)

    def lists(self, resource):
        url = resource.url
        yield look("GET", f"/v1/describe/{resource.path}")
        yield look("GET", url, limit=500, expand=",".join(resource.expand)) if resource.expand else look("GET", url, limit=500)
        yield look("GET", url, limit=1, count="exact")
        yield look("POST", f"{url}/search", json={"limit": 500, "filter": {"created_at": {"gt": "2001-01-01T00:00:00Z"}}})
        yield look("POST", f"{url}/aggregate", json={})
        if resource.with_flag("search"):
            for text in (CANARY, "海风"):
                yield look("GET", url, q=text, limit=500, count="exact")
        for field in resource.fields:
            if field.has("filter") and field.type == "ref":
                yield look("POST", f"{url}/aggregate", json={"by": [field.name]})
                yield from self.hops(resource, field)

    def hops(self, resource, field):
        """Filters through a relation, on words and on whose it is."""
        hop = field.name.removesuffix("_id")
        target = RESOURCES[field.refers]
        label = target.label()
        if label and label.has("filter"):
            for word in (CANARY, COMMON.get(target.path, "海")):
                yield look("GET", resource.url, **{f"{hop}.{label.name}[contains]": word})
        for other in target.fields:
            if other.has("filter") and other.has("owner", "team"):
                for name in ("account_manager", "elsewhere", "above"):
                    person = self.realm.people[name]
                    yield look("GET", resource.url, **{f"{hop}.{other.name}": person.id if other.has("owner") else person.team})

    def record(self, resource, record):
        url = f"{resource.url}/{record}"
        expand = {"expand": ",".join(resource.expand)} if resource.expand else {}
        yield look("GET", url, **expand)
        yield look("GET", url + "/history")
        if resource.path == "imports":
            yield look("GET", url + "/errors.csv")
        yield look("GET", resource.url, **{"id[in]": record})
        for part in RESOURCES.values():
            if part.parent == resource.path:
                yield look("GET", f"{url}/{part.segment}")
        if resource.can("update") and resource.label():
            yield look("PATCH", url, json={resource.label().name: "Another"}, headers=matching(resource), only_status=True, **DRY)
            yield look("PATCH", url, json={resource.label().name: "Another"}, headers={"If-Match": '"1"'}, only_status=True, **DRY)
        if resource.can("delete"):
            yield look("DELETE", url, headers=matching(resource), only_status=True, **DRY)
            yield look("POST", url + "/restore", only_status=True, **DRY)

    def references(self, resource):
        """Bodies that name a record of here, which has twins, and one of the other organisation."""
        for field in resource.writable:
            if field.type != "ref":
                continue
            for record in (self.known[field.refers][0], self.realm.strange[field.refers]):
                if resource.can("create"):
                    yield look("POST", resource.url, json=valid_body(resource, self.realm, **{field.name: record}), only_status=True, **DRY)
                if resource.can("update") and not field.has("create_only"):
                    yield look("PATCH", f"{resource.url}/{self.known[resource.path][0]}", json={field.name: record},
                               headers=matching(resource), only_status=True, **DRY)
                if field.has("filter"):
                    yield look("GET", resource.url, **{field.name: record})

    def keys(self, resource):
        """By what other systems call them."""
        if "external_ids" not in resource.by_name or not resource.can("create"):
            return
        for key in (f"here-{resource.path}", f"there-{resource.path}", "nobody's"):
            url = f"{resource.url}/by-external-id/erp/{key}"
            yield look("GET", url)
            yield look("PUT", url, json=valid_body(resource, self.realm), only_status=True, **DRY)


def same_as_missing(api, method, path, strange, **arguments):
    """A record of others is answered like none."""
    answers = []
    for record in (strange, MISSING):
        reply = api.request(method, path.format(record), **arguments)
        answers.append((reply.status_code, REQUEST.sub(b"", reply.content).replace(record.encode(), b"")))
    assert answers[0] == answers[1], f"{method} {path}: {answers}"
    assert answers[0][0] in (403, 404, 422), answers


class Deeds:
    """Each deed is a method `do_…`; `made` are records with twins, one of each kind for each deed that uses it up."""

    def __init__(self, realm, twins, server, made):
        self.realm, self.twins, self.server, self.made = realm, twins, server, made

    def all(self):
        return [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]

    @property
    def admin(self):
        return self.made["admin"]

    def signed_in(self):
        person = self.made["person"]
        session = Session(self.server.url, None, HERE, person["email"], person["password"])
        api = Watched(self.server.url, None, session.token)
        assert api.get("/v1/me").json()["organization"]["id"] == self.realm.org
        return api, session.current

    def do_sign_in(self):
        api, tokens = self.signed_in()
        anybody = Watched(self.server.url)
        wrong = {"organization": HERE, "email": self.made["person"]["email"], "password": "wrong horse"}
        anybody.post("/v1/auth/login", json=wrong, expect=401)
        spent = anybody.post("/v1/auth/refresh", json={"refresh_token": self.made["refresh_token"]}, expect=200).json()
        mine = {"Authorization": f"Bearer {spent['access_token']}"}
        assert anybody.get("/v1/me", headers=mine).json()["organization"]["id"] == self.realm.org
        anybody.post("/v1/auth/logout", json={"refresh_token": self.made["second_token"]}, expect=204)
        old = self.made["person"]["password"]
        self.made["person"]["password"] = old + "x"
        api.post("/v1/me/password", json={"current_password": old, "password": old + "x"}, expect=200)
        api, tokens = self.signed_in()
        api.post("/v1/auth/logout-all", expect=204)
        anybody.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}, expect=401)

    def do_keys(self):
        key = self.made["key"]
        integration = Watched(self.server.url, None, key["secret"])
        lead = integration.post("/v1/leads", json={"name": "From a form"}, expect=201).json()
        assert {row["id"] for row in integration.all("/v1/leads")} == {lead["id"], key["lead"]}
        assert len(integration.all("/v1/leads")) == 2
        assert integration.get("/v1/me").json()["organization"]["id"] == self.realm.org
        again = self.admin.post(f"/v1/api-keys/{key['id']}/secret", expect=201).json()["key"]
        Watched(self.server.url, None, again).get("/v1/leads", expect=200)
        same_as_missing(self.admin, "POST", "/v1/api-keys/{}/secret", self.realm.strange["api_keys"])

    def do_parts(self):
        """What belongs to a deleted record cannot come back without it, whatever twins it has."""
        account, contact = self.made["gone"]
        self.admin.delete(f"/v1/contacts/{contact}", expect=204)
        self.admin.delete(f"/v1/accounts/{account}", expect=204)
        self.admin.post(f"/v1/contacts/{contact}/restore", expect=(409, 422))

    def do_repeat(self):
        body, key, first = self.made["repeated"]
        again = self.admin.post("/v1/accounts", json=body, headers={"Idempotency-Key": key}, expect=201)
        assert again.content == first and again.headers["idempotency-replayed"] == "true"
        body = {"name": "Anew"}
        for _ in range(2):
            self.admin.post("/v1/accounts", json=body, headers={"Idempotency-Key": f"anew-{key}"}, expect=201)

    def do_records(self):
        """Changes, deletes and restores what has a twin, and tries it with what is others'."""
        for resource in EACH:
            if not resource.label():
                continue
            label, record, strange = resource.label().name, self.made["used"][resource.path], self.realm.strange[resource.path]
            self.admin.patch(f"{resource.url}/{record}", json={label: f"Changed {next(serial)}"}, expect=200)
            same_as_missing(self.admin, "PATCH", resource.url + "/{}", strange, json={label: "changed"}, headers={"If-Match": "*"})
            self.admin.post(resource.url, json=valid_body(resource, self.realm), expect=201)
            if resource.can("delete"):
                same_as_missing(self.admin, "DELETE", resource.url + "/{}", strange, headers={"If-Match": "*"})
                same_as_missing(self.admin, "POST", resource.url + "/{}/restore", strange)
                self.admin.delete(f"{resource.url}/{record}", expect=204)
                self.admin.post(f"{resource.url}/{record}/restore", expect=200)
            same_as_missing(self.admin, "GET", resource.url + "/{}", strange)
            same_as_missing(self.admin, "GET", resource.url + "/{}/history", strange)
            for field in resource.writable:
                if field.type == "ref" and not field.has("create_only"):
                    self.admin.patch(f"{resource.url}/{record}", json={field.name: self.realm.strange[field.refers]}, expect=422)

    def do_external_keys(self):
        for resource in EACH:
            if "external_ids" not in resource.by_name or not resource.can("create"):
                continue
            url, label = f"{resource.url}/by-external-id/erp/", resource.label().name
            found = self.admin.put(f"{url}here-{resource.path}", json={label: f"Changed {next(serial)}"}, expect=200).json()
            assert found["result"] == "updated"
            body = valid_body(resource, self.realm)
            body.pop("external_ids", None)
            made = self.admin.put(f"{url}there-{resource.path}", json=body, expect=(200, 201)).json()
            assert made["id"] != self.realm.strange[resource.path]
            if resource.can("delete"):
                self.admin.delete(f"{resource.url}/{made['id']}", expect=204)

    def do_teams(self):
        """The tree is climbed to look for cycles."""
        above, below, gone = self.made["teams"]
        self.admin.delete(f"/v1/teams/{gone}", expect=204)
        self.admin.patch(f"/v1/accounts/{self.made['account']}", json={"team_id": gone}, expect=422)
        self.admin.patch(f"/v1/teams/{below}", json={"parent_id": above}, expect=200)
        self.admin.patch(f"/v1/teams/{above}", json={"parent_id": below}, expect=422)
        for parent in (below, self.realm.teams["root"]):
            self.admin.patch(f"/v1/teams/{self.realm.teams['north']}", json={"parent_id": parent}, expect=200)

    def do_conversion(self):
        lead = self.made["lead"]
        path = f"/v1/leads/{lead}/conversion"
        same_as_missing(self.admin, "POST", "/v1/leads/{}/conversion", self.realm.strange["leads"], json={})
        for name, more in (("account_id", {}), ("opportunity_product_id", {"opportunity_name": "x"})):
            strange = self.realm.strange[name.removeprefix("opportunity_").removesuffix("_id") + "s"]
            refused = self.admin.post(path, json={name: strange, **more}, expect=422)
            assert refused.json()["errors"][0]["code"] == "unknown_reference", refused.text
        done = self.admin.post(path, json={"account_id": self.made["account"], "opportunity_name": "Sold"}, expect=200).json()
        assert self.admin.get(f"/v1/opportunities/{done['opportunity_id']}").json()["stage_id"] == self.made["stages"][0]

    def do_check_in(self):
        place = {"latitude": "1", "longitude": "1"}
        same_as_missing(self.admin, "POST", "/v1/activities/{}/check-in", self.realm.strange["activities"], json=place)
        self.admin.post(f"/v1/activities/{self.made['visit']}/check-in", json=place, expect=200)

    def do_touch(self):
        """An activity moves its account's last touch, and takes the account from its contact or sale."""
        moved = self.admin.patch(f"/v1/activities/{self.made['visit']}", json={"account_id": self.made["account"]}, expect=200)
        assert moved.json()["account_id"] == self.made["account"]
        assert self.admin.get(f"/v1/accounts/{self.made['account']}").json()["last_touch_at"] == moved.json()["happened_at"]
        contact = self.made["contact"]
        account = self.admin.get(f"/v1/contacts/{contact}").json()["account_id"]
        for url in ("/v1/activities", "/v1/tasks"):
            body = {**valid_body(RESOURCES[url.removeprefix("/v1/")], self.realm), "contact_id": contact}
            body.pop("account_id", None)
            assert self.admin.post(url, json=body, expect=201).json()["account_id"] == account

    def do_sales(self):
        sale, (first, second, won) = self.made["sale"], self.made["stages"]
        for stage in (second, won, first):
            self.admin.patch(f"/v1/opportunities/{sale}", json={"stage_id": stage}, expect=200)
        steps = self.admin.get(f"/v1/opportunities/{sale}/stage-changes").json()["data"]
        assert [step["to_stage_id"] for step in steps] == [first, won, second, first]
        self.admin.patch(f"/v1/stages/{second}", json={"name": f"Renamed {next(serial)}"}, expect=200)
        self.admin.delete(f"/v1/pipelines/{self.made['pipeline']}", expect=409)
        self.admin.delete(f"/v1/pipelines/{self.made['empty'][0]}", expect=204)

    def do_import(self):
        """Finds rows by name, address and key; others' are as good as none."""
        realm = self.realm
        known = self.admin.get(f"/v1/accounts/{self.made['account']}").json()
        columns = [{"column": "n", "field": "name"}, {"column": "o", "field": "owner_id", "reference": {"by": "email"}},
                   {"column": "p", "field": "parent_id", "reference": {"by": "name"}}]
        options = {"collection": "accounts", "mode": "upsert", "source": "erp", "key_column": "k", "columns": columns}
        person, stranger = self.made["person"]["email"], realm.stranger.session.credentials["email"]
        again = f"here-accounts,Imported {next(serial)},{person},\n"
        self._imported(options, f"k,n,o,p\n{again}"
                       f"sheet-{next(serial)},New,{person},{known['name']}\n"
                       f"sheet-{next(serial)},Astray,{stranger},\nsheet-{next(serial)},Astray,,{CANARY}\nthere-only,Ours,,\n",
                       (2, 1, 0, 2), ["unknown_reference"] * 2)
        self._imported(options, f"k,n,o,p\n{again}", (0, 0, 1, 0), [])
        ours = self.admin.get("/v1/accounts/by-external-id/erp/there-only").json()
        self.admin.delete(f"/v1/accounts/{ours['id']}", expect=204)
        columns[2]["reference"] = {"by": "external_id", "source": "erp"}
        columns[1] = {"column": "t", "field": "team_id", "reference": {"by": "name"}}
        team = self.admin.get(f"/v1/teams/{realm.teams['north']}").json()["name"]
        self._imported({**options, "mode": "create", "source": None, "key_column": None},
                       f"n,t,p\nBy key,{team},here-accounts\nAstray,{CANARY},\nAstray,,there-only\n",
                       (1, 0, 0, 2), ["unknown_reference"] * 2)
        row = importing.run(self.admin, importing.LEADS, "other,words\n1,2\n")
        assert row["state"] == "failed", row
        self._alone(row["id"])
        self._left_behind()
        waiting = self.admin.post("/v1/imports", json=importing.LEADS, expect=201).json()["id"]
        self.admin.post(f"/v1/imports/{waiting}/cancellation", expect=200)
        self._alone(waiting, chunks=1)

    def _left_behind(self):
        """Who asked for it is gone before it runs."""
        leaver = self.made["leaver"]
        session = Session(self.server.url, None, HERE, leaver["email"], leaver["password"])
        api = Watched(self.server.url, None, session.token)

        def content():
            yield b"key,name,score\n"
            self.admin.patch(f"/v1/users/{leaver['id']}", json={"status": "disabled"}, expect=200)
            yield b"a,Anna,5\n"
        left = api.post("/v1/imports", json=importing.LEADS, expect=201).json()["id"]
        api.request("PUT", f"/v1/imports/{left}/content", 202, content=content(), headers={"Content-Type": "text/csv"})
        assert importing.wait(self.admin, left)["failure"] == "user_inactive"
        self._alone(left, chunks=3)

    def _imported(self, options, content, progress, codes):
        row = importing.run(self.admin, {name: value for name, value in options.items() if value is not None}, content)
        errors = importing.errors(self.admin, row["id"])
        assert (row["state"], importing.progress(row)) == ("done", progress), (row, errors)
        assert [code for _, _, code in errors] == codes
        self._alone(row["id"])

    def _alone(self, import_id, chunks=2):
        found = self.twins.along(import_id)
        assert found == ("waiting_for_content", "running", {"at": 999, "line": 9}, True, chunks), f"the twin of an import went along: {found}"
