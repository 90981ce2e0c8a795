"""Two organisations for the tests over the registry: one with a tree of teams and people in it, and a strange one."""

import random
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import psycopg
import pytest
from psycopg.rows import dict_row

from conftest import ROLES
from harness.client import Api, Session
from policy import POLICY, REFUSED
from registry import EACH, RESOURCES, valid_body

HERE, THERE = "northwind", "faraway"
CANARY = "QUETZALCOATLUS"  # a word in every record of the other organisation, and nowhere else
TREE = {"root": None, "north": "root", "north/a": "north", "south": "root"}
# Besides one caller of each role in team north.
OTHERS = {"peer": "north", "below": "north/a", "above": "root", "elsewhere": "south", "alone": None}
NAMES = ["上海钢铁贸易有限公司", "北京海风科技", "Ärzte GmbH", "zebra", "Zebra", "ａｃｍｅ ltd", "中国海运集团", "Müller & Söhne",
         "重庆", "O'Neill \"Q\" \\ x", "100% 好_", "Hauptstraße 海 1", "double  space", "ΟΔΟΣ", "𠮷野家", "ｶﾞｽ会社"]


def shows(text):
    """Whether a word of the other organisation is in it, also as a search key has it."""
    return CANARY.lower() in text.lower()


class Watched(Api):
    """Fails when an answer, its head included, holds a word of the other organisation."""

    def request(self, *arguments, **named):
        reply = super().request(*arguments, **named)
        assert not shows(reply.content.decode(errors="replace")), f"the other organisation shows: {reply.text[:2000]}"
        assert not shows(str(reply.headers.raw)), f"the other organisation shows: {reply.headers}"
        return reply


@dataclass
class Person:
    id: str
    role: str
    team: str  # id or None
    tree: set  # ids of their team and those below
    api: Api = None


