"""A database in which a wall between organisations, or a part of one, can be taken away: its realm, its twins, its servers."""

import hashlib
import json
import secrets
import signal
from pathlib import Path

import importing
from conftest import SERVING
from harness.client import Session
from harness.server import Server, binary, run_command
from harness.waiting import until
from leaks import LOOKED_AT, Deeds, Leaks
from registry import EACH, serial
from twins import Twins
from world import CANARY, HERE, Realm, Watched

MUTANT = str(Path(binary()).parent / "steward_mutant")  # tests/walls/mutant.c


class Place:
    """A database of its own, with its realm, twins and servers."""

    def __init__(self, cluster, settings, folder, name):
        cluster.create_database(name)
        self.cluster, self.folder, self.name = cluster, folder, name
        self.admin_settings = {"STEWARD_ADMIN_DATABASE_URL": cluster.url("steward_owner", name)}
        self.settings = {**settings, "STEWARD_DATABASE_URL": cluster.url(SERVING, name)}
        self.servers = []
        self.run("migrate")
        self.home = self.serve("home")
        self.realm = Realm(self.run, self.home, None, self)
        self.twins = Twins(cluster, name, self.realm.org)
        self.known = self.settle()

    def url(self, user):
        return self.cluster.url(user, self.name)

    def run(self, *arguments, password=None):
        extra = {"STEWARD_PASSWORD": password} if password is not None else {}
        done = run_command(*arguments, settings={**self.admin_settings, **extra})
        return json.loads(done.stdout) if done.stdout.startswith("{") else done

    def serve(self, name, program=None, **more):
        server = Server({**self.settings, **more}, self.folder / f"{self.name}-{name}.log", program=program)
        self.servers.append(server)
        return server.start()

    def end(self):
        for server in self.servers:
            server.kill()
        self.twins.db.close()
        self.realm.db.close()

    def settle(self):
        """Records to look at, for good: {path: ids}."""
        realm = self.realm
        for resource in EACH:
            if "external_ids" in resource.by_name and resource.can("create"):
                realm.stranger.patch(f"{resource.url}/{realm.strange[resource.path]}",
                                     json={"external_ids": {"erp": f"there-{resource.path}"}}, expect=200)
        realm.stranger.create("/v1/accounts", name=CANARY, external_ids={"erp": "there-only"})
        for name in ("account_manager", "below", "elsewhere"):
            for resource in EACH:
                if resource.flagged("owner") and resource.can("create"):
                    realm.make(resource.path, **{resource.flagged("owner").name: realm.people[name].id})
        for resource in EACH:
            link = resource.flagged("seen_with")
            if link:
                realm.make(resource.path, **{link.name: realm.reference(link.refers)})
        known = {resource.path: [realm.reference(resource.path), realm.make(resource.path)["id"]] for resource in EACH}
        for resource in EACH:
            if "external_ids" in resource.by_name and resource.can("create"):
                realm.admin.patch(f"{resource.url}/{known[resource.path][1]}", json={"external_ids": {"erp": f"here-{resource.path}"}},
                                  expect=200)
        row = importing.run(realm.admin, importing.LEADS, "key,name,score\na,Anna,5\nb,,7\n")
        return {**known, "imports": [row["id"]]}

    def tidy(self):
        """Undoes what a deed left that was noticed, and broken off there. When its import runs depends on how busy the machine is, and
        whatever meets what it makes would be taken for a leak."""
        jobs = self.twins.db
        jobs.execute("update jobs set lease_until = now() where org_id = %s and state = 'running'", (self.realm.org,))
        jobs.execute("update jobs set run_after = now() where org_id = %s and state = 'queued'", (self.realm.org,))
        live = "select count(*) from jobs where org_id = %s and state in ('queued', 'running')"
        until(lambda: not jobs.execute(live, (self.realm.org,)).fetchone()[0], 300)
        left = self.realm.admin.get("/v1/accounts/by-external-id/erp/there-only", expect=(200, 404))
        if left.status_code == 200:
            self.realm.admin.delete(f"/v1/accounts/{left.json()['id']}", expect=204)

    def records(self):
        """What the deeds use up."""
        self.tidy()
        realm, admin = self.realm, self.realm.admin
        n = next(serial)
        made = {"used": {resource.path: realm.make(resource.path)["id"] for resource in EACH if resource.label()}}
        made["person"] = realm.hire(f"person-{n}", realm.roles["account_manager"], realm.teams["north"])
        made["leaver"] = realm.hire(f"leaver-{n}", realm.roles["account_manager"], realm.teams["north"])
        for name in ("old_token", "refresh_token", "second_token"):
            session = Session(self.home.url, None, HERE, made["person"]["email"], made["person"]["password"])
            session.token()
            made[name] = session.current["refresh_token"]
        realm.db.execute("update refresh_tokens set expires_at = now() - interval '1 year' where hash = %s",
                         (hashlib.sha256(made["old_token"][38:].encode()).hexdigest(),))
        key = admin.create("/v1/api-keys", name=f"Key {n}", source=f"form-{n}", scopes=["leads:create", "leads:read"])
        made["key"] = {"id": key["id"], "secret": admin.post(f"/v1/api-keys/{key['id']}/secret", expect=201).json()["key"]}
        made["key"]["lead"] = Watched(self.home.url, None, made["key"]["secret"]).create("/v1/leads", name="From a form")["id"]
        # so long ago that its next use is written down again
        realm.db.execute("update api_key_secrets set last_used_at = now() - interval '1 day' where api_key_id = %s", (key["id"],))
        body, repeat = {"name": "Once"}, secrets.token_hex(8)
        made["repeated"] = (body, repeat, admin.post("/v1/accounts", json=body, headers={"Idempotency-Key": repeat}, expect=201).content)
        made["teams"] = [realm.make("teams")["id"] for _ in range(3)]
        made.update({name: realm.make(name + "s")["id"] for name in ("account", "contact", "lead")})
        founder = admin.get("/v1/me").json()["user"]["id"]
        made["visit"] = admin.create("/v1/activities", kind="visit", subject="There", owner_id=founder)["id"]
        for pipeline in admin.all("/v1/pipelines?is_default=true"):
            admin.patch(f"/v1/pipelines/{pipeline['id']}", json={"is_default": False}, expect=200)
        made["pipeline"] = realm.make("pipelines", is_default=True)["id"]
        made["stages"] = [admin.create("/v1/stages", pipeline_id=made["pipeline"], name=name, kind=kind, position=5)["id"]
                          for name, kind in (("First", "open"), ("Second", "open"), ("Won", "won"))]
        made["sale"] = realm.make("opportunities", stage_id=made["stages"][0])["id"]
        admin.patch(f"/v1/accounts/{made['account']}", json={"external_ids": {"crm": f"account-{n}"}}, expect=200)
        gone = realm.make("accounts")["id"]
        made["gone"] = gone, realm.make("contacts", account_id=gone)["id"]
        empty = realm.make("pipelines")["id"]
        admin.create("/v1/stages", pipeline_id=empty, name="Second", kind="open", position=2)
        made["empty"] = empty, admin.create("/v1/stages", pipeline_id=empty, name="Empty", kind="open", position=1)["id"]
        return made

    def callers(self, server):
        """[(role, api)] of LOOKED_AT, signed in anew: nothing of them is in a cache."""
        made = []
        for role in LOOKED_AT:
            person = self.realm.people[role].api if role != "admin" else self.realm.admin
            session = Session(server.url, None, *(person.session.credentials[name] for name in ("organization", "email", "password")))
            made.append((role, Watched(server.url, None, session.token)))
        return made

    def try_all(self, name, program, opened, roles=LOOKED_AT):
        """[what was answered otherwise than with both walls standing], {tables in which rows of others changed}."""
        made, apart = self.records(), program is None or not opened
        self.twins.renew(self.realm.people["account_manager"], self.realm.teams["root"], made["empty"][1], made["account"], people=apart)
        looks = list(Leaks(self.realm, self.known).looks())
        looks = {role: [look for look in looks if role == "admin" or role in roles and not look.only_status] for role in LOOKED_AT}
        usual = {role: [look.ask(api) for look in looks[role]] for role, api in self.callers(self.home)}
        before, faults = self.twins.fingerprint(), []
        self.twins.mirror()
        if opened:
            self.twins.open_views()
        server = self.serve(name, program, **({"MUTANT_ALL": "1"} if program else {}))
        self.home.process.send_signal(signal.SIGSTOP)  # or it might run the import
        try:
            for role, api in self.callers(server):
                for look, answer in zip(looks[role], usual[role]):
                    attempt(faults, f"{role}: {look}", lambda: same(look.ask(api), answer))
            made["admin"] = Watched(server.url, None, self.realm.admin.token)
            for deed in Deeds(self.realm, self.twins, server, made).all():
                attempt(faults, deed.__name__, deed)
            if apart:
                server.stop()
        finally:
            self.home.process.send_signal(signal.SIGCONT)
            server.kill()
            self.twins.close_views()
        after = self.twins.fingerprint()
        return faults, {table for table in before if before[table] != after[table]}


def same(answer, usual):
    """The last member is what was said; of what only the status counts it may differ."""
    if len(answer) == 4:
        answer, usual = answer[:3], usual[:3]
    assert answer == usual, f"{str(answer)[:1500]}\n  instead of\n{str(usual)[:1500]}"


def attempt(faults, what, act):
    try:
        act()
    except (AssertionError, KeyError, IndexError) as fault:
        faults.append(f"{what}: {str(fault)[:4000]}")
