"""Where mutants of statements are let loose: a server whose statements can be swapped, and all that is asked of it meanwhile."""

import random
import secrets
import signal
from collections import defaultdict

from apart import MUTANT, Place, attempt, same
from harness.client import Session
from leaks import LOOKED_AT, Deeds, Leaks, look
from mutants import Swap, log_of, mutants_of
from registry import EACH, RESOURCES, valid_body
from relations import Relations
from twins import ALONG
from world import Person, Watched, matching

TRIES = 40  # looks for a mutant
CROWD = 120  # records of each kind
DRY = {"dry_run": "true"}


class Ask:
    """A look that one of the callers takes."""

    def __init__(self, role, api, asked):
        self.role, self.api, self.asked, self.usual = role, api, asked, None

    def __str__(self):
        return f"{self.role}: {self.asked.method} {self.asked.path} {dict(self.asked.params)} {self.asked.json or ''}"

    def ask(self):
        return self.asked.ask(self.api)

    def notices(self):
        """What is otherwise than usual, or None."""
        try:
            same(self.ask(), self.usual)
        except AssertionError as fault:
            return str(fault)
        return None


class Entrance(Ask):
    """Signs in, looks around with tokens that nobody has seen yet, and out again."""

    def __init__(self, role, range_):
        super().__init__(role, None, look("POST", "/v1/auth/login"))
        self.range, self.credentials = range_, range_.realm.people[role].api.session.credentials

    def ask(self):
        session, answers = Session(self.range.server.url, None, *self.credentials.values()), []
        self.range.expired()
        tokens = session.token() and session.current
        for _ in range(2):
            api = Watched(self.range.server.url, None, tokens["access_token"])
            answers += [look("GET", path, limit=500).ask(api) if path == "/v1/accounts" else look("GET", path).ask(api)
                        for path in ("/v1/me", "/v1/me/access", "/v1/accounts")]
            reply = api.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            answers.append(reply.status_code)
            tokens = reply.json() if reply.status_code == 200 else tokens
        answers.append(api.post("/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]}).status_code)
        answers.append(api.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code)
        return answers, self.range.expired()


class Deed(Ask):
    """What cannot be asked without doing it; see leaks.py. It takes records of its own and new twins of all that is there."""

    def __init__(self, name, range_):
        super().__init__("admin", None, look("POST", name))
        self.name, self.range, self.opened = name, range_, False

    def __str__(self):
        return self.name

    def notices(self):
        place, realm, faults = self.range.place, self.range.realm, []
        swapped = self.range.swap.hold()
        made = place.records()
        place.twins.renew(realm.people["account_manager"], realm.teams["root"], made["empty"][1], made["account"])
        place.twins.mirror()
        realm.admin.session.forget()  # home, where it is renewed, is about to stand still
        made["admin"] = Watched(self.range.server.url, None, realm.admin.token())
        before, locked = place.twins.fingerprint(), self._locked()
        if self.opened:
            place.twins.open_views()
        place.home.process.send_signal(signal.SIGSTOP)  # or it might run the import
        try:
            self.range.swap.release(swapped)
            attempt(faults, self.name, getattr(Deeds(realm, place.twins, self.range.server, made), self.name))
        finally:
            place.home.process.send_signal(signal.SIGCONT)
            place.twins.close_views()
        after = place.twins.fingerprint()
        faults += [f"rows of others changed in {table}" for table in before if before[table] != after[table]]
        faults += [f"rows of others were locked in {table}" for table, moved in self._locked().items() if moved != locked[table]]
        return faults[0] if faults else None

    def _locked(self):
        """Of the tables whose rows get twins on the way, which are not compared."""
        locks = self.range.place.twins.locks()
        return {table: locks[table][1] for table in ALONG}


class Known:
    """By which values statements know a caller."""

    def __init__(self, person):
        self.person = person

    def __contains__(self, value):
        tree = value.startswith("{") and '"' not in value
        return value in (self.person.id, self.person.team) or bool(tree and self.person.team and self.person.team in value)


class Range:
    def __init__(self, cluster, settings, run_folder, folder):
        self.place = Place(cluster, settings, run_folder, "mutants")
        self.realm = self.place.realm
        self.relations, self.dice = Relations(self.realm), random.Random(1)
        self.swap, self.log = Swap(folder / "swap"), str(folder / "log")
        self.crowd = self._crowd()
        self.orphans = [orphan for resource in EACH for orphan in self._orphans(resource)]
        looks = {role: list(self._looks(role)) for role in LOOKED_AT}
        mine = self.relations.own("accounts", "account_manager")["own"]
        self.place.twins.renew(self.realm.people["account_manager"], self.realm.teams["root"], self.place.records()["empty"][1], mine)
        # what it is asked to run is written down, which a confined one cannot
        self.server = self.place.serve("mutant", MUTANT, STEWARD_SECCOMP="off", MUTANT_LOG=self.log, MUTANT_SWAP=self.swap.path)
        self.mutants, self.asked = {}, 0
        admin = Person(self.realm.admin.get("/v1/me").json()["user"]["id"], "admin", None, set())
        for role, api in self.place.callers(self.server):
            known = Known(admin if role == "admin" else self.realm.people[role])
            for asked in looks[role]:
                self._record(Ask(role, api, asked), known)
            if role != "admin":
                self._record(Entrance(role, self), known)

    def end(self):
        self.place.end()

    def _record(self, asks, known):
        """Asks once and sees which statements that takes."""
        log_of(self.log)
        asks.usual = asks.ask()
        self.asked += 1
        self._take(asks, known)

    def _take(self, asks, known):
        for statement in log_of(self.log):
            for mutant in mutants_of(statement, known):
                mutant = self.mutants.setdefault((mutant.kind, mutant.mutated), mutant)
                if not mutant.asks or mutant.asks[-1] is not asks:
                    mutant.asks.append(asks)

    def add_deeds(self):
        """What no look sends, and what no look notices. Only now: deeds leave other answers behind."""
        for name in sorted(name for name in dir(Deeds) if name.startswith("do_")):
            deed = Deed(name, self)
            log_of(self.log)
            noticed = deed.notices()
            deed.opened = True
            noticed = noticed or deed.notices()
            assert noticed is None, f"{deed} without any mutant: {noticed}"
            self._take(deed, Known(Person("", "", "", set())))

    # ---- records ----

    def _crowd(self):
        """Records of everybody and of nobody that refer to each other at random: whichever predicate is missing, some row shows it."""
        realm, dice, made = self.realm, self.dice, defaultdict(list)
        for path in ("accounts", "contacts", "leads", "products", "opportunities", "activities", "tasks"):
            resource = RESOURCES[path]
            for _ in range(CROWD):
                body = valid_body(resource, realm)
                for field in resource.writable:
                    if field.type == "ref" and not field.has("owner", "team") and made[field.refers] and dice.random() < 0.6:
                        body[field.name] = dice.choice(made[field.refers])
                if resource.flagged("owner") and dice.random() < 0.9:
                    body[resource.flagged("owner").name] = dice.choice(list(realm.people.values())).id
                if resource.flagged("team") and dice.random() < 0.3:
                    body[resource.flagged("team").name] = dice.choice(list(realm.teams.values()))
                reply = realm.admin.post(resource.url, json=body)  # some of them contradict themselves
                made[path] += [reply.json()["id"]] if reply.status_code == 201 else []
            assert len(made[path]) > CROWD / 4, path
        return made

    def _orphans(self, resource):
        """(path, id) of deleted records that refer to deleted ones, which have living twins."""
        for field in resource.writable:
            target = RESOURCES.get(field.refers)
            if field.type != "ref" or not resource.can("delete") or not target.can("delete") or field.refers == "roles":
                continue
            owner = resource.flagged("owner")
            above = self.realm.make(field.refers)["id"]
            mine = {owner.name: self.realm.people["account_manager"].id} if owner else {}
            record = self.realm.make(resource.path, **{**mine, field.name: above})["id"]
            for url, one, kind in ((resource.url, record, resource), (target.url, above, target)):
                self.realm.admin.request("DELETE", f"{url}/{one}", 204, headers=matching(kind))
            yield resource, record

    def expired(self):
        """Spends a day of the tokens of somebody else; how many of those are left from last time, which is all."""
        peer = self.realm.people["peer"].id
        found = self.realm.db.execute("delete from refresh_tokens where org_id = %s and user_id = %s", (self.realm.org, peer)).rowcount
        self.realm.db.execute("insert into refresh_tokens (org_id, hash, user_id, family_id, session_version, expires_at) "
                              "values (%s, %s, %s, gen_random_uuid(), 0, now() - interval '1 day')",
                              (self.realm.org, secrets.token_hex(32), peer))
        return found

    # ---- looks ----

    def _looks(self, role):
        """Those of leaks.py are where others are; these besides at records in every relation to the caller."""
        person = "director" if role == "admin" else role
        yield from Leaks(self.realm, self.place.known).looks()
        for resource, record in self.orphans:
            yield look("POST", f"{resource.url}/{record}/restore", only_status=True, **DRY)
        for resource in EACH:
            yield from self._lists(resource)
            records = self.relations.of(resource.path, person)
            for record in records.values():
                yield from Leaks(self.realm, {}).record(resource, record)
            if resource.can("create") and resource.can("delete"):
                for record in self.relations.deleted(resource.path, person).values():
                    yield look("POST", f"{resource.url}/{record}/restore", only_status=True, **DRY)
            if resource.can("create"):
                own = records.get("own") or self.place.known[resource.path][0]
                for field in resource.writable:
                    if field.type == "ref":
                        yield from self._references(resource, field, own, person)

    def _lists(self, resource):
        """Without a condition that could hide what is missing."""
        ids = ",".join([*self.place.known[resource.path], *self.crowd[resource.path]][:200])
        yield look("GET", resource.url, **{"id[in]": ids})
        for limit in (1, 3, 20):
            yield look("GET", resource.url, limit=limit)
        for field in resource.fields:
            if field.has("filter") and field.type == "ref":
                for record in self.crowd[field.refers][:4]:
                    yield look("GET", resource.url, **{field.name: record})

    def _references(self, resource, field, own, person):
        """To records in every relation, also beside an account that they may contradict."""
        link = resource.flagged("seen_with")
        mine = self.relations.own("accounts", person)["own"]
        # of the crowd too: those refer to others
        for record in [*self.relations.of(field.refers, person).values(), *self.crowd[field.refers][-4:]]:
            beside = {link.name: mine} if link and field is not link else {}
            for more in ({}, beside) if beside and field.name in ("contact_id", "opportunity_id") else ({},):
                body = {field.name: record, **more}
                yield look("POST", resource.url, json=valid_body(resource, self.realm, **body), only_status=True, **DRY)
                if not field.has("create_only"):
                    yield look("PATCH", f"{resource.url}/{own}", json=body, headers=matching(resource), only_status=True, **DRY)

    # ---- trying ----

    def try_one(self, mutant, opened, asks=None):
        """What was noticed, or None."""
        before = self.place.twins.locks() if opened else None
        self.swap.set(mutant.text, mutant.mutated)
        try:
            noticed = next(filter(None, (one.notices() for one in asks or self.looks_of(mutant))), None)
        finally:
            self.swap.set()
        if opened and not asks and not noticed and self.place.twins.locks() != before:
            noticed = "rows of others were written or locked"
        return noticed

    def looks_of(self, mutant):
        looks = [asks for asks in mutant.asks if not isinstance(asks, Deed)]
        return self.dice.sample(looks, min(TRIES, len(looks)))

    def reached(self, mutant):
        """Whether any row gets as far as to the predicate."""
        self.swap.set(mutant.text, mutant.bomb)
        try:
            return any(asks.notices() for asks in self.looks_of(mutant))
        finally:
            self.swap.set()