class Realm:
    """`admin` is that of HERE, `stranger` that of THERE."""

    def __init__(self, steward, server, recorder, cluster):
        self.steward, self.server, self.recorder = steward, server, recorder
        self.db = psycopg.connect(cluster.url("steward_owner"), autocommit=True, row_factory=dict_row,
                                  options="-c search_path=steward,public -c timezone=UTC")
        self.org, self.admin = self._organization(HERE, Watched)
        self.strange_org, self.stranger = self._organization(THERE, Api)
        self.roles = {row["key"]: row["id"] for row in self.admin.all("/v1/roles")}
        self.teams, self.people, self._made, self._crew = {}, {}, {}, []
        for name, above in TREE.items():
            self.teams[name] = self.admin.create("/v1/teams", name=name, parent_id=self.teams.get(above))["id"]
        for role in ROLES:
            self._person(role, role, "north")
        for name, team in OTHERS.items():
            self._person(name, "account_manager", team)
        self.strange = {resource.path: self._strange(resource.path) for resource in EACH}

    def _organization(self, slug, kind):
        org = self.steward("org", "create", "--slug", slug, "--name", slug.title())["id"]
        password = secrets.token_urlsafe(15)
        self.steward("user", "create", "--org", slug, "--email", f"founder@{slug}.example", "--name", "Founder", "--role",
                     "admin", password=password)
        admin = self.sign_in(slug, f"founder@{slug}.example", password, kind)
        # the pipeline of a new organisation would hold what the tests on unique values are about to use
        for pipeline in admin.all("/v1/pipelines"):
            admin.delete(f"/v1/pipelines/{pipeline['id']}", expect=204)
        return org, admin

    def sign_in(self, slug, email, password, kind=Watched):
        session = Session(self.server.url, self.recorder, slug, email, password)
        api = kind(self.server.url, self.recorder, session.token)
        api.session = session
        return api

    def _person(self, name, role, team):
        below = {self.teams[other] for other in TREE if team and (other == team or other.startswith(team + "/"))}
        if team == "root":
            below = set(self.teams.values())
        person = self.hire(name, self.roles[role], self.teams.get(team))
        self.people[name] = Person(person["id"], role, self.teams.get(team), below, person["api"])

    def hire(self, name, role_id, team_id=None):
        """A user who can sign in; the record, with an "api" that does so at its first request."""
        password = secrets.token_urlsafe(12)
        email = f"{name}@{HERE}.example"
        user = self.admin.create("/v1/users", email=email, name=name, role_id=role_id, team_id=team_id, password=password)
        return {**user, "api": self.sign_in(HERE, email, password), "password": password}

    @staticmethod
    def until(holds, seconds=3):
        """Waits for what takes effect within a second."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)

    def another_admin(self):
        """The founder again, for another thread."""
        return Watched(self.server.url, None, self.admin.token)

    def at_once(self, count, act):
        """act(api, number) by that many clients in the same moment; what each of them got."""
        while len(self._crew) < count:
            self._crew.append(self.another_admin())
        gate = threading.Barrier(count)

        def run(number):
            gate.wait()
            return act(self._crew[number], number)
        with ThreadPoolExecutor(count) as pool:
            return [future.result() for future in [pool.submit(run, number) for number in range(count)]]

    @property
    def callers(self):
        return {role: self.people[role] for role in ROLES}

    def _strange(self, path):
        """The id of a record of the other organisation; every text in it is the canary."""
        resource = RESOURCES[path]
        if not resource.can("create"):
            return Strange(self).reference(path)
        body = {field.name: field.value(1, Strange(self)) for field in resource.writable if field.always}
        for field in resource.writable:
            if field.type in ("name", "text", "note") and not field.special and not field.has("write_only"):
                body[field.name] = CANARY[:field.length]
            if field.type == "texts" and not field.special:
                body[field.name] = [CANARY]
            if field.type == "email":
                body[field.name] = f"{CANARY}-{path}@example.com"
        return self.stranger.create(resource.url, **body)["id"]

    def reference(self, path):
        """The id of a live record that others may refer to; the same each time."""
        if path == "users":
            return self.people["peer"].id
        if path == "teams":
            return self.teams["north"]
        if path == "roles":
            return self.roles["analyst"]
        if path not in self._made:
            self._made[path] = self.make(path)["id"]
        return self._made[path]

    def make(self, path, **given):
        resource = RESOURCES[path]
        if not resource.can("create"):
            return self.written(path, **given)
        return self.admin.create(resource.url, **valid_body(resource, self, **given))

    def written(self, path, **given):
        """A record that the server writes by itself, along with the one it is a part of."""
        part_of = RESOURCES[path].flagged("part_of")
        parent = given.get(part_of.name) or self.make(part_of.refers)["id"]
        return self.admin.get(RESOURCES[path].url, params={part_of.name: parent}, expect=200).json()["data"][0]

    def rows(self, path, where="deleted_at is null", org=None):
        """What stands in the table, newest id first."""
        return self.db.execute(f"select * from {path} where org_id = %s and ({where}) order by id desc",
                               (org or self.org,)).fetchall()

    @lru_cache(maxsize=None)
    def crowd(self, path):
        """Ids of records that differ in everything, have equal values and nulls: what lists are asked about."""
        resource, dice, made = RESOURCES[path], random.Random(path), []
        if not resource.can("create"):
            return [self.make(path)["id"] for _ in range(12)]
        for n in range(24):
            body = valid_body(resource, self)
            for field in resource.writable:
                if field.has("write_only") or (field in self.unique(path) and field.type != "name"):
                    continue
                if field.type == "name":
                    body[field.name] = NAMES[n % len(NAMES)] + (f" {n}" if field in self.unique(path) else "")
                elif field.nullable and (dice.random() < 0.3 or body.get(field.follows)):
                    body.pop(field.name, None)
                elif field.type == "ref":
                    body[field.name] = dice.choice(self.sample(field.refers))
                elif field.type == "keys":
                    body[field.name] = {"crowd": f"{path}-{n}"}
                else:
                    body[field.name] = field.value(dice.randrange(6), self)
            made.append(self.admin.create(resource.url, **body)["id"])
        return made

    def row(self, path, record_id):
        return self.db.execute(f"select * from {path} where org_id = %s and id = %s", (self.org, record_id)).fetchone()

    def events(self, path, record_id):
        return self.db.execute("select * from events where org_id = %s and resource = %s and record_id = %s order by seq",
                               (self.org, path, record_id)).fetchall()

    @lru_cache(maxsize=None)
    def unique(self, path):
        """Fields that no two live records share; a boolean one of all parts of one parent."""
        found = self.db.execute("select indexname from pg_indexes where schemaname = 'steward' and tablename = %s and "
                                "indexdef like '%%UNIQUE%%deleted_at IS NULL%%'", (path,)).fetchall()
        return [RESOURCES[path].by_name[row["indexname"].removeprefix(path + "_").removesuffix("_key")] for row in found]

    def belonging(self, resource, row):
        """(owner, team) of a row, as access sees them; of a part those of its parent."""
        if resource.parent:
            part_of = resource.flagged("part_of")
            parent = RESOURCES[part_of.refers]
            return self.belonging(parent, self.row(parent.path, row[part_of.name]))
        owner, team = resource.flagged("owner"), resource.flagged("team")
        owner_id = row["id"] if "owner" in resource.self else owner and row[owner.name]
        team_id = row["id"] if "team" in resource.self else team and row[team.name]
        return str(owner_id) if owner_id else None, str(team_id) if team_id else None

    @lru_cache(maxsize=None)
    def sample(self, path):
        """Ids of records in every relation to the callers: owned by each of OTHERS and each caller, by a team, by nobody."""
        resource = RESOURCES[path]
        known = {"users": [person.id for person in self.people.values()], "teams": list(self.teams.values()),
                 "roles": list(self.roles.values())}
        if path in known:
            return known[path]
        if resource.parent:
            part_of = resource.flagged("part_of")
            return [self.make(path, **{part_of.name: parent})["id"] for parent in self.sample(part_of.refers)]
        owner, team = resource.flagged("owner"), resource.flagged("team")
        if not owner:
            return [self.make(path)["id"] for _ in range(2)]
        personal = {field.name: field.value(7, self) for field in resource.with_flag("personal")}
        made = [self.make(path, **personal, **{owner.name: person.id}) for person in self.people.values()]
        if team:
            made += [self.make(path, **{team.name: team_id}) for team_id in (self.teams["north"], self.teams["north/a"])]
        return [record["id"] for record in made + [self.make(path)]]


class Strange:
    """References within the other organisation."""

    def __init__(self, realm):
        self.realm = realm

    def reference(self, path):
        if path == "users":
            return self.realm.stranger.get("/v1/me").json()["user"]["id"]
        if path == "roles":
            return self.realm.stranger.get("/v1/roles?key=analyst").json()["data"][0]["id"]
        return self.realm.stranger.get(f"{RESOURCES[path].url}?limit=1").json()["data"][0]["id"]


def reaches(scope, belonging, person):
    """What a scope lets a person touch."""
    owner, team = belonging
    if scope in ("none", "all"):
        return scope == "all"
    return owner == person.id or (scope == "team" and team is not None and team == person.team) or \
        (scope == "tree" and team in person.tree)


def scopes(resource, role):
    """{verb: scope} of a shipped role, as policy.txt has it."""
    cells = {verb: POLICY.cells.get((resource.segment, verb)) for verb in POLICY.verbs}
    words = {verb: cell[role].word.rstrip("+").replace(REFUSED, "none") if cell else "none" for verb, cell in cells.items()}
    return {**words, "masked": cells["read"][role].masked}


@pytest.fixture(scope="session")
def realm(world, steward, server, recorder, cluster):
    made = Realm(steward, server, recorder, cluster)
    yield made
    made.db.close()
    assert not shows(Api(server.url).get("/metrics").text), "the metrics hold what users wrote"
    assert not shows("\n".join(server.log_lines())), "the log holds what users wrote"


def matching(resource, version="*"):
    """Headers for a PATCH or DELETE that the resource takes."""
    return {"If-Match": version} if resource.needs_precondition else {}


def codes(reply):
    """{pointer or parameter: code} of a problem's violations."""
    return {item.get("pointer") or item.get("parameter") or item.get("header"): item["code"]
            for item in reply.json().get("errors", [])}
