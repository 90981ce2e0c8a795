"""Records in every relation of policy.txt to the callers of the realm, all of whom are in team north."""

from functools import lru_cache

from registry import APART, MISSING, RESOURCES
from world import OTHERS, matching

OWNERS = {"team": "peer", "below": "below", "above": "above", "aside": "elsewhere", "alone": "alone"}
TEAMS = {"team": "north", "below": "north/a", "above": "root", "aside": "south"}
FILE = {"collection": "tasks", "mode": "create", "columns": [{"column": "subject", "field": "subject"}]}
assert set(OWNERS.values()) == set(OTHERS)


class Relations:
    def __init__(self, realm):
        self.realm = realm

    def of(self, path, caller):
        """{relation: id} for a person of the realm. What cannot be made, such as a role that is somebody's, is left out."""
        return {**self.common(path), **self.own(path, caller)}

    @lru_cache(maxsize=None)
    def common(self, path):
        return self._common(path)

    @lru_cache(maxsize=None)
    def own(self, path, caller):
        return self._own(path, caller)

    def _common(self, path):
        realm, resource = self.realm, RESOURCES[path]
        made = {"strange": self.strange(path), "missing": MISSING}
        if path == "users":
            made.update({relation: realm.people[name].id for relation, name in OWNERS.items()})
        elif path == "teams":
            made.update({relation: realm.teams[name] for relation, name in TEAMS.items()})
        elif path in APART:
            made.update({relation: self.import_of(realm.people[name].api) for relation, name in OWNERS.items()})
        elif resource.parent:
            made.update({relation: self.part(path, above) for relation, above in self.common(resource.parent).items()
                         if relation not in made})
        elif not resource.flagged("owner"):
            made["nobody"] = realm.make(path)["id"]
        else:
            owner, team, link = (field and field.name for field in map(resource.flagged, ("owner", "team", "seen_with")))
            for relation, name in OWNERS.items():
                # about an account that is theirs too
                about = {link: self.common(resource.flagged("seen_with").refers)[relation]} if link else {}
                made[relation] = self.make(path, **{owner: realm.people[name].id}, **about)
            made["loose"] = self.make(path, **{team: realm.teams["north"]})
            made["nobody"] = self.make(path)
        return {relation: self.keyed(path, record) if relation not in ("strange", "missing") else record
                for relation, record in made.items()}

    def _own(self, path, caller):
        realm, resource = self.realm, RESOURCES[path]
        person, made = realm.people[caller], {}
        if path == "users":
            made["own"] = person.id
        elif path in APART:
            # who can write nothing can bring no file
            reply = person.api.post("/v1/imports", json=FILE, expect=(201, 403))
            made.update({"own": reply.json()["id"]} if reply.status_code == 201 else {})
        elif resource.parent:
            made.update({relation: self.part(path, above) for relation, above in self.own(resource.parent, caller).items()})
        elif resource.flagged("owner"):
            owner, link = resource.flagged("owner").name, resource.flagged("seen_with")
            made["own"] = self.make(path, **{owner: person.id})
            if link:
                mine = self.own(link.refers, caller)["own"]
                made["shared"] = self.make(path, **{owner: realm.people["elsewhere"].id, link.name: mine})
        return {relation: self.keyed(path, record) for relation, record in made.items()}

    def make(self, path, **given):
        more = {"kind": "visit"} if path == "activities" else {}
        return self.realm.make(path, **more, **given)["id"]

    def part(self, path, parent):
        return self.realm.make(path, **{RESOURCES[path].flagged("part_of").name: parent})["id"]

    @lru_cache(maxsize=None)
    def strange(self, path):
        if path in APART:
            return self.import_of(self.realm.stranger)
        return self.keyed(path, self.realm.strange[path], self.realm.stranger)

    @staticmethod
    def import_of(api):
        return api.post("/v1/imports", json=FILE, expect=201).json()["id"]

    def keyed(self, path, record, admin=None):
        """Other systems know it by its id."""
        resource = RESOURCES[path]
        if "external_ids" in resource.by_name:
            (admin or self.realm.admin).patch(f"{resource.url}/{record}", json={"external_ids": {"policy": record}}, expect=200)
        return record

    @lru_cache(maxsize=None)
    def deleted(self, path, caller):
        """Others like them, in the bin. Of teams one that nobody is in: the others are in use."""
        if path == "teams":
            made = {**self.common(path), "nobody": self.realm.make(path)["id"]}
            made = {relation: made[relation] for relation in ("nobody", "strange", "missing")}
        else:
            made = {**self._common(path), **self._own(path, caller)}
        for relation, record in made.items():
            if relation not in ("strange", "missing"):
                self.realm.admin.request("DELETE", f"{RESOURCES[path].url}/{record}", 204, headers=matching(RESOURCES[path]))
        return made
